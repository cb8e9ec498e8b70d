# shellcheck shell=bash
# Sourced by packaging/debian/try and packaging/container/try: runs an installed cardvoid in a root of its own.

fail() {
  echo "package: $*" >&2
  exit 1
}
say() { echo "package: $*"; }

# open_root ROOT: the kernel's folders in it, and loopback. To be called in namespaces of its own (unshare --mount --pid --net).
open_root() {
  mount -t proc proc "$1/proc"
  mount -t tmpfs -o mode=755 tmpfs "$1/dev"
  mknod -m 666 "$1/dev/null" c 1 3
  mknod -m 666 "$1/dev/urandom" c 1 9
  ip link set lo up
}

# smoke_run FOLDER INSIDE COMMAND…: a job from the beginning to the end against the simulated platform. COMMAND is the way to
# run cardvoid, FOLDER the place where it may write, and INSIDE the name that the place has for it.
smoke_run() {
  local folder=$1 inside=$2 said
  shift 2
  said=$(mktemp)
  expect() {  # expect WHAT COMMAND…: it ends with 0
    local what=$1
    shift
    "$@" >"$said" 2>&1 || { cat "$said" >&2; fail "$what ends with an error"; }
  }
  "$@" version | head -1 || fail "the program does not start"
  "$@" sandbox --dir "$inside" --members 12 --rate 0 >/dev/null 2>"$said.sandbox" &
  local sandbox=$!
  until grep -qs "job file" "$said.sandbox"; do
    kill -0 "$sandbox" 2>/dev/null || { cat "$said.sandbox" >&2; fail "the sandbox does not start"; }
    sleep 0.1
  done
  expect check "$@" check "$inside/sandbox.toml"
  expect plan "$@" plan "$inside/sandbox.toml"
  expect run "$@" run "$inside/sandbox.toml" --yes
  expect export "$@" export "$inside/sandbox.toml" --status invalidated -o "$inside/done.csv"
  [ "$(wc -l <"$folder/done.csv")" = 13 ] || fail "not every card is confirmed invalid"
  sed '/^ca_file/d' "$folder/sandbox.toml" >"$folder/public.toml"  # certificates of a public authority are expected
  "$@" check "$inside/public.toml" >"$said" 2>&1 || true
  if ! grep -q "unknown issuer" "$said" || grep -q "no trust roots" "$said"; then
    cat "$said" >&2
    fail "there are no roots of certificates"
  fi
  rm "$folder/public.toml"
  kill "$sandbox"
  wait "$sandbox" || fail "the sandbox does not end softly"
  say "checks, plans and runs a job against the sandbox"

  # What the C library and the zones are needed for: a list from Excel in Chinese, hours, another language.
  iconv -t gb18030 jobs/members.csv >"$folder/members-gbk.csv"
  expect "a rehearsal in GB18030" "$@" rehearse "$inside/sandbox.toml" --set input.csv=members-gbk.csv \
    --set input.columns.code=会员卡号 --set input.columns.openid=OpenID --set safety.window=00:00-24:00 \
    --set safety.timezone=Asia/Shanghai --speed 100
  expect "a report in Chinese" "$@" report "$inside/sandbox.toml" --lang zh -o "$inside/report.html"
  grep -q 作废 "$folder/report.html" || fail "the report is not in Chinese"
  say "reads a list in GB18030, knows the zones, reports in Chinese"
  rm -f "$said" "$said.sandbox"
}
