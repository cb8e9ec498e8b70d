#include <doctest/doctest.h>

#include <ostream>

#include "csv_text.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::input;
  using namespace cardvoid::input::test;

  namespace {

  std::string open_error(std::string text, const Options& options = {}) {
    const auto source = open_text(std::move(text), options);
    if (!source) CHECK(source.error().code == Errc::bad_input);
    return source ? "" : source.error().what;
  }

  const Options k_no_defaults{.defaults = {}};

  }  // namespace

  TEST_CASE("header: columns are found by name in any order") {
    const auto read = read_text("reason,openid,brand_id,code,card_id\n再见,o1,1005,c1,p1\n", k_no_defaults);
    REQUIRE(read.rows.size() == 1);
    const auto& card = read.rows[0].card;
    CHECK(card.code == "c1");
    CHECK(card.openid == "o1");
    CHECK(card.card_id == "p1");
    CHECK(card.brand_id == "1005");
    CHECK(card.reason == "再见");
  }

  TEST_CASE("header: columns may be mapped and our own names are then free for others") {
    Options options;
    options.input.columns = {{"code", "会员卡号"}, {"reason", "code"}};
    const auto read = read_text("会员卡号,openid,code\nc1,o1,bye\n", options);
    REQUIRE(read.rows.size() == 1);
    CHECK(read.rows[0].card.code == "c1");
    CHECK(read.rows[0].card.reason == "bye");
  }

  TEST_CASE("header: a missing column is named with those that are there and the nearest") {
    CHECK(open_error("code,open_id,name\n") ==
          "members.csv:1: no column \"openid\"; there are \"code\", \"open_id\", \"name\"; write in [input]: "
          "columns = { openid = \"open_id\" }");
    CHECK(open_error("openid,x\n") ==
          "members.csv:1: no column \"code\"; there are \"openid\", \"x\"; say in [input] which they are: "
          "columns "
          "= { code = \"ITS NAME IN THE LIST\" }");
    CHECK(open_error("code,opneid\n").ends_with("columns = { openid = \"opneid\" }"));
    CHECK(open_error("\n\ncode\n").starts_with("members.csv:3: no column \"openid\""));
  }

  TEST_CASE("header: card_id and brand_id may be missing only where a default stands in") {
    CHECK(open_error("code,openid\n") == "");
    CHECK(open_error("code,openid\n", k_no_defaults)
              .starts_with("members.csv:1: no columns \"card_id\", \"brand_id\""));
    CHECK(open_error("code,openid,card_id\n", k_no_defaults)
              .starts_with("members.csv:1: no column \"brand_id\""));
    CHECK(open_error("code,openid,card_id\n",
                     {.defaults = {}, .api = model::Api::brand, .brand_of_merchant = "1004"}) == "");
  }

  TEST_CASE("header: a column that the job maps must be there even when it is optional") {
    Options options;
    options.input.columns = {{"reason", "原因"}};
    CHECK(open_error("code,openid\n", options) ==
          "members.csv:1: no column \"原因\" (input.columns.reason); there are \"code\", \"openid\"; say in "
          "[input] "
          "which they are: columns = { reason = \"ITS NAME IN THE LIST\" }");
  }

  TEST_CASE("header: a needed column that is there twice is refused and another one is not") {
    CHECK(open_error("code,openid,code\n") == "members.csv:1: the column \"code\" appears twice");
    CHECK(open_error("code,openid,name,name,,\n") == "");
  }

  TEST_CASE("header: another separator than the job's is recognised in the message") {
    CHECK(open_error("code;openid\n", separated_by(','))
              .ends_with("; the columns seem to be separated by semicolons: set input.delimiter = \";\""));
    CHECK(open_error("code\topenid\n", separated_by(';'))
              .ends_with("; the columns seem to be separated by tabs: set input.delimiter = \"tab\""));
    CHECK(open_error("code,openid\n", separated_by('\t'))
              .ends_with("; the columns seem to be separated by commas: set input.delimiter = \",\""));
  }

  TEST_CASE("header: full-width commas are named") {
    CHECK(open_error("code，openid\n")
              .ends_with(
                  "; the columns seem to be separated by full-width commas: half-width ones are needed"));
  }

  TEST_CASE("header: names that differ in case are not ours and the message says so") {
    CHECK(open_error("Code,openid\n").ends_with("write in [input]: columns = { code = \"Code\" }"));
  }

  TEST_CASE("header: a list without our columns gets the line for the job file") {
    CHECK(open_error("会员卡号,OpenID,姓名\n") ==
          "members.csv:1: no columns \"code\", \"openid\"; there are \"会员卡号\", \"OpenID\", \"姓名\"; "
          "write in "
          "[input]: columns = { code = \"会员卡号\", openid = \"OpenID\" }");
    CHECK(
        open_error("卡号,用户标识,会员卡模板 ID,品牌ID\n", k_no_defaults)
            .ends_with(
                "columns = { code = \"卡号\", openid = \"用户标识\", card_id = \"会员卡模板 ID\", brand_id = "
                "\"品牌ID\" }"));
    // Also what the list has beside: defaults.reason would take the place of its own reasons.
    CHECK(open_error("会员卡号,OpenID,作废原因\n")
              .ends_with("columns = { code = \"会员卡号\", openid = \"OpenID\", reason = \"作废原因\" }"));
    Options options;
    options.input.columns = {{"reason", "说明"}};
    CHECK(open_error("卡 号,openid,说明\n", options)
              .ends_with("columns = { code = \"卡 号\", reason = \"说明\" }"));
    CHECK(open_error("code,openid\n", k_no_defaults)
              .ends_with(
                  "brand_id = \"ITS NAME IN THE LIST\" }; or set defaults.card_id, where it is the same for "
                  "all rows; or set defaults.brand_id, where it is the same for all rows"));
    // Two that could be it: a person decides.
    CHECK(open_error("会员卡号,卡号,openid\n").ends_with("columns = { code = \"ITS NAME IN THE LIST\" }"));
  }

  TEST_CASE("header: an empty file has none") {
    for (const auto* text : {"", "\n\r\n", "\xEF\xBB\xBF"})
      CHECK(open_error(text) == "members.csv: empty; a header with the names of the columns is needed");
  }

  TEST_CASE("header: files of another kind are refused by name") {
    using namespace std::string_literals;
    CHECK(open_error("\xFF\xFE\0\0c\0\0\0"s).starts_with("members.csv: UTF-32 text"));
    CHECK(open_error("PK\x03\x04rest of it").find("Excel workbook") != std::string::npos);
    CHECK(open_error("\x1F\x8B\x08").find("gzip") != std::string::npos);
    CHECK(open_error("SQLite format 3\0 and more"s).find("input.sqlite") != std::string::npos);
    CHECK(open_error("c\0o\0d\0e\0,\0"s).starts_with("members.csv: UTF-16 text without a byte order mark"));
  }

  TEST_CASE("header: names cannot carry control characters into a message") {
    CHECK(open_error("a\x1B[31mb,openid\n").find('\x1B') == std::string::npos);
  }

  TEST_CASE("description: it says what was found out") {
    CHECK((*open_text("code,openid\n"))->description() == "CSV, UTF-8, comma, columns \"code\", \"openid\"");
    CHECK((*open_text("\xEF\xBB\xBF姓名,openid,code\n"))->description() ==
          "CSV, UTF-8 with BOM, comma, columns \"openid\", \"code\"; ignored: \"姓名\"");
  }

  TEST_CASE("defaults: they fill empty cells and yield to others") {
    Options options;
    options.defaults = {"1004", "pDefault", "默认"};
    const auto read = read_text("code,openid,card_id,brand_id,reason\nc1,o1,,,\nc2,o2,p2,1005,r2\n", options);
    REQUIRE(read.rows.size() == 2);
    CHECK(read.rows[0].card.card_id == "pDefault");
    CHECK(read.rows[0].card.brand_id == "1004");
    CHECK(read.rows[0].card.reason == "默认");
    CHECK(read.rows[1].card.card_id == "p2");
    CHECK(read.rows[1].card.brand_id == "1005");
    CHECK(read.rows[1].card.reason == "r2");
  }

  TEST_CASE("defaults: an empty cell without one is refused") {
    const auto read =
        read_text("code,openid,card_id,brand_id\nc1,o1,,1004\n,o2,p,1004\nc3,,p,1004\n", k_no_defaults);
    REQUIRE(read.refused.size() == 3);
    CHECK(read.refused[0].cause == "card_id: empty");
    CHECK(read.refused[1].cause == "code: empty");
    CHECK(read.refused[2].cause == "openid: empty");
  }

  TEST_CASE("brand API: the brand is the merchant's and another one in the file is refused") {
    const Options options{.defaults = {"", "p", ""}, .api = model::Api::brand, .brand_of_merchant = "1004"};
    const auto read = read_text("code,openid,brand_id\nc1,o1,\nc2,o2,1004\nc3,o3,1005\n", options);
    REQUIRE(read.rows.size() == 2);
    CHECK(read.rows[0].card.brand_id == "1004");
    REQUIRE(read.refused.size() == 1);
    CHECK(read.refused[0].source_line == 4);
    CHECK(read.refused[0].cause.starts_with("brand_id: not the merchant's own"));
  }
}
