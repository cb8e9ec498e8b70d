#!/usr/bin/env bash
# npm_away.sh ROOT: where scripts/test cannot have its cases from npm it says what, where from and what to do, and it takes no
# archive but the right one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/scripts" "$folder/build"
cp "$1/scripts/test" "$folder/scripts/"
printf '#!/bin/sh\n' >"$folder/scripts/setup"
chmod +x "$folder/scripts/setup"

expect() {  # expect CODE WORDS…: scripts/test ends so, and says all of them
  local code=0 said wanted=$1
  shift
  said=$(HOME=$folder no_proxy=127.0.0.1 npm_config_registry=http://127.0.0.1:9/ "$folder/scripts/test" --build-only 2>&1) || code=$?
  [ "$code" = "$wanted" ] || { echo "ends with $code, not with $wanted: $said" >&2; exit 1; }
  for word in "$@"; do
    case $said in *"$word"*) ;; *) echo "does not say \"$word\": $said" >&2; exit 1 ;; esac
  done
}

expect 69 "csv-spectrum" "http://127.0.0.1:9/" "ECONNREFUSED" "npm pack csv-spectrum@2.0.0" "$folder/build/"
echo "not an archive" >"$folder/build/csv-spectrum-2.0.0.tgz"
expect 65 "csv-spectrum-2.0.0.tgz is not what" "remove it"
