#!/bin/sh
# Every test that docs/guarantees.md names must exist. Usage: guarantees.sh ROOT; or --self-test.
set -u

check() {
  status=0
  names=$(mktemp)
  grep -rhoE --include='*.cpp' 'TEST_CASE\("[^"]*"' "$1/tests" | sed 's/^TEST_CASE("//; s/"$//' >"$names"
  while IFS= read -r name; do
    case $name in "" | simulation/*) continue ;; esac
    grep -qxF -- "$name" "$names" || { echo "docs/guarantees.md names a test that is not there: $name"; status=1; }
  done <<END
$(sed -n 's/^- `\([^`]*\)`.*/\1/p' "$1/docs/guarantees.md")
END
  rm -f "$names"
  return $status
}

if [ "$1" = --self-test ]; then
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  mkdir "$tree/tests" "$tree/docs"
  echo 'TEST_CASE("it holds") {' >"$tree/tests/a.cpp"
  echo '- `it holds`' >"$tree/docs/guarantees.md"
  check "$tree" || exit 1
  echo '- `it holds no more`' >>"$tree/docs/guarantees.md"
  ! check "$tree" >/dev/null
else
  check "$1"
fi
