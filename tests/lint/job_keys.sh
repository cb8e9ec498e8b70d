#!/bin/sh
# The keys of the job file that are read and those in the table of docs/job-file.md are the same.
# Usage: job_keys.sh ROOT; or --self-test.
set -u

check() {
  read_keys=$(grep -oE '^ *\{"[a-z_.]+", Type::' "$1/src/job/keys.cpp" | sed 's/^[^"]*"//; s/".*//' | sort)
  told=$(awk -F '|' '!/^\|/ {in_table = 0} in_table {print $2} /^\| key \|/ {in_table = 1}' "$1/docs/job-file.md" |
    grep -oE '`[a-z_.]+`' | tr -d '`' | sort)
  [ -n "$read_keys" ] && [ "$read_keys" = "$told" ] && return 0
  printf 'keys that are read:\n%s\nkeys in docs/job-file.md:\n%s\n' "$read_keys" "$told"
  return 1
}

if [ "$1" = --self-test ]; then
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  mkdir -p "$tree/src/job" "$tree/docs"
  printf '    {"name", Type::text, "x",\n    {"limits.per", Type::text, "y",\n' >"$tree/src/job/keys.cpp"
  printf '| key | default |\n|---|---|\n| `name` | |\n| `limits.per` | `merchant` |\n\n| `x` | |\n' >"$tree/docs/job-file.md"
  check "$tree" || exit 1
  echo '    {"limits.more", Type::number, "z",' >>"$tree/src/job/keys.cpp"
  ! check "$tree" >/dev/null
else
  check "$1"
fi
