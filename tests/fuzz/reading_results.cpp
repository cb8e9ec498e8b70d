#include "fuzz/reading_results.hpp"

#include <boost/json.hpp>
#include <cardvoid/ledger/database.hpp>
#include <cardvoid/ledger/history.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/records.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/ledger/story.hpp>

#include "fuzz/target.hpp"

namespace cardvoid::fuzz {

namespace {

using namespace ledger;
constexpr WallTime k_now{std::chrono::seconds{1'800'000'000}};

// `status` and `export`.
void ask_queries(Ledger& ledger) {
  (void)totals(ledger);
  (void)survey(ledger, 3);
  (void)most_to_send_of_a_brand(ledger);
  (void)rows_in_doubt(ledger, 5);
  (void)some_cards(ledger, 3);
  (void)refused_causes(ledger);
  (void)each_refused(ledger, [](const RefusedLine&) {});
  (void)errors(ledger, 5);
  (void)each_request(ledger, [](const EndedRequest&) {});
  (void)each_result(ledger, std::nullopt, [](const ResultRow&) {});
  (void)last_runs(ledger, 3);
  (void)pulse(ledger);
  (void)last_success(ledger);
  (void)last_sent_at(ledger, k_now);
}

// `report` and `show`.
void ask_history(Ledger& ledger) {
  std::vector<RunId> runs;
  if (const auto past = past_runs(ledger))
    for (const auto& run : *past) runs.push_back(run.id);
  (void)last_requests(ledger, runs);
  (void)past_waits(ledger);
  (void)past_imports(ledger, 3);
  (void)count_imports(ledger);
  (void)last_confirmed_plan(ledger);
  (void)each_past_request(ledger, [](const PastRequest&) {});
  std::optional<model::RowId> some;
  (void)each_row_in_short(ledger, [&](const RowInShort& row) { some = row.id; });
  if (some) (void)example_row(ledger, *some);
  for (const auto& question : {Question{"0001", "", {}}, Question{"", "o1", {}}, Question{"", "", 3}})
    (void)stories(ledger, question, 3, 3);
}

// `plan` and the beginning of `run`.
void ask_plan(Ledger& ledger) {
  const auto print = fingerprint(ledger);
  for (const std::string& digits : {std::string{}, print ? *print : std::string{"a"}}) {
    (void)change_since(ledger, digits);
    (void)is_rest_of_confirmed(ledger, digits);
  }
  (void)canary_passed(ledger);
  (void)already_so_far(ledger, 3);
}

void write_some(Ledger& ledger) {
  if (const auto plan = digest_plan(ledger))
    if (!remember_plan(ledger, *plan, k_now, "ops") || !confirm_plan(ledger, plan->fingerprint, k_now, "ops"))
      return;
  for (const bool doubt_only : {false, true}) {
    Cursor cursor;
    cursor.doubt_only = doubt_only;
    for (int turn = 0; turn < 8; ++turn) {
      const auto rows = fetch(ledger, cursor, 2);
      if (!rows || rows->empty()) break;
    }
  }
  (void)brands(ledger);
  (void)witness(ledger);
  if (!protect(ledger, nullptr)) return;
  Choice choice;
  choice.codes = {"0001", "0002"};
  (void)put_back(ledger, choice);
}

void check(const Error& error) {
  require(error.code == Errc::cannot_create || error.code == Errc::no_input || error.code == Errc::io,
          "a database is refused as what it is");
}

}  // namespace

void read_results(const std::filesystem::path& database) {
  {
    auto reader = Ledger::open(database, "gold", Access::read_only);
    if (!reader) return check(reader.error());
    ask_queries(*reader);
    ask_history(*reader);
    ask_plan(*reader);
  }
  auto writer = Ledger::open(database, "gold", Access::read_write);
  if (!writer) return check(writer.error());
  write_some(*writer);
}

}  // namespace cardvoid::fuzz
