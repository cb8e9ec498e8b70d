#!/bin/sh
# A room includes only what docs/architecture.md allows it: itself and the rooms listed here.
# Usage: include_table.sh ROOT; or --self-test.
set -u

allowed() {
  case $1 in
    base)      echo "" ;;
    model)     echo "base" ;;
    dispatch)  echo "base model" ;;
    wechatpay) echo "base model" ;;
    sqlite)    echo "base" ;;
    net)       echo "base" ;;
    job)       echo "base model sqlite" ;;
    input)     echo "base model sqlite" ;;
    ledger)    echo "base model sqlite" ;;
    run)       echo "base model dispatch wechatpay net input ledger" ;;
    report)    echo "base model dispatch ledger run" ;;
    sandbox)   echo "base model wechatpay" ;;
    cli)       echo "base model dispatch wechatpay sqlite net job input ledger run report sandbox" ;;
    *)         echo "none" ;;
  esac
}

check() {
  root=$1
  status=0
  for folder in "$root"/src/*/ "$root"/include/cardvoid/*/; do
    room=$(basename "$folder")
    rooms=" $room $(allowed "$room") "
    found=$(grep -rnE '#include <cardvoid/[a-z]+/' "$folder" | sed -E 's|^([^:]+:[0-9]+):.*<cardvoid/([a-z]+)/.*|\1 \2|')
    while read -r place other; do
      [ -n "$place" ] || continue
      case $rooms in
        *" $other "*) ;;
        *) echo "$place: room $room may not include $other"; status=1 ;;
      esac
    done <<END
$found
END
  done
  return $status
}

if [ "$1" = --self-test ]; then
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  mkdir -p "$tree/src/dispatch" "$tree/include/cardvoid/dispatch"
  echo '#include <cardvoid/model/row.hpp>' >"$tree/src/dispatch/a.cpp"
  check "$tree" || exit 1
  echo '#include <cardvoid/net/https_client.hpp>' >"$tree/src/dispatch/b.cpp"
  ! check "$tree" >/dev/null
else
  check "$1"
fi
