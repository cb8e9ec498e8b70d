#!/bin/sh
# No template of a page inserts markup, runs a script or fetches anything.
# Usage: pages.sh FOLDER; or --self-test.
set -u

check() {
  ! grep -rnEi '\{\{\{|\{\{ *&|\{\{ *=|<script|<iframe|<object|<embed|<img|[ "]on[a-z]+ *=|javascript:|https?:|@import|url\(' "$1"
}

if [ "$1" = --self-test ]; then
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  echo '<p class="note">{{text}}</p>{{#rows}}<a href="#top">{{.}}</a>{{/rows}}{{> foot}}' >"$tree/a.mustache"
  check "$tree" || exit 1
  for bad in '{{{text}}}' '{{& text}}' '{{=<% %>=}}' '<script>' '<p onclick="x">' '<a href="https://x.example">' 'url(a.png)'; do
    echo "$bad" >"$tree/b.mustache"
    ! check "$tree" >/dev/null || { echo "not seen: $bad"; exit 1; }
  done
else
  check "$1"
fi
