#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cardvoid/input/protect_list.hpp>
#include <ostream>

#include "csv_text.hpp"

// safety.protect: cards that must never be sent.
TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::input;

  namespace {

  // "code/card_id/openid/brand_id" of each line, or what is wrong.
  std::string read_as(const std::string& text, const model::Input& settings, std::size_t block_bytes) {
    auto list = ProtectList::read(test::read_from(text, block_bytes), "protect.csv", settings);
    if (!list) return list.error().what;
    std::string found;
    for (;;) {
      const auto next = list->next();
      if (!next) return next.error().what;
      if (!*next) return found;
      const auto& p = **next;
      found +=
          fmt::format("{}{}/{}/{}/{}", found.empty() ? "" : " ", p.code, p.card_id, p.openid, p.brand_id);
    }
  }

  std::string protections(const std::string& text, const model::Input& settings = {}) {
    const auto found = read_as(text, settings, 65'536);
    CHECK(read_as(text, settings, 17) == found);
    return found;
  }

  constexpr auto k_advice = "; correct the line or take it out";

  }  // namespace

  TEST_CASE("protect list: any of the four columns in any order and by any delimiter") {
    CHECK(protections("openid\noA\noB\n") == "//oA/ //oB/");
    CHECK(protections("code\r\n007\r\n") == "007///");
    CHECK(protections("brand_id;code;openid;card_id\n1;2;3;4\n;2;;\n1;;;4\n") == "2/4/3/1 2/// /4//1");
    CHECK(protections("openid\tname\noA\t张三\n") == "//oA/");
    CHECK(protections("\xEF\xBB\xBFopenid,code\n\"oA\",\n\n,7\n") == "//oA/ 7///");
  }

  TEST_CASE("protect list: the input's own names of the columns will do") {
    model::Input input;
    input.columns["code"] = "会员卡号";
    CHECK(protections("会员卡号,openid\n7,\n", input) == "7///");
    CHECK(protections("code,openid\n7,\n", input) == "7///");
    CHECK(protections("code,会员卡号\n7,8\n", input) == "protect.csv:1: the column code appears twice");
  }

  TEST_CASE("protect list: a header alone would protect nothing and is refused") {
    const std::string refusal =
        "protect.csv: has a header and no lines, so it would protect nothing; leave "
        "safety.protect out if that is meant";
    CHECK(protections("openid\n") == refusal);
    CHECK(protections("openid,code") == refusal);
  }

  TEST_CASE("protect list: without any of our columns it is no list") {
    const std::string expected = "expected a header with at least one of code, card_id, openid and brand_id";
    CHECK(protections("") == "protect.csv: empty; " + expected);
    CHECK(protections("member,name\noA,b\n") == "protect.csv:1: " + expected);
    CHECK(protections("oA\noB\n") == "protect.csv:1: " + expected);
    CHECK(protections("openid,openid\noA,oB\n") == "protect.csv:1: the column openid appears twice");
    CHECK(protections("code;openid,brand_id\n").find("separated by commas or by semicolons") !=
          std::string::npos);
  }

  TEST_CASE("protect list: a column that is written otherwise than ours is not passed over") {
    for (const auto& [header, column] :
         {std::pair{"code,openId", "\"openId\" would be ignored; did you mean openid?"},
          std::pair{"Code;openid", "\"Code\" would be ignored; did you mean code?"},
          std::pair{"code,open_id,name", "\"open_id\" would be ignored; did you mean openid?"},
          std::pair{"code\tCard ID", "\"Card ID\" would be ignored; did you mean card_id?"},
          std::pair{"BRAND-ID", "\"BRAND-ID\" would be ignored; did you mean brand_id?"}})
      CHECK(protections(std::string{header} + "\n7,8\n") ==
            "protect.csv:1: the column " + std::string{column});
    model::Input input;
    input.columns["openid"] = "Open ID";
    CHECK(protections("code,Open ID\n,oA\n", input) == "//oA/");
    CHECK(protections("code,opened\n7,x\n") == "7///");
  }

  TEST_CASE("protect list: a line that would protect nothing is a mistake with its line") {
    CHECK(protections("openid,name\noA,x\n,张三\n") ==
          std::string{"protect.csv:3: fills none of the columns, so it would protect nothing"} + k_advice);
    CHECK(protections("openid,code\n,\n") ==
          std::string{"protect.csv:2: fills none of the columns, so it would protect nothing"} + k_advice);
    CHECK(protections("openid,code\noA\n") ==
          std::string{"protect.csv:2: 1 field, the header has 2"} + k_advice);
    for (const auto& [field, fault] :
         {std::pair{"oA ", "leading or trailing space"}, std::pair{"ｏＡ", "full-width characters"},
          std::pair{"\"o\nA\"", "control character"}, std::pair{"o\xC2\xA0", "invisible character"}}) {
      CAPTURE(fault);
      CHECK(protections(std::string{"openid\noB\n"} + field + "\n")
                .starts_with(std::string{"protect.csv:3: openid: "} + fault));
    }
    CHECK(protections("openid\no\xFF\n").starts_with("protect.csv:2"));
  }

  TEST_CASE("protect list: words for nothing and numbers with a fraction match no card") {
    for (const auto* field : {"NULL", "\\N", "#N/A", "nan", "undefined", "None"})
      for (const auto* column : {"openid", "code", "card_id"}) {
        CAPTURE(field);
        CHECK(protections(std::string{column} + ",who\n4785,a\n" + field + ",b\n") ==
              std::string{"protect.csv:3: "} + column +
                  ": a word that programs write for no value, such as NULL or #N/A" + k_advice);
      }
    CHECK(protections("code\n478516783262.0\n") ==
          std::string{"protect.csv:2: code: digits with .0 at the end: a program took them for a number"} +
              k_advice);
    CHECK(protections("code,openid\n478516783262,NULL\n").starts_with("protect.csv:2: openid: a word"));
    model::Input input;
    input.accept_damage = input.unwrap = true;
    CHECK(protections("code\n=\"NULL\"\n", input).starts_with("protect.csv:2: code: a word"));
  }

  TEST_CASE("protect list: what cardvoid shows masked names no card") {
    for (const auto* field : {"****3220", "4785****3220"})
      for (const auto* column : {"openid", "code", "card_id"}) {
        CAPTURE(field);
        CHECK(protections(std::string{column} + ",who\n4785,a\n" + field + ",b\n") ==
              std::string{"protect.csv:3: "} + column +
                  ": masked with **, so not whole; `cardvoid export` has codes in full" + k_advice);
      }
  }

  TEST_CASE("protect list: codes that lost their leading zeros protect others") {
    std::string list = "code\n";
    for (int i = 0; i < 400; ++i)
      list += std::to_string(99'999'999'999 - i * 249'999'937LL % 100'000'000'000) + "\n";
    CHECK(protections(list).starts_with("protect.csv: a spreadsheet has destroyed digits: none of the "));
  }

  TEST_CASE("protect list: digits that a spreadsheet destroyed protect no one") {
    const std::string destroyed = "code\n4.78516E+23\n";
    CHECK(protections(destroyed).starts_with(
        "protect.csv: a spreadsheet has destroyed digits: 1 in scientific notation (line 2 ****E+23)."));
    model::Input input;
    input.accept_damage = true;
    CHECK(protections(destroyed, input) == "4.78516E+23///");
    CHECK(protections("code\n=\"0123\"\n") == "0123///");  // as `export --excel` writes it
    CHECK(protections("code\n'0456\n").find("input.unwrap = true") != std::string::npos);
    input.unwrap = true;
    CHECK(protections("code\n=\"0123\"\n'0456\n", input) == "0123/// 0456///");
  }
}
