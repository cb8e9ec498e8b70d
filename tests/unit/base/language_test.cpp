#include <doctest/doctest.h>
#include <cardvoid/base/language.hpp>

#include <ostream>

TEST_SUITE("unit") {
  using namespace cardvoid;

  TEST_CASE("language: the locale decides in the order of its variables") {
    CHECK(language_of({}) == Language::english);
    CHECK(language_of({.lang = "zh_CN.UTF-8"}) == Language::chinese);
    CHECK(language_of({.lang = "zh"}) == Language::chinese);
    CHECK(language_of({.lang = "zh-Hans"}) == Language::chinese);
    CHECK(language_of({.lc_messages = "en_US.UTF-8", .lang = "zh_CN.UTF-8"}) == Language::english);
    CHECK(language_of({.lc_all = "zh_CN.UTF-8", .lc_messages = "en_US", .lang = "en_US"}) ==
          Language::chinese);
    CHECK(language_of({.lang = "zhuang"}) == Language::english);
  }

  TEST_CASE("language: LANGUAGE wins unless the locale is C") {
    CHECK(language_of({.lang = "en_US.UTF-8", .language = "zh_CN:en"}) == Language::chinese);
    CHECK(language_of({.lang = "zh_CN.UTF-8", .language = "en:zh"}) == Language::english);
    CHECK(language_of({.lang = "de_DE.UTF-8", .language = "de:zh_CN"}) == Language::chinese);
    CHECK(language_of({.lang = "zh_CN.UTF-8", .language = "de:fr"}) == Language::english);
    CHECK(language_of({.lang = "zh_CN.UTF-8", .language = ":zh"}) == Language::chinese);
    for (const auto* name : {"", "C", "C.UTF-8", "POSIX"})
      CHECK(language_of({.lc_all = name, .language = "zh_CN"}) == Language::english);
  }
}
