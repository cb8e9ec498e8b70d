#include <fmt/format.h>

#include <cardvoid/ledger/history.hpp>

#include "state.hpp"

namespace cardvoid::ledger {

Result<std::vector<PastRun>> past_runs(Ledger& ledger) {
  return ledger.state().guarded([&] {
    std::vector<PastRun> runs;
    sqlite::Statement s{
        ledger.state().db,
        "SELECT id, command, started_at, pid, ended_at, exit_code, ending, sent, confirmed, rejected, "
        "unresolved, canary, other_brand, tripped_by, culprits, user, host, version, acknowledge, "
        "fingerprint, "
        "by_confirm, requests_per_second FROM run ORDER BY id"};
    for (s.bind(); s.step();) {
      PastRun run;
      run.id = s.int64(0), run.command = s.text(1), run.started_at = from_ms(s.int64(2));
      run.pid = int_in(s, 3);
      if (!s.is_null(4)) run.ended_at = from_ms(s.int64(4));
      if (!s.is_null(5)) run.exit_code = int_in(s, 5);
      run.ending = s.text(6);
      run.counts = {s.int64(7), s.int64(8), s.int64(9), s.int64(10), s.int64(11), s.int64(12)};
      run.tripped_by = s.text(13), run.culprits = culprits_in(s, 14);
      run.user = s.text(15), run.host = s.text(16), run.version = s.text(17), run.acknowledge = s.text(18);
      run.fingerprint = s.text(19), run.by_confirm = s.int64(20) != 0;
      if (!s.is_null(21)) run.requests_per_second = s.real(21);
      runs.push_back(std::move(run));
    }
    return runs;
  });
}

Result<std::vector<PastWait>> past_waits(Ledger& ledger) {
  return ledger.state().guarded([&] {
    std::vector<PastWait> waits;
    sqlite::Statement s{
        ledger.state().db,
        "SELECT run_id, kind, words, since, until, allowed_rate FROM wait ORDER BY since, kind"};
    for (s.bind(); s.step();)
      waits.push_back({s.int64(0), std::string{s.text(1)}, std::string{s.text(2)}, from_ms(s.int64(3)),
                       from_ms(s.int64(4)), s.real(5)});
    return waits;
  });
}

Result<std::vector<PastImport>> past_imports(Ledger& ledger, int most) {
  return ledger.state().guarded([&] {
    std::vector<PastImport> imports;
    sqlite::Statement s{ledger.state().db,
                        "SELECT finished_at, source, read_by, file, file_time, sha256, lines, added, "
                        "duplicates, refused FROM import ORDER BY id DESC LIMIT ?1"};
    for (s.bind(most); s.step();) {
      PastImport import{from_ms(s.int64(0)),
                        std::string{s.text(1)},
                        std::string{s.text(2)},
                        {std::string{s.text(3)}, {}, std::string{s.text(5)}},
                        s.int64(6),
                        s.int64(7),
                        s.int64(8),
                        s.int64(9)};
      if (!s.is_null(4)) import.file.changed_at = from_ms(s.int64(4));
      imports.push_back(std::move(import));
    }
    return imports;
  });
}

Result<std::int64_t> count_imports(Ledger& ledger) {
  return ledger.state().guarded([&] { return ask(ledger.state().db, "SELECT count(*) FROM import"); });
}

Result<std::optional<PastPlan>> last_confirmed_plan(Ledger& ledger) {
  return ledger.state().guarded([&]() -> std::optional<PastPlan> {
    sqlite::Statement s{
        ledger.state().db,
        "SELECT fingerprint, made_by, confirmed_by, made_at, confirmed_at, to_send FROM "
        "shown_plan WHERE confirmed_at IS NOT NULL ORDER BY confirmed_at DESC, id DESC LIMIT 1"};
    s.bind();
    if (!s.step()) return std::nullopt;
    return PastPlan{std::string{s.text(0)}, std::string{s.text(1)}, std::string{s.text(2)},
                    from_ms(s.int64(3)),    from_ms(s.int64(4)),    s.int64(5)};
  });
}

Result<std::map<RunId, WallTime>> last_requests(Ledger& ledger, const std::vector<RunId>& runs) {
  return ledger.state().guarded([&] {
    std::map<RunId, WallTime> last;
    if (runs.empty()) return last;
    sqlite::Statement s{ledger.state().db,
                        fmt::format("SELECT run_id, max(started_at) FROM attempt WHERE run_id IN ({}) AND "
                                    "outcome IS NOT 'withdrawn' GROUP BY run_id",
                                    fmt::join(runs, ", "))};
    for (s.bind(); s.step();) last[s.int64(0)] = from_ms(s.int64(1));
    return last;
  });
}

Result<void> each_past_request(Ledger& ledger, const std::function<void(const PastRequest&)>& visit) {
  return ledger.state().guarded([&] {
    sqlite::Statement s{ledger.state().db,
                        "SELECT run_id, endpoint, sent, started_at, latency_us, http_status, error_code, "
                        "outcome FROM attempt"};
    std::string last;  // mostly the same comes again and again
    std::optional<model::OutcomeKind> last_kind;
    for (s.bind(); s.step();) {
      PastRequest request;
      if (const auto outcome = s.text(7); outcome != last) {
        last = outcome;
        last_kind.reset();
        if (!last.empty())
          last_kind = model::outcome_from_text(last).value_or(model::OutcomeKind::unknown_answer);
      }
      if (last == "withdrawn") continue;
      request.outcome = last_kind;
      request.run = s.int64(0);
      if (s.text(1) == "backup") request.endpoint = model::Endpoint::backup;
      request.sent = s.int64(2) != 0;
      request.started_at = from_ms(s.int64(3));
      if (!s.is_null(4)) request.latency = std::chrono::microseconds{number_in(s, 4)};
      request.http_status = int_in(s, 5);
      request.error_code = s.text(6);
      visit(request);
    }
  });
}

Result<void> each_row_in_short(Ledger& ledger, const std::function<void(const RowInShort&)>& visit) {
  return ledger.state().guarded([&] {
    sqlite::Statement s{
        ledger.state().db,
        fmt::format("SELECT id, status, {}, brand_id, card_id, reason, "
                    "error_code, http_status, finished_at, {}, forgotten_at FROM row NOT INDEXED WHERE {}",
                    k_is_accepted, k_held_back, k_in_plan)};
    for (s.bind(); s.step();) {
      RowInShort row;
      row.id = s.int64(0);
      row.status = status_in(s, 1);
      row.accepted = s.int64(2) != 0;
      row.brand_id = s.text(3), row.card_id = s.text(4), row.reason = s.text(5), row.error_code = s.text(6);
      row.http_status = int_in(s, 7);
      if (!s.is_null(8)) row.finished_at = from_ms(s.int64(8));
      row.held_back = s.text(9);
      row.is_forgotten = !s.is_null(10);
      visit(row);
    }
  });
}

Result<std::optional<ExampleRow>> example_row(Ledger& ledger, model::RowId id) {
  return ledger.state().guarded([&]() -> std::optional<ExampleRow> {
    sqlite::Statement s{
        ledger.state().db,
        "SELECT source_line, iif(forgotten_at IS NULL, code, ''), openid, error_message FROM row WHERE id "
        "= ?1"};
    if (!s.bind(id).step()) return std::nullopt;
    return ExampleRow{s.int64(0), std::string{s.text(1)}, std::string{s.text(2)}, std::string{s.text(3)}};
  });
}

}  // namespace cardvoid::ledger
