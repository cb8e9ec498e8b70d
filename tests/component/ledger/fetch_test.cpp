#include <algorithm>

#include "component/ledger/rig.hpp"

// Reading the rows to send, in the order in which they are sent.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  using Codes = std::vector<std::string>;

  // Everything that a lane holds, read `at_once` rows at a time.
  Codes read_lane(Ledger& ledger, ledger::Cursor cursor, int at_once) {
    Codes codes;
    for (;;) {
      const auto rows = must(ledger::fetch(ledger, cursor, at_once));
      for (const auto& row : rows) codes.push_back(row.card.code);
      REQUIRE(static_cast<int>(rows.size()) <= at_once);
      REQUIRE(codes.size() < 10'000);
      if (static_cast<int>(rows.size()) < at_once) return codes;
    }
  }

  ledger::Cursor doubt_only() { return {.brand_id = {}, .doubt_only = true}; }

  // 1 and 4 pending, 2 in flight, 3 held, 5 unresolved, 6 and 7 settled.
  void given_all_kinds(Ledger& ledger) {
    import(ledger, {card("1"), card("2"), card("3"), card("4"), card("5"), card("6"), card("7")});
    send(ledger, intent(id_of(ledger, "2")));
    settle(ledger, "3", Status::unresolved, true);
    settle(ledger, "5", Status::unresolved);
    settle(ledger, "6", Status::invalidated);
    settle(ledger, "7", Status::rejected);
  }

  }  // namespace

  TEST_CASE("fetch: rows in doubt come first and held ones last and settled ones never") {
    const Books books;
    auto ledger = books.open();
    given_all_kinds(ledger);
    CHECK(read_lane(ledger, {}, 100) == Codes{"2", "5", "1", "4", "3"});
  }

  TEST_CASE("fetch: a reason with characters that show nothing is sent as the list has it") {
    const Books books;
    auto ledger = books.open();
    const std::string reason = "已\u200B结束\u202E\u00AD";
    import(ledger, {card("1", "oA", reason)});
    ledger::Cursor cursor;
    CHECK(must(ledger::fetch(ledger, cursor, 10)).at(0).card.reason == reason);
  }

  TEST_CASE("fetch: reconciling reads all that is in doubt and nothing else") {
    const Books books;
    auto ledger = books.open();
    given_all_kinds(ledger);
    CHECK(read_lane(ledger, doubt_only(), 100) == Codes{"2", "5", "3"});
  }

  TEST_CASE("fetch: nothing is skipped or read twice in portions of any size") {
    const Books books;
    auto ledger = books.open();
    given_all_kinds(ledger);
    for (int at_once = 1; at_once <= 8; ++at_once) {
      CAPTURE(at_once);
      CHECK(read_lane(ledger, {}, at_once) == Codes{"2", "5", "1", "4", "3"});
      CHECK(read_lane(ledger, doubt_only(), at_once) == Codes{"2", "5", "3"});
    }
  }

  TEST_CASE("fetch: more than 256 rows come in input order with what is known of them") {
    const Books books;
    auto ledger = books.open();
    std::vector<model::Card> cards;
    Codes expected;
    for (int i = 0; i < 600; ++i) {
      expected.push_back(std::to_string(i * 7919 % 1000));  // not in the order of their codes
      cards.push_back(card(expected.back()));
    }
    import(ledger, cards);
    for (const int at_once : {1, 100, 256, 599, 600, 601}) {
      CAPTURE(at_once);
      CHECK(read_lane(ledger, {}, at_once) == expected);
    }
  }

  TEST_CASE("fetch: a row comes with its card and its attempts and its first sending") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {{"1004", "pT", "007", "oA", "已注销"}, card("2")});
    send(ledger, intent(1, 1, 1, k_now));
    auto read_back = attempt(1, 2, model::OutcomeKind::lost);
    read_back.kind = model::AttemptKind::read_back;
    must(ledger::begin_changes(ledger));
    must(ledger::close_attempt(ledger, read_back, ruling(Status::in_flight, read_back.outcome)));
    must(ledger::commit_changes(ledger));
    ledger::Cursor cursor;
    const auto rows = must(ledger::fetch(ledger, cursor, 10));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].id == 1);
    CHECK(rows[0].card.brand_id == "1004");
    CHECK(rows[0].card.card_id == "pT");
    CHECK(rows[0].card.code == "007");
    CHECK(rows[0].card.openid == "oA");
    CHECK(rows[0].card.reason == "已注销");
    CHECK(rows[0].status == Status::in_flight);
    CHECK(rows[0].attempts == 2);
    CHECK((rows[0].first_sent_at == k_now));
    CHECK(rows[1].status == Status::pending);
    CHECK(rows[1].attempts == 0);
    CHECK_FALSE(rows[1].first_sent_at.has_value());
  }

  TEST_CASE("fetch: an intent alone tells when the first request may have left") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    send(ledger, intent(1, 1, 1, k_now - milliseconds{5}));
    ledger::Cursor cursor;
    const auto rows = must(ledger::fetch(ledger, cursor, 1));
    REQUIRE(rows.size() == 1);
    CHECK((rows[0].first_sent_at == k_now - milliseconds{5}));
  }

  TEST_CASE("fetch: the time of a request that its run never saw the end of is unknown") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    send(ledger, intent(1, 1, 1, k_now));
    send(ledger, intent(2, 1, 1, k_now));
    must(ledger::begin_changes(ledger));
    const auto lost = attempt(2, 1, model::OutcomeKind::lost);
    must(ledger::close_attempt(ledger, lost, ruling(Status::in_flight, lost.outcome)));
    must(ledger::commit_changes(ledger));
    ledger::Cursor cursor;
    const auto rows = must(ledger::fetch(ledger, cursor, 10));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].has_open_attempt);
    CHECK_FALSE(rows[1].has_open_attempt);
  }

  TEST_CASE("fetch: a row that stopped an earlier run comes last so that the others have their turn") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), card("4")});
    for (const model::RowId row : {1, 2}) {  // 2 is in doubt as well
      send(ledger, intent(row));
      auto refused = attempt(row, 1, model::OutcomeKind::credentials_refused);
      refused.outcome.error_code = "NO_AUTH";
      auto ruled = ruling(row == 1 ? Status::pending : Status::in_flight, refused.outcome);
      ruled.strange = true;
      must(ledger::begin_changes(ledger));
      must(ledger::close_attempt(ledger, refused, ruled));
      must(ledger::commit_changes(ledger));
    }
    for (const int at_once : {1, 2, 10}) CHECK(read_lane(ledger, {}, at_once) == Codes{"3", "4", "1", "2"});
    // What this run has taken up itself does not come again.
    must(ledger::begin_run(ledger, {}));
    must(ledger::begin_run(ledger, {}));
    send(ledger, intent(1, 2, 2));
    CHECK(read_lane(ledger, {}, 10) == Codes{"3", "4", "2"});
  }

  TEST_CASE("fetch: a row that went back to pending behind the cursor is not read again") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3")});
    ledger::Cursor cursor;
    REQUIRE(must(ledger::fetch(ledger, cursor, 2)).size() == 2);
    send(ledger, intent(1));
    must(ledger::begin_changes(ledger));
    must(ledger::withdraw_attempt(ledger, 1, 1, Status::pending));
    must(ledger::commit_changes(ledger));
    const auto rest = must(ledger::fetch(ledger, cursor, 10));
    REQUIRE(rest.size() == 1);
    CHECK(rest[0].card.code == "3");
  }

  TEST_CASE("fetch: the lane of a brand holds that brand alone with and without an index") {
    const Books books;
    auto ledger = books.open();
    std::vector<model::Card> cards;
    Codes of_1004;
    for (int i = 0; i < 300; ++i) {
      const bool other = i % 3 == 0;
      cards.push_back({other ? "1003" : "1004", "pT", std::to_string(i), "oA", ""});
      if (!other) of_1004.push_back(std::to_string(i));
    }
    import(ledger, cards);
    send(ledger, intent(id_of(ledger, "100")));  // of brand 1004: comes first now
    send(ledger, intent(id_of(ledger, "99")));   // of brand 1003
    of_1004.erase(std::find(of_1004.begin(), of_1004.end(), "100"));
    of_1004.insert(of_1004.begin(), "100");
    ledger::Cursor cursor;
    cursor.brand_id = "1004";
    CHECK(read_lane(ledger, cursor, 64) == of_1004);
    must(ledger::index_brands(ledger));
    must(ledger::index_brands(ledger));  // once is enough
    CHECK(read_lane(ledger, cursor, 64) == of_1004);
    cursor.brand_id = "1003";
    CHECK(read_lane(ledger, cursor, 64).size() == 100);
    CHECK(read_lane(ledger, cursor, 64).front() == "99");
    cursor.brand_id = "1002";
    CHECK(read_lane(ledger, cursor, 64).empty());
    cursor = doubt_only();
    cursor.brand_id = "1003";
    CHECK(read_lane(ledger, cursor, 64) == Codes{"99"});
    CHECK(must(ledger::brands(ledger)) == Codes{"1003", "1004"});
  }
}
