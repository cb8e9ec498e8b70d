#include "component/ledger/rig.hpp"

// The journal of attempts: what is written, when it counts, and that it survives.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;
  using model::OutcomeKind;

  namespace {

  const std::string k_attempt =
      "SELECT row_id || ',' || n || ',' || run_id || ',' || kind || ',' || endpoint || ',' || sent || ',' || "
      "started_at || ',' || ifnull(finished_at, '-') || ',' || ifnull(latency_us, '-') || ',' || "
      "ifnull(http_status, '-') || ',' || ifnull(error_code, '-') || ',' || ifnull(request_id, '-') || ',' "
      "|| "
      "ifnull(outcome, '-') FROM attempt ORDER BY row_id, n";
  const std::string k_row =
      "SELECT status || ',' || held || ',' || ifnull(card_state, '-') || ',' || ifnull(invalid_time, '-') || "
      "',' "
      "|| ifnull(error_code, '-') || ',' || ifnull(error_message, '-') || ',' || ifnull(http_status, '-') || "
      "',' "
      "|| ifnull(request_id, '-') || ',' || ifnull(endpoint, '-') || ',' || ifnull(settled_by, '-') || ',' "
      "|| "
      "ifnull(first_sent_at, '-') || ',' || ifnull(finished_at, '-') FROM row ORDER BY id";

  // The files as a crash would leave them, opened elsewhere.
  struct Wreck {
    explicit Wreck(const Books& books) {
      for (const auto* suffix : {"", "-wal"})
        std::filesystem::copy_file(books.file.string() + suffix, copy.file.string() + suffix);
    }
    const Books copy;
  };

  void close(Ledger& ledger, const ledger::Attempt& ended, const model::Ruling& decided) {
    must(ledger::begin_changes(ledger));
    must(ledger::close_attempt(ledger, ended, decided));
    must(ledger::commit_changes(ledger));
  }

  }  // namespace

  TEST_CASE("read-back: its line is in attempts before it leaves and the row stays as it was") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    settle(ledger, "1", Status::unresolved);
    auto asking = intent(1, 2);
    asking.kind = model::AttemptKind::read_back;
    send(ledger, asking);
    CHECK(books.ask("SELECT kind || n || coalesce(outcome, '-') FROM attempts ORDER BY n") ==
          "invalidate1refused read_back2-");
    CHECK(books.ask("SELECT status FROM results ORDER BY code") == "unresolved pending");
    ledger::Cursor cursor;
    const auto rows = must(ledger::fetch(ledger, cursor, 10));
    REQUIRE(rows.size() == 2);
    CHECK_FALSE(rows[0].has_open_attempt);  // no invalidation is open
    CHECK(rows[0].has_open_read_back);
    CHECK(rows[0].attempts == 2);
    CHECK_FALSE(rows[1].has_open_read_back);

    auto ended = attempt(1, 2, model::OutcomeKind::not_invalid, 200);
    ended.kind = model::AttemptKind::read_back;
    must(ledger::begin_changes(ledger));
    must(ledger::close_attempt(ledger, ended, ruling(Status::unresolved, ended.outcome)));
    must(ledger::commit_changes(ledger));
    CHECK(books.ask("SELECT kind || n || coalesce(outcome, '-') FROM attempts ORDER BY n") ==
          "invalidate1refused read_back2not_invalid");
    cursor = {};
    CHECK_FALSE(must(ledger::fetch(ledger, cursor, 1))[0].has_open_read_back);

    // One that a kill cut off after it says nothing, and the denial before it counts.
    asking.n = 3;
    send(ledger, asking);
    ledger::Choice choice;
    choice.status = Status::unresolved;
    CHECK(must(ledger::put_back(ledger, choice)).retried == 1);

    // One that was not sent after all is none.
    asking.n = 4;
    send(ledger, asking);
    must(ledger::begin_changes(ledger));
    must(ledger::withdraw_attempt(ledger, 1, 4, std::nullopt));
    must(ledger::commit_changes(ledger));
    CHECK(books.ask("SELECT count(*) FROM attempts") == "3");
    CHECK(books.ask("SELECT status FROM results WHERE code = '1'") == "pending");
  }

  TEST_CASE("intent: it puts the row in flight with the attempt on record") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    send(ledger, {id_of(ledger, "2"), 1, 4, Endpoint::backup, k_now});
    CHECK(books.ask(k_attempt) == "2,1,4,invalidate,backup,1,1795579315693,-,-,-,-,-,-");
    CHECK(books.ask("SELECT status FROM row ORDER BY id") == "pending in_flight");
    CHECK(must(ledger::totals(ledger)).in_flight == 1);
  }

  TEST_CASE("intent: it counts with the commit and not before") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    must(ledger::begin_changes(ledger));
    must(ledger::open_attempt(ledger, intent(1)));
    CHECK(books.ask("SELECT status FROM row") == "pending");
    CHECK(books.ask("SELECT count(*) FROM attempt") == "0");
    must(ledger::commit_changes(ledger));
    CHECK(books.ask("SELECT status FROM row") == "in_flight");
  }

  TEST_CASE("intent: the same attempt cannot be opened twice") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    send(ledger, intent(1));
    must(ledger::begin_changes(ledger));
    const auto again = ledger::open_attempt(ledger, intent(1));
    REQUIRE(again.has_error());
    CHECK(again.error().code == Errc::io);
    CHECK(again.error().what.starts_with(books.file.string() + ": "));
  }

  TEST_CASE("crash: every committed intent and answer is in the copied files and what was not is not") {
    const Books books;
    auto ledger = books.open();
    std::vector<model::Card> cards;
    cards.reserve(300);
    for (int i = 0; i < 300; ++i) cards.push_back(card(std::to_string(i)));
    import(ledger, cards);
    for (RowId row = 1; row <= 200; ++row) send(ledger, intent(row));
    for (RowId row = 1; row <= 100; ++row) {
      const auto ended = attempt(row, 1, OutcomeKind::confirmed, 200);
      close(ledger, ended, ruling(Status::invalidated, ended.outcome));
    }
    must(ledger::begin_changes(ledger));
    must(ledger::open_attempt(ledger, intent(201)));

    const Wreck wreck{books};
    auto found = wreck.copy.open(Access::read_write);
    CHECK(counts(must(ledger::totals(found))) ==
          "pending 100 in_flight 100 invalidated 100 rejected 0 unresolved 0 held 0 conflicts 0 refused 0");
    CHECK(wreck.copy.ask("SELECT count(*) FROM attempt") == "200");
    CHECK(wreck.copy.ask("SELECT count(*) FROM attempt WHERE outcome IS NULL") == "100");
    CHECK(wreck.copy.ask("PRAGMA integrity_check") == "ok");
  }

  TEST_CASE("crash: each commit is whole at every point between two of them") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    const auto in_wreck = [&] {
      const Wreck wreck{books};
      (void)wreck.copy.open(Access::read_write);
      return wreck.copy.ask("SELECT status || (SELECT count(*) || count(outcome) FROM attempt) FROM row");
    };
    CHECK(in_wreck() == "pending00");
    must(ledger::begin_changes(ledger));
    must(ledger::open_attempt(ledger, intent(1)));
    CHECK(in_wreck() == "pending00");
    must(ledger::commit_changes(ledger));
    CHECK(in_wreck() == "in_flight10");
    const auto ended = attempt(1, 1, OutcomeKind::confirmed, 200);
    must(ledger::begin_changes(ledger));
    must(ledger::close_attempt(ledger, ended, ruling(Status::invalidated, ended.outcome)));
    CHECK(in_wreck() == "in_flight10");
    must(ledger::commit_changes(ledger));
    CHECK(in_wreck() == "invalidated11");
  }

  TEST_CASE("answer: it settles the row and ends the attempt in one go") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    send(ledger, intent(1));
    auto ended = attempt(1, 1, OutcomeKind::confirmed, 200);
    ended.endpoint = Endpoint::backup;  // where it went in the end
    ended.started_at += milliseconds{7};
    ended.outcome.card_state = "INVALID", ended.outcome.invalid_time = "2026-11-25T12:01:56+08:00";
    ended.outcome.request_id = "08F1-0";
    must(ledger::begin_changes(ledger));
    must(ledger::close_attempt(ledger, ended, ruling(Status::invalidated, ended.outcome)));
    CHECK(books.ask(k_row) == "in_flight,0,-,-,-,-,-,-,-,-,-,-");
    must(ledger::commit_changes(ledger));
    CHECK(books.ask(k_attempt) ==
          "1,1,1,invalidate,backup,1,1795579315700,1795579315943,249500,200,-,08F1-0,confirmed");
    CHECK(books.ask(k_row) ==
          "invalidated,0,INVALID,2026-11-25T12:01:56+08:00,-,-,200,08F1-0,backup,answer,1795579315700,"
          "1795579315943");
  }

  TEST_CASE("answer: an error leaves what the platform said of the card before") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    send(ledger, intent(1));
    auto first = attempt(1, 1, OutcomeKind::not_invalid, 200);
    first.outcome.card_state = "ACTIVE";
    close(ledger, first, ruling(Status::in_flight, first.outcome));
    CHECK(books.ask(k_row) == "in_flight,0,ACTIVE,-,-,-,200,-,primary,-,1795579315693,-");

    auto read_back = attempt(1, 2, OutcomeKind::system_error, 500, "SYSTEM_ERROR");
    read_back.kind = model::AttemptKind::read_back, read_back.run = 3;
    read_back.outcome.error_message = "系统错误";
    auto decided = ruling(Status::unresolved, read_back.outcome);
    decided.held = true, decided.shown_endpoint = Endpoint::backup;
    close(ledger, read_back, decided);
    CHECK(books.ask(k_row) == "unresolved,1,ACTIVE,-,SYSTEM_ERROR,系统错误,500,-,backup,-,1795579315693,-");
    CHECK(books.ask(k_attempt) ==
          "1,1,1,invalidate,primary,1,1795579315693,1795579315943,249500,200,-,-,not_invalid "
          "1,2,3,read_back,primary,1,1795579315693,1795579315943,249500,500,SYSTEM_ERROR,-,system_error");
  }

  TEST_CASE("answer: a request of which no byte left is no first sending") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    send(ledger, intent(1));
    auto ended = attempt(1, 1, OutcomeKind::not_sent, 0, "CONNECT");
    ended.sent = false;
    close(ledger, ended, ruling(Status::pending, ended.outcome));
    CHECK(books.ask(k_row) == "pending,0,-,-,CONNECT,-,-,-,primary,-,-,-");
    CHECK(books.ask("SELECT attempts FROM results") == "0");
    CHECK(books.ask("SELECT count(*) FROM attempts") == "0");

    send(ledger, intent(1, 2, 1, k_now + milliseconds{9000}));
    ended = attempt(1, 2, OutcomeKind::lost, 0, "TIMEOUT");
    ended.started_at = k_now + milliseconds{9000};
    close(ledger, ended, ruling(Status::in_flight, ended.outcome));
    CHECK(books.ask("SELECT first_sent_at FROM results") == "2026-11-25T04:02:04.693Z");
    CHECK(books.ask("SELECT attempts FROM results") == "1");
  }

  TEST_CASE("answer: the first sending stays what it was when later ones follow") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    send(ledger, intent(1));  // of a run that died: no answer was recorded
    auto read_back = attempt(1, 2, OutcomeKind::confirmed, 200);
    read_back.kind = model::AttemptKind::read_back;
    read_back.started_at = k_now + milliseconds{60'000};
    auto decided = ruling(Status::invalidated, read_back.outcome);
    decided.settled_by = model::SettledBy::read_back;
    close(ledger, read_back, decided);
    CHECK(books.ask("SELECT first_sent_at FROM results") == "2026-11-25T04:01:55.693Z");
    CHECK(must(ledger::totals(ledger)).read_back == 1);
    CHECK(must(ledger::totals(ledger)).already == 0);
  }

  TEST_CASE("answer: a second invalidation does not move the first sending") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    for (const int n : {1, 2}) {
      const auto at = k_now + milliseconds{n * 1000};
      send(ledger, intent(1, n, 1, at));
      auto ended = attempt(1, n, OutcomeKind::system_error, 500, "SYSTEM_ERROR");
      ended.started_at = at;
      close(ledger, ended, ruling(Status::in_flight, ended.outcome));
    }
    CHECK(books.ask("SELECT first_sent_at FROM results") == "2026-11-25T04:01:56.693Z");
    CHECK(books.ask("SELECT attempts FROM results") == "2");
  }

  TEST_CASE("answer: a row is settled by something exactly when it is invalidated") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    send(ledger, intent(1));
    const auto ended = attempt(1, 1, OutcomeKind::confirmed, 200);
    auto without = ruling(Status::invalidated, ended.outcome);
    without.settled_by.reset();
    auto with = ruling(Status::rejected, ended.outcome);
    with.settled_by = model::SettledBy::answer;
    for (const auto& wrong : {without, with}) {
      must(ledger::begin_changes(ledger));
      const auto closed = ledger::close_attempt(ledger, ended, wrong);
      REQUIRE(closed.has_error());
      CHECK(closed.error().code == Errc::io);
      ledger = books.open();  // it must not be used any more
    }
    CHECK(books.ask("SELECT status FROM row ORDER BY id") == "in_flight pending");
    CHECK(books.ask("SELECT count(outcome) FROM attempt") == "0");
  }

  TEST_CASE("withdrawal: the attempt stays as one that was never sent and the row goes back") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    send(ledger, intent(1));
    must(ledger::begin_changes(ledger));
    must(ledger::withdraw_attempt(ledger, 1, 1, Status::pending));
    must(ledger::commit_changes(ledger));
    CHECK(books.ask(k_attempt) == "1,1,1,invalidate,primary,0,1795579315693,1795579315693,-,-,-,-,withdrawn");
    CHECK(books.ask(k_row) == "pending,0,-,-,-,-,-,-,-,-,-,-");
    CHECK(books.ask("SELECT count(*) FROM attempts") == "0");
    ledger::Cursor cursor;
    const auto rows = must(ledger::fetch(ledger, cursor, 10));
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].attempts == 1);  // so that the next one is number 2
    CHECK_FALSE(rows[0].first_sent_at.has_value());
  }
}
