#!/bin/sh
# g++ 12 destroys braced temporaries and capturing lambdas twice in a statement that also awaits: name them first.
# Looks at whole statements, over line ends; flags harmless braces too (an int{0}), the price of a simple rule.
# What hides behind a semicolon inside a lambda it cannot see: the asan preset is the real judge.
#
# co_await_braces.sh DIRECTORY...   or   co_await_braces.sh --self-test
set -eu

find_bad() {
  perl -0777 -ne '
    s{//[^\n]*}{}g;                              # comments; a line number needs the line ends kept
    s{/\*(.*?)\*/}{"\n" x ($1 =~ tr/\n//)}gse;
    s{"(?:[^"\\\n]|\\.)*"}{""}g;                 # text may contain anything
    while (/\bco_await\b/g) {
      my $at = $-[0];
      # The statement begins behind the last ";", the last "}" that ends a line or the last "{" that opens a block.
      my ($before) = substr($_, 0, $at) =~ /(?:.*(?:;|\}\s*\n|(?:\)|\belse|\bdo|\btry|\bnoexcept|>|\w\s)\s*\{\s*\n))?(.*)\z/s;
      my ($after) = substr($_, $at) =~ /\A([^;]*)/s;
      $after =~ s/\)\s*\{\s*\n.*//s;             # "if (co_await x) {" opens a block
      my $statement = $before . $after;
      my $braced = $statement =~ /[\w>(,=]\s*\{/;
      my $lambda = $statement =~ /(?:[(,=]|return)\s*\[[^\]]*\]\s*[({]/;
      next unless $braced || $lambda;
      my $line = 1 + (substr($_, 0, $at) =~ tr/\n//);
      $statement =~ s/\s+/ /g;
      print "$ARGV:$line:$statement\n";
    }' "$@"
}

if [ "${1:-}" = --self-test ]; then
  folder=$(mktemp -d)
  trap 'rm -r "$folder"' EXIT
  cat > "$folder/bad.cpp" <<'CODE'
  co_await f(Options{.name = "x"});
  co_await f({"x", 1});
  auto all = use(Agg{"x"}, co_await one());
  Agg made{.name = "x", .n = co_await one()};
  co_return Agg{"x", co_await one()};
  co_await co_spawn(ex, [s]() -> awaitable<void> { co_return; }, token);
  const auto long_one = co_await f(first,
                                   Options{.name = "x"});
CODE
  cat > "$folder/good.cpp" <<'CODE'
  Options options{.name = "x"};
  co_await f(std::move(options));  // not {"x", 1}
  auto [error, count] = co_await g(table[0](1), "{");
  if (auto [failed] = co_await one(); failed) {
    co_await two();
  }
  while (co_await more()) {
    Agg made{1};
    co_await two();
  }
CODE
  [ "$(find_bad "$folder/bad.cpp" | wc -l)" = 7 ] && [ -z "$(find_bad "$folder/good.cpp")" ] && exit 0
  find_bad "$folder/bad.cpp" "$folder/good.cpp"
  exit 1
fi

files=$(find "$@" -name '*.cpp' -o -name '*.hpp')
bad=$(find_bad $files)
[ -z "$bad" ] || { printf '%s\n' "$bad"; exit 1; }
