#include "cards.hpp"

#include <doctest/doctest.h>

#include <cardvoid/base/text.hpp>
#include <ostream>
#include <set>

#include "csv.hpp"
#include "parties.hpp"
#include "world.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::sandbox;

  namespace {

  std::vector<std::vector<std::string>> records(std::string_view csv) {
    CsvReader reader{csv};
    std::vector<std::vector<std::string>> all;
    std::vector<std::string> cells;
    while (reader.next(cells).value()) all.push_back(cells);
    return all;
  }

  const auto k_noon = WallTime{std::chrono::seconds{1'793'592'000}};  // 2026-11-02T04:00:00Z

  World::Card card(std::string_view code) { return {"1004", "template", code, "oOpenid", {}}; }

  }  // namespace

  TEST_CASE("sandbox csv: what is written reads back for any cells") {
    std::string csv;
    append_csv_row(csv, {"a,b", "say \"x\"", "two\nlines", "", " plain "});
    append_csv_row(csv, {"会员", "=1+1"});
    const auto all = records("\xEF\xBB\xBF" + csv);
    REQUIRE(all.size() == 2);
    CHECK(all[0] == std::vector<std::string>{"a,b", "say \"x\"", "two\nlines", "", " plain "});
    CHECK(all[1] == std::vector<std::string>{"会员", "=1+1"});
  }

  TEST_CASE("sandbox csv: a quote that is never closed is an error that names its line") {
    CsvReader reader{"a,b\r\nc,\"d\r\n"};
    std::vector<std::string> cells;
    CHECK(reader.next(cells).value());
    const auto failed = reader.next(cells);
    REQUIRE(failed.has_error());
    CHECK(failed.error().what.find("line 2") != std::string::npos);
  }

  TEST_CASE("sandbox members: rows are valid and unique and some codes are hostile") {
    const auto all = records(make_members(1'000, 7));
    REQUIRE(all.size() == 1'001);
    CHECK(all[0] == std::vector<std::string>{"code", "card_id", "openid", "reason"});
    std::set<std::string> codes;
    std::string punctuation;
    for (std::size_t i = 1; i < all.size(); ++i) {
      const auto& row = all[i];
      codes.insert(row[0]);
      CHECK(row[0].size() <= 32);
      CHECK(row[1].size() <= 32);
      CHECK(row[2].size() == 28);
      CHECK(row[3].size() <= 32);
      CHECK_FALSE(find_invalid_utf8(row[3]).has_value());
      for (const char c : row[0])
        if (std::string_view{"/?#%&+=,;~\""}.find(c) != std::string_view::npos) punctuation += c;
    }
    CHECK(codes.size() == 1'000);
    for (const char c : std::string_view{"/?#%&+=,;~\""}) CHECK(punctuation.find(c) != std::string::npos);
  }

  TEST_CASE("sandbox cards: made from the members all are known and EFFECTIVE") {
    World world;
    const auto csv = make_cards(make_members(100, 1));
    REQUIRE(csv.has_value());
    REQUIRE(load_cards(*csv, world).has_value());
    CHECK(world.size() == 100);
    CHECK(world.at(57).state == CardState::effective);
  }

  TEST_CASE("sandbox cards: states and times are read and a wrong state names its line") {
    World world;
    REQUIRE(load_cards("code,openid,brand_id,card_id,state,invalid_time\n"
                       "1,oA,1004,t,INVALID,2026-11-02T12:00:00.500+08:00\n2,oB,1004,t,EXPIRED\n",
                       world)
                .has_value());
    CHECK(world.at(0).state == CardState::invalid);
    CHECK(format_china_time(world.at(0).invalid_time) == "2026-11-02T12:00:00.500+08:00");
    CHECK(world.at(1).state == CardState::expired);
    const auto failed = load_cards("brand_id,card_id,code,openid,state\n1004,t,3,oC,Effective\n", world);
    REQUIRE(failed.has_error());
    CHECK(failed.error().what.find("line 2") != std::string::npos);
  }

  TEST_CASE("sandbox cards: without the columns they are refused") {
    const auto failed = make_cards("number,openid\n1,o\n");
    REQUIRE(failed.has_error());
    CHECK(failed.error().what.find("code") != std::string::npos);
  }

  TEST_CASE("sandbox world: a card is found by template and code and checked for brand and openid") {
    World world;
    CHECK(world.add(card("1")) == World::Added::yes);
    CHECK(world.add(card("1")) == World::Added::known_already);
    auto elsewhere = card("1");
    elsewhere.card_id = "other";
    CHECK(world.add(elsewhere) == World::Added::yes);
    elsewhere.brand_id = "1005";
    elsewhere.code = "2";
    CHECK(world.add(elsewhere) == World::Added::template_of_another_brand);

    using Finding = World::Finding;
    CHECK(world.find("1004", "template", "1", "oOpenid").finding == Finding::found);
    CHECK(world.find("1005", "template", "1", "oOpenid").finding == Finding::wrong_brand);
    CHECK(world.find("1004", "unknown", "1", "oOpenid").finding == Finding::wrong_brand);
    CHECK(world.find("1004", "template", "9", "oOpenid").finding == Finding::unknown_card);
    CHECK(world.find("1004", "template", "1", "oAnother").finding == Finding::wrong_openid);
  }

  TEST_CASE("sandbox world: many cards stay apart") {
    World world;
    for (int i = 0; i < 50'000; ++i) REQUIRE(world.add(card(std::to_string(i))) == World::Added::yes);
    for (int i = 0; i < 50'000; i += 777) {
      const auto found = world.find("1004", "template", std::to_string(i), "oOpenid");
      REQUIRE(found.finding == World::Finding::found);
      CHECK(world.at(found.card).code == std::to_string(i));
    }
  }

  TEST_CASE("sandbox world: the record holds the first application in order") {
    World world;
    world.add(card("a,b"));
    world.add(card("2"));
    world.invalidate(1, "later", k_noon);
    world.invalidate(0, "会员计划已结束", k_noon + milliseconds{5});
    world.invalidate_again(1, "again", k_noon + milliseconds{9});
    CHECK(world.at(1).reason == "again");
    CHECK(world.at(1).invalid_time == k_noon + milliseconds{9});
    CHECK(world.applied_as_csv() ==
          "brand_id,card_id,code,openid,reason,invalid_time\n"
          "1004,template,2,oOpenid,later,2026-11-02T12:00:00.000+08:00\n"
          "1004,template,\"a,b\",oOpenid,会员计划已结束,2026-11-02T12:00:00.005+08:00\n");
    REQUIRE(world.applied().size() == 2);
    CHECK(world.applied()[1].code == "a,b");
  }
}
