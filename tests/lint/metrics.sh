#!/bin/sh
# The metrics that are written and those in the table of docs/operating/monitoring.md are the same.
# Usage: metrics.sh ROOT; or --self-test.
set -u

check() {
  written=$(grep -oE 'family\("[a-z_]+"' "$1/src/report/metrics.cpp" | sed 's/.*("//; s/"$//' | sort)
  told=$(awk -F '|' '!/^\|/ {in_table = 0} in_table {print $2} /^\| metric \(`cardvoid_/ {in_table = 1}' \
    "$1/docs/operating/monitoring.md" | grep -oE '`[a-z_]+`' | tr -d '`' | sort)
  [ -n "$written" ] && [ "$written" = "$told" ] && return 0
  printf 'metrics written:\n%s\nmetrics in docs/operating/monitoring.md:\n%s\n' "$written" "$told"
  return 1
}

if [ "$1" = --self-test ]; then
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  mkdir -p "$tree/src/report" "$tree/docs/operating"
  printf 'auto rows = family("rows", "gauge");\nfamily("held_rows",\n' >"$tree/src/report/metrics.cpp"
  printf '| metric (`cardvoid_…`) | labels |\n|---|---|\n| `rows` | `status` |\n| `held_rows` | |\n\n| `x` | |\n' \
    >"$tree/docs/operating/monitoring.md"
  check "$tree" || exit 1
  echo 'family("more",' >>"$tree/src/report/metrics.cpp"
  ! check "$tree" >/dev/null || exit 1
  printf '| metric (`cardvoid_…`) | labels |\n|---|---|\n| `rows`, `held_rows`, `more`, `none` | |\n' \
    >"$tree/docs/operating/monitoring.md"
  ! check "$tree" >/dev/null
else
  check "$1"
fi
