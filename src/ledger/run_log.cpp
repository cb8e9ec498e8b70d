#include <fmt/format.h>
#include <cardvoid/base/json.hpp>
#include <cardvoid/ledger/run_log.hpp>

#include <algorithm>
#include <boost/json.hpp>

#include "state.hpp"

namespace cardvoid::ledger {

namespace {

// A reason that the pulses have lost for longer than this is over; the next one of its kind is another one.
constexpr std::int64_t k_longest_gap_ms = 10'000;

// The last pulse that told of it may have been a while before the new one was set.
void end_former_rate(const sqlite::Connection& db, const Pulse& pulse, std::int64_t since) {
  sqlite::Statement{
      db,
      "UPDATE wait SET until = ?2 WHERE run_id = ?1 AND kind = 'rate_set' AND since < ?2 AND until BETWEEN "
      "?2 - ?3 AND ?2"}
      .bind(pulse.run, since, k_longest_gap_ms)
      .run();
}

void note_waits(const sqlite::Connection& db, const Pulse& pulse) {
  sqlite::Statement goes_on{
      db,
      "UPDATE wait SET until = ?3, words = ?4, allowed_rate = max(allowed_rate, ?5) WHERE run_id = ?1 AND "
      "kind = ?2 AND since = (SELECT max(since) FROM wait WHERE run_id = ?1 AND kind = ?2) AND until >= ?6 "
      "AND (NOT ?7 OR since = ?8)"};  // each order of a person is a stretch of its own
  sqlite::Statement begins{
      db,
      "INSERT OR IGNORE INTO wait (run_id, kind, since, until, words, allowed_rate) VALUES (?1, ?2, ?3, "
      "?4, ?5, ?6)"};
  const auto at = to_ms(pulse.at);
  for (const auto& reason : pulse.reasons_to_wait) {
    const auto since = std::min(at, to_ms(reason.since.value_or(pulse.at)));
    goes_on
        .bind(pulse.run, reason.kind, at, reason.words, pulse.allowed_rate, at - k_longest_gap_ms,
              int{reason.is_by_person()}, since)
        .run();
    if (db.changes() > 0) continue;
    if (reason.kind == "rate_set") end_former_rate(db, pulse, since);
    begins.bind(pulse.run, reason.kind, since, at, reason.words, pulse.allowed_rate).run();
  }
}

}  // namespace

std::string culprits_in(const sqlite::Statement& statement, int column) {
  std::string text{statement.text(column)};
  if (text.empty()) return text;
  boost::system::error_code wrong;
  const auto rows = boost::json::parse(text, wrong);
  if (wrong || !rows.is_array()) refuse_value("culprits that are no list");
  for (const auto& row : rows.get_array())
    if (!row.is_int64()) refuse_value("culprits that are no rows");
  return text;
}

bool is_under_way(const RunRecord& run, const std::optional<LockHolder>& holder) {
  return holder && !run.exit_code && run.pid == holder->pid;
}

Result<RunId> begin_run(Ledger& ledger, const RunStart& start) {
  return ledger.state().guarded([&] {
    // Held rows were in no confirmed plan; after `retry` the plan is another one and is confirmed again.
    if (start.command == "reconcile")
      ledger.state().db.execute(
          "UPDATE run SET by_confirm = 0 WHERE by_confirm AND EXISTS (SELECT 1 FROM row INDEXED BY "
          "row_in_doubt "
          "WHERE (status = 'in_flight' OR status = 'unresolved') AND held)");
    sqlite::Transaction transaction{ledger.state().db};
    if (!start.signer.empty())
      sqlite::Statement{ledger.state().db, "INSERT OR REPLACE INTO meta VALUES ('signer', ?1)"}
          .bind(start.signer)
          .run();
    sqlite::Statement insert{
        ledger.state().db,
        "INSERT INTO run (command, started_at, host, pid, version, acknowledge, fingerprint, by_confirm, "
        "user, requests_per_second, consent, last_row) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
        "nullif(?11, ''), (SELECT "
        "coalesce(max(id), 0) FROM "
        "row))"};
    insert
        .bind(start.command, to_ms(start.started_at), start.host, start.pid, start.version, start.acknowledge,
              start.fingerprint, int{start.confirmed}, start.user, start.requests_per_second, start.consent)
        .run();
    const RunId run{sqlite3_last_insert_rowid(ledger.state().db.get())};
    transaction.commit();
    return run;
  });
}

Result<void> end_run(Ledger& ledger, RunId run, const RunCounts& counts, int exit_code,
                     std::string_view ending, WallTime now) {
  return ledger.state().guarded([&] {
    sqlite::Statement update{
        ledger.state().db,
        "UPDATE run SET sent = ?2, confirmed = ?3, rejected = ?4, unresolved = ?5, exit_code = ?6, "
        "ending = ?7, ended_at = ?8 WHERE id = ?1"};
    update
        .bind(run, counts.sent, counts.confirmed, counts.rejected, counts.unresolved, exit_code, ending,
              to_ms(now))
        .run();
  });
}

Result<void> save_counts(Ledger& ledger, RunId run, const RunCounts& counts) {
  auto& state = ledger.state();
  if (sqlite3_get_autocommit(state.db.get()))
    return Error{Errc::internal, "counts of a run outside begin_changes() and commit_changes()"};
  state.counts = {run, counts};
  return {};
}

Result<void> save_fingerprint(Ledger& ledger, RunId run, std::string_view fingerprint) {
  return ledger.state().guarded([&] {
    sqlite::Statement{ledger.state().db, "UPDATE run SET fingerprint = ?2 WHERE id = ?1"}
        .bind(run, fingerprint)
        .run();
  });
}

Result<void> save_trip(Ledger& ledger, RunId run, const model::Trip& trip) {
  return ledger.state().guarded([&] {
    ledger.state().db.execute(k_forget_canary);
    sqlite::Statement{ledger.state().db, "UPDATE run SET tripped_by = ?2, culprits = ?3 WHERE id = ?1"}
        .bind(run, model::to_text(trip.cause), fmt::format("[{}]", fmt::join(trip.rows, ",")))
        .run();
  });
}

Result<void> save_pulse(Ledger& ledger, const Pulse& pulse) {
  return ledger.state().guarded([&] {
    sqlite::Statement{
        ledger.state().db,
        "INSERT OR REPLACE INTO pulse (id, run_id, at, rate, allowed_rate, in_flight, "
        "waiting, primary_state, backup_state, canary, canary_passed, canary_already, reasons_to_wait) "
        "VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"}
        .bind(pulse.run, to_ms(pulse.at), pulse.rate, pulse.allowed_rate, pulse.in_flight, pulse.waiting,
              pulse.primary_state, pulse.backup_state, pulse.canary, pulse.canary_passed,
              pulse.canary_already, to_json(as_json(pulse.reasons_to_wait)))
        .run();
    if (!pulse.reasons_to_wait.empty()) note_waits(ledger.state().db, pulse);
  });
}

Result<std::string> signer(Ledger& ledger) {
  return ledger.state().guarded([&] {
    sqlite::Statement s{ledger.state().db, "SELECT value FROM meta WHERE key = 'signer'"};
    return s.bind().step() ? std::string{s.text(0)} : std::string{};
  });
}

Result<std::vector<RunRecord>> last_runs(Ledger& ledger, int count) {
  return ledger.state().guarded([&] {
    std::vector<RunRecord> runs;
    sqlite::Statement s{
        ledger.state().db,
        "SELECT id, command, started_at, pid, ended_at, exit_code, ending, sent, confirmed, rejected, "
        "unresolved, tripped_by, culprits, canary, other_brand, requests_per_second FROM run ORDER BY id "
        "DESC LIMIT ?1"};
    s.bind(count);
    while (s.step()) {
      RunRecord run;
      run.id = s.int64(0);
      run.command = s.text(1);
      run.started_at = from_ms(s.int64(2));
      run.pid = int_in(s, 3);
      if (!s.is_null(4)) run.ended_at = from_ms(s.int64(4));
      if (!s.is_null(5)) run.exit_code = int_in(s, 5);
      run.ending = s.text(6);
      run.counts = {s.int64(7), s.int64(8), s.int64(9), s.int64(10), s.int64(13), s.int64(14)};
      run.tripped_by = s.text(11), run.culprits = culprits_in(s, 12);
      if (!s.is_null(15)) run.requests_per_second = s.real(15);
      runs.push_back(std::move(run));
    }
    return runs;
  });
}

Result<std::optional<Pulse>> pulse(Ledger& ledger) {
  return ledger.state().guarded([&]() -> std::optional<Pulse> {
    sqlite::Statement s{ledger.state().db,
                        "SELECT run_id, at, rate, allowed_rate, in_flight, waiting, primary_state, "
                        "backup_state, canary, canary_passed, reasons_to_wait, canary_already FROM pulse"};
    s.bind();
    if (!s.step()) return std::nullopt;
    Pulse pulse;
    pulse.run = s.int64(0);
    pulse.at = from_ms(s.int64(1));
    pulse.rate = s.real(2), pulse.allowed_rate = s.real(3);
    pulse.in_flight = int_in(s, 4), pulse.waiting = int_in(s, 5);
    pulse.primary_state = s.text(6), pulse.backup_state = s.text(7);
    pulse.canary = int_in(s, 8), pulse.canary_passed = int_in(s, 9);
    pulse.reasons_to_wait = reasons_from_json(s.text(10));
    pulse.canary_already = int_in(s, 11);
    return pulse;
  });
}

Result<std::optional<WallTime>> last_success(Ledger& ledger) {
  return ledger.state().guarded([&]() -> std::optional<WallTime> {
    // "run --accept-damage" is one too.
    sqlite::Statement s{ledger.state().db,
                        "SELECT max(ended_at) FROM run WHERE exit_code = 0 AND command GLOB 'run*'"};
    s.bind();
    if (!s.step() || s.is_null(0)) return std::nullopt;
    return from_ms(s.int64(0));
  });
}

Result<std::optional<WallTime>> last_sent_at(Ledger& ledger, WallTime now) {
  return ledger.state().guarded([&]() -> std::optional<WallTime> {
    sqlite::Statement s{ledger.state().db, "SELECT ended_at FROM run ORDER BY id DESC LIMIT 1"};
    s.bind();
    if (!s.step()) return std::nullopt;
    // A run that died left no word of its read-backs, and its last one may have been a moment ago.
    return s.is_null(0) ? now : from_ms(s.int64(0));
  });
}

boost::json::array as_json(const std::vector<model::ReasonToWait>& reasons) {
  using boost::json::value;
  const auto time = [](const std::optional<WallTime>& at) {
    return at ? value(format_rfc3339(*at)) : value();
  };
  boost::json::array array;
  for (const auto& reason : reasons)
    array.push_back(
        boost::json::object{{"kind", reason.kind},
                            {"words", reason.words},
                            {"since", time(reason.since)},
                            {"until", time(reason.until)},
                            {"found_rate", reason.found_rate ? value(*reason.found_rate) : value()}});
  return array;
}

std::vector<model::ReasonToWait> reasons_from_json(std::string_view text) {
  std::vector<model::ReasonToWait> reasons;
  for (const auto& each : objects_from_json(text)) {
    const auto number_of = [](const boost::json::object& object, const char* name) -> std::optional<double> {
      const auto* number = object.if_contains(name);
      if (!number || !number->is_number()) return std::nullopt;
      return number->to_number<double>();
    };
    const auto text_of = [&](const char* name) { return text_in(each, name).value_or(""); };
    reasons.push_back({text_of("kind"), text_of("words"), parse_rfc3339(text_of("since")),
                       parse_rfc3339(text_of("until")), number_of(each, "found_rate")});
  }
  return reasons;
}

}  // namespace cardvoid::ledger
