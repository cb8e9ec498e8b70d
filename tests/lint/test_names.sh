#!/bin/sh
# A comma in a doctest name loses its label and a semicolon splits it into entries that run nothing (doctest 2.4.9).
# Usage: test_names.sh FOLDER; or --self-test.
set -u

check() {
  ! grep -rnE --include='*.cpp' 'TEST_CASE(_FIXTURE)?\(([A-Za-z_]+, )?"[^"]*[,;]' "$1"
}

if [ "$1" = --self-test ]; then
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  echo 'TEST_CASE("thing: does it") {' >"$tree/a.cpp"
  check "$tree" || exit 1
  echo 'TEST_CASE("thing: does this, and that") {' >"$tree/b.cpp"
  ! check "$tree" >/dev/null
else
  check "$1"
fi
