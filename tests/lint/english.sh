#!/bin/sh
# Plain English: none of these words in code, comments, messages and pages. Each has a plainer one – anyone, all that,
# again, obey, will, so that … not, no one, recently, hears of, while.
# Usage: english.sh FOLDER_OR_FILE...; or --self-test.
set -u

words='whoever|whomever|whatever|anew|heed(s|ed|ing)?|shall|lest|nobody|of late|(is|are|was|were) told of|so long as'

check() {
  ! grep -rniEIw --exclude=english.sh --exclude-dir=build "($words)" "$@"
}

if [ "$1" = --self-test ]; then
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  echo '// The latest list; it is untold of, and nobodies heedlessly asked.' >"$tree/a.hpp"
  check "$tree" || exit 1
  for word in Whoever heeded 'is told of' 'so long as' shall; do
    echo "// $word" >"$tree/b.hpp"
    ! check "$tree" >/dev/null || { echo "not found: $word"; exit 1; }
  done
else
  check "$@"
fi
