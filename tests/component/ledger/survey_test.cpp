#include "surveyor.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "component/ledger/rig.hpp"
#include "state.hpp"

// A first import keeps its survey, and it is the one that the rows in the file have.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  constexpr std::size_t k_most = 1000;  // templates

  ledger::Survey read_again(const Books& books, std::size_t most_templates = k_most) {
    auto reader = books.open(Access::read_only);
    return must(ledger::survey(reader, most_templates));
  }

  bool keeps_a_survey(Ledger& ledger) { return ledger.state().kept_survey.has_value(); }

  // Lists that differ in how often a card comes again, and whether it contradicts itself then.
  struct Chance {
    std::mt19937 random;
    int below(int end) { return std::uniform_int_distribution{0, end - 1}(random); }
    std::string one_of(std::string_view letter, int different) {
      return std::string{letter} + std::to_string(below(different));
    }
    model::Card card(int codes) {
      const auto code = below(codes);  // decides on all but where it contradicts itself
      return {"100" + std::to_string(code % 2), "p" + std::to_string(code % 7), std::to_string(code),
              one_of("o", contradicts && below(50) == 0 ? 9 : 1),
              one_of("because ", contradicts && below(50) == 0 ? 3 : 1)};
    }
    bool contradicts = false;
  };

  // True if the import has kept its survey.
  bool import_and_compare(Chance& chance) {
    const Books books;
    auto ledger = books.open();
    if (chance.below(2) == 0) ledger.state().filter_words = 1;  // nearly every card has to wait
    chance.contradicts = chance.below(4) == 0;
    const int lines = chance.below(400), codes = 1 + chance.below(800);
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    for (int line = 2; line < lines + 2; ++line)
      if (chance.below(20) == 0)
        must(under_way.refuse(line, "code: empty", "line"));
      else
        must(under_way.add({chance.card(codes), line}));
    must(under_way.finish("a list", k_now));
    if (!keeps_a_survey(ledger)) return false;
    CHECK(ledger.state().kept_survey->survey == read_again(books));
    CHECK(ledger.state().kept_survey->survey.plan == must(ledger::digest_plan(ledger)));
    return true;
  }

  }  // namespace

  TEST_CASE("survey: what a first import keeps is what its rows in the file have") {
    int kept = 0;
    for (unsigned seed = 1; seed <= 60; ++seed) {
      CAPTURE(seed);
      Chance chance{std::mt19937{seed}};
      kept += import_and_compare(chance);
    }
    CHECK(kept > 20);
    CHECK(kept < 60);
  }

  TEST_CASE("survey: rows of any state make the same one in any order") {
    using enum Status;
    std::vector<ledger::SurveyedRow> rows;
    std::vector<std::string> codes;
    for (int i = 0; i < 200; ++i) codes.push_back(std::to_string(i));
    for (int i = 0; i < 200; ++i) {
      ledger::SurveyedRow row{i + 1,
                              i % 3 ? "1003" : "1004",
                              i % 5 ? "pA" : "pB",
                              codes[static_cast<std::size_t>(i)],
                              i % 4 ? "oA" : "oB",
                              i % 7 ? "" : "closed"};
      row.status =
          std::array{pending, in_flight, invalidated, rejected, unresolved}[static_cast<std::size_t>(i) % 5];
      row.is_to_send = i % 3 == 0, row.is_accepted = i % 11 == 0, row.has_conflict = i % 13 == 0;
      row.is_named = i % 2 == 0, row.was_requested = i % 17 == 0;
      rows.push_back(row);
    }
    const Books books;
    auto ledger = books.open();
    const auto survey_of = [&](const std::vector<ledger::SurveyedRow>& all) {
      ledger::Surveyor surveyor{ledger.state().db, k_most};
      for (const auto& row : all) surveyor.add(row);
      return surveyor.finish("");
    };
    const auto expected = survey_of(rows);
    CHECK(expected.templates.size() == 4);
    CHECK(expected.plan.to_send == 67);
    std::shuffle(rows.begin(), rows.end(), std::mt19937{1});
    CHECK(survey_of(rows) == expected);
  }

  TEST_CASE("survey: the kept one answers until somebody writes") {
    const auto with_mark = [](Ledger& ledger) {
      REQUIRE(keeps_a_survey(ledger));
      ledger.state().kept_survey->survey.reasons.different = 42;
    };
    const auto has_mark = [](Ledger& ledger) {
      return must(ledger::survey(ledger, k_most)).reasons.different == 42;
    };
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    with_mark(ledger);
    CHECK(has_mark(ledger));
    CHECK(must(ledger::totals(ledger)).pending == 2);
    CHECK(has_mark(ledger));
    SUBCASE("through this ledger") { settle(ledger, "1", Status::invalidated); }
    SUBCASE("through another connection") {
      change(books, "UPDATE row SET reason = 'closed' WHERE code = '1'");
    }
    SUBCASE("with another import") { import(ledger, {card("1"), card("2"), card("3")}); }
    CHECK_FALSE(has_mark(ledger));
    CHECK(must(ledger::survey(ledger, k_most)) == read_again(books));
  }

  TEST_CASE("survey: what another program writes right behind the import's end is not left out") {
    const Books books;
    auto ledger = books.open();
    const auto write = [](void* of_test, sqlite3*, const char*, int) {
      change(*static_cast<const Books*>(of_test), "UPDATE row SET reason = 'closed' WHERE code = '1'");
      return SQLITE_OK;
    };
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    must(under_way.add({card("1"), 2}));
    sqlite3_wal_hook(ledger.state().db.get(), write, const_cast<Books*>(&books));
    must(under_way.finish("a list", k_now));
    sqlite3_wal_hook(ledger.state().db.get(), nullptr, nullptr);
    CHECK(must(ledger::survey(ledger, k_most)) == read_again(books));
    CHECK(must(ledger::survey(ledger, k_most)).reasons.most.front().first == "closed");
  }

  TEST_CASE("survey: fewer templates than the kept one has are asked of the file") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {{"1004", "pA", "1", "oA", ""},
                    {"1004", "pB", "2", "oA", ""},
                    { "1004",
                      "pC",
                      "3",
                      "oA",
                      "" }});
    REQUIRE(keeps_a_survey(ledger));
    CHECK(must(ledger::survey(ledger, 3)).others.rows == 0);
    const auto two = must(ledger::survey(ledger, 2));
    CHECK(two.templates.size() == 2);
    CHECK(two.others.rows == 1);
  }

  TEST_CASE("survey: none is kept where rows are not as they came") {
    const Books books;
    auto ledger = books.open();
    SUBCASE("two lines contradict each other") { import(ledger, {card("1"), card("2"), card("1", "oB")}); }
    SUBCASE("a card is protected") {
      bool is_given = false;
      must(ledger::protect(ledger, [&]() -> Result<std::optional<model::Protection>> {
        if (std::exchange(is_given, true)) return std::optional<model::Protection>{};
        return std::optional{model::Protection{.code = "1", .card_id = {}, .openid = {}, .brand_id = {}}};
      }));
      import(ledger, {card("1"), card("2")});
    }
    SUBCASE("it was not the first import") {
      import(ledger, {card("1")});
      import(ledger, {card("1"), card("2")});
    }
    SUBCASE("there are more templates than it tells apart") {
      std::vector<model::Card> cards;
      for (int i = 0; i < 1001; ++i) cards.push_back({"1004", "p" + std::to_string(i), "1", "oA", ""});
      import(ledger, cards);
    }
    SUBCASE("there are more reasons than it counts") {
      std::vector<model::Card> cards;
      for (int i = 0; i < 1001; ++i) cards.push_back(card(std::to_string(i), "oA", std::to_string(i)));
      import(ledger, cards);
    }
    CHECK_FALSE(keeps_a_survey(ledger));
    CHECK(must(ledger::survey(ledger, k_most)) == read_again(books));
  }
}
