#include "first_import.hpp"
#include "component/ledger/rig.hpp"

// The first import of a database makes the unique index at its end.
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

  // The index as the schema has it, except for the words that only its later making needs.
  std::string made_later(std::string sql) {
    constexpr std::string_view words = " IF NOT EXISTS";
    if (const auto at = sql.find(words); at != std::string::npos) sql.erase(at, words.size());
    return sql;
  }

  void check_index(const Books& books, const std::string& expected) {
    REQUIRE(expected.starts_with("CREATE UNIQUE INDEX row_key ON row"));
    CHECK(made_later(books.ask(k_index)) == expected);
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
    std::string expected;
    Remains remains;
    {
      auto ledger = books.open();
      expected = books.ask(k_index);
      const auto under_way = begin_large_import(ledger);
      remains = books.remains();
    }
    books.restore(remains);
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
    const Books books;
    books.open();
    sqlite::Connection db{books.file, sqlite::Mode::read_write};
    sqlite::Statement insert{db,
                             "INSERT INTO row (id, brand_id, card_id, code, openid, reason, source_line) "
                             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
    std::string texts;  // of those that waited
    const auto take = [&](RowId id, const model::InputRow& row, std::string_view text) {
      if (!text.empty()) texts.append(text) += ' ';
      const auto& c = row.card;
      insert.bind(id, c.brand_id, c.card_id, c.code, c.openid, c.reason, row.source_line).run();
    };
    constexpr std::size_t one_word = 1;  // a filter that is full after some dozen cards
    ledger::FirstImport first{db, one_word};
    int waiting = 0;
    for (int n = 1; n <= 300; ++n) {
      const model::InputRow row{card(std::to_string(n), "o" + std::to_string(n), "reason"), n + 1};
      const auto id = first.next_id();
      if (!first.may_have_come(row.card)) {
        take(id, row, "");
        continue;
      }
      ++waiting;
      first.put_aside(id, row, n == 299 || n == 300 ? "line " + std::to_string(n) : "");
    }
    CHECK(waiting > 200);
    CHECK(waiting < 299);
    first.finish(take);
    CHECK(texts == "line 299 line 300 ");
    CHECK(books.ask("SELECT count(*) FROM row") == "300");
    CHECK(
        books.ask("SELECT count(*) FROM row WHERE code <> id OR openid <> 'o' || id OR reason <> 'reason' OR "
                  "card_id <> 'pT' OR brand_id <> '1004' OR source_line <> id + 1") == "0");
  }

  TEST_CASE("first import: the same card is never new again") {
    const Books books;
    books.open();
    sqlite::Connection db{books.file, sqlite::Mode::read_write};
    ledger::FirstImport first{db};
    int doubtful = 0;
    for (int n = 0; n < 10'000; ++n) doubtful += first.may_have_come(card(std::to_string(n)));
    CHECK(doubtful == 0);
    for (int n = 0; n < 10'000; ++n) CHECK(first.may_have_come(card(std::to_string(n), "oB", "else")));
  }
}
