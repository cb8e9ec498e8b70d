#include <doctest/doctest.h>
#include <boost/json.hpp>
#include <cardvoid/report/page.hpp>
#include <stdexcept>

using namespace cardvoid::report;

TEST_SUITE("component") {
  TEST_CASE("page: what a value holds is text and never markup") {
    const auto page = render_page(
        "head",
        {{"lang", "en"}, {"rehearsal", nullptr}, {"title", "<script>alert(\"&'\")</script>\x1b[2J\u202e"}});
    CHECK(page.find("<script>") == std::string::npos);
    CHECK(page.find("&lt;script&gt;alert(&quot;&amp;&apos;&quot;)&lt;/script&gt;\\x1B[2J\\xE2\\x80\\xAE") !=
          std::string::npos);
  }

  TEST_CASE("page: a value that is missing is a bug and not an empty place") {
    CHECK_THROWS_AS(render_page("head", {{"lang", "en"}}), std::logic_error);
    CHECK_THROWS_AS(render_page("no such page", {}), std::logic_error);
  }

  TEST_CASE("page: its policy lets it fetch nothing and run no script") {
    const auto page = render_page("head", {{"lang", "en"}, {"rehearsal", nullptr}, {"title", "x"}});
    CHECK(page.find("default-src 'none'") != std::string::npos);
    CHECK(page.find("script-src") == std::string::npos);
  }
}
