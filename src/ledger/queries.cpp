#include <fmt/format.h>
#include <cardvoid/ledger/one_moment.hpp>
#include <cardvoid/ledger/queries.hpp>

#include <algorithm>
#include <utility>

#include "state.hpp"
#include "tally.hpp"

namespace cardvoid::ledger {

namespace {

constexpr std::string_view k_last_import_at = "(SELECT max(finished_at) FROM import)";

const std::string k_is_taken_back = fmt::format(
    "protected AND status = 'pending' AND (code IN (SELECT code FROM protection WHERE removed_at > {0}) OR "
    "openid IN (SELECT openid FROM protection WHERE removed_at > {0})) AND code NOT IN (SELECT code FROM "
    "protection WHERE removed_at IS NULL AND code IS NOT NULL) AND openid NOT IN (SELECT openid FROM "
    "protection WHERE removed_at IS NULL AND openid IS NOT NULL)",
    k_last_import_at);

}  // namespace

void Totals::move(model::RowState before, model::RowState after) {
  const auto count_of = [this](model::Status status) -> std::int64_t& {
    switch (status) {
      case model::Status::in_flight: return in_flight;
      case model::Status::invalidated: return invalidated;
      case model::Status::rejected: return rejected;
      case model::Status::unresolved: return unresolved;
      case model::Status::pending: break;
    }
    return pending;
  };
  --count_of(before.status), ++count_of(after.status);
  held += int{after.held} - int{before.held};
}

namespace {

// Those that the kinds of rows do not tell.
void add_other_totals(const sqlite::Connection& db, Totals& totals) {
  sqlite::Statement refused{
      db, fmt::format("SELECT count(*), count(*) FILTER (WHERE cause GLOB '{}*') FROM refused",
                      k_protected_cause)};
  refused.bind().step();
  totals.refused = refused.int64(0), totals.refused_protected = refused.int64(1);
  refused.reset();
  // Reads every row, and so only where something was taken back.
  if (ask(db, fmt::format("SELECT EXISTS (SELECT 1 FROM protection WHERE removed_at > {})",
                          k_last_import_at)) != 0)
    totals.protected_until_import =
        ask(db, fmt::format("SELECT count(*) FROM row WHERE {} AND {}", k_is_taken_back, k_in_plan));
}

// A reader leaves it to the next writer; it is not worth a wait for the lock.
void keep_if_writing(Ledger::State& state, const RowCounts& counts) {
  if (!state.is_writing || counts.empty() || !sqlite3_get_autocommit(state.db.get())) return;
  std::optional<sqlite::Transaction> transaction;
  state.db.on_busy({});
  try {
    transaction.emplace(state.db);
  } catch (const sqlite::Failure& failure) {
    state.wait_when_locked();
    if (failure.primary_code() == SQLITE_BUSY) return;
    throw;
  }
  state.wait_when_locked();
  forget_counts(state.db);
  keep_counts(state.db, counts);
  transaction->commit();
}

Totals with_others(const sqlite::Connection& db, const RowCounts& counts) {
  auto totals = totals_of(counts);
  add_other_totals(db, totals);
  return totals;
}

}  // namespace

Result<Totals> totals(Ledger& ledger) {
  auto& state = ledger.state();
  return state.guarded([&] {
    auto counts = kept_counts(state.db);
    if (!counts) {
      counts = count_rows(state.db);
      keep_if_writing(state, *counts);
    }
    return with_others(state.db, *counts);
  });
}

Result<Totals> recounted_totals(Ledger& ledger) {
  auto& state = ledger.state();
  return state.guarded([&] {
    const auto counts = count_rows(state.db);
    if (kept_counts(state.db) != counts) keep_if_writing(state, counts);
    return with_others(state.db, counts);
  });
}

Result<std::vector<RowInDoubt>> rows_in_doubt(Ledger& ledger, int most) {
  return ledger.state().guarded([&] {
    std::vector<RowInDoubt> rows;
    sqlite::Statement s{
        ledger.state().db,
        fmt::format("SELECT id, source_line, code, openid, status, held, coalesce(error_code, (SELECT "
                    "coalesce(error_code, "
                    "upper(outcome)) FROM attempt WHERE row_id = row.id AND {} ORDER BY n DESC LIMIT 1)), "
                    "error_message "
                    "FROM row WHERE {} AND {} ORDER BY held DESC, status = 'in_flight', id LIMIT ?1",
                    k_has_a_word, k_is_in_doubt, k_in_plan)};
    s.bind(most);
    while (s.step())
      rows.push_back({s.int64(0), s.int64(1), std::string{s.text(2)}, std::string{s.text(3)}, status_in(s, 4),
                      s.int64(5) != 0, std::string{s.text(6)}, std::string{s.text(7)}});
    return rows;
  });
}

Result<std::vector<model::Card>> some_cards(Ledger& ledger, int most) {
  return ledger.state().guarded([&] {
    std::vector<model::Card> cards;
    for (const std::string_view condition :
         {"status = 'pending' AND NOT conflict AND absent <> 1", "forgotten_at IS NULL"}) {
      sqlite::Statement s{ledger.state().db,
                          fmt::format("SELECT brand_id, card_id, code, openid, reason FROM row WHERE {} AND "
                                      "{} ORDER BY id LIMIT ?1",
                                      condition, k_in_plan)};
      s.bind(most);
      while (s.step()) cards.push_back(card_in(s, 0));
      if (!cards.empty()) break;
    }
    return cards;
  });
}

Result<std::vector<RefusedCause>> refused_causes(Ledger& ledger) {
  return ledger.state().guarded([&] {
    std::vector<RefusedCause> causes;
    sqlite::Statement grouped{ledger.state().db,
                              "SELECT cause, count(*) FROM refused GROUP BY cause ORDER BY 2 DESC, 1"};
    sqlite::Statement lines{ledger.state().db, "SELECT source_line FROM refused WHERE cause = ?1 LIMIT 3"};
    grouped.bind();
    while (grouped.step()) {
      RefusedCause cause{std::string{grouped.text(0)}, grouped.int64(1), {}};
      cause.is_protected = cause.cause.starts_with(k_protected_cause);
      lines.bind(cause.cause);
      while (lines.step()) cause.example_lines.push_back(lines.int64(0));
      causes.push_back(std::move(cause));
    }
    return causes;
  });
}

Result<void> each_request(Ledger& ledger, const std::function<void(const EndedRequest&)>& visit) {
  return ledger.state().guarded([&] {
    // Counted by the caller: GROUP BY would sort every row.
    sqlite::Statement s{
        ledger.state().db,
        "SELECT kind = 'read_back', endpoint = 'backup', sent, http_status, outcome, latency_us "
        "FROM attempt WHERE outcome IS NOT NULL AND outcome <> 'withdrawn'"};
    s.bind();
    while (s.step()) {
      EndedRequest request;
      if (s.int64(0)) request.kind = model::AttemptKind::read_back;
      if (s.int64(1)) request.endpoint = model::Endpoint::backup;
      request.sent = s.int64(2) != 0;
      request.http_status = static_cast<unsigned>(int_in(s, 3));
      request.outcome = model::outcome_from_text(s.text(4)).value_or(model::OutcomeKind::unknown_answer);
      request.latency = std::chrono::microseconds{number_in(s, 5)};
      visit(request);
    }
  });
}

Result<std::vector<ErrorCount>> errors(Ledger& ledger, int most) {
  return ledger.state().guarded([&] {
    std::vector<ErrorCount> errors;
    // By the index row_error, which has all that is asked for.
    sqlite::Statement s{
        ledger.state().db,
        fmt::format("SELECT status, error_code, count(*) FROM row WHERE error_code IS NOT NULL AND status <> "
                    "'invalidated' AND NOT {} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT ?1",
                    k_is_accepted)};
    s.bind(most);
    while (s.step()) errors.push_back({std::string{s.text(0)}, std::string{s.text(1)}, s.int64(2)});
    return errors;
  });
}

Result<void> each_refused(Ledger& ledger, const std::function<void(const RefusedLine&)>& visit) {
  return ledger.state().guarded([&] {
    sqlite::Statement s{ledger.state().db,
                        "SELECT source_line, cause, raw FROM refused ORDER BY source_line"};
    s.bind();
    while (s.step()) visit({s.int64(0), s.text(1), s.text(2)});
  });
}

namespace {

// The rows as they are in the file: another reading of all of them.
Survey read_survey(sqlite::Connection& db, std::size_t most_templates) {
  // In the order of the table, which is that of the input. iif() stops at what decides, where a plain
  // condition looks at all of it.
  sqlite::Statement s{
      db,
      fmt::format("SELECT brand_id, card_id, openid, status, conflict AND NOT protected, iif({}, 1, 0), "
                  "iif({}, 1, 0), reason, absent, first_sent_at IS NOT NULL, id, code FROM row NOT INDEXED "
                  "WHERE {} ORDER BY id",
                  k_to_send, k_is_accepted, k_in_plan)};
  Surveyor surveyor{db, most_templates};
  RangeWriter ids_to_send;
  for (s.bind(); s.step();) {
    SurveyedRow row{s.int64(10), s.text(0), s.text(1), s.text(11), s.text(2), s.text(7)};
    row.status = status_in(s, 3);
    row.is_to_send = s.int64(5) != 0, row.is_accepted = s.int64(6) != 0, row.has_conflict = s.int64(4) != 0;
    row.is_named = s.int64(8) == 0, row.was_requested = s.int64(9) != 0;
    surveyor.add(row);
    if (row.is_to_send) ids_to_send.add(row.id);
  }
  return surveyor.finish(ids_to_send.finish());
}

}  // namespace

Result<Survey> survey(Ledger& ledger, std::size_t most_templates) {
  auto& state = ledger.state();
  return state.guarded([&] {
    const auto& kept = state.kept_survey;
    if (kept && kept->then == writes_to(state.db) && kept->survey.templates.size() <= most_templates)
      return kept->survey;
    return read_survey(state.db, most_templates);
  });
}

Result<std::int64_t> most_to_send_of_a_brand(Ledger& ledger) {
  return ledger.state().guarded([&] {
    // In the order of the table: through an index, which has no status, each row would be a seek.
    sqlite::Statement s{
        ledger.state().db,
        fmt::format("SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM row NOT INDEXED "
                    "WHERE {} AND {} GROUP BY brand_id)",
                    k_to_send, k_in_plan)};
    s.bind();
    s.step();
    return s.int64(0);
  });
}

OneMoment::OneMoment(Ledger& ledger) : ledger_{ledger} { ledger_.state().db.execute("BEGIN"); }
OneMoment::~OneMoment() { sqlite3_exec(ledger_.state().db.get(), "ROLLBACK", nullptr, nullptr, nullptr); }

const std::vector<std::string>& result_columns() {
  static const std::vector<std::string> columns{
      "brand_id",      "card_id",      "code",        "openid",        "reason",        "status",
      "card_state",    "invalid_time", "error_code",  "error_message", "http_status",   "attempts",
      "request_id",    "endpoint",     "source_line", "first_sent_at", "finished_at",   "settled_by",
      "answer_signed", "held_back",    "accepted_at", "accepted_by",   "accepted_note", "forgotten_at"};
  return columns;
}

namespace {

// The columns of the view `results`, in its order, but with times as numbers and without the count of
// attempts: strftime() and a query for every row take longer than all the rest.
const std::string k_result_values = fmt::format(
    "brand_id, card_id, iif(forgotten_at IS NULL, code, NULL), nullif(openid, ''), nullif(reason, ''), "
    "status, card_state, invalid_time, error_code, "
    "error_message, http_status, id, request_id, endpoint, source_line, first_sent_at, finished_at, "
    "settled_by, answer_signed, {held_back}, iif({accepted}, accepted_at, NULL), iif({accepted}, "
    "accepted_by, "
    "NULL), iif({accepted}, accepted_note, NULL), forgotten_at",
    fmt::arg("held_back", k_held_back), fmt::arg("accepted", k_is_accepted));

// What makes text of a column. SQLite would do the same for a number, with an allocation for each.
enum class ResultValue { text, number, time, attempts };
ResultValue kind_of(std::string_view column) {
  if (column == "attempts") return ResultValue::attempts;
  if (column == "http_status" || column == "source_line" || column == "answer_signed")
    return ResultValue::number;
  return column.ends_with("_at") ? ResultValue::time : ResultValue::text;
}

// How many requests were sent for rows that are asked for in ascending order. Reads the attempts once.
class AttemptCounter {
 public:
  explicit AttemptCounter(const sqlite::Connection& db)
      : attempts_{db, "SELECT row_id FROM attempt WHERE sent ORDER BY row_id"} {
    attempts_.bind();
    has_more_ = attempts_.step();
  }
  std::int64_t of(model::RowId row) {
    std::int64_t count = 0;
    for (; has_more_ && attempts_.int64(0) <= row; has_more_ = attempts_.step())
      count += attempts_.int64(0) == row;
    return count;
  }

 private:
  sqlite::Statement attempts_;
  bool has_more_ = false;
};

}  // namespace

Result<std::int64_t> each_result(Ledger& ledger, std::optional<model::Status> status,
                                 const std::function<void(const ResultRow&)>& row) {
  return ledger.state().guarded([&] {
    // Both statements see the same moment: the second one begins while the first is under way.
    sqlite::Statement s{ledger.state().db,
                        fmt::format("SELECT {} FROM row NOT INDEXED WHERE {} AND (?1 IS NULL "
                                    "OR status = ?1) ORDER BY id",
                                    k_result_values, k_in_plan)};
    std::vector<ResultValue> kinds;
    for (const auto& column : result_columns()) kinds.push_back(kind_of(column));
    s.bind(status ? std::optional{model::to_text(*status)} : std::nullopt);
    std::int64_t count = 0;
    ResultRow values(kinds.size());
    if (!s.step()) return count;
    AttemptCounter attempts{ledger.state().db};
    do {
      for (std::size_t column = 0; column < values.size(); ++column) {
        const auto at = static_cast<int>(column);
        auto& value = values[column];
        if (kinds[column] == ResultValue::text) {
          // The room of the row before is used again. NULL has no characters, unlike empty text.
          if (const auto text = s.text(at); !text.data())
            value.reset();
          else
            value ? void(value->assign(text)) : void(value.emplace(text));
          continue;
        }
        value.reset();
        if (s.is_null(at)) continue;
        const auto number = s.int64(at);
        if (kinds[column] == ResultValue::time)
          value = format_rfc3339(from_ms(number));
        else
          value = std::to_string(kinds[column] == ResultValue::attempts ? attempts.of(number) : number);
      }
      row(values);
      ++count;
    } while (s.step());
    return count;
  });
}

}  // namespace cardvoid::ledger
