#include "component/ledger/rig.hpp"

// Rows that a request was made for, and that a new input names otherwise.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  std::vector<std::string> fetched(Ledger& ledger) {
    ledger::Cursor cursor;
    std::vector<std::string> codes;
    for (const auto& row : must(ledger::fetch(ledger, cursor, 100))) codes.push_back(row.card.code);
    return codes;
  }

  using Codes = std::vector<std::string>;

  }  // namespace

  TEST_CASE("conflict: a pending row with another openid is not sent until the input agrees again") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("2")});
    const auto plan_of_2 = must(ledger::fingerprint(ledger));
    import(ledger, {card("1", "oA"), card("2")});
    send_in_vain(ledger, "1");
    const auto plan_of_both = must(ledger::fingerprint(ledger));

    CHECK(counts(import(ledger, {card("1", "oB"), card("2")})) ==
          "lines 2 added 0 known 1 duplicates 0 refused 1 conflicts 1 vanished 0/0");
    CHECK(fetched(ledger) == Codes{"2"});
    CHECK(counts(must(ledger::totals(ledger))) ==
          "pending 2 in_flight 0 invalidated 0 rejected 0 unresolved 0 held 0 conflicts 1 refused 1");
    CHECK(must(ledger::totals(ledger)).to_send() == 1);
    CHECK(must(ledger::fingerprint(ledger)) == plan_of_2);
    CHECK(books.refused_lines() == "2");
    CHECK(books.ask("SELECT raw FROM refused") == "code=1 card_id=pT brand_id=1004 openid=oB reason=");
    CHECK(books.ask("SELECT openid FROM results WHERE code = '1'") == "oA");

    CHECK(counts(import(ledger, {card("1", "oA"), card("2")})) ==
          "lines 2 added 0 known 2 duplicates 0 refused 0 conflicts 0 vanished 0/0");
    CHECK(fetched(ledger) == Codes{"2", "1"});
    CHECK(must(ledger::totals(ledger)).to_send() == 2);
    CHECK(must(ledger::fingerprint(ledger)) == plan_of_both);
  }

  TEST_CASE("conflict: a pending row with another reason is one too") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA", "closed")});
    send_in_vain(ledger, "1");
    for (const auto* reason : {"moved", ""}) {
      CAPTURE(reason);
      CHECK(import(ledger, {card("1", "oA", reason)}).conflicts == 1);
      CHECK(fetched(ledger).empty());
      CHECK(must(ledger::totals(ledger)).to_send() == 0);
    }
    CHECK(import(ledger, {card("1", "oA", "closed")}).conflicts == 0);
    CHECK(fetched(ledger) == Codes{"1"});
  }

  TEST_CASE("conflict: it does not matter in which order the input contradicts the plan") {
    for (const auto& openids : {Codes{"oA", "oB", "oC"}, Codes{"oB", "oA", "oC"}, Codes{"oC", "oB", "oA"}}) {
      CAPTURE(openids[0] + openids[1] + openids[2]);
      const Books books;
      auto ledger = books.open();
      import(ledger, {card("1", "oA"), card("2")});
      send_in_vain(ledger, "1");
      const auto summary =
          import(ledger, {card("1", openids[0]), card("2"), card("1", openids[1]), card("1", openids[2])});
      CHECK(summary.conflicts == 1);  // one row, however many lines
      CHECK(summary.refused == 2);
      CHECK(summary.added == 0);
      CHECK(fetched(ledger) == Codes{"2"});
      CHECK(books.ask("SELECT openid FROM results WHERE code = '1'") == "oA");
      CHECK(books.ask("SELECT count(*) FROM refused WHERE raw LIKE '%openid=oA%'") == "0");
    }
  }

  TEST_CASE("conflict: one whose row is not in the input any more lasts and is not sent") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA")});
    send_in_vain(ledger, "1");
    import(ledger, {card("1", "oB")});
    CHECK(counts(import(ledger, {card("2")})) ==
          "lines 1 added 1 known 0 duplicates 0 refused 0 conflicts 0 vanished 1/0");
    CHECK(must(ledger::totals(ledger)).conflicts == 1);
    CHECK(fetched(ledger) == Codes{"2"});
  }

  TEST_CASE("conflict: a row in conflict that stands in the input has not vanished") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA"), card("2")});
    send_in_vain(ledger, "1");
    send_in_vain(ledger, "2");
    const auto summary = import(ledger, {card("1", "oB")});
    CHECK(summary.vanished == 1);
    CHECK(summary.vanished_to_send == 1);
  }

  TEST_CASE("conflict: it outlives the process") {
    const Books books;
    {
      auto ledger = books.open();
      import(ledger, {card("1", "oA"), card("2")});
      send_in_vain(ledger, "1");
      import(ledger, {card("1", "oB"), card("2")});
    }
    auto ledger = books.open();
    CHECK(fetched(ledger) == Codes{"2"});
    CHECK(must(ledger::totals(ledger)).conflicts == 1);
  }

  TEST_CASE("conflict: a row for which requests went out keeps its openid and refuses the other one") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), card("4")});
    settle(ledger, "1", Status::invalidated);
    settle(ledger, "2", Status::rejected);
    settle(ledger, "3", Status::unresolved);
    send(ledger, intent(id_of(ledger, "4")));
    CHECK(counts(import(ledger, {card("1", "oB"), card("2", "oB"), card("3", "oB"), card("4", "oB")})) ==
          "lines 4 added 0 known 0 duplicates 0 refused 4 conflicts 0 vanished 0/0");
    CHECK(books.ask("SELECT DISTINCT cause FROM refused") ==
          "requests were already sent for this card with another openid; to send this line, name another "
          "results database");
    CHECK(books.ask("SELECT DISTINCT openid FROM results") == "oA");
    CHECK(must(ledger::totals(ledger)).to_send() == 2);  // the doubtful ones are still read back
    CHECK(fetched(ledger) == Codes{"3", "4"});
  }

  TEST_CASE("conflict: for another reason it is too late once requests went out") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA", "closed")});
    settle(ledger, "1", Status::invalidated);
    CHECK(counts(import(ledger, {card("1", "oA", "moved"), card("1", "oA", "lost")})) ==
          "lines 2 added 0 known 1 duplicates 1 refused 0 conflicts 0 vanished 0/0");
    CHECK(books.ask("SELECT reason FROM results") == "closed");
  }
}
