#include <doctest/doctest.h>

#include <ostream>

#include "csv_text.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::input;
  using namespace cardvoid::input::test;

  namespace {

  // The description of an input that can be opened, else what is wrong.
  std::string found_in(std::string text, const Options& options = {}) {
    const auto source = open_text(std::move(text), options);
    return source ? (*source)->description() : source.error().what;
  }

  }  // namespace

  TEST_CASE("delimiter: the one by which the header holds our columns is found and shown") {
    CHECK(found_in("code,openid\n") == "CSV, UTF-8, comma, columns \"code\", \"openid\"");
    CHECK(found_in("code;openid\n") == "CSV, UTF-8, semicolon, columns \"code\", \"openid\"");
    CHECK(found_in("code\topenid\r\n") == "CSV, UTF-8, tab, columns \"code\", \"openid\"");
    CHECK(found_in("\n\"code\";\"openid\"") == "CSV, UTF-8, semicolon, columns \"code\", \"openid\"");
  }

  TEST_CASE("delimiter: marks inside quotation marks of the header count for nothing") {
    CHECK(found_in("\"a,b;\";code;\"c\nd,\";openid\n") ==
          "CSV, UTF-8, semicolon, columns \"code\", \"openid\"; ignored: \"a,b;\", \"c\\x0Ad,\"");
    CHECK(found_in("code,\"x;y\tz\",openid\n").starts_with("CSV, UTF-8, comma,"));
  }

  TEST_CASE("delimiter: rows have no say in it") {
    const auto read = read_text("code;openid\na,b;o\n\"c;d\";o\ne\to,f\n");
    REQUIRE(read.rows.size() == 2);
    CHECK(read.rows[0].card.code == "a,b");
    CHECK(read.rows[1].card.code == "c;d");
    REQUIRE(read.refused.size() == 1);
    CHECK(read.refused[0].cause == "1 field, the header has 2");
    CHECK(read.refused[0].raw == "e\to,f");
  }

  TEST_CASE("delimiter: a header that can be read in two ways is refused with the choices") {
    const std::string text = "code,openid,x;code;openid\n1,2,3;4;5\n";
    CHECK(
        found_in(text) ==
        "members.csv:1: the columns may be separated by commas or by semicolons; set input.delimiter = \",\" "
        "or \";\"");
    CHECK(found_in(text, separated_by(';')) ==
          "CSV, UTF-8, semicolon, columns \"code\", \"openid\"; ignored: \"code,openid,x\"");
    CHECK(read_text(text, separated_by(';')).rows.at(0).card.code == "4");
    CHECK(read_text(text, separated_by(',')).rows.at(0).card.code == "1");
  }

  TEST_CASE("delimiter: where no one fits the message is about the one that splits the most") {
    CHECK(found_in("code;name;x,y\n") ==
          "members.csv:1: no column \"openid\"; there are \"code\", \"name\", \"x,y\"; say in [input] which "
          "they are: columns = { openid = \"ITS NAME IN THE LIST\" }");
    CHECK(found_in("code;openid;code\n") == "members.csv:1: the column \"code\" appears twice");
    CHECK(found_in("code|openid\n") ==
          "members.csv:1: no columns \"code\", \"openid\"; there are \"code|openid\"; the columns seem to be "
          "separated by "
          "|: commas, semicolons or tabs are needed");
    CHECK(found_in("sep=;\ncode;openid\n").ends_with("; remove Excel's line sep="));
  }

  TEST_CASE("delimiter: a quotation mark that the header never closes is told in every dialect") {
    CHECK(found_in("code;\"openid\na;b\n") ==
          "members.csv:1: a quotation mark inside a field that is not in quotes; quote the field and double "
          "the "
          "mark");
    CHECK(found_in("\"code;openid\na;b\n") ==
          "members.csv:1: a quotation mark opens here and none closes before the end of the file");
  }

  TEST_CASE("remark: a last line without line end may have been cut off") {
    const auto remarks = [](std::string text) {
      const auto source = open_text(std::move(text));
      REQUIRE(source.has_value());
      drain(**source);
      return (*source)->remarks();
    };
    CHECK(remarks("code,openid\na,o\n").empty());
    CHECK(remarks("code,openid\r\na,o\r\n").empty());
    CHECK(remarks("code,openid\na,o") ==
          std::vector<std::string>{"the last line has no line end: is the file complete?"});
    CHECK(remarks("code,openid").size() == 2);
  }
}
