#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cardvoid/base/sha256.hpp>
#include <map>
#include <tuple>
#include <utility>

#include "frequent.hpp"
#include "state.hpp"

// What plan, status and export ask.
namespace cardvoid::ledger {

namespace {

WallTime from_ms(std::int64_t ms) { return WallTime{milliseconds{ms}}; }

constexpr std::size_t k_counters = 1000, k_openids_shown = 3;
constexpr std::int64_t k_least_frequent = 10;

// With its length before it, so that no two rows can run together.
void add_field(Sha256& hash, std::string_view field) {
  const auto length = static_cast<std::uint64_t>(field.size());
  std::array<char, 8> prefix;
  for (std::size_t i = 0; i < prefix.size(); ++i) prefix[i] = static_cast<char>(length >> (8 * i));
  hash.add({prefix.data(), prefix.size()});
  hash.add(field);
}

// SQL: row_digest(field, …), SHA-256 of the row.
void add_row_digest(const sqlite::Connection& db) {
  const auto digest_row = [](sqlite3_context* context, int count, sqlite3_value** values) {
    auto& hash = *static_cast<Sha256*>(sqlite3_user_data(context));
    try {
      for (int i = 0; i < count; ++i) {
        const auto* bytes = static_cast<const char*>(sqlite3_value_blob(values[i]));
        add_field(hash, {bytes ? bytes : "", static_cast<std::size_t>(sqlite3_value_bytes(values[i]))});
      }
      const auto digest = hash.finish();
      sqlite3_result_blob(context, digest.data(), static_cast<int>(digest.size()), SQLITE_TRANSIENT);
    } catch (const std::exception&) {  // SQLite's own frames must not be unwound
      sqlite3_result_error_nomem(context);
    }
  };
  const auto forget = [](void* hash) { delete static_cast<Sha256*>(hash); };
  if (sqlite3_create_function_v2(db.get(), "row_digest", -1, SQLITE_UTF8 | SQLITE_DIRECTONLY, new Sha256,
                                 digest_row, nullptr, nullptr, forget))
    throw sqlite::Failure{db.get()};
}

}  // namespace

Result<Totals> Ledger::totals() {
  return state_->guarded([&] {
    // One pass with counters: GROUP BY would sort every row, in memory that grows with the job.
    sqlite::Statement s{
        state_->db,
        "SELECT count(*) FILTER (WHERE status = 'pending'), count(*) FILTER (WHERE status = 'in_flight'), "
        "count(*) FILTER (WHERE status = 'invalidated'), count(*) FILTER (WHERE status = 'rejected'), "
        "count(*) FILTER (WHERE status = 'unresolved'), count(*) FILTER (WHERE held), "
        "count(*) FILTER (WHERE conflict AND status = 'pending' AND NOT protected), (SELECT count(*) FROM "
        "refused), count(*) FILTER (WHERE settled_by = 'already'), count(*) FILTER (WHERE settled_by = "
        "'read_back'), "
        "count(*) FILTER (WHERE protected AND status = 'pending'), count(*) FILTER (WHERE protected AND "
        "status IN ('in_flight', 'unresolved') AND NOT held), count(*) FILTER (WHERE protected AND status = "
        "'invalidated') "
        "FROM row WHERE id <= (SELECT max(last_row) FROM import)"};
    s.bind();
    s.step();
    Totals totals;
    std::int64_t* const counts[] = {&totals.pending,
                                    &totals.in_flight,
                                    &totals.invalidated,
                                    &totals.rejected,
                                    &totals.unresolved,
                                    &totals.held,
                                    &totals.conflicts,
                                    &totals.refused,
                                    &totals.already,
                                    &totals.read_back,
                                    &totals.protected_pending,
                                    &totals.protected_in_doubt,
                                    &totals.protected_invalidated};
    for (int column = 0; auto* count : counts) *count = s.int64(column++);
    s.reset();
    return totals;
  });
}

Result<std::vector<RowInDoubt>> Ledger::rows_in_doubt(int most) {
  return state_->guarded([&] {
    std::vector<RowInDoubt> rows;
    sqlite::Statement s{
        state_->db,
        "SELECT id, code, openid, status, held, coalesce(error_code, (SELECT coalesce(error_code, "
        "upper(outcome)) FROM attempt WHERE row_id = row.id AND sent ORDER BY n DESC LIMIT 1)), "
        "error_message "
        "FROM row WHERE status IN ('in_flight', 'unresolved') AND id <= (SELECT max(last_row) FROM import) "
        "ORDER BY held DESC, status = 'in_flight', id LIMIT ?1"};
    s.bind(most);
    while (s.step())
      rows.push_back({s.int64(0), std::string{s.text(1)}, std::string{s.text(2)},
                      *model::status_from_text(s.text(3)), s.int64(4) != 0, std::string{s.text(5)},
                      std::string{s.text(6)}});
    return rows;
  });
}

Result<std::vector<model::Card>> Ledger::some_cards(int most) {
  return state_->guarded([&] {
    std::vector<model::Card> cards;
    for (const std::string_view condition : {"status = 'pending' AND NOT conflict", "TRUE"}) {
      sqlite::Statement s{state_->db,
                          fmt::format("SELECT brand_id, card_id, code, openid, reason FROM row WHERE {} AND "
                                      "id <= (SELECT max(last_row) FROM import) ORDER BY id LIMIT ?1",
                                      condition)};
      s.bind(most);
      while (s.step())
        cards.push_back({std::string{s.text(0)}, std::string{s.text(1)}, std::string{s.text(2)},
                         std::string{s.text(3)}, std::string{s.text(4)}});
      if (!cards.empty()) break;
    }
    return cards;
  });
}

Result<std::vector<RefusedCause>> Ledger::refused_causes() {
  return state_->guarded([&] {
    std::vector<RefusedCause> causes;
    sqlite::Statement grouped{state_->db,
                              "SELECT cause, count(*) FROM refused GROUP BY cause ORDER BY 2 DESC, 1"};
    sqlite::Statement lines{state_->db, "SELECT source_line FROM refused WHERE cause = ?1 LIMIT 3"};
    grouped.bind();
    while (grouped.step()) {
      RefusedCause cause{std::string{grouped.text(0)}, grouped.int64(1), {}};
      lines.bind(cause.cause);
      while (lines.step()) cause.example_lines.push_back(lines.int64(0));
      causes.push_back(std::move(cause));
    }
    return causes;
  });
}

Result<std::vector<RunRecord>> Ledger::last_runs(int count) {
  return state_->guarded([&] {
    std::vector<RunRecord> runs;
    sqlite::Statement s{
        state_->db,
        "SELECT id, command, started_at, host, pid, version, acknowledge, fingerprint, ended_at, exit_code, "
        "ending, sent, confirmed, rejected, unresolved, canary, tripped_by, culprits FROM run ORDER BY id "
        "DESC LIMIT ?1"};
    s.bind(count);
    while (s.step()) {
      RunRecord run;
      run.id = s.int64(0);
      run.start = {std::string{s.text(1)},       from_ms(s.int64(2)),    std::string{s.text(3)},
                   static_cast<int>(s.int64(4)), std::string{s.text(5)}, std::string{s.text(6)},
                   std::string{s.text(7)}};
      if (!s.is_null(8)) run.ended_at = from_ms(s.int64(8));
      if (!s.is_null(9)) run.exit_code = static_cast<int>(s.int64(9));
      run.ending = s.text(10);
      run.counts = {s.int64(11), s.int64(12), s.int64(13), s.int64(14), s.int64(15)};
      run.tripped_by = s.text(16), run.culprits = s.text(17);
      runs.push_back(std::move(run));
    }
    return runs;
  });
}

Result<std::optional<Pulse>> Ledger::pulse() {
  return state_->guarded([&]() -> std::optional<Pulse> {
    sqlite::Statement s{
        state_->db,
        "SELECT run_id, at, rate, allowed_rate, paused_by_429, in_flight, waiting, primary_state, "
        "backup_state, canary, canary_passed, reasons_to_wait FROM pulse"};
    s.bind();
    if (!s.step()) return std::nullopt;
    Pulse pulse;
    pulse.run = s.int64(0);
    pulse.at = from_ms(s.int64(1));
    pulse.rate = s.real(2), pulse.allowed_rate = s.real(3);
    pulse.paused_by_429 = s.int64(4) != 0;
    pulse.in_flight = static_cast<int>(s.int64(5)), pulse.waiting = static_cast<int>(s.int64(6));
    pulse.primary_state = s.text(7), pulse.backup_state = s.text(8);
    pulse.canary = static_cast<int>(s.int64(9)), pulse.canary_passed = static_cast<int>(s.int64(10));
    pulse.reasons_to_wait = reasons_from_json(s.text(11));
    return pulse;
  });
}

Result<std::optional<WallTime>> Ledger::last_success() {
  return state_->guarded([&]() -> std::optional<WallTime> {
    // "run --accept-damage" is one too.
    sqlite::Statement s{state_->db,
                        "SELECT max(ended_at) FROM run WHERE exit_code = 0 AND command GLOB 'run*'"};
    s.bind();
    if (!s.step() || s.is_null(0)) return std::nullopt;
    return from_ms(s.int64(0));
  });
}

Result<void> Ledger::each_request(const std::function<void(const EndedRequest&)>& visit) {
  return state_->guarded([&] {
    // Counted by the caller: GROUP BY would sort every row.
    sqlite::Statement s{
        state_->db,
        "SELECT kind = 'read_back', endpoint = 'backup', sent, http_status, outcome, latency_us "
        "FROM attempt WHERE outcome IS NOT NULL AND outcome <> 'withdrawn'"};
    s.bind();
    while (s.step()) {
      EndedRequest request;
      if (s.int64(0)) request.kind = model::AttemptKind::read_back;
      if (s.int64(1)) request.endpoint = model::Endpoint::backup;
      request.sent = s.int64(2) != 0;
      request.http_status = static_cast<unsigned>(s.int64(3));
      request.outcome = s.text(4);
      request.latency = std::chrono::microseconds{s.int64(5)};
      visit(request);
    }
  });
}

Result<std::vector<ErrorCount>> Ledger::errors(int most) {
  return state_->guarded([&] {
    std::vector<ErrorCount> errors;
    sqlite::Statement s{
        state_->db,
        "SELECT status, error_code, count(*) FROM row WHERE error_code IS NOT NULL AND status <> "
        "'invalidated' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT ?1"};
    s.bind(most);
    while (s.step()) errors.push_back({std::string{s.text(0)}, std::string{s.text(1)}, s.int64(2)});
    return errors;
  });
}

Result<void> Ledger::each_refused(const std::function<void(const RefusedLine&)>& visit) {
  return state_->guarded([&] {
    sqlite::Statement s{state_->db, "SELECT source_line, cause, raw FROM refused ORDER BY source_line"};
    s.bind();
    while (s.step()) visit({s.int64(0), s.text(1), s.text(2)});
  });
}

Result<Survey> Ledger::survey(std::size_t most_templates) {
  return state_->guarded([&] {
    // In the order of the table, which is that of the input: rows of one template mostly stand together.
    sqlite::Statement s{
        state_->db, fmt::format("SELECT brand_id, card_id, openid, status, conflict, {} FROM row NOT INDEXED "
                                "WHERE id <= (SELECT max(last_row) FROM import)",
                                k_to_send)};
    Survey survey;
    FrequentValues openids{k_counters};
    std::map<std::pair<std::string, std::string>, TemplateTotals> templates;
    TemplateTotals* current = nullptr;
    s.bind();
    while (s.step()) {
      if (!current || s.text(0) != current->brand_id || s.text(1) != current->card_id) {
        std::pair key{std::string{s.text(0)}, std::string{s.text(1)}};
        const bool has_room = templates.size() < most_templates || templates.contains(key);
        current = has_room ? &templates[key] : &survey.others;
        if (has_room) std::tie(current->brand_id, current->card_id) = std::move(key);
      }
      openids.add(s.text(2));
      ++current->rows;
      current->to_send += s.int64(5);
      switch (*model::status_from_text(s.text(3))) {
        case model::Status::pending: current->conflicts += s.int64(4) != 0; break;
        case model::Status::in_flight:
        case model::Status::unresolved: ++current->in_doubt; break;
        case model::Status::invalidated: ++current->invalidated; break;
        case model::Status::rejected: ++current->rejected; break;
      }
    }
    std::map<std::string, std::int64_t> of_brands;
    for (auto& [key, totals] : templates) {
      auto& of_brand = of_brands[key.first] += totals.to_send;
      survey.most_to_send_of_a_brand =
          std::max(survey.most_to_send_of_a_brand, of_brand + survey.others.to_send);
      survey.templates.push_back(std::move(totals));
    }
    survey.frequent_openids = openids.top(k_openids_shown, k_least_frequent);
    return survey;
  });
}

Result<std::string> Ledger::fingerprint() {
  return state_->guarded([&] {
    // The digests are sorted, not the rows: to read these in the order of a key costs a page for each. SQLite
    // sorts at constant memory, in a temporary file.
    add_row_digest(state_->db);
    sqlite::Statement s{
        state_->db,
        fmt::format(
            "SELECT row_digest(brand_id, card_id, code, openid, reason) AS digest FROM row NOT INDEXED "
            "WHERE {} AND id <= (SELECT max(last_row) FROM import) ORDER BY digest",
            k_to_send)};
    Sha256 hash;
    s.bind();
    while (s.step()) hash.add(s.text(0));
    std::string text;
    for (const auto byte : hash.finish()) text += fmt::format("{:02x}", byte);
    return text;
  });
}

Result<std::vector<std::string>> Ledger::brands() {
  return state_->guarded([&] {
    std::vector<std::string> brands;
    // One seek in the unique index for each brand, where DISTINCT would read every row.
    sqlite::Statement s{state_->db, "SELECT min(brand_id) FROM row WHERE brand_id > ?1"};
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

const std::vector<std::string>& Ledger::result_columns() {
  static const std::vector<std::string> columns{
      "brand_id",   "card_id",      "code",        "openid",        "reason",      "status",
      "card_state", "invalid_time", "error_code",  "error_message", "http_status", "attempts",
      "request_id", "endpoint",     "source_line", "first_sent_at", "finished_at", "settled_by"};
  return columns;
}

Result<std::int64_t> Ledger::each_result(std::optional<model::Status> status,
                                         const std::function<void(const ResultRow&)>& row) {
  return state_->guarded([&] {
    sqlite::Statement s{state_->db, "SELECT * FROM results WHERE ?1 IS NULL OR status = ?1"};
    s.bind(status ? std::optional{model::to_text(*status)} : std::nullopt);
    std::int64_t count = 0;
    ResultRow values(result_columns().size());
    for (; s.step(); ++count) {
      for (std::size_t column = 0; column < values.size(); ++column) {
        const auto at = static_cast<int>(column);
        values[column] = s.is_null(at) ? std::nullopt : std::optional<std::string>{s.text(at)};
      }
      row(values);
    }
    return count;
  });
}

Result<std::optional<WallTime>> Ledger::last_sent_at(WallTime now) {
  return state_->guarded([&]() -> std::optional<WallTime> {
    sqlite::Statement s{state_->db, "SELECT ended_at FROM run ORDER BY id DESC LIMIT 1"};
    s.bind();
    if (!s.step()) return std::nullopt;
    // A run that died left no word of its read-backs, and its last one may have been a moment ago.
    return s.is_null(0) ? now : from_ms(s.int64(0));
  });
}

Result<std::int64_t> Ledger::canary_passed() {
  return state_->guarded([&] {
    return ask(state_->db,
               "SELECT sum(canary) FROM run WHERE last_row = (SELECT coalesce(max(id), 0) FROM row)");
  });
}

Result<bool> Ledger::is_rest_of_confirmed(std::string_view fingerprint_digits) {
  return state_->guarded([&] {
    sqlite::Statement s{
        state_->db,
        fmt::format("SELECT 1 FROM run WHERE by_confirm AND substr(fingerprint, 1, length(?1)) = ?1 AND "
                    "last_row >= (SELECT max(id) FROM row WHERE {})",
                    k_to_send)};
    s.bind(fingerprint_digits);
    return s.step();
  });
}

}  // namespace cardvoid::ledger
