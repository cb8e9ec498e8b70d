#include <doctest/doctest.h>
#include <boost/json.hpp>
#include <cardvoid/report/page.hpp>
#include <stdexcept>

using namespace cardvoid::report;

TEST_SUITE("component") {
  TEST_CASE("page: what a value holds is text and never markup") {
    const auto page = render_page(
        "report", {{"lang", "en"}, {"title", "<script>alert(\"&'\")</script>\x1b[2J"}, {"written", "now"}});
    CHECK(page.find("<script>") == std::string::npos);
    CHECK(page.find("&lt;script&gt;alert(&quot;&amp;&apos;&quot;)&lt;/script&gt;\\x1B[2J") !=
          std::string::npos);
  }

  TEST_CASE("page: a value that is missing is a bug and not an empty place") {
    CHECK_THROWS_AS(render_page("report", {{"lang", "en"}, {"title", "x"}}), std::logic_error);
    CHECK_THROWS_AS(render_page("no such page", {}), std::logic_error);
  }

  TEST_CASE("page: it fetches nothing and runs no script") {
    const auto page = render_page("report", {{"lang", "en"}, {"title", "x"}, {"written", "now"}});
    CHECK(page.find("default-src 'none'") != std::string::npos);
    CHECK(page.find("http://") == std::string::npos);
    CHECK(page.find("https://") == std::string::npos);
    CHECK(page.find("<script") == std::string::npos);
  }
}
