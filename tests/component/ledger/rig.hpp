#pragma once
// A results database in a folder of its own, and verbs that bring input into it and ask it.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cardvoid/ledger/import.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/records.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <vector>

#include "support/temp_folder.hpp"

namespace cardvoid::ledger_test {

using ledger::Access;
using ledger::Import;
using ledger::ImportSummary;
using ledger::Ledger;
using model::Endpoint;
using model::RowId;
using model::Status;
using support::TempFolder;

inline const WallTime k_now = *parse_rfc3339("2026-11-25T04:01:55.693Z");
inline const std::string k_job = "autumn";

template <class T>
T must(Result<T> result) {
  INFO((result ? std::string{} : result.error().what));
  REQUIRE(result.has_value());
  return std::move(*result);
}
inline void must(const Result<void>& result) {
  INFO((result ? std::string{} : result.error().what));
  REQUIRE(result.has_value());
}

// The first column of every row, in one text: "a b c"; NULL is "-".
inline std::string ask(const std::filesystem::path& file, const std::string& sql) {
  const sqlite::Connection db{file, sqlite::Mode::read_only};
  sqlite::Statement statement{db, sql};
  statement.bind();
  std::string found;
  while (statement.step())
    found.append(found.empty() ? "" : " ").append(statement.is_null(0) ? "-" : statement.text(0));
  return found;
}

inline model::Card card(std::string code, std::string openid = "oA", std::string reason = "") {
  return {"1004", "pT", std::move(code), std::move(openid), std::move(reason)};
}

// What an input would say of a line.
inline std::string as_line(const model::Card& card, bool is_current) {
  return fmt::format("{}code={} card_id={} brand_id={} openid={} reason={}", is_current ? "" : "earlier ",
                     card.code, card.card_id, card.brand_id, card.openid, card.reason);
}

// Brings a whole input into the plan; its first card stands on line 2.
inline ImportSummary import(Ledger& ledger, const std::vector<model::Card>& cards) {
  auto under_way = must(Import::begin(ledger, k_now, as_line));
  std::int64_t line = 1;
  for (const auto& one : cards) must(under_way.add({one, ++line}));
  return must(under_way.finish("a list", k_now));
}

// Puts what is to be sent on record as a plan with this fingerprint.
inline void remember_plan(Ledger& ledger, const std::string& fingerprint, WallTime now,
                          std::string_view by = {}) {
  auto plan = must(ledger::digest_plan(ledger));
  plan.fingerprint = fingerprint;
  must(ledger::remember_plan(ledger, plan, now, by));
}

// Ends an import without finishing it.
inline void give_up(Import) {}

inline std::string counts(const ImportSummary& s) {
  return fmt::format("lines {} added {} known {} duplicates {} refused {} conflicts {} vanished {}/{}",
                     s.lines, s.added, s.known, s.duplicates, s.refused, s.conflicts, s.vanished,
                     s.vanished_to_send);
}

inline std::string counts(const ledger::Totals& t) {
  return fmt::format(
      "pending {} in_flight {} invalidated {} rejected {} unresolved {} held {} conflicts {} refused {}",
      t.pending, t.in_flight, t.invalidated, t.rejected, t.unresolved, t.held, t.conflicts, t.refused);
}

// What would be left of a database if the process died now.
struct Remains {
  std::string database, log;
};

struct Books {
  const TempFolder folder;
  const std::filesystem::path file = folder.path / "results.db";
  Ledger open(Access access = Access::create) const { return must(Ledger::open(file, k_job, access)); }
  std::string ask(const std::string& sql) const { return ledger_test::ask(file, sql); }
  std::string refused_lines() const { return ask("SELECT source_line FROM refused ORDER BY source_line"); }
  Remains remains() const;
  void restore(const Remains& remains) const;  // when nothing has it open
  std::string codes() const { return ask("SELECT code FROM results ORDER BY code"); }
};

inline ledger::Totals totals_of(const Books& books, Access access) {
  auto opened = books.open(access);
  return must(ledger::totals(opened));
}

inline RowId id_of(Ledger& ledger, const std::string& code) {
  ledger::Cursor pending, in_doubt{.brand_id = {}, .doubt_only = true};
  for (auto* cursor : {&pending, &in_doubt})
    for (const auto& row : must(ledger::fetch(ledger, *cursor, 1000)))
      if (row.card.code == code) return row.id;
  FAIL("there is no row to send with the code ", code);
  return 0;
}

inline ledger::Intent intent(RowId row, int n = 1, ledger::RunId run = 1, WallTime at = k_now) {
  return {row, n, run, Endpoint::primary, at};
}

// Commits an intent of its own.
inline void send(Ledger& ledger, const ledger::Intent& what) {
  must(ledger::begin_changes(ledger));
  must(ledger::open_attempt(ledger, what));
  must(ledger::commit_changes(ledger));
}

inline ledger::Attempt attempt(RowId row, int n, model::OutcomeKind kind, unsigned http_status = 0,
                               std::string error_code = "") {
  ledger::Attempt attempt;
  attempt.row = row, attempt.n = n, attempt.run = 1;
  attempt.started_at = k_now, attempt.finished_at = k_now + milliseconds{250};
  attempt.latency = std::chrono::microseconds{249'500};
  attempt.outcome.kind = kind, attempt.outcome.http_status = http_status;
  attempt.outcome.error_code = std::move(error_code);
  return attempt;
}

inline model::Ruling ruling(Status status, const model::Outcome& shown) {
  model::Ruling ruling;
  ruling.status = status, ruling.shown = shown;
  ruling.finished = true;
  if (status == Status::invalidated) ruling.settled_by = model::SettledBy::answer;
  return ruling;
}

// Sends for a pending row and settles it, in two transactions as a run does.
inline void settle(Ledger& ledger, const std::string& code, Status status, bool held = false) {
  const auto row = id_of(ledger, code);
  send(ledger, intent(row));
  const bool confirmed = status == Status::invalidated;
  const auto ended =
      confirmed ? attempt(row, 1, model::OutcomeKind::confirmed, 200)
                : attempt(row, 1, model::OutcomeKind::refused, 400, held ? "CARD_STATE" : "INVALID_REQUEST");
  auto decided = ruling(status, ended.outcome);
  decided.held = held;
  must(ledger::begin_changes(ledger));
  must(ledger::close_attempt(ledger, ended, decided));
  must(ledger::commit_changes(ledger));
}

// A pending row that a request was made for: refused, and put back by `retry`.
inline void send_in_vain(Ledger& ledger, const std::string& code) {
  settle(ledger, code, Status::rejected);
  ledger::Choice choice;
  choice.codes = {code};
  REQUIRE(must(ledger::put_back(ledger, choice)).retried == 1);
}

// ---- files as they are ----

inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline void write_file(const std::filesystem::path& file, std::string_view content) {
  std::ofstream{file, std::ios::binary} << content;
}

inline Remains Books::remains() const { return {content_of(file), content_of(file.string() + "-wal")}; }

inline void Books::restore(const Remains& remains) const {
  std::filesystem::remove(file.string() + "-shm");
  write_file(file, remains.database);
  write_file(file.string() + "-wal", remains.log);
}

inline void overwrite(const std::filesystem::path& file, std::int64_t offset, std::string_view bytes) {
  std::fstream{file, std::ios::binary | std::ios::in | std::ios::out}.seekp(offset).write(
      bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// A results database as a finished run leaves it.
inline void given_a_plan(const Books& books) {
  auto ledger = books.open();
  import(ledger, {card("1"), card("2")});
}

inline void change(const Books& books, const std::string& sql) {
  sqlite::Connection{books.file, sqlite::Mode::read_write}.execute(sql);
}

// Every way of opening it is refused in the same words, and its files stay as they are.
inline void check_refused(const Books& books, const std::string& why) {
  const auto all_bytes = [&] {
    return content_of(books.file) + '|' + content_of(books.file.string() + "-wal") + '|' +
           content_of(books.file.string() + "-journal");
  };
  const auto before = all_bytes();
  for (const auto access : {Access::read_only, Access::read_write, Access::create}) {
    CAPTURE(static_cast<int>(access));
    const auto opened = Ledger::open(books.file, k_job, access);
    REQUIRE(opened.has_error());
    CHECK(opened.error().code == Errc::cannot_create);
    CHECK(opened.error().what == books.file.string() + why);
  }
  CHECK(all_bytes() == before);
}

inline const std::string k_advice =
    "; it is left as it is; name another file in results.database or with --results";
inline const std::string k_advice_for_damage =
    "; it is left as it is; restore a copy, or name another file in results.database or with --results";

}  // namespace cardvoid::ledger_test
