#include <fmt/format.h>
#include <cardvoid/ledger/one_moment.hpp>
#include <cardvoid/ledger/story.hpp>

#include <algorithm>

#include "keyed_hash.hpp"
#include "state.hpp"

namespace cardvoid::ledger {

namespace {

constexpr std::size_t k_least_text_to_look_for = 6, k_most_refused = 5;

std::optional<WallTime> time_in(const sqlite::Statement& s, int column) {
  if (s.is_null(column)) return std::nullopt;
  return from_ms(s.int64(column));
}

std::string text_at(const sqlite::Statement& s, int column) { return std::string{s.text(column)}; }

std::optional<ListRecord> list_where(const sqlite::Connection& db, std::string_view condition,
                                     std::int64_t value) {
  sqlite::Statement s{
      db, fmt::format(
              "SELECT id, finished_at, source, read_by, file, file_time, sha256 FROM import WHERE {} LIMIT 1",
              condition)};
  if (!s.bind(value).step()) return std::nullopt;
  return ListRecord{s.int64(0),
                    from_ms(s.int64(1)),
                    text_at(s, 2),
                    text_at(s, 3),
                    {text_at(s, 4), time_in(s, 5), text_at(s, 6)}};
}

// ---- which rows ----

constexpr std::string_view k_is_asked_for =
    "CASE WHEN ?1 <> '' THEN row.code IN (?1, ?4) WHEN ?2 <> '' THEN openid = ?2 ELSE source_line = ?3 END";

// The list that a line is of: the one that changed the row last, else the one that brought it.
constexpr std::string_view k_list_of_line =
    "coalesce((SELECT max(made_at) FROM correction WHERE row_id = row.id), (SELECT finished_at FROM import "
    "WHERE last_row >= row.id ORDER BY id LIMIT 1))";

std::vector<model::RowId> matching_rows(const sqlite::Connection& db, const Question& question) {
  // What a request was made for last; of a line, the latest list.
  constexpr std::string_view k_last_request = "(SELECT max(started_at) FROM attempt WHERE row_id = row.id)";
  sqlite::Statement s{
      db, fmt::format("SELECT id FROM row WHERE {} AND {} ORDER BY {} DESC NULLS LAST, id", k_is_asked_for,
                      k_in_plan, question.line ? k_list_of_line : k_last_request)};
  std::vector<model::RowId> rows;
  const auto hash = hash_or_same(db, question.code);
  for (s.bind(question.code, question.openid, question.line, hash); s.step();) rows.push_back(s.int64(0));
  return rows;
}

// ---- one card ----

Story row_of(const sqlite::Connection& db, model::RowId id) {
  sqlite::Statement s{db,
                      "SELECT brand_id, card_id, code, openid, reason, source_line, status, held, conflict, "
                      "protected, absent, card_state, invalid_time, error_code, error_message, settled_by, "
                      "answer_signed, first_sent_at, finished_at, retried_at, accepted_at, accepted_by, "
                      "accepted_note, request_id, retried_by, " +
                          k_is_accepted + ", forgotten_at, " + std::string{k_held_back} +
                          " FROM row WHERE id = ?1"};
  s.bind(id).step();
  Story story;
  story.id = id;
  story.card = {text_at(s, 0), text_at(s, 1), text_at(s, 2), text_at(s, 3), text_at(s, 4)};
  story.line = s.int64(5);
  story.status = status_in(s, 6);
  story.held = s.int64(7) != 0, story.in_conflict = s.int64(8) != 0, story.is_protected = s.int64(9) != 0;
  story.has_left_list = s.int64(10) != 0, story.held_back = s.text(27);
  story.card_state = s.text(11), story.invalid_time = s.text(12);
  story.error_code = s.text(13), story.error_message = s.text(14), story.request_id = s.text(23);
  for (const auto how : {model::SettledBy::answer, model::SettledBy::read_back, model::SettledBy::already})
    if (s.text(15) == model::to_text(how)) story.settled_by = how;
  if (!s.is_null(16)) story.answer_signed = s.int64(16) != 0;
  story.first_sent_at = time_in(s, 17), story.finished_at = time_in(s, 18), story.retried_at = time_in(s, 19);
  story.retried_by = s.text(24);
  story.forgotten_at = time_in(s, 26);
  if (story.forgotten_at) story.card.code.clear();
  if (!s.is_null(20))
    (s.int64(25) != 0 ? story.accepted : story.withdrawn_acceptance) =
        Word{text_at(s, 21), from_ms(s.int64(20)), text_at(s, 22)};
  return story;
}

void add_corrections(const sqlite::Connection& db, Story& story) {
  if (story.forgotten_at) return;  // what they said is forgotten too
  sqlite::Statement s{db,
                      "SELECT made_at, openid, reason FROM correction WHERE row_id = ?1 ORDER BY id DESC"};
  auto openid_after = story.card.openid, reason_after = story.card.reason;
  for (s.bind(story.id); s.step();) {  // the last one led to what the row says now
    story.corrections.push_back(
        {from_ms(s.int64(0)), s.text(1) != openid_after, text_at(s, 2), reason_after});
    openid_after = s.text(1), reason_after = s.text(2);
  }
  std::reverse(story.corrections.begin(), story.corrections.end());
}

// Corrections are kept as long as a plan may need them. Without them a line may be of any list that came
// before the first request.
void add_list(const sqlite::Connection& db, Story& story) {
  story.list = story.corrections.empty()
                   ? list_where(db, "last_row >= ?1 ORDER BY id", story.id)
                   : list_where(db, "finished_at = ?1 ORDER BY id DESC", to_ms(story.corrections.back().at));
  if (!story.list || !story.corrections.empty()) return;
  sqlite::Statement s{db,
                      "SELECT (SELECT coalesce(min(id), 1) > 1 FROM correction) AND EXISTS (SELECT 1 FROM "
                      "import WHERE id > ?1 AND finished_at < coalesce(?2, finished_at + 1))"};
  std::optional<std::int64_t> first_sent_at;
  if (story.first_sent_at) first_sent_at = to_ms(*story.first_sent_at);
  s.bind(story.list->id, first_sent_at).step();
  story.is_list_certain = s.int64(0) == 0;
}

std::vector<ProtectionRecord> protections_of(const sqlite::Connection& db, const std::string& code,
                                             const std::string& openid) {
  sqlite::Statement s{db,
                      "SELECT openid IS NOT NULL, added_by, added_at, note, removed_by, removed_at FROM "
                      "protection WHERE code IN (?1, ?3) OR (openid = ?2 AND openid <> '') ORDER BY id"};
  std::vector<ProtectionRecord> entries;
  const auto hash = hash_or_same(db, code);
  for (s.bind(code, openid, hash); s.step();) {
    ProtectionRecord entry{s.int64(0) != 0, {text_at(s, 1), from_ms(s.int64(2)), text_at(s, 3)}, {}};
    if (const auto removed_at = time_in(s, 5)) entry.removed = Word{text_at(s, 4), *removed_at, {}};
    entries.push_back(std::move(entry));
  }
  return entries;
}

void add_requests(const sqlite::Connection& db, Story& story) {
  sqlite::Statement s{db,
                      "SELECT n, run_id, kind = 'read_back', endpoint = 'backup', sent, started_at, "
                      "finished_at, latency_us, http_status, error_code, request_id, outcome FROM attempt "
                      "WHERE row_id = ?1 ORDER BY n"};
  for (s.bind(story.id); s.step();) {
    RequestRecord request;
    request.n = int_in(s, 0), request.run = s.int64(1);
    if (s.int64(2)) request.kind = model::AttemptKind::read_back;
    if (s.int64(3)) request.endpoint = model::Endpoint::backup;
    request.sent = s.int64(4) != 0;
    request.started_at = from_ms(s.int64(5)), request.finished_at = time_in(s, 6);
    if (!s.is_null(7)) request.latency = std::chrono::microseconds{number_in(s, 7)};
    if (!s.is_null(8)) request.http_status = int_in(s, 8);
    request.error_code = s.text(9), request.request_id = s.text(10), request.outcome = s.text(11);
    story.requests.push_back(std::move(request));
  }
}

std::optional<PlanRecord> plan_of(const sqlite::Connection& db, const std::string& fingerprint) {
  sqlite::Statement s{
      db,
      "SELECT made_at, made_by, confirmed_by, to_send, confirmed_at FROM shown_plan WHERE fingerprint = ?1"};
  if (!s.bind(fingerprint).step()) return std::nullopt;
  return PlanRecord{from_ms(s.int64(0)), text_at(s, 1), text_at(s, 2), s.int64(3), time_in(s, 4)};
}

void add_runs(const sqlite::Connection& db, Story& story) {
  sqlite::Statement s{
      db,
      "SELECT id, command, user, host, version, acknowledge, fingerprint, started_at, "
      "ended_at, exit_code, pid, by_confirm, consent FROM run WHERE id IN (SELECT run_id FROM attempt "
      "WHERE row_id = ?1) ORDER BY id"};
  for (s.bind(story.id); s.step();) {
    RunOfCard run;
    run.id = s.int64(0);
    run.command = s.text(1), run.user = s.text(2), run.host = s.text(3), run.version = s.text(4);
    run.acknowledge = s.text(5), run.fingerprint = s.text(6);
    run.started_at = from_ms(s.int64(7)), run.ended_at = time_in(s, 8);
    if (!s.is_null(9)) run.exit_code = int_in(s, 9);
    run.pid = int_in(s, 10), run.by_confirm = s.int64(11) != 0;
    run.consent = s.text(12);
    run.plan = plan_of(db, run.fingerprint);
    story.runs.push_back(std::move(run));
  }
}

Story story_of(const sqlite::Connection& db, model::RowId id, const Question& question) {
  auto story = row_of(db, id);
  if (story.forgotten_at) story.card.code = question.code;  // who asks has brought it
  add_corrections(db, story);
  add_list(db, story);
  story.protections = protections_of(db, story.card.code, story.card.openid);
  add_requests(db, story);
  add_runs(db, story);
  return story;
}

ShortStory short_story_of(const sqlite::Connection& db, model::RowId id) {
  sqlite::Statement s{
      db, "SELECT source_line, iif(forgotten_at IS NULL, code, ''), status FROM row WHERE id = ?1"};
  s.bind(id).step();
  return {s.int64(0), text_at(s, 1), status_in(s, 2)};
}

// ---- no card ----

// Of the line that was asked for; else lines that hold the text, when it is long enough to mean something.
std::vector<RefusedRecord> refused_lines(const sqlite::Connection& db, const Question& question) {
  const auto& text = question.code.empty() ? question.openid : question.code;
  if (!question.line && text.size() < k_least_text_to_look_for) return {};
  sqlite::Statement s{db,
                      "SELECT source_line, cause FROM refused WHERE iif(?1 IS NULL, instr(raw, ?2) > 0, "
                      "source_line = ?1) ORDER BY source_line LIMIT ?3"};
  std::vector<RefusedRecord> lines;
  for (s.bind(question.line, text, static_cast<std::int64_t>(k_most_refused)); s.step();)
    lines.push_back({s.int64(0), text_at(s, 1)});
  return lines;
}

}  // namespace

Result<Stories> stories(Ledger& ledger, const Question& question, std::size_t most_cards,
                        std::size_t most_others) {
  return ledger.state().guarded([&] {
    auto& db = ledger.state().db;
    const OneMoment moment{ledger};
    const auto rows = matching_rows(db, question);
    Stories found;
    found.matches = static_cast<std::int64_t>(rows.size());
    for (const auto id : rows) {
      if (found.cards.size() < most_cards)
        found.cards.push_back(story_of(db, id, question));
      else if (found.others.size() < most_others)
        found.others.push_back(short_story_of(db, id));
    }
    if (question.line || rows.empty()) found.refused = refused_lines(db, question);
    if (rows.empty()) found.protections = protections_of(db, question.code, question.openid);
    found.latest_list = list_where(db, "?1 ORDER BY id DESC", 1);
    return found;
  });
}

}  // namespace cardvoid::ledger
