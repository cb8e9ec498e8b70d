#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using boost::json::array;
  using boost::json::object;
  using boost::json::value;

  TEST_CASE("json: what is no UTF-8 is replaced byte by byte and the rest stays") {
    CHECK(to_json(value("caf\xE9/\xFF\xFE x \xE5\x8D\xA1")) ==
          "\"caf\xEF\xBF\xBD/\xEF\xBF\xBD\xEF\xBF\xBD x \xE5\x8D\xA1\"");
    CHECK(to_json(value("\xED\xA0\x80")) ==
          "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");                    // half a surrogate pair
    CHECK(to_json(value("\xE5\x8D")) == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");  // cut off
    CHECK(to_json(object{{"a\xFF", array{"\x80"}}}) == "{\"a\xEF\xBF\xBD\":[\"\xEF\xBF\xBD\"]}");
    CHECK(to_json(value("")) == "\"\"");
  }

  TEST_CASE("json: numbers are written as people write them") {
    CHECK(to_json(20.0) == "20");
    CHECK(to_json(0.05) == "0.05");
    CHECK(to_json(0.001) == "0.001");
    CHECK(to_json(-1.5) == "-1.5");
    CHECK(to_json(10'000.0) == "10000");
    CHECK(to_json(0.0) == "0");
    CHECK(to_json(std::int64_t{9'007'199'254'740'993}) == "9007199254740993");
    CHECK(to_json(std::uint64_t{18'446'744'073'709'551'615U}) == "18446744073709551615");
    CHECK(to_json(std::numeric_limits<double>::infinity()) == "null");
    CHECK(to_json(std::nan("")) == "null");
  }

  TEST_CASE("json: every number reads back as itself") {
    std::mt19937_64 random{7};
    for (int i = 0; i < 100'000; ++i) {
      const auto bits = random();
      double number = 0;
      std::memcpy(&number, &bits, sizeof number);
      if (i % 2 == 0)
        number = std::ldexp(static_cast<double>(bits % 2'000'000) - 1e6, -static_cast<int>(i % 40));
      if (!std::isfinite(number)) continue;
      const auto text = to_json(number);
      CAPTURE(text);
      CHECK(std::strtod(text.c_str(), nullptr) == number);
      if (std::abs(number) >= 1e-7 && std::abs(number) < 1e21)
        CHECK(text.find_first_of("eE") == std::string::npos);
    }
  }

  TEST_CASE("json: objects and arrays and texts") {
    CHECK(to_json(object{}) == "{}");
    CHECK(to_json(array{}) == "[]");
    const object full{
        {"a", 1}, {"会员", "卡\n\"号\""}, {"c", array{nullptr, true, 2.5}}, {"d", object{{"e", "f"}}}};
    CHECK(to_json_line(full) ==
          "{\"a\":1,\"会员\":\"卡\\n\\\"号\\\"\",\"c\":[null,true,2.5],\"d\":{\"e\":\"f\"}}\n");
    CHECK(boost::json::parse(to_json(full)) == value(full));
  }

  TEST_CASE("json: a stream of pieces is the same as the whole") {
    std::string text;
    JsonStream stream{[&](std::string_view piece) { text += piece; }};
    stream.begin_object();
    stream.members(object{{"job", "gold"}, {"rate", 5.0}});
    stream.begin_array("cards");
    stream.element(object{{"code", "1"}});
    stream.element(object{{"code", "2"}});
    stream.end_array();
    stream.begin_array("none");
    stream.end_array();
    stream.member("last", nullptr);
    stream.end_object();
    CHECK(text ==
          "{\"job\":\"gold\",\"rate\":5,\"cards\":[{\"code\":\"1\"},{\"code\":\"2\"}],\"none\":[],\"last\":"
          "null}\n");
  }

  TEST_CASE("json: what is no object of ours is read as nothing") {
    for (const auto* text : {"", "[]", "1", "{", "{\"a\":1}x", "null"}) {
      CAPTURE(text);
      CHECK_FALSE(object_from_json(text));
    }
    const auto found = object_from_json("{\"name\":\"x\",\"rate\":2}");
    REQUIRE(found);
    CHECK(text_in(*found, "name") == "x");
    CHECK(number_in(*found, "rate") == 2);
    CHECK_FALSE(text_in(*found, "rate"));
    CHECK_FALSE(number_in(*found, "name"));
    CHECK_FALSE(text_in(*found, "absent"));
  }
}
