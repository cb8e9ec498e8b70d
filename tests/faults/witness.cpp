#include "faults/witness.hpp"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace cardvoid::support {

namespace fs = std::filesystem;

namespace {

std::string card_name(const std::string& brand_id, const std::string& card_id, const std::string& code) {
  return brand_id + "/" + card_id + "/" + code;
}

// Outcomes after which the platform may have done what we asked without our knowing (docs/answers.md).
constexpr std::string_view k_doubt =
    "(outcome IS NULL OR outcome IN ('not_invalid', 'wrong_card', 'unverified', 'probe_signature', "
    "'unreadable', 'accepted', 'system_error', 'gateway_error', 'distrusted', 'unknown_answer', 'lost', "
    "'stale_connection'))";

// Rows against what the platform did, card by card.
void compare_rows(const DatabaseCopy& copy, const sandbox::Sandbox& platform, const Witness& witness,
                  bool settled, std::vector<std::string>& found) {
  std::map<std::string, sandbox::Applied> applied;
  for (auto& card : platform.applied()) {
    const auto name = card_name(card.brand_id, card.card_id, card.code);
    applied.emplace(name, std::move(card));
  }
  const auto requests = witness.requests_by_card();
  std::set<std::string> planned;
  const auto rows = copy.ask(fmt::format(
      "SELECT brand_id, card_id, code, openid, reason, status, conflict, invalid_time, card_state, "
      "(SELECT count(*) FROM attempt WHERE row_id = row.id AND kind = 'invalidate' AND sent), "
      "(SELECT count(*) FROM attempt WHERE row_id = row.id AND kind = 'invalidate' AND sent AND {} AND n < "
      "(SELECT max(n) FROM attempt WHERE row_id = row.id AND kind = 'invalidate' AND sent)) FROM row",
      k_doubt));
  for (const auto& row : rows) {
    const auto name = card_name(row[0], row[1], row[2]);
    const auto& status = row[5];
    const auto say = [&](std::string_view what) { found.push_back(fmt::format("{}: {}", name, what)); };
    planned.insert(name);
    const auto truth = applied.find(name);
    const bool is_invalid = truth != applied.end();

    if (status == "invalidated") {
      if (!is_invalid)
        say("is called invalidated and is not");
      else if (row[7] != truth->second.invalid_time || row[8] != "INVALID")
        say(fmt::format("invalidated at {}, on record {} {}", truth->second.invalid_time, row[8], row[7]));
    } else if (is_invalid && (status == "pending" || status == "rejected")) {
      say(fmt::format("is INVALID by our request and called {}", status));
    }
    if (is_invalid && (truth->second.openid != row[3] || truth->second.reason != row[4]))
      say("was invalidated with another openid or reason than planned");
    if (settled && status != "invalidated" && status != "rejected" && row[6] == "0")
      say(fmt::format("is {} though nothing is left to do", status));

    const auto seen = requests.find(name);
    if (seen == requests.end()) continue;
    if (seen->second.invalidations > std::stoll(row[9]))
      say(fmt::format("the platform saw {} invalidations, {} are on record", seen->second.invalidations,
                      row[9]));
    if (seen->second.after_invalid > 0 && row[10] == "0")
      say("was invalidated again though no answer had been lost");
  }
  for (const auto& [name, seen] : requests)
    if (!planned.contains(name)) found.push_back(name + ": the platform was asked, no row is on record");
}

// What the database alone must fulfil.
void check_records(const DatabaseCopy& copy, std::vector<std::string>& found) {
  for (const auto& line : copy.ask("PRAGMA integrity_check"))
    if (line[0] != "ok") found.push_back("integrity: " + line[0]);

  // A doubtful attempt, then another for the same card without a read-back that found it not INVALID. After
  // a 5xx or 202 the platform asks for the same call again; the next run cannot know that any more.
  for (const auto& line : copy.ask(fmt::format(
           "SELECT first.row_id, first.n, next.n FROM (SELECT * FROM attempt WHERE kind = 'invalidate' AND "
           "sent AND {}) AS first JOIN attempt AS next ON next.row_id = first.row_id AND next.n > first.n "
           "WHERE next.kind = 'invalidate' AND next.sent "
           "AND NOT (next.run_id = first.run_id AND coalesce(first.outcome IN ('system_error', "
           "'gateway_error', 'accepted'), FALSE)) "
           "AND NOT EXISTS (SELECT 1 FROM attempt WHERE row_id = first.row_id AND kind = 'read_back' AND n > "
           "first.n AND n < next.n AND outcome IN ('not_invalid', 'refused'))",
           k_doubt)))
    found.push_back(fmt::format("row {}: sent again (attempt {}) after a doubtful attempt {} without looking",
                                line[0], line[2], line[1]));
  for (const auto& line :
       copy.ask("SELECT first.row_id, first.n, next.n FROM attempt AS first JOIN attempt AS next ON "
                "next.row_id = first.row_id AND next.n > first.n WHERE first.outcome = 'confirmed' AND "
                "next.kind = 'invalidate' AND next.sent"))
    found.push_back(
        fmt::format("row {}: attempt {} was sent after attempt {} had confirmed", line[0], line[2], line[1]));

  for (const auto& line :
       copy.ask("SELECT id, sent, n FROM (SELECT id, sent, (SELECT count(*) FROM attempt WHERE run_id = "
                "run.id AND kind = 'invalidate' AND attempt.sent) AS n FROM run) "
                "WHERE sent <> n"))
    found.push_back(fmt::format("run {}: says it sent {}, {} are on record", line[0], line[1], line[2]));
  const auto sums = copy.ask(
      "SELECT (SELECT coalesce(sum(confirmed), 0) FROM run), (SELECT count(*) FROM row WHERE status = "
      "'invalidated'), (SELECT coalesce(sum(rejected), 0) FROM run), (SELECT count(*) FROM row WHERE status "
      "= 'rejected')")[0];
  if (sums[0] != sums[1] || sums[2] != sums[3])
    found.push_back(fmt::format("the runs confirmed {} and rejected {} rows, on record are {} and {}",
                                sums[0], sums[2], sums[1], sums[3]));
}

}  // namespace

sandbox::Settings Witness::watching(sandbox::Settings settings) {
  settings.on_request = [this](const sandbox::VerifiedRequest& seen) {
    const std::lock_guard lock{mutex_};
    for (auto* requests : {&all_, &by_card_[card_name(seen.brand_id, seen.card_id, seen.code)]}) {
      const bool invalidates = seen.kind == model::AttemptKind::invalidate;
      ++(invalidates ? requests->invalidations : requests->read_backs);
      if (invalidates && seen.was_invalid) ++requests->after_invalid;
    }
    more_.notify_all();
  };
  return settings;
}

Witness::Requests Witness::requests() const {
  const std::lock_guard lock{mutex_};
  return all_;
}

std::map<std::string, Witness::Requests> Witness::requests_by_card() const {
  const std::lock_guard lock{mutex_};
  return by_card_;
}

bool Witness::wait_for_requests(std::int64_t at_least, milliseconds patience) const {
  std::unique_lock lock{mutex_};
  return more_.wait_for(lock, patience, [&] { return all_.all() >= at_least; });
}

DatabaseCopy::DatabaseCopy(const fs::path& database) {
  // Not the -shm: it is made again from the log, as after any crash.
  for (const auto* suffix : {"", "-wal", "-journal"})
    if (const auto file = database.string() + suffix; fs::exists(file))
      fs::copy_file(file, file_.string() + suffix);
  has_tables_ = fs::exists(file_) && number("SELECT count(*) FROM sqlite_schema") > 0;
}

std::vector<std::string> contradictions(const fs::path& database, const sandbox::Sandbox& platform,
                                        const Witness& witness, bool settled) {
  std::vector<std::string> found;
  const DatabaseCopy copy{database};
  if (!copy.has_tables()) {
    if (witness.requests().all() > 0) found.emplace_back("the platform was asked, nothing is on record");
    return found;
  }
  compare_rows(copy, platform, witness, settled, found);
  check_records(copy, found);
  return found;
}

}  // namespace cardvoid::support
