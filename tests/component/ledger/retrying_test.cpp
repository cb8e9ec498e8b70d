#include <algorithm>

#include "component/ledger/rig.hpp"
#include "state.hpp"

// Putting rows back into the plan.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;
  using ledger::Choice;
  using ledger::PutBack;
  using model::AttemptKind;
  using model::OutcomeKind;

  namespace {

  Choice of_status(Status status) { return {status, {}, {}}; }
  Choice of_codes(std::vector<std::string> codes) { return {std::nullopt, std::move(codes), {}}; }

  // Each code stands on a line of its own.
  auto list_of(std::vector<std::string> codes) {
    return
        [codes = std::move(codes), at = std::size_t{0}]() mutable -> Result<std::optional<Choice::Listed>> {
          if (at == codes.size()) return std::nullopt;
          ++at;
          return Choice::Listed{codes[at - 1], static_cast<std::int64_t>(at)};
        };
  }
  Choice of_list(std::vector<std::string> codes) { return {std::nullopt, {}, list_of(std::move(codes))}; }

  std::string counts(const PutBack& result) {
    return fmt::format("retried {} in_doubt {} not_eligible {} not_found {}", result.retried, result.in_doubt,
                       result.not_eligible, result.not_found);
  }

  // Sends for a row and then reads it back; the last word leaves it with this status.
  void read_back(Ledger& ledger, RowId row, int n, OutcomeKind kind, Status status, bool held = false) {
    auto ended = attempt(row, n, kind, 200, "SOME_CODE");
    ended.kind = AttemptKind::read_back;
    ended.outcome.error_message = "some words";
    ended.outcome.request_id = "R" + std::to_string(n);
    auto decided = ruling(status, ended.outcome);
    decided.held = held;
    must(ledger::begin_changes(ledger));
    must(ledger::close_attempt(ledger, ended, decided));
    must(ledger::commit_changes(ledger));
  }

  void unresolved(Ledger& ledger, const std::string& code, OutcomeKind read_as, bool held = false) {
    const auto row = id_of(ledger, code);
    send(ledger, intent(row));
    read_back(ledger, row, 2, read_as, Status::unresolved, held);
  }

  std::string statuses(const Books& books) {
    return books.ask("SELECT code || ':' || status FROM results ORDER BY source_line");
  }

  }  // namespace

  TEST_CASE("put back: a rejected row is as before its first request but for its history") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    const auto row = id_of(ledger, "1");
    send(ledger, intent(row));
    auto refused = attempt(row, 1, OutcomeKind::refused, 400, "INVALID_REQUEST");
    must(ledger::begin_changes(ledger));
    must(ledger::close_attempt(ledger, refused, ruling(Status::pending, {})));
    must(ledger::commit_changes(ledger));
    read_back(ledger, row, 2, OutcomeKind::not_invalid, Status::rejected);
    const auto attempts = books.ask("SELECT group_concat(n || kind || outcome) FROM attempts");
    const auto first_sent = books.ask("SELECT first_sent_at FROM results WHERE code = '1'");
    CHECK(books.ask("SELECT error_code FROM results WHERE code = '1'") == "SOME_CODE");

    CHECK(counts(must(ledger::put_back(ledger, of_status(Status::rejected)))) ==
          "retried 1 in_doubt 0 not_eligible 0 not_found 0");
    for (const auto* column : {"settled_by", "finished_at", "error_code", "error_message", "http_status",
                               "request_id", "endpoint"}) {
      CAPTURE(column);
      CHECK(books.ask(fmt::format("SELECT {} FROM results WHERE code = '1'", column)) == "-");
    }
    CHECK(statuses(books) == "1:pending 2:pending");
    CHECK(books.ask("SELECT group_concat(n || kind || outcome) FROM attempts") == attempts);
    CHECK(books.ask("SELECT first_sent_at FROM results WHERE code = '1'") == first_sent);
    ledger::Cursor cursor;
    const auto rows = must(ledger::fetch(ledger, cursor, 10));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].card.code == "1");
    CHECK(rows[0].status == Status::pending);
    CHECK(rows[0].attempts == 2);  // the next one is number 3
    CHECK(rows[0].first_sent_at.has_value());
  }

  TEST_CASE("put back: an unresolved row only when the last word is a read-back that did not say INVALID") {
    const std::vector<OutcomeKind> usable{OutcomeKind::not_invalid, OutcomeKind::refused};
    for (int kind = 0; kind <= static_cast<int>(OutcomeKind::bad_certificate); ++kind) {
      const auto read_as = static_cast<OutcomeKind>(kind);
      if (!model::was_sent(read_as)) continue;  // says nothing: below
      CAPTURE(std::string{model::to_text(read_as)});
      const Books books;
      auto ledger = books.open();
      import(ledger, {card("1")});
      unresolved(ledger, "1", read_as);
      const bool eligible = std::find(usable.begin(), usable.end(), read_as) != usable.end();
      CHECK(counts(must(ledger::put_back(ledger, of_status(Status::unresolved)))) ==
            (eligible ? "retried 1 in_doubt 0 not_eligible 0 not_found 0"
                      : "retried 0 in_doubt 1 not_eligible 0 not_found 0"));
      CHECK(statuses(books) == (eligible ? "1:pending" : "1:unresolved"));
    }
  }

  TEST_CASE("put back: what was never sent says nothing and what was sent later says more") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), card("4")});
    for (const auto* code : {"1", "2"}) unresolved(ledger, code, OutcomeKind::not_invalid);
    // 1: the next try did not get out of the house.
    auto not_sent = attempt(1, 3, OutcomeKind::not_sent);
    not_sent.kind = AttemptKind::read_back, not_sent.sent = false;
    must(ledger::begin_changes(ledger));
    must(ledger::close_attempt(ledger, not_sent, ruling(Status::unresolved, not_sent.outcome)));
    must(ledger::commit_changes(ledger));
    // 2: one more invalidation left, whose answer says nothing sure.
    send(ledger, intent(2, 3));
    must(ledger::begin_changes(ledger));
    const auto lost = attempt(2, 3, OutcomeKind::lost);
    must(ledger::close_attempt(ledger, lost, ruling(Status::unresolved, lost.outcome)));
    must(ledger::commit_changes(ledger));
    // 3: a refusal of the invalidation itself is no read-back. 4: nothing is known at all.
    settle(ledger, "3", Status::unresolved);
    send(ledger, intent(4));
    must(ledger::begin_changes(ledger));
    must(ledger::withdraw_attempt(ledger, 4, 1, Status::unresolved));
    must(ledger::commit_changes(ledger));

    const auto result = must(ledger::put_back(ledger, of_status(Status::unresolved)));
    CHECK(counts(result) == "retried 1 in_doubt 3 not_eligible 0 not_found 0");
    CHECK(statuses(books) == "1:pending 2:unresolved 3:unresolved 4:unresolved");
    REQUIRE(result.rows_in_doubt.size() == 3);
    CHECK(result.rows_in_doubt[0].source_line == 3);
    CHECK(result.rows_in_doubt[0].code == "2");
    CHECK(result.rows_in_doubt[0].status == "unresolved");
  }

  TEST_CASE("put back: a held row is let go and belongs to the plan again") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    unresolved(ledger, "1", OutcomeKind::not_invalid, true);
    unresolved(ledger, "2", OutcomeKind::wrong_card, true);
    const auto before = must(ledger::fingerprint(ledger));
    CHECK(must(ledger::totals(ledger)).to_send() == 0);
    CHECK(counts(must(ledger::put_back(ledger, of_status(Status::unresolved)))) ==
          "retried 1 in_doubt 1 not_eligible 0 not_found 0");
    CHECK(ledger_test::counts(must(ledger::totals(ledger))) ==
          "pending 1 in_flight 0 invalidated 0 rejected 0 unresolved 1 held 1 conflicts 0 refused 0");
    CHECK(must(ledger::totals(ledger)).to_send() == 1);
    CHECK(must(ledger::fingerprint(ledger)) != before);
  }

  TEST_CASE("put back: rows of every other status stay as they are and are told when they were named") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), card("4"), card("5")});
    settle(ledger, "2", Status::invalidated);
    settle(ledger, "3", Status::rejected);
    send(ledger, intent(id_of(ledger, "4")));
    unresolved(ledger, "5", OutcomeKind::lost);
    const auto all = std::vector<std::string>{"1", "2", "3", "4", "5", "6"};
    auto result = must(ledger::put_back(ledger, of_list(all)));
    CHECK(counts(result) == "retried 1 in_doubt 2 not_eligible 2 not_found 1");
    CHECK(statuses(books) == "1:pending 2:invalidated 3:pending 4:in_flight 5:unresolved");
    CHECK(books.ask("SELECT settled_by FROM results WHERE code = '2'") == "answer");
    REQUIRE(result.rows_not_eligible.size() == 2);
    CHECK(result.rows_not_eligible[1].code == "2");
    CHECK(result.rows_not_eligible[1].status == "invalidated");
    REQUIRE(result.codes_not_found.size() == 1);
    CHECK(result.codes_not_found[0].code == "6");
    CHECK(result.codes_not_found[0].line == 6);

    // Again: the same command finds nothing left to put back.
    CHECK(counts(must(ledger::put_back(ledger, of_list(all)))) ==
          "retried 0 in_doubt 2 not_eligible 3 not_found 1");
    // Rows of another status are reported, and they do not stand in the way.
    CHECK(counts(must(ledger::put_back(ledger, {Status::rejected, {}, list_of(all)}))) ==
          "retried 0 in_doubt 0 not_eligible 5 not_found 1");
    CHECK(counts(must(ledger::put_back(ledger, {Status::unresolved, {}, list_of(all)}))) ==
          "retried 0 in_doubt 1 not_eligible 4 not_found 1");
  }

  TEST_CASE("put back: filters combine and a code chooses its rows of every template and brand") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), {"1004", "pOther", "1", "oA", ""}, {
                      "1005",
                      "pT",
                      "1",
                      "oA",
                      ""
                    }});
    for (const auto* code : {"2", "3"}) settle(ledger, code, Status::rejected);
    for (const RowId row : {1, 4, 5}) {
      send(ledger, intent(row));
      must(ledger::begin_changes(ledger));
      const auto ended = attempt(row, 1, OutcomeKind::refused, 400, "INVALID_REQUEST");
      must(ledger::close_attempt(ledger, ended, ruling(Status::rejected, ended.outcome)));
      must(ledger::commit_changes(ledger));
    }
    const std::vector<std::string> first{"1", "2", "8"}, second{"2", "3", "9"};
    CHECK(counts(must(ledger::put_back(ledger, {Status::unresolved, first, list_of(second)}))) ==
          "retried 0 in_doubt 0 not_eligible 1 not_found 2");
    CHECK(counts(must(ledger::put_back(ledger, {Status::rejected, first, list_of(second)}))) ==
          "retried 1 in_doubt 0 not_eligible 0 not_found 2");
    CHECK(statuses(books) == "1:rejected 2:pending 3:rejected 1:rejected 1:rejected");
    CHECK(counts(must(ledger::put_back(ledger, of_codes({"1", "1"})))) ==
          "retried 3 in_doubt 0 not_eligible 0 not_found 0");
    CHECK(statuses(books) == "1:pending 2:pending 3:rejected 1:pending 1:pending");
    CHECK(counts(must(ledger::put_back(ledger, of_list({})))) ==
          "retried 0 in_doubt 0 not_eligible 0 not_found 0");
    CHECK(statuses(books) ==
          "1:pending 2:pending 3:rejected 1:pending 1:pending");  // an empty list chooses none
  }

  TEST_CASE("put back: no earlier confirmation covers what was put back") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3")});
    ledger::RunStart start;
    start.command = "run", start.fingerprint = must(ledger::fingerprint(ledger)), start.confirmed = true;
    must(ledger::begin_run(ledger, start));
    settle(ledger, "1", Status::rejected);
    settle(ledger, "2", Status::invalidated);
    REQUIRE(must(ledger::is_rest_of_confirmed(ledger, start.fingerprint)));
    (void)must(ledger::put_back(ledger, of_codes({"2", "3"})));
    CHECK(must(ledger::is_rest_of_confirmed(ledger, start.fingerprint)));  // nothing was put back
    (void)must(ledger::put_back(ledger, of_codes({"1"})));
    CHECK_FALSE(must(ledger::is_rest_of_confirmed(ledger, start.fingerprint)));
  }

  TEST_CASE("put back: a list that cannot be read to its end changes nothing and leaves nothing behind") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    for (const auto* code : {"1", "2"}) settle(ledger, code, Status::rejected);
    Choice torn;
    torn.list = [n = 0]() mutable -> Result<std::optional<Choice::Listed>> {
      if (n++ == 0) return Choice::Listed{"1", 1};
      return Error{Errc::bad_input, "line 2 is no text"};
    };
    const auto failed = ledger::put_back(ledger, torn);
    REQUIRE(failed.has_error());
    CHECK(failed.error().code == Errc::bad_input);
    CHECK(statuses(books) == "1:rejected 2:rejected");
    CHECK(counts(must(ledger::put_back(ledger, of_codes({"2"})))) ==
          "retried 1 in_doubt 0 not_eligible 0 not_found 0");
    CHECK(statuses(books) == "1:rejected 2:pending");
  }

  TEST_CASE("put back: rows go back in one step or not at all") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    for (const auto* code : {"1", "2"}) settle(ledger, code, Status::rejected);
    {
      sqlite::Connection{books.file, sqlite::Mode::read_write}.execute(
          "CREATE TRIGGER no BEFORE UPDATE ON row WHEN old.code = '2' BEGIN SELECT RAISE(ABORT, 'no'); END");
    }
    // No trigger fires otherwise.
    sqlite3_db_config(ledger.state().db.get(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, nullptr);
    CHECK(ledger::put_back(ledger, of_status(Status::rejected)).has_error());
    CHECK(statuses(books) == "1:rejected 2:rejected");
  }

  TEST_CASE("put back: a conflict with the input is kept and a new one is found by the next import") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA", "old reason"), card("2", "oA")});
    send_in_vain(ledger, "2");
    settle(ledger, "1", Status::rejected);
    import(ledger, {card("1", "oA", "new reason"), card("2", "oB")});
    CHECK(must(ledger::totals(ledger)).conflicts == 1);  // 2; for 1 it was too late
    (void)must(ledger::put_back(ledger, of_status(Status::rejected)));
    CHECK(must(ledger::totals(ledger)).conflicts == 1);
    import(ledger, {card("1", "oA", "new reason"), card("2", "oB")});
    CHECK(must(ledger::totals(ledger)).conflicts == 2);
    CHECK(must(ledger::totals(ledger)).to_send() == 0);
  }

  TEST_CASE("put back: rows of an import that died are no part of it") {
    const Books books;
    Remains remains;
    {
      auto ledger = books.open();
      import(ledger, {card("1")});
      settle(ledger, "1", Status::rejected);
      auto under_way = must(Import::begin(ledger, k_now, as_line));
      must(under_way.add({card("1"), 2}));
      must(under_way.add({card("2"), 3}));
      must(ledger::commit_changes(ledger));
      remains = books.remains();
    }
    books.restore(remains);
    auto ledger = books.open();
    CHECK(counts(must(ledger::put_back(ledger, of_codes({"1", "2"})))) ==
          "retried 1 in_doubt 0 not_eligible 0 not_found 1");
  }
}
