#!/usr/bin/env bash
# units.sh CARDVOID SOURCE: systemd finds no fault with the units, and cardvoid none with the command in them. The job
# file alone says where the results are.  units.sh --self-test: the script sees what it must.
set -euo pipefail

# check CARDVOID FOLDER: prints what is wrong with the units in FOLDER.
check() {
  local cardvoid=$1 scratch unit command code=0
  scratch=$(mktemp -d)
  for unit in "$2"/cardvoid@.*; do
    sed "s#^ExecStart=cardvoid#ExecStart=$cardvoid#" "$unit" >"$scratch/cardvoid@night.${unit##*.}"
  done
  # It ends with 0 where it has only warned, of a key that it does not know for example.
  systemd-analyze verify --man=no "$scratch"/cardvoid@night.* 2>&1 | sed "s#$scratch/##" || true
  command=$(sed ':a; /\\$/ { N; s/\\\n//; ba }' "$scratch/cardvoid@night.service" | sed -n 's/^ExecStart=//p')
  command=${command//%i/night}
  command=${command//%d/$scratch}
  command=${command///etc\/cardvoid/$scratch}
  $command >"$scratch/said" 2>&1 || code=$?
  if [ "$code" != 66 ]; then  # the job file is not there
    echo "ExecStart: ends with $code, not with 66:"
    cat "$scratch/said"
  fi
  case $command in *--results*) echo "ExecStart: --results stands there, and the job file says where the results are" ;; esac
  rm -rf "$scratch"
}

if [ "$1" = --self-test ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  sees() { case $(check "$2" "$folder") in *"$1"*) ;; *) echo "does not see: $1" >&2; exit 1 ;; esac }
  unit() { printf '%s\n' '[Service]' "$@" >"$folder/cardvoid@.service"; }
  printf '#!/bin/sh\nexit 64\n' >"$folder/program"
  chmod +x "$folder/program"
  unit "ExecStart=cardvoid run" "WatchdogSecs=1"
  sees "Unknown key" "$folder/program"
  sees "ends with 64" "$folder/program"
  unit "ExecStart=cardvoid run" "WatchdogSec=soon"
  sees "Failed to parse" "$folder/program"
  unit 'ExecStart=cardvoid run \' '    --results file'
  sees "the job file says where" "$folder/program"
  exit
fi

found=$(check "$1" "$2/packaging/systemd")
[ -z "$found" ] || { echo "$found" >&2; exit 1; }
