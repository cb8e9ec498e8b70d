#!/bin/sh
# Every test that docs/guarantees.md and docs/threats.md name must exist. Usage: guarantees.sh ROOT; or --self-test.
set -u

# A list item begins with the name. In a table whose head says "tests (" the last column has nothing but names.
named_in_docs() {
  sed -n 's/^- `\([^`]*\)`.*/\1/p' "$1/docs/guarantees.md" "$1/docs/threats.md"
  awk -F '|' '!/^\|/ {named = 0} named {print $(NF - 1)} /^\|.*\| tests \(/ {named = 1}' "$1/docs/guarantees.md" |
    grep -oE '`[^`]*`' | tr -d '`'
}

check() {
  status=0
  names=$(mktemp)
  grep -rhoE --include='*.cpp' 'TEST_CASE(_FIXTURE)?\(([A-Za-z]+, )?"[^"]*"' "$1/tests" | sed 's/^[^"]*"//; s/"$//' >"$names"
  grep -rhoEz --include='*.cpp' 'TEST_CASE\(\s+"[^"]*"' "$1/tests" | tr '\0' '\n' | sed -n 's/^ *"\(.*\)"$/\1/p' >>"$names"
  while IFS= read -r name; do
    case $name in "" | simulation/*) continue ;; esac
    grep -qxF -- "$name" "$names" || { echo "the docs name a test that is not there: $name"; status=1; }
  done <<END
$(named_in_docs "$1")
END
  rm -f "$names"
  return $status
}

if [ "$1" = --self-test ]; then
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  mkdir "$tree/tests" "$tree/docs"
  printf 'TEST_CASE("it holds") {\nTEST_CASE("csv: one") {\n  TEST_CASE(\n      "csv: two") {\n' >"$tree/tests/a.cpp"
  echo '- `it holds`' | tee "$tree/docs/guarantees.md" >"$tree/docs/threats.md"
  printf '| `a` | `b` |\n\n| what | then | tests (here) |\n|---|---|---|\n| `a: code` | read | `csv: one`, `csv: two` |\n' \
    >>"$tree/docs/guarantees.md"
  check "$tree" || exit 1
  cp "$tree/docs/guarantees.md" "$tree/good"
  echo '- `it holds no more`' >>"$tree/docs/guarantees.md"
  ! check "$tree" >/dev/null || exit 1
  cp "$tree/good" "$tree/docs/guarantees.md"
  sed -i 's/`csv: two`/`three`/' "$tree/docs/guarantees.md"
  ! check "$tree" >/dev/null || exit 1
  cp "$tree/good" "$tree/docs/guarantees.md"
  echo '- `no one gets in`' >>"$tree/docs/threats.md"
  ! check "$tree" >/dev/null
else
  check "$1"
fi
