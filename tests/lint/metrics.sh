#!/bin/sh
# The metrics that are written and those in the tables of monitoring.md, English and Chinese, are the same.
# Usage: metrics.sh ROOT; or --self-test.
set -u

check() {
  written=$(grep -oE 'family\("[a-z_]+"' "$1/src/report/metrics.cpp" | sed 's/.*("//; s/"$//' | sort)
  [ -n "$written" ] || return 1
  for page in docs/operating/monitoring.md docs/zh-CN/operating/monitoring.md; do
    told=$(awk -F '|' '!/^\|/ {in_table = 0} in_table {print $2} /^\| [^|]*`cardvoid_…/ {in_table = 1}' "$1/$page" |
      grep -oE '`[a-z_]+`' | tr -d '`' | sort)
    [ "$written" = "$told" ] && continue
    printf 'metrics written:\n%s\nmetrics in %s:\n%s\n' "$written" "$page" "$told"
    return 1
  done
}

if [ "$1" = --self-test ]; then
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  mkdir -p "$tree/src/report" "$tree/docs/operating" "$tree/docs/zh-CN/operating"
  printf 'auto rows = family("rows", "gauge");\nfamily("held_rows",\n' >"$tree/src/report/metrics.cpp"
  tell() { printf '| metric (`cardvoid_…`) | labels |\n|---|---|\n%s\n\n| `x` | |\n' "$2" >"$tree/$1/monitoring.md"; }
  tell docs/operating '| `rows`, `held_rows` | `status` |'
  tell docs/zh-CN/operating '| `rows`, `held_rows` | `status` |'
  check "$tree" || exit 1
  tell docs/zh-CN/operating '| `rows` | `status` |'
  ! check "$tree" >/dev/null || exit 1
  echo 'family("more",' >>"$tree/src/report/metrics.cpp"
  ! check "$tree" >/dev/null || exit 1
  tell docs/operating '| `rows`, `held_rows`, `more`, `none` | |'
  tell docs/zh-CN/operating '| `rows`, `held_rows`, `more`, `none` | |'
  ! check "$tree" >/dev/null
else
  check "$1"
fi
