#include <fmt/format.h>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/records.hpp>

#include "state.hpp"

namespace cardvoid::ledger {

namespace {

std::optional<std::string_view> if_any(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>{text};
}

// Out of line: inlined at -O2, g++ 12 warns that an int of no value may be read, which no path does.
[[gnu::noinline]] std::optional<std::int64_t> if_any(unsigned http_status) {
  if (http_status == 0) return std::nullopt;
  return http_status;
}

// The rows of one part of a Cursor, and what earlier runs did for them.
sqlite::Statement fetching(const sqlite::Connection& db, Cursor::Part part, bool of_brand) {
  const auto to_send = "NOT ?3 AND status = 'pending' AND " + k_may_be_sent;
  // Of all rows, those that a run begins with: few among many, after the first day.
  std::string_view index;
  if (!of_brand && part == Cursor::doubt) index = " INDEXED BY row_in_doubt";
  if (!of_brand && part == Cursor::fresh) index = " INDEXED BY row_pending";
  std::string condition;      // a forgotten row is settled; this is the last guard
  if (part == Cursor::doubt)  // ?3 is bound for every part
    condition = fmt::format("?3 IS NOT NULL AND {} AND NOT strange AND NOT held", k_is_in_doubt);
  if (part == Cursor::fresh) condition = to_send + " AND error_code IS NULL AND NOT strange";
  if (part == Cursor::deferred)
    // Not what this run has taken up already.
    condition = fmt::format(
        "{} AND (({} AND (strange OR held)) OR ({} AND (strange OR error_code IS NOT NULL)))",
        "NOT EXISTS (SELECT 1 FROM attempt WHERE row_id = row.id AND run_id = (SELECT max(id) FROM run))",
        k_is_in_doubt, to_send);
  return {
      db,
      fmt::format(
          "SELECT row.id, brand_id, card_id, code, openid, reason, status, held, max(n), "
          "min(iif(kind = 'invalidate' AND sent, attempt.started_at, NULL)), "
          "max(iif(kind = 'invalidate' AND sent, attempt.started_at, NULL)), "
          "max(kind = 'invalidate' AND sent AND outcome IS NULL), protected, source_line, strange, "
          "max(iif(kind = 'read_back' AND outcome IS NULL, n, 0)) = max(n) "
          "FROM (SELECT * FROM row{} WHERE id > ?1 AND forgotten_at IS NULL AND {} AND {}{} "
          "ORDER BY id LIMIT ?2) AS row LEFT JOIN attempt ON row_id = row.id GROUP BY row.id ORDER BY row.id",
          index, k_in_plan, condition, of_brand ? " AND brand_id = ?4" : "")};
}

}  // namespace

RunStatements::RunStatements(sqlite::Connection& db)
    : open_attempt{db,
                   "INSERT INTO attempt (row_id, n, run_id, kind, endpoint, started_at) "
                   "VALUES (?1, ?2, ?3, ?6, ?4, ?5)"},
      mark_in_flight{db, "UPDATE row SET status = 'in_flight' WHERE id = ?1"},
      close_intent{
          db,
          "UPDATE attempt SET endpoint = ?3, sent = ?4, started_at = ?5, finished_at = ?6, latency_us = ?7, "
          "http_status = ?8, error_code = ?9, request_id = ?10, outcome = ?11 WHERE row_id = ?1 AND n = ?2"},
      close_read_back{
          db,
          // With its intent before it or, as tests have it, without.
          "INSERT INTO attempt (row_id, n, endpoint, sent, started_at, finished_at, latency_us, http_status, "
          "error_code, request_id, outcome, run_id, kind) "
          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'read_back') ON CONFLICT DO UPDATE SET "
          "endpoint = ?3, sent = ?4, started_at = ?5, finished_at = ?6, latency_us = ?7, http_status = ?8, "
          "error_code "
          "= ?9, request_id = ?10, outcome = ?11"},
      update_row{
          db,
          "UPDATE row SET status = ?2, held = ?3, strange = ?15, card_state = coalesce(?4, card_state), "
          "invalid_time = coalesce(?5, invalid_time), "
          // A row that stays held keeps what it is held for.
          "error_code = iif(?3, coalesce(?6, error_code), ?6), "
          "error_message = iif(?3, coalesce(?7, error_message), ?7), http_status = ?8, "
          "request_id = ?9, endpoint = ?10, settled_by = ?11, finished_at = ?13, answer_signed = ?14, "
          "first_sent_at = "
          "coalesce(first_sent_at, ?12, (SELECT "
          "min(started_at) FROM attempt WHERE row_id = ?1 AND kind = 'invalidate' AND sent)) WHERE id = ?1"},
      withdraw{db,
               "UPDATE attempt SET sent = 0, finished_at = started_at, outcome = 'withdrawn' WHERE row_id = "
               "?1 AND n = ?2"},
      set_status{db, "UPDATE row SET status = ?2 WHERE id = ?1"},
      kind{db, fmt::format("SELECT {} FROM row WHERE id = ?1", k_kind_of_row)},
      save_counts{db,
                  "UPDATE run SET sent = ?2, confirmed = ?3, rejected = ?4, unresolved = ?5, canary = ?6, "
                  "other_brand = ?7 "
                  "WHERE id = ?1"},
      begin{db, "BEGIN IMMEDIATE"},
      commit{db, "COMMIT"},
      has_counts{db, "SELECT EXISTS (SELECT 1 FROM tally)"},
      add_count{db, k_add_count},
      fetch{fetching(db, Cursor::doubt, false),    fetching(db, Cursor::fresh, false),
            fetching(db, Cursor::deferred, false), fetching(db, Cursor::doubt, true),
            fetching(db, Cursor::fresh, true),     fetching(db, Cursor::deferred, true)} {}

Result<std::vector<model::Candidate>> fetch(Ledger& ledger, Cursor& cursor, int count) {
  return ledger.state().guarded([&] {
    std::vector<model::Candidate> rows;
    while (cursor.part != Cursor::end) {
      auto& statement =
          ledger.state().prepared().fetch[static_cast<std::size_t>(cursor.part) + (cursor.brand_id ? 3 : 0)];
      const auto wanted = count - static_cast<int>(rows.size());
      cursor.brand_id ? statement.bind(cursor.after, wanted, int{cursor.doubt_only}, *cursor.brand_id)
                      : statement.bind(cursor.after, wanted, int{cursor.doubt_only});
      while (statement.step()) {
        model::Candidate row;
        row.id = cursor.after = statement.int64(0);
        row.card = card_in(statement, 1);
        row.status = status_in(statement, 6);
        row.held = statement.int64(7) != 0;
        row.attempts = int_in(statement, 8);
        if (!statement.is_null(9)) row.first_sent_at = from_ms(statement.int64(9));
        if (!statement.is_null(10)) row.last_sent_at = from_ms(statement.int64(10));
        row.has_open_attempt = statement.int64(11) != 0;
        row.is_protected = statement.int64(12) != 0;
        row.source_line = statement.int64(13);
        row.strange = statement.int64(14) != 0;
        row.has_open_read_back = statement.int64(15) != 0;
        rows.push_back(std::move(row));
      }
      if (static_cast<int>(rows.size()) == count) break;
      cursor.part = static_cast<Cursor::Part>(cursor.part + 1);
      cursor.after = 0;
    }
    return rows;
  });
}

Result<std::optional<model::Candidate>> witness(Ledger& ledger) {
  return ledger.state().guarded([&]() -> std::optional<model::Candidate> {
    sqlite::Statement s{
        ledger.state().db,
        // By its attempts: a first run has many rows and none of these.
        "SELECT row.id, brand_id, card_id, code, openid, reason, source_line, "
        "(SELECT max(n) FROM attempt WHERE row_id = row.id) FROM attempt CROSS JOIN row ON row.id = row_id "
        "WHERE status = 'invalidated' AND forgotten_at IS NULL LIMIT 1"};
    s.bind();
    if (!s.step()) return std::nullopt;
    model::Candidate row;
    row.id = s.int64(0);
    row.card = card_in(s, 1);
    row.source_line = s.int64(6);
    row.status = model::Status::invalidated;
    row.attempts = int_in(s, 7);
    return row;
  });
}

Result<std::vector<std::string>> brands(Ledger& ledger) {
  return ledger.state().guarded([&] {
    std::vector<std::string> brands;
    // One seek in the unique index for each brand, where DISTINCT would read every row.
    sqlite::Statement s{ledger.state().db, "SELECT min(brand_id) FROM row WHERE brand_id > ?1"};
    for (std::string last;;) {
      s.bind(last);
      if (!s.step() || s.is_null(0)) break;
      last = s.text(0);
      s.reset();
      brands.push_back(last);
    }
    return brands;
  });
}

Result<void> index_brands(Ledger& ledger) {
  return ledger.state().guarded([&] {
    auto& db = ledger.state().db;
    if (!ask(db, "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'row_of_brand')"))
      db.execute(std::string{k_row_of_brand});
  });
}

namespace {

RowKind kind_of(Ledger::State& state, model::RowId row) {
  auto& kind = state.prepared().kind;
  auto found = kind.bind(row).step() ? kind_from(kind, 0) : RowKind{};
  kind.reset();
  return found;
}

// Has `change` made, and notes how the kind of the row changes. `after`: what it will be; nullopt: it must be
// read.
template <class Change>
void note_step(Ledger::State& state, model::RowId row, const RowKind& before,
               const std::optional<RowKind>& after, Change change) {
  change();
  // What was not checked as a whole may lack a row that its index has.
  if (state.db.changes() != 1) throw sqlite::Failure{SQLITE_CORRUPT, fmt::format("row {} is not there", row)};
  state.steps.note(before, after ? *after : kind_of(state, row));
}

// A person's word settles none that has such a status.
bool is_never_accepted(model::Status status) {
  return status != model::Status::rejected && status != model::Status::unresolved;
}

std::optional<RowKind> with_status(RowKind kind, model::Status status) {
  if (!is_never_accepted(status)) return std::nullopt;
  kind.status = model::to_text(status);
  kind.accepted = 0;
  return kind;
}

std::optional<RowKind> ruled(const RowKind& before, const model::Ruling& ruling, bool is_settled) {
  auto kind = with_status(before, ruling.status);
  if (!kind) return kind;
  kind->held = int{ruling.held};
  kind->settled_by = ruling.settled_by ? model::to_text(*ruling.settled_by) : std::string_view{};
  kind->is_unsigned = int{is_settled && !ruling.shown.is_signed};
  return kind;
}

}  // namespace

Result<void> begin_changes(Ledger& ledger) {
  // Written into a file without a name, everything would be lost at the end.
  if (ledger.state().db.has_moved())
    return Error{Errc::io,
                 tr("{}: was removed or renamed while it is in use; nothing more is sent; put it back "
                    "with its -wal and run the same command again",
                    ledger.state().file.string())};
  ledger.state().steps.clear();
  ledger.state().counts.reset();
  return ledger.state().guarded([&] { ledger.state().prepared().begin.bind().run(); });
}

Result<void> open_attempt(Ledger& ledger, const Intent& intent) {
  return ledger.state().guarded([&] {
    auto& j = ledger.state().prepared();
    j.open_attempt
        .bind(intent.row, intent.n, intent.run, model::to_text(intent.endpoint), to_ms(intent.at),
              model::to_text(intent.kind))
        .run();
    if (intent.kind != model::AttemptKind::invalidate) return;
    const auto before = kind_of(ledger.state(), intent.row);
    note_step(ledger.state(), intent.row, before, with_status(before, model::Status::in_flight),
              [&] { j.mark_in_flight.bind(intent.row).run(); });
  });
}

Result<void> close_attempt(Ledger& ledger, const Attempt& attempt, const model::Ruling& ruling) {
  return ledger.state().guarded([&] {
    auto& j = ledger.state().prepared();
    const auto& o = attempt.outcome;
    const auto status = if_any(o.http_status);
    const std::int64_t latency = attempt.latency.count();
    if (attempt.kind == model::AttemptKind::invalidate) {
      j.close_intent.bind(attempt.row, attempt.n, model::to_text(attempt.endpoint), int{attempt.sent},
                          to_ms(attempt.started_at), to_ms(attempt.finished_at), latency, status,
                          if_any(o.error_code), if_any(o.request_id), model::to_text(o.kind));
      j.close_intent.run();
    } else {
      j.close_read_back.bind(attempt.row, attempt.n, model::to_text(attempt.endpoint), int{attempt.sent},
                             to_ms(attempt.started_at), to_ms(attempt.finished_at), latency, status,
                             if_any(o.error_code), if_any(o.request_id), model::to_text(o.kind), attempt.run);
      j.close_read_back.run();
    }

    if (ruling.leaves_row) return;
    const auto& shown = ruling.shown;
    const bool settled =
        ruling.status == model::Status::invalidated || ruling.status == model::Status::rejected;
    const auto settled_by =
        ruling.settled_by ? std::optional{model::to_text(*ruling.settled_by)} : std::nullopt;
    const bool first_sending = attempt.sent && attempt.kind == model::AttemptKind::invalidate;
    j.update_row.bind(attempt.row, model::to_text(ruling.status), int{ruling.held}, if_any(shown.card_state),
                      if_any(shown.invalid_time), if_any(shown.error_code), if_any(shown.error_message),
                      if_any(shown.http_status), if_any(shown.request_id),
                      model::to_text(ruling.shown_endpoint.value_or(attempt.endpoint)), settled_by,
                      first_sending ? std::optional{to_ms(attempt.started_at)} : std::nullopt,
                      settled ? std::optional{to_ms(attempt.finished_at)} : std::nullopt,
                      settled ? std::optional{int{shown.is_signed}} : std::nullopt, int{ruling.strange});
    const auto before = kind_of(ledger.state(), attempt.row);
    note_step(ledger.state(), attempt.row, before, ruled(before, ruling, settled),
              [&] { j.update_row.run(); });
  });
}

Result<void> withdraw_attempt(Ledger& ledger, model::RowId row, int n, std::optional<model::Status> status) {
  return ledger.state().guarded([&] {
    ledger.state().prepared().withdraw.bind(row, n).run();
    if (!status) return;
    const auto before = kind_of(ledger.state(), row);
    note_step(ledger.state(), row, before, with_status(before, *status),
              [&] { ledger.state().prepared().set_status.bind(row, model::to_text(*status)).run(); });
  });
}

Result<void> commit_changes(Ledger& ledger) {
  return ledger.state().guarded([&] {
    auto& j = ledger.state().prepared();
    j.has_counts.bind().step();
    const bool counts = j.has_counts.int64(0) != 0;
    j.has_counts.reset();
    ledger.state().steps.commit(counts ? &j.add_count : nullptr);
    if (const auto& of_run = ledger.state().counts) {
      const auto& [run, c] = *of_run;
      j.save_counts.bind(run, c.sent, c.confirmed, c.rejected, c.unresolved, c.canary, c.other_brand).run();
    }
    j.commit.bind().run();
  });
}

}  // namespace cardvoid::ledger
