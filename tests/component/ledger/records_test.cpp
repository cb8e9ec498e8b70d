#include "component/ledger/rig.hpp"

// Runs, the pulse, errors, and what the views show to other programs.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  ledger::RunId begin_run(Ledger& ledger, WallTime at = k_now) {
    ledger::RunStart start;
    start.command = "run", start.started_at = at, start.host = "batch-1", start.pid = 4711;
    start.version = "0.1.0", start.acknowledge = "INVALIDATE 2 CARDS", start.fingerprint = "ab12";
    start.confirmed = true;
    return must(ledger::begin_run(ledger, start));
  }

  }  // namespace

  TEST_CASE("runs: one that goes on has no end and one that ended has all") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    const auto first = begin_run(ledger);
    const auto second = begin_run(ledger, k_now + milliseconds{10'000});
    CHECK(first == 1);
    CHECK(second == 2);
    must(ledger::end_run(ledger, first, {7, 4, 2, 1}, 75, "stopped by SIGINT", k_now + milliseconds{1307}));

    const auto runs = must(ledger::last_runs(ledger, 10));
    REQUIRE(runs.size() == 2);
    CHECK(runs[0].id == 2);  // the latest one first
    CHECK_FALSE(runs[0].ended_at.has_value());
    CHECK_FALSE(runs[0].exit_code.has_value());
    CHECK(runs[1].command == "run");
    CHECK(runs[1].started_at == k_now);
    CHECK(runs[1].pid == 4711);
    CHECK(books.ask("SELECT host || version || acknowledge || fingerprint FROM runs WHERE run_id = 1") ==
          "batch-10.1.0INVALIDATE 2 CARDSab12");
    CHECK((runs[1].ended_at == k_now + milliseconds{1307}));
    CHECK((runs[1].exit_code == 75));
    CHECK(runs[1].ending == "stopped by SIGINT");
    CHECK(runs[1].counts.sent == 7);
    CHECK(runs[1].counts.confirmed == 4);
    CHECK(runs[1].counts.rejected == 2);
    CHECK(runs[1].counts.unresolved == 1);
    CHECK(must(ledger::last_runs(ledger, 1)).size() == 1);
    CHECK(books.ask("SELECT by_confirm || last_row FROM run WHERE id = 1") == "12");
    CHECK(books.ask("SELECT started_at || ' ' || ifnull(ended_at, '-') FROM runs ORDER BY run_id") ==
          "2026-11-25T04:01:55.693Z 2026-11-25T04:01:57.000Z 2026-11-25T04:02:05.693Z -");
    CHECK(books.ask("SELECT host || pid || acknowledge || exit_code || sent || confirmed || rejected || "
                    "unresolved FROM runs WHERE run_id = 1") == "batch-14711INVALIDATE 2 CARDS757421");
  }

  TEST_CASE("runs: the counts of one that goes on can be saved in between") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    const auto other = begin_run(ledger), run = begin_run(ledger);
    send(ledger, intent(1, 1, run));
    must(ledger::begin_changes(ledger));
    must(ledger::save_counts(ledger, run, {5, 3, 1, 1}));
    must(ledger::commit_changes(ledger));
    CHECK(books.ask("SELECT sent || confirmed || rejected || unresolved FROM runs ORDER BY run_id") ==
          "0000 5311");
    CHECK_FALSE(must(ledger::last_runs(ledger, 1))[0].ended_at.has_value());
    CHECK(other != run);
  }

  TEST_CASE("runs: counts belong to the commit in which they were saved") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    const auto run = begin_run(ledger);
    CHECK(ledger::save_counts(ledger, run, {5, 3, 1, 1}).error().code == Errc::internal);
    must(ledger::begin_changes(ledger));
    must(ledger::save_counts(ledger, run, {5, 3, 1, 1}));
    must(ledger::commit_changes(ledger));
    must(ledger::end_run(ledger, run, {7, 4, 2, 1}, 0, "", k_now));
    must(ledger::begin_changes(ledger));
    must(ledger::commit_changes(ledger));
    CHECK(books.ask("SELECT sent || confirmed || rejected || unresolved FROM runs") == "7421");
  }

  TEST_CASE("last request: none before the first run and now when the last run died and else its end") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    CHECK_FALSE(must(ledger::last_sent_at(ledger, k_now)).has_value());
    const auto first = begin_run(ledger, k_now);
    must(ledger::end_run(ledger, first, {}, 0, "", k_now + milliseconds{20}));
    const auto later = k_now + milliseconds{90'000};
    CHECK((must(ledger::last_sent_at(ledger, later)) == k_now + milliseconds{20}));
    const auto second = begin_run(ledger, k_now + milliseconds{40});
    CHECK((must(ledger::last_sent_at(ledger, later)) == later));
    must(ledger::end_run(ledger, second, {}, 0, "", k_now + milliseconds{60}));
    CHECK((must(ledger::last_sent_at(ledger, later)) == k_now + milliseconds{60}));
  }

  TEST_CASE("pulse: the last one is kept and reads back as it was") {
    const Books books;
    auto ledger = books.open();
    CHECK_FALSE(must(ledger::pulse(ledger)).has_value());
    ledger::Pulse pulse;
    pulse.run = 1, pulse.at = k_now, pulse.rate = 4.75, pulse.allowed_rate = 2.5;
    pulse.in_flight = 3, pulse.waiting = 4;
    pulse.primary_state = "open", pulse.backup_state = "half_open";
    must(ledger::save_pulse(ledger, pulse));
    pulse.run = 2, pulse.in_flight = 7;
    pulse.reasons_to_wait = {{"paused", "paused by \"a\"", k_now, std::nullopt},
                             {"throttled", "429", std::nullopt, k_now + milliseconds{5}},
                             {"other", ""}};
    must(ledger::save_pulse(ledger, pulse));
    const auto found = must(ledger::pulse(ledger));
    REQUIRE(found.has_value());
    CHECK(found->run == 2);
    CHECK(found->at == k_now);
    CHECK(found->rate == 4.75);
    CHECK(found->allowed_rate == 2.5);
    CHECK(found->in_flight == 7);
    CHECK(found->reasons_to_wait == pulse.reasons_to_wait);
    CHECK(found->waiting == 4);
    CHECK(found->primary_state == "open");
    CHECK(found->backup_state == "half_open");
    CHECK(books.ask("SELECT count(*) FROM pulse") == "1");
  }

  TEST_CASE("errors: rows that are not settled as wished are counted by status and code") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), card("4"), card("5")});
    settle(ledger, "1", Status::rejected);
    settle(ledger, "2", Status::rejected);
    settle(ledger, "3", Status::unresolved);
    settle(ledger, "4", Status::unresolved, true);
    settle(ledger, "5", Status::invalidated);
    std::string found;
    for (const auto& e : must(ledger::errors(ledger, 10)))
      found += fmt::format("{} {} {}; ", e.count, e.status, e.code);
    CHECK(found == "2 rejected INVALID_REQUEST; 1 unresolved CARD_STATE; 1 unresolved INVALID_REQUEST; ");
    CHECK(must(ledger::errors(ledger, 1)).size() == 1);
    CHECK(must(ledger::totals(ledger)).held == 1);
    CHECK(must(ledger::totals(ledger)).to_send() == 1);
    CHECK(must(ledger::totals(ledger)).in_doubt() == 2);
  }

  TEST_CASE("totals: every row is in exactly one of them") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), card("4"), card("5"), card("6"), card("7")});
    send(ledger, intent(id_of(ledger, "2")));
    settle(ledger, "3", Status::invalidated);
    send_in_vain(ledger, "7");
    settle(ledger, "4", Status::rejected);
    settle(ledger, "5", Status::unresolved);
    settle(ledger, "6", Status::unresolved, true);
    import(ledger, {card("1"), card("7", "oB")});
    const auto totals = must(ledger::totals(ledger));
    CHECK(counts(totals) ==
          "pending 2 in_flight 1 invalidated 1 rejected 1 unresolved 2 held 1 conflicts 1 refused 1");
    CHECK(totals.rows() == 7);
    CHECK(totals.to_send() == 3);
    ledger::Cursor cursor;
    CHECK(must(ledger::fetch(ledger, cursor, 100)).size() == 4);  // what is counted is what is sent
  }

  TEST_CASE("views: times are RFC 3339 with milliseconds in UTC") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    settle(ledger, "1", Status::invalidated);
    CHECK(books.ask("SELECT first_sent_at FROM results") == "2026-11-25T04:01:55.693Z");
    CHECK(books.ask("SELECT finished_at FROM results") == "2026-11-25T04:01:55.943Z");
    CHECK(books.ask("SELECT started_at FROM attempts") == "2026-11-25T04:01:55.693Z");
    CHECK(books.ask("SELECT finished_at FROM attempts") == "2026-11-25T04:01:55.943Z");
    CHECK(books.ask("SELECT latency_ms FROM attempts") == "249.5");
  }

  TEST_CASE("views: each millisecond of a second is shown as the program writes it") {
    const Books books;
    auto ledger = books.open();
    std::string expected;
    const auto second = std::chrono::floor<std::chrono::seconds>(k_now);
    for (int ms = 0; ms < 1000; ++ms) {
      begin_run(ledger, second + milliseconds{ms});
      expected.append(ms ? " " : "").append(format_rfc3339(second + milliseconds{ms}));
    }
    CHECK(books.ask("SELECT started_at FROM runs ORDER BY run_id") == expected);
  }

  TEST_CASE("results: rows come in input order with the columns that are promised") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("9"), card("1", "oA", "closed"), card("5")});
    settle(ledger, "1", Status::rejected);
    std::vector<ledger::ResultRow> rows;
    CHECK(must(ledger::each_result(ledger, {}, [&](const auto& row) { rows.push_back(row); })) == 3);
    REQUIRE(rows.size() == 3);
    const auto& columns = ledger::result_columns();
    REQUIRE(rows[1].size() == columns.size());
    std::string row;
    for (std::size_t i = 0; i < columns.size(); ++i)
      row += columns[i] + '=' + rows[1][i].value_or("NULL") + ' ';
    CHECK(row ==
          "brand_id=1004 card_id=pT code=1 openid=oA reason=closed status=rejected card_state=NULL "
          "invalid_time=NULL error_code=INVALID_REQUEST error_message=NULL http_status=400 attempts=1 "
          "request_id=NULL endpoint=primary source_line=3 first_sent_at=2026-11-25T04:01:55.693Z "
          "finished_at=2026-11-25T04:01:55.943Z settled_by=NULL answer_signed=0 held_back=NULL "
          "accepted_at=NULL "
          "accepted_by=NULL accepted_note=NULL forgotten_at=NULL ");
    CHECK((rows[0][2] == "9"));
    CHECK_FALSE(rows[0][4].has_value());  // no reason is NULL and not empty
    CHECK((rows[2][2] == "5"));
    CHECK(must(ledger::each_result(ledger, Status::pending, [](const auto&) {})) == 2);
    CHECK(must(ledger::each_result(ledger, Status::unresolved, [](const auto&) {})) == 0);
  }

  TEST_CASE("results: they stay in input order after any change of rows and indices") {
    const Books books;
    auto ledger = books.open();
    const auto codes = [&](std::optional<Status> status) {
      std::string found;
      must(ledger::each_result(ledger, status, [&](const auto& row) { found += *row[2] + " "; }));
      return found;
    };
    import(ledger, {{"1005", "pT", "9", "oA", ""}, card("5"), card("7"), card("1")});
    settle(ledger, "7", Status::rejected);
    settle(ledger, "5", Status::rejected);
    must(ledger::index_brands(ledger));
    import(ledger, {card("3"), card("1"), card("7"), { "1003", "pT", "2", "oA", "" }});
    settle(ledger, "2", Status::rejected);
    CHECK(codes({}) == "9 5 7 1 3 2 ");
    CHECK(codes(Status::rejected) == "5 7 2 ");
    (void)must(ledger::put_back(ledger, {Status::rejected, {"5"}, {}}));
    sqlite::Connection{books.file, sqlite::Mode::read_write}.execute(
        "CREATE INDEX theirs ON row (status, code); ANALYZE");
    CHECK(codes({}) == "9 5 7 1 3 2 ");
    CHECK(codes(Status::rejected) == "7 2 ");
    CHECK(codes(Status::pending) == "9 5 1 3 ");
  }

  TEST_CASE("doubt: held rows are shown first and those in flight last with what is known of them") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2", "oB"), card("3"), card("4"), card("5"), card("6"), card("7")});
    send(ledger, intent(id_of(ledger, "1")));  // nothing came back
    settle(ledger, "2", Status::unresolved);
    settle(ledger, "3", Status::unresolved, true);
    settle(ledger, "4", Status::rejected);
    // The first answer is doubtful, and the row goes on.
    const auto row = id_of(ledger, "5");
    send(ledger, intent(row));
    must(ledger::begin_changes(ledger));
    must(ledger::close_attempt(ledger, attempt(row, 1, model::OutcomeKind::system_error, 500, "SYSTEM_ERROR"),
                               ruling(Status::in_flight, {})));
    must(ledger::commit_changes(ledger));
    const auto lost = id_of(ledger, "6");
    send(ledger, intent(lost));
    must(ledger::begin_changes(ledger));
    must(ledger::close_attempt(ledger, attempt(lost, 1, model::OutcomeKind::lost),
                               ruling(Status::in_flight, {})));
    must(ledger::commit_changes(ledger));

    const auto shown = must(ledger::rows_in_doubt(ledger, 10));
    std::string all;
    for (const auto& each : shown)
      all += fmt::format("{}:{}:{}:{} ", each.code, model::to_text(each.status), each.held ? "held" : "-",
                         each.error_code);
    CHECK(all ==
          "3:unresolved:held:CARD_STATE 2:unresolved:-:INVALID_REQUEST 1:in_flight:-: "
          "5:in_flight:-:SYSTEM_ERROR 6:in_flight:-:LOST ");
    REQUIRE(shown.size() == 5);
    CHECK(shown[1].openid == "oB");
    CHECK(must(ledger::rows_in_doubt(ledger, 1)).size() == 1);
    CHECK(must(ledger::rows_in_doubt(ledger, 0)).empty());
  }

  TEST_CASE("views: they tell which attempt of ours invalidated a card though codes may be shared") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), {"1004", "pOther", "1", "oA", ""}, card("2"), card("3")});
    // Row 1 by its third request, row 2 by its first at another moment; the others in other ways.
    const auto end = [&](RowId row, int n, model::OutcomeKind kind, const std::string& request_id,
                         milliseconds later, std::optional<model::SettledBy> settled_by,
                         model::AttemptKind what = model::AttemptKind::invalidate) {
      auto ended = attempt(row, n, kind, 200);
      ended.kind = what;
      ended.finished_at += later;
      ended.outcome.request_id = request_id;
      auto decided = ruling(settled_by ? Status::invalidated : Status::in_flight, ended.outcome);
      decided.settled_by = settled_by;
      must(ledger::begin_changes(ledger));
      if (what == model::AttemptKind::invalidate) must(ledger::open_attempt(ledger, intent(row, n)));
      must(ledger::close_attempt(ledger, ended, decided));
      must(ledger::commit_changes(ledger));
    };
    using enum model::OutcomeKind;
    using model::AttemptKind;
    using model::SettledBy;
    end(1, 1, system_error, "A1", milliseconds{0}, {});
    end(1, 2, not_invalid, "A2", milliseconds{1}, {}, AttemptKind::read_back);
    end(1, 3, confirmed, "A3", milliseconds{2}, SettledBy::answer);
    end(2, 1, confirmed, "", milliseconds{7}, SettledBy::answer);  // the header may be missing
    end(3, 1, lost, "C1", milliseconds{0}, {});
    end(3, 2, confirmed, "C2", milliseconds{9}, SettledBy::read_back, AttemptKind::read_back);
    end(4, 1, confirmed, "D1", milliseconds{3}, SettledBy::already);
    // As in docs/results.md.
    CHECK(books.ask(
              "SELECT r.card_id || '/' || r.code || '#' || a.n || a.endpoint || coalesce(a.request_id, '?') "
              "FROM results AS r JOIN attempts AS a "
              "ON a.code = r.code AND a.finished_at = r.finished_at AND a.request_id IS r.request_id "
              "WHERE r.settled_by = 'answer' AND a.kind = 'invalidate' AND a.outcome = 'confirmed' "
              "ORDER BY 1") == "pOther/1#1primary? pT/1#3primaryA3");
    CHECK(must(ledger::totals(ledger)).by_answer() == 2);
    CHECK(must(ledger::totals(ledger)).read_back == 1);
    CHECK(must(ledger::totals(ledger)).already == 1);
  }

  TEST_CASE("results: export says of every row what the view says") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA", "closed"), card("2"), card("3"), card("4"), card("5"), card("6"),
                    card("7"), card("8"), card("9")});
    settle(ledger, "1", Status::invalidated);
    settle(ledger, "2", Status::rejected);
    settle(ledger, "3", Status::unresolved, true);
    send(ledger, intent(id_of(ledger, "4")));
    sqlite::Connection{books.file, sqlite::Mode::read_write}.execute(
        "UPDATE row SET protected = 1 WHERE code = '5'; UPDATE row SET conflict = 1 WHERE code = '6'; "
        "UPDATE row SET absent = 1 WHERE code = '7'; UPDATE row SET error_message = '\"a, b\"', "
        "first_sent_at = 5, "
        "finished_at = 1764043315999, accepted_at = 7, accepted_by = 'alice', accepted_note = 'x' WHERE "
        "code = '2'; UPDATE row SET accepted_at = 7, retried_at = 8, accepted_by = 'bob' WHERE code = '3'; "
        "INSERT INTO attempt SELECT id, 9, 1, 'read_back', 'backup', 0, 1, 2, 3, 4, '', '', 'not_sent' FROM "
        "row");
    std::string columns;
    for (const auto& column : ledger::result_columns())
      columns += (columns.empty() ? "" : " || '|' || ") + fmt::format("coalesce({}, '-')", column);
    std::string said;
    must(ledger::each_result(ledger, {}, [&](const ledger::ResultRow& row) {
      said += said.empty() ? "" : " ";
      for (const auto& value : row) said += (&value == row.data() ? "" : "|") + value.value_or("-");
    }));
    CHECK(said == books.ask("SELECT " + columns + " FROM results"));
  }

  TEST_CASE("results: the view has the columns that export names") {
    const Books books;
    auto ledger = books.open();
    std::string expected;
    for (const auto& column : ledger::result_columns())
      expected.append(expected.empty() ? "" : " ").append(column);
    CHECK(books.ask("SELECT name FROM pragma_table_info('results')") == expected);
  }

  TEST_CASE("checkpoint: afterwards the one file is all there is to copy") {
    const Books books, elsewhere;
    auto ledger = books.open();
    import(ledger, {card("1")});
    send(ledger, intent(1));
    REQUIRE(std::filesystem::file_size(books.file.string() + "-wal") > 0);
    must(ledger.checkpoint());
    CHECK(std::filesystem::file_size(books.file.string() + "-wal") == 0);
    std::filesystem::copy_file(books.file, elsewhere.file);
    CHECK(elsewhere.ask("SELECT status FROM results") == "in_flight");
  }
}
