#include <cardvoid/ledger/interruptible.hpp>
#include <limits>

#include "component/ledger/rig.hpp"
#include "state.hpp"

// Imports that are given up, and imports that die.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  constexpr int k_more_than_one_transaction = 100'500;

  // Begins an import of so many new cards that it commits on the way, which a large one would not.
  Import begin_committing_import(Ledger& ledger) {
    ledger.state().many_lines = std::numeric_limits<std::int64_t>::max();
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    for (int i = 0; i < k_more_than_one_transaction; ++i)
      must(under_way.add({card("new" + std::to_string(i)), i + 2}));
    return under_way;
  }

  int rows_in_table(const Books& books) { return std::stoi(books.ask("SELECT count(*) FROM row")); }

  std::size_t count_fetched(Ledger& ledger) {
    ledger::Cursor cursor;
    return must(ledger::fetch(ledger, cursor, 200'000)).size();
  }

  }  // namespace

  TEST_CASE("abandoned import: a small one leaves the plan as it was") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA"), card("2")});
    send_in_vain(ledger, "1");
    import(ledger, {card("1", "oB"), card("2")});
    const auto plan = must(ledger::fingerprint(ledger));

    auto under_way = must(Import::begin(ledger, k_now, as_line));
    must(under_way.add({card("1", "oA"), 2}));
    must(under_way.add({card("3"), 3}));
    must(under_way.refuse(4, "code: empty", ""));
    give_up(std::move(under_way));

    CHECK(must(ledger::fingerprint(ledger)) == plan);
    CHECK(must(ledger::totals(ledger)).conflicts == 1);
    CHECK(books.codes() == "1 2");
    CHECK(rows_in_table(books) == 2);
    CHECK(count_fetched(ledger) == 1);
    CHECK(books.ask("SELECT count(*) FROM import") == "2");
  }

  TEST_CASE("abandoned import: a signal is heard while the indices are made and nothing of it stays") {
    for (const bool is_first : {true, false}) {
      CAPTURE(is_first);
      const Books books;
      auto ledger = books.open();
      if (!is_first) import(ledger, {card("old")});
      const auto rows = rows_in_table(books);
      bool has_come = false;
      {
        const ledger::Interruptible scope{ledger, [&] { return has_come; }};
        auto under_way = must(Import::begin(ledger, k_now, as_line));
        for (int i = 0; i < 20'000; ++i) must(under_way.add({card("new" + std::to_string(i)), i + 2}));
        REQUIRE(ledger::ask(ledger.state().db, "SELECT count(*) FROM sqlite_schema WHERE name = 'row_key'") ==
                0);
        has_come = true;
        const auto ended = under_way.finish("a list", k_now);
        REQUIRE(ended.has_error());
        CHECK(ended.error().code == Errc::stopped);
      }
      CHECK(rows_in_table(books) == rows);
      CHECK(books.ask("SELECT count(*) FROM sqlite_schema WHERE name IN ('row_key', 'row_pending')") == "2");
      CHECK(import(ledger, {card("1"), card("old")}).added == 2 - rows);
      CHECK(count_fetched(ledger) == 2);
    }
  }

  TEST_CASE(
      "abandoned and dead imports leave nothing though they committed before they took the index away") {
    for (const bool dies : {false, true}) {
      CAPTURE(dies);
      const Books books;
      Remains remains;
      std::string index;
      {
        auto ledger = books.open();
        index = books.ask("SELECT sql FROM sqlite_schema WHERE name = 'row_key'");
        import(ledger, {card("1"), card("2")});
        ledger.state().many_lines = 1'000;
        auto under_way = must(Import::begin(ledger, k_now, as_line));
        std::int64_t line = 1;
        const auto add = [&](int count) {
          for (int i = 0; i < count; ++i) must(under_way.add({card(fmt::format("new{}", ++line)), line}));
        };
        add(900);
        for (int i = 0; i < k_more_than_one_transaction; ++i)
          must(under_way.refuse(++line, "code: empty", ""));
        REQUIRE(rows_in_table(books) == 902);
        add(900);
        REQUIRE(ledger::ask(ledger.state().db, "SELECT count(*) FROM sqlite_schema WHERE name = 'row_key'") ==
                0);
        for (int i = 0; i < k_more_than_one_transaction; ++i)
          must(under_way.refuse(++line, "code: empty", ""));
        CHECK(rows_in_table(books) == 902);
        remains = books.remains();
        if (!dies) give_up(std::move(under_way));
      }
      if (dies) books.restore(remains);
      auto ledger = books.open(Access::read_write);
      CHECK(books.codes() == "1 2");
      CHECK(books.ask("SELECT sql FROM sqlite_schema WHERE name = 'row_key'") == index);
      CHECK(import(ledger, {card("2"), card("new3")}).added == 1);
      CHECK(rows_in_table(books) == 3);
      CHECK(books.ask("PRAGMA integrity_check") == "ok");
    }
  }

  TEST_CASE("abandoned and dead imports lift no conflict and the next one that is complete does") {
    for (const bool dies : {false, true}) {
      const Books books;
      std::string plan;
      Remains remains;
      {
        auto ledger = books.open();
        import(ledger, {card("1", "oA"), card("2")});
        send_in_vain(ledger, "1");
        import(ledger, {card("1", "oB"), card("2")});
        plan = must(ledger::fingerprint(ledger));
        auto under_way = must(Import::begin(ledger, k_now, as_line));
        must(under_way.add({card("1", "oA"), 2}));
        for (int i = 0; i < k_more_than_one_transaction; ++i)
          must(under_way.refuse(i + 3, "code: empty", ""));
        REQUIRE(books.ask("SELECT count(*) > 0 FROM refused_line WHERE id > 1") == "1");  // committed
        remains = books.remains();
      }
      if (dies) books.restore(remains);
      auto ledger = books.open(Access::read_write);
      CHECK(must(ledger::fingerprint(ledger)) == plan);
      CHECK(must(ledger::totals(ledger)).conflicts == 1);
      CHECK(count_fetched(ledger) == 1);
      import(ledger, {card("2")});  // has no word on it
      CHECK(must(ledger::fingerprint(ledger)) == plan);
      CHECK(count_fetched(ledger) == 1);
      import(ledger, {card("1", "oA"), card("2")});
      CHECK(count_fetched(ledger) == 2);
    }
  }

  TEST_CASE("abandoned import: one that had committed on the way leaves nothing") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3")});
    settle(ledger, "1", Status::invalidated);
    const auto plan = must(ledger::fingerprint(ledger));
    const auto before = counts(must(ledger::totals(ledger)));

    auto under_way = begin_committing_import(ledger);
    REQUIRE(rows_in_table(books) > 1000);  // seen from another connection: it did commit
    give_up(std::move(under_way));

    CHECK(rows_in_table(books) == 3);
    CHECK(books.codes() == "1 2 3");
    CHECK(counts(must(ledger::totals(ledger))) == before);
    CHECK(must(ledger::fingerprint(ledger)) == plan);
    CHECK(count_fetched(ledger) == 2);
    CHECK(must(ledger::brands(ledger)) == std::vector<std::string>{"1004"});
    CHECK(import(ledger, {card("1"), card("2"), card("3")}).known == 3);
  }

  TEST_CASE("abandoned import: the very first one leaves an empty plan") {
    const Books books;
    auto ledger = books.open();
    give_up(begin_committing_import(ledger));
    CHECK(rows_in_table(books) == 0);
    CHECK(must(ledger::totals(ledger)).rows() == 0);
    CHECK(import(ledger, {card("1")}).added == 1);
  }

  TEST_CASE("dead import: what it committed is neither counted nor shown") {
    const Books books;
    Remains remains;
    {
      auto ledger = books.open();
      import(ledger, {card("1"), card("2")});
      const auto under_way = begin_committing_import(ledger);
      remains = books.remains();
    }
    books.restore(remains);
    auto ledger = books.open(Access::read_write);
    REQUIRE(rows_in_table(books) > 1000);
    CHECK(counts(must(ledger::totals(ledger))) ==
          "pending 2 in_flight 0 invalidated 0 rejected 0 unresolved 0 held 0 conflicts 0 refused 0");
    CHECK(books.codes() == "1 2");
    CHECK(must(ledger::each_result(ledger, {}, [](const auto&) {})) == 2);
  }

  TEST_CASE("dead import: the next one takes away what it left") {
    const Books books;
    std::string plan;
    Remains remains;
    {
      auto ledger = books.open();
      import(ledger, {card("1"), card("2")});
      plan = must(ledger::fingerprint(ledger));
      const auto under_way = begin_committing_import(ledger);
      remains = books.remains();
    }
    books.restore(remains);
    auto ledger = books.open(Access::read_write);
    CHECK(counts(import(ledger, {card("1"), card("2")})) ==
          "lines 2 added 0 known 2 duplicates 0 refused 0 conflicts 0 vanished 0/0");
    CHECK(rows_in_table(books) == 2);
    CHECK(books.codes() == "1 2");
    CHECK(must(ledger::totals(ledger)).rows() == 2);
    CHECK(must(ledger::fingerprint(ledger)) == plan);
    CHECK(count_fetched(ledger) == 2);
  }

  TEST_CASE("dead import: its cards are new when they come again and its contradictions are forgotten") {
    const Books books;
    Remains remains;
    {
      auto ledger = books.open();
      auto under_way = must(Import::begin(ledger, k_now, as_line));
      must(under_way.add({card("1", "oA"), 2}));
      must(under_way.add({card("1", "oB"), 3}));
      for (int i = 0; i < k_more_than_one_transaction; ++i) must(under_way.refuse(i + 4, "code: empty", ""));
      remains = books.remains();
    }
    books.restore(remains);
    auto ledger = books.open(Access::read_write);
    REQUIRE(rows_in_table(books) == 1);
    CHECK(counts(import(ledger, {card("1", "oC")})) ==
          "lines 1 added 1 known 0 duplicates 0 refused 0 conflicts 0 vanished 0/0");
    CHECK(books.ask("SELECT openid FROM results") == "oC");
    CHECK(must(ledger::totals(ledger)).refused == 0);
  }

  TEST_CASE("dead import: a small one was never written") {
    const Books books;
    Remains remains;
    {
      auto ledger = books.open();
      import(ledger, {card("1")});
      auto under_way = must(Import::begin(ledger, k_now, as_line));
      must(under_way.add({card("2"), 2}));
      remains = books.remains();
    }
    books.restore(remains);
    CHECK(rows_in_table(books) == 1);
  }

  TEST_CASE("dead import: rows that were sent for survive the next one") {
    const Books books;
    Remains remains;
    {
      auto ledger = books.open();
      import(ledger, {card("1"), card("2")});
      send(ledger, intent(id_of(ledger, "2")));
      const auto under_way = begin_committing_import(ledger);
      remains = books.remains();
    }
    books.restore(remains);
    auto ledger = books.open(Access::read_write);
    import(ledger, {card("9")});
    CHECK(books.codes() == "1 2 9");
    CHECK(books.ask("SELECT status FROM results WHERE code = '2'") == "in_flight");
  }

  TEST_CASE("abandoned import: conflicts and refused lines of the earlier one stay") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA"), card("2")});
    send_in_vain(ledger, "1");
    import(ledger, {card("1", "oB"), card("2"), card("3", "oA"), card("3", "oB")});
    const auto plan = must(ledger::fingerprint(ledger));
    give_up(begin_committing_import(ledger));
    CHECK(must(ledger::totals(ledger)).conflicts == 1);
    CHECK(must(ledger::totals(ledger)).refused == 3);
    CHECK(must(ledger::fingerprint(ledger)) == plan);
  }

  TEST_CASE("dead import: neither its rows nor its refused lines count") {
    const Books books;
    std::string plan;
    Remains remains;
    {
      auto ledger = books.open();
      import(ledger, {card("1", "oA"), card("2")});
      plan = must(ledger::fingerprint(ledger));
      auto under_way = begin_committing_import(ledger);
      must(under_way.refuse(5, "x", "y"));
      for (int i = 0; i < k_more_than_one_transaction; ++i) must(under_way.refuse(i + 6, "x", "y"));
      remains = books.remains();
    }
    books.restore(remains);
    auto ledger = books.open();
    CHECK(must(ledger::totals(ledger)).refused == 0);
    CHECK(must(ledger::fingerprint(ledger)) == plan);
    ledger::Cursor cursor;
    CHECK(must(ledger::fetch(ledger, cursor, 1000)).size() == 2);
  }
}
