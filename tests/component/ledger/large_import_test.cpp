#include "large_import.hpp"

#include <algorithm>
#include <random>

#include "component/ledger/rig.hpp"
#include "state.hpp"

// The first import of a database makes the unique index at its end, and one that brings many rows makes it
// again.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  const std::string k_index = "SELECT sql FROM sqlite_schema WHERE name = 'row_key'";

  // So many that it commits on the way.
  Import begin_large_import(Ledger& ledger) {
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    for (int i = 0; i < 100'500; ++i) must(under_way.add({card(std::to_string(i)), i + 2}));
    return under_way;
  }

  std::int64_t waiting_lines(Ledger& ledger) {
    return ledger::ask(ledger.state().db, "SELECT count(*) FROM temp.line");
  }

  std::vector<model::Card> cards_from(int begin, int end) {
    std::vector<model::Card> cards;
    for (int i = begin; i < end; ++i) cards.push_back(card(std::to_string(i)));
    return cards;
  }

  // Imports so many cards, and dies in a large import behind it. The index as it was before.
  std::string die_in_import(const Books& books, int cards) {
    std::string index;
    Remains remains;
    {
      auto ledger = books.open();
      index = books.ask(k_index);
      if (cards > 0) import(ledger, cards_from(0, cards));
      const auto under_way = begin_large_import(ledger);
      remains = books.remains();
    }
    books.restore(remains);
    return index;
  }

  void check_index(const Books& books, const std::string& expected) {
    REQUIRE(expected.starts_with("CREATE UNIQUE INDEX row_key ON row"));
    CHECK(books.ask(k_index) == expected);
    CHECK(books.ask("PRAGMA integrity_check") == "ok");
  }

  }  // namespace

  TEST_CASE("first import: it leaves the unique index that the schema has") {
    const Books books;
    auto ledger = books.open();
    const auto expected = books.ask(k_index);
    import(ledger, {card("2"), card("1"), card("2")});
    check_index(books, expected);
    CHECK_THROWS(change(books,
                        "INSERT INTO row (brand_id, card_id, code, openid, reason, source_line) "
                        "SELECT brand_id, card_id, code, 'oB', '', 9 FROM row"));
  }

  TEST_CASE("first import: without the index while it is under way and with it when it is given up") {
    const Books books;
    auto ledger = books.open();
    const auto expected = books.ask(k_index);
    auto given_up = begin_large_import(ledger);
    CHECK(books.ask(k_index) == "");
    give_up(std::move(given_up));
    check_index(books, expected);
    auto under_way = begin_large_import(ledger);
    CHECK(must(under_way.finish("a list", k_now)).added == 100'500);
    check_index(books, expected);
  }

  TEST_CASE("first import: one that died leaves no rows to the next and the index comes back") {
    const Books books;
    const auto expected = die_in_import(books, 0);
    auto ledger = books.open(Access::read_write);
    REQUIRE(books.ask(k_index) == "");
    CHECK(must(ledger::totals(ledger)).rows() == 0);
    CHECK(counts(import(ledger, {card("1"), card("7"), card("1")})) ==
          "lines 3 added 2 known 0 duplicates 1 refused 0 conflicts 0 vanished 0/0");
    CHECK(books.codes() == "1 7");
    check_index(books, expected);
  }

  TEST_CASE("first import: it is one too when no list so far had a row") {
    const Books books;
    Remains remains;
    {
      auto ledger = books.open();
      import(ledger, {});
      const auto under_way = begin_large_import(ledger);
      remains = books.remains();
    }
    books.restore(remains);
    CHECK(books.ask(k_index) == "");
    auto ledger = books.open();
    CHECK(must(ledger::totals(ledger)).rows() == 0);
    CHECK(import(ledger, {card("1"), card("1")}).added == 1);
    CHECK(books.ask("SELECT count(*) FROM sqlite_schema WHERE name = 'row_key'") == "1");
  }

  TEST_CASE("first import: its rows keep the order of the input when most had to wait") {
    for (const std::int64_t many_lines : {1, 10'000}) {  // sorted, and one by one
      CAPTURE(many_lines);
      const Books books;
      auto ledger = books.open();
      ledger.state().many_lines = many_lines;
      ledger.state().filter_words = 1;  // full after some dozen cards
      auto cards = cards_from(0, 300);
      std::shuffle(cards.begin(), cards.end(), std::mt19937{1});
      std::string codes;
      auto under_way = must(Import::begin(ledger, k_now, as_line));
      std::int64_t line = 1;
      for (const auto& one : cards) {
        codes += (codes.empty() ? "" : " ") + one.code;
        must(under_way.add({one, ++line}));
      }
      CHECK(waiting_lines(ledger) > 200);
      CHECK(must(under_way.finish("a list", k_now)).added == 300);
      CHECK(books.ask("SELECT code FROM row ORDER BY id") == codes);
      CHECK(books.ask("SELECT count(*) FROM row WHERE source_line <> id + 1") == "0");
    }
  }

  TEST_CASE("large import: lines in the order of the rows do not wait") {
    const Books books;
    auto ledger = books.open();
    auto cards = cards_from(0, 1'000);
    for (int i = 0; i < 1'000; i += 10) cards.insert(cards.begin() + i, cards[static_cast<std::size_t>(i)]);
    import(ledger, cards);  // each repetition leaves a gap between the rows
    ledger.state().many_lines = 100;
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    std::int64_t line = 1;
    for (const auto& one : cards_from(1'000, 1'300)) must(under_way.add({one, ++line}));
    for (int i = 0; i < 1'000; ++i)
      if (i % 50 > 2) must(under_way.add({card(std::to_string(i)), ++line}));  // three in fifty have left
    CHECK(waiting_lines(ledger) == 0);
    must(under_way.add({card("500"), ++line}));
    must(under_way.add({card("500"), ++line}));
    CHECK(waiting_lines(ledger) == 2);
    CHECK(counts(must(under_way.finish("a list", k_now))) ==
          "lines 1242 added 300 known 941 duplicates 1 refused 0 conflicts 0 vanished 59/0");
  }

  TEST_CASE("large import: the same card is never new again") {
    const Books books;
    {
      auto ledger = books.open();
      import(ledger, {card("a"), card("b")});
    }
    sqlite::Connection db{books.file, sqlite::Mode::read_write};
    ledger::LargeImport large{db};
    const auto may_have_come = [&](const model::Card& one) {
      return large.may_have_come(ledger::CardFilter::key_of(one));
    };
    const auto may_have_row = [&](const char* code) {
      return large.may_have_row(ledger::CardFilter::key_of("1004", "pT", code));
    };
    CHECK(may_have_come(card("a")));
    CHECK(may_have_row("b"));
    CHECK_FALSE(may_have_row("c"));
    int doubtful = 0;
    for (int n = 0; n < 10'000; ++n) doubtful += may_have_come(card(std::to_string(n)));
    CHECK(doubtful == 0);
    for (int n = 0; n < 10'000; ++n) CHECK(may_have_come(card(std::to_string(n), "oB", "else")));
  }

  TEST_CASE("large import: a list that grew makes the index again and keeps its order without gaps") {
    const Books books;
    auto ledger = books.open();
    const auto expected = books.ask(k_index);
    import(ledger, cards_from(0, 1'000));
    settle(ledger, "5", Status::invalidated);
    for (const bool is_given_up : {true, false}) {
      auto under_way = must(Import::begin(ledger, k_now, as_line));
      std::int64_t line = 1;
      for (const auto& one : cards_from(0, 120'000)) must(under_way.add({one, ++line}));
      for (const auto& one : cards_from(60'000, 75'000)) must(under_way.add({one, ++line}));
      CHECK(ledger::ask(ledger.state().db, "SELECT count(*) FROM sqlite_schema WHERE name = 'row_key'") == 0);
      check_index(books, expected);  // for everybody else
      CHECK(books.ask("SELECT count(*) FROM results") == "1000");
      if (is_given_up) {
        give_up(std::move(under_way));
        CHECK(books.ask("SELECT count(*) FROM row") == "1000");
      } else {
        CHECK(counts(must(under_way.finish("a list", k_now))) ==
              "lines 135000 added 119000 known 1000 duplicates 15000 refused 0 conflicts 0 vanished 0/0");
      }
      check_index(books, expected);
    }
    CHECK(books.ask("SELECT count(*) FROM results WHERE status = 'pending'") == "119999");
    CHECK(books.ask("SELECT count(*) FROM row WHERE source_line <> code + 2") == "0");
    CHECK(books.ask("SELECT max(id) FROM row") == "120000");
    // All but those that the filter took for known ones.
    CHECK(std::stoi(
              books.ask("SELECT count(*) FROM (SELECT code + 0 < lag(code + 0) OVER (ORDER BY id) AS is_back "
                        "FROM row) WHERE is_back")) < 50);
  }

  TEST_CASE("large import: one that died leaves the rows and the index as they were") {
    const Books books;
    const auto expected = die_in_import(books, 1'000);
    check_index(books, expected);
    auto ledger = books.open(Access::read_write);
    CHECK(must(ledger::totals(ledger)).rows() == 1'000);
    CHECK(import(ledger, cards_from(0, 1'001)).added == 1);
    CHECK(books.ask("SELECT count(*) FROM row") == "1001");
  }
}
