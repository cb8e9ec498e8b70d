// A results database that somebody has changed: it is refused (73) before a byte of it is written, and
// nothing that stands in it makes the program fall.

#include <cardvoid/ledger/history.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/ledger/story.hpp>

#include "component/ledger/rig.hpp"
#include "state.hpp"
#include "support/tamper.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;
  using support::tamper;

  namespace {

  // A job that has had a run: one card is done, one was refused, one is to be sent.
  struct Job : Books {
    Job() {
      auto ledger = open();
      import(ledger, {card("1"), card("2"), card("3")});
      remember_plan(ledger, must(ledger::fingerprint(ledger)), k_now, "me");
      const auto run = must(ledger::begin_run(ledger, {"run", k_now, "here", 1, "2", "", "", false}));
      settle(ledger, "1", Status::invalidated);
      settle(ledger, "2", Status::rejected);
      must(ledger::begin_changes(ledger));
      must(ledger::save_pulse(ledger, {}));
      must(ledger::commit_changes(ledger));
      must(ledger::end_run(ledger, run, {}, 0, "", k_now));
    }
  };

  std::string tail(std::string text) {
    const auto at = text.find(": ");
    return text.substr(at + 2, text.find("; it is left") - at - 2);
  }

  // Every way of opening it says so, and the files stay as they are.
  void check_tampered(const Books& books, const std::string& what) {
    const auto before = content_of(books.file);
    for (const auto access : {Access::read_only, Access::read_write, Access::create}) {
      const auto opened = Ledger::open(books.file, k_job, access);
      REQUIRE(opened.has_error());
      CHECK(opened.error().code == Errc::cannot_create);
      CHECK(tail(opened.error().what) == what);
    }
    CHECK(content_of(books.file) == before);
  }

  // Everything that people and runs ask; the first error.
  Result<void> ask_everything(Ledger& ledger) {
    const auto failed = [](const auto& result) { return result.has_error(); };
    if (const auto r = ledger::totals(ledger); failed(r)) return r.error();
    if (const auto r = ledger::survey(ledger, 10); failed(r)) return r.error();
    if (const auto r = ledger::some_cards(ledger, 10); failed(r)) return r.error();
    if (const auto r = ledger::fingerprint(ledger); failed(r)) return r.error();
    if (const auto r = ledger::last_runs(ledger, 10); failed(r)) return r.error();
    if (const auto r = ledger::past_runs(ledger); failed(r)) return r.error();
    if (const auto r = ledger::past_waits(ledger); failed(r)) return r.error();
    if (const auto r = ledger::past_imports(ledger, 10); failed(r)) return r.error();
    if (const auto r = ledger::pulse(ledger); failed(r)) return r.error();
    if (const auto r = ledger::errors(ledger, 10); failed(r)) return r.error();
    if (const auto r = ledger::rows_in_doubt(ledger, 10); failed(r)) return r.error();
    if (const auto r = ledger::each_result(ledger, {}, [](const auto&) {}); failed(r)) return r.error();
    if (const auto r = ledger::each_row_in_short(ledger, [](const auto&) {}); failed(r)) return r.error();
    if (const auto r = ledger::each_request(ledger, [](const auto&) {}); failed(r)) return r.error();
    if (const auto r = ledger::each_past_request(ledger, [](const auto&) {}); failed(r)) return r.error();
    for (const auto* code : {"1", "2", "3"}) {
      ledger::Question question;
      question.code = code;
      if (const auto r = ledger::stories(ledger, question, 5, 5); failed(r)) return r.error();
    }
    ledger::Cursor cursor;
    if (const auto r = ledger::fetch(ledger, cursor, 10); failed(r)) return r.error();
    if (const auto r = ledger::witness(ledger); failed(r)) return r.error();
    return {};
  }

  // What commands change.
  Result<void> use(Ledger& ledger) {
    auto under_way = Import::begin(ledger, k_now, as_line);
    if (!under_way) return under_way.error();
    for (const auto& one : {card("1"), card("3", "oB"), card("4")})
      if (const auto added = under_way->add({one, 2}); !added) return added.error();
    if (const auto done = under_way->finish("a list", k_now); !done) return done.error();
    ledger::Basis basis{ledger::Basis::import, {}, {}};
    if (const auto r = ledger::each_difference(ledger, basis, [](const auto&) {}); !r) return r.error();
    if (const auto r = ledger::put_back(ledger, {Status::rejected, {"2"}, {}}); !r) return r.error();
    if (const auto r = ledger::change_since(ledger, ""); !r) return r.error();
    return {};
  }

  }  // namespace

  TEST_CASE("tampered: a trigger that brings rows is refused before anything is written") {
    const Job job;
    tamper(
        job.file,
        "CREATE TRIGGER \"evil\x1b[2J\" AFTER INSERT ON run BEGIN INSERT INTO row (brand_id, card_id, code, "
        "openid, reason, source_line) VALUES ('1004', 'pT', '999', 'oV', '', 9); END");
    check_tampered(job, "holds the trigger \"evil\\x1B[2J\", which is not cardvoid's");
  }

  TEST_CASE("tampered: no trigger fires that comes while the database is open") {
    const Job job;
    auto ledger = job.open();
    tamper(job.file,
           "CREATE TRIGGER evil AFTER INSERT ON run BEGIN INSERT INTO row (brand_id, card_id, code, openid, "
           "reason, source_line) VALUES ('1004', 'pT', '999', 'oV', '', 9); END");
    (void)must(ledger::begin_run(ledger, {"run", k_now, "here", 1, "2", "", "", false}));
    CHECK(job.ask("SELECT count(*) FROM row") == "3");
  }

  TEST_CASE("tampered: views and tables and indices that are not ours are refused by their names") {
    for (const auto& [sql, what] : std::vector<std::pair<std::string, std::string>>{
             {"CREATE VIEW mine AS SELECT 1", "holds the view \"mine\", which is not cardvoid's"},
             {"CREATE TABLE notes (x)", "holds the table \"notes\", which is not cardvoid's"},
             {"CREATE INDEX i ON row (status)", "holds the index \"i\", which is not cardvoid's"},
             {"CREATE INDEX row_of_brand ON row (brand_id) WHERE code > ''",
              "holds the index \"row_of_brand\", which is not cardvoid's"},
             {"DROP VIEW refused; CREATE VIEW refused AS SELECT 1 AS source_line, 'x' AS cause, '' AS raw",
              "its view \"refused\" is not as cardvoid makes it"},
             {"DROP VIEW runs", "lacks a view that cardvoid makes"},
             {"DROP INDEX row_key", "lacks the index \"row_key\", which keeps a card from being there twice"},
             {"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'code          TEXT "
              "NOT NULL', 'code TEXT NOT NULL COLLATE NOCASE') WHERE name = 'row'",
              "its table \"row\" is not as cardvoid makes it (\"code TEXT NOT NULL COLLATE NOCASE\")"},
             {"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'id = 1', 'id > 0') "
              "WHERE name = 'pulse'",
              "its table \"pulse\" is not as cardvoid makes it (\"id INTEGER PRIMARY KEY CHECK ( id > 0 "
              ")\")"},
             {"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') "
              "WHERE name = 'run'",
              "its table \"run\" is not as cardvoid makes it"}}) {
      CAPTURE(sql);
      const Job job;
      tamper(job.file, sql);
      check_tampered(job, what);
    }
  }

  TEST_CASE("tampered: an older database with a trigger is not migrated") {
    for (const auto* name : {"v1-finished", "v2-lists", "v3-killed"}) {
      const Books books;
      std::filesystem::copy_file(
          std::filesystem::path{CARDVOID_DATA} / "results" / (std::string{name} + ".db"), books.file);
      std::filesystem::permissions(books.file, std::filesystem::perms::owner_all);
      tamper(books.file,
             "UPDATE meta SET value = 'autumn'; CREATE TRIGGER t AFTER UPDATE ON row BEGIN SELECT 1; END");
      check_tampered(books, "holds the trigger \"t\", which is not cardvoid's");
    }
  }

  TEST_CASE("tampered: comments and the statistics of ANALYZE are no tampering") {
    const Job job;
    tamper(job.file,
           "ANALYZE; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'card_id', "
           "'/* a, (b */ card_id -- c)\n') WHERE name IN ('row', 'results')");
    for (const auto access : {Access::read_only, Access::create}) (void)job.open(access);
  }

  TEST_CASE("tampered: numbers that no version writes are refused when it is opened") {
    for (const auto& [sql, what] : std::vector<std::pair<std::string, std::string>>{
             {"UPDATE import SET last_row = 9223372036854775807",
              "has a number in import.last_row that cardvoid never writes"},
             {"UPDATE import SET id = 9223372036854775807",
              "has a number in import.id that cardvoid never writes"},
             {"UPDATE run SET started_at = -1", "has a number in run.started_at that cardvoid never writes"},
             {"UPDATE run SET canary = 9223372036854775807",
              "has a number in run.canary that cardvoid never writes"},
             {"UPDATE run SET id = 9223372036854775807", "has a number in run.id that cardvoid never writes"},
             {"UPDATE pulse SET rate = 9e999", "has a number in pulse.rate that cardvoid never writes"},
             {"UPDATE shown_plan SET made_at = 9223372036854775807",
              "has a number in shown_plan.made_at that cardvoid never writes"}}) {
      CAPTURE(sql);
      const Job job;
      tamper(job.file, sql);
      check_tampered(job, what);
    }
  }

  TEST_CASE("tampered: a row whose number no job gives is refused to whom would write and shown to others") {
    for (const std::string id : {"9223372036854775807", "-5", "100000001"}) {
      const Job job;
      tamper(job.file, "UPDATE row SET id = " + id + " WHERE code = '3'; UPDATE import SET last_row = 1e14");
      const auto writer = Ledger::open(job.file, k_job, Access::create);
      REQUIRE(writer.has_error());
      CHECK(writer.error().code == Errc::cannot_create);
      CHECK(tail(writer.error().what) == "has a row with the number " + id + ", which cardvoid never gives");
      auto reader = job.open(Access::read_only);
      (void)ask_everything(reader);
    }
  }

  TEST_CASE("tampered: absurd values end in 73 or in an answer and never in a fall") {
    for (const std::string sql :
         {"UPDATE row SET status = 'sent'",
          "UPDATE row SET status = ''",
          "UPDATE row SET first_sent_at = 9223372036854775807, finished_at = -9223372036854775807",
          "UPDATE row SET retried_at = -1",
          "UPDATE row SET accepted_at = 9223372036854775807",
          "UPDATE row SET code = cast(x'31ff00fe' AS TEXT) WHERE code = '3'",
          "UPDATE row SET code = '3' || char(10, 27) WHERE code = '3'",
          "UPDATE row SET openid = cast(x'00' AS TEXT)",
          "UPDATE row SET openid = char(0x202e) || 'x'",
          "UPDATE row SET source_line = -9223372036854775808",
          "UPDATE row SET http_status = 9223372036854775807, absent = -1, conflict = 77",
          "UPDATE attempt SET n = 9223372036854775807 WHERE row_id = 2",
          "UPDATE attempt SET started_at = -1, finished_at = 9223372036854775807",
          "UPDATE attempt SET latency_us = -9223372036854775808, http_status = -9223372036854775808",
          "UPDATE attempt SET outcome = 'x', kind = 'x', endpoint = 'x', run_id = -1",
          "UPDATE run SET culprits = '[1'",
          "UPDATE run SET culprits = '[\"x\", 1e400]'",
          "UPDATE run SET culprits = '{}', tripped_by = 'x'",
          "UPDATE run SET exit_code = 253402300799999",
          "UPDATE pulse SET reasons_to_wait = '[[[[', primary_state = char(27)",
          "UPDATE shown_plan SET row_ids = '5-1 99999999999999999999-x -3', confirmed_at = 1",
          "DELETE FROM import",
          "DELETE FROM run",
          "UPDATE import SET last_row = 99"}) {
      CAPTURE(sql);
      const Job job;
      tamper(job.file, sql);
      for (const auto access : {Access::read_only, Access::create}) {
        auto opened = Ledger::open(job.file, k_job, access);
        auto asked = opened ? ask_everything(*opened) : Result<void>{opened.error()};
        if (asked && access == Access::create) asked = use(*opened);
        if (asked) continue;
        CHECK(asked.error().code == Errc::cannot_create);
        CHECK(asked.error().what.find('\x1b') == std::string::npos);
      }
    }
  }

  TEST_CASE("tampered: a card that is no text is never fetched to be sent") {
    for (const std::string code : {"cast(x'33ff' AS TEXT)", "'3' || char(10)", "'3' || char(0) || '4'"}) {
      const Job job;
      tamper(job.file, "UPDATE row SET code = " + code + " WHERE code = '3'");
      auto ledger = job.open();
      ledger::Cursor cursor;
      const auto rows = ledger::fetch(ledger, cursor, 10);
      REQUIRE(rows.has_error());
      CHECK(rows.error().code == Errc::cannot_create);
      CHECK(tail(rows.error().what) ==
            "holds what cardvoid never writes (a card with bytes that are no text)");
    }
  }

  TEST_CASE("tampered: a text that is longer than any of ours is refused before there is memory for it") {
    for (const std::string sql :
         {"UPDATE row SET error_message = printf('%*c', 4000000, 'x') WHERE code = '2'",
          "UPDATE run SET ending = printf('%*c', 4000000, 'x')"}) {
      const Job job;
      tamper(job.file, sql);
      auto reader = job.open(Access::read_only);
      const auto asked = ask_everything(reader);
      REQUIRE(asked.has_error());
      CHECK(asked.error().code == Errc::cannot_create);
      CHECK(tail(asked.error().what) == "holds what cardvoid never writes (string or blob too big)");
    }
  }

  TEST_CASE("plan: the numbers of a plan with many gaps have room") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    remember_plan(ledger, "abc", k_now, "me");
    tamper(books.file, "UPDATE shown_plan SET row_ids = '1' || printf('%*c', 4000000, ' ')");
    must(ledger::confirm_plan(ledger, "abc", k_now, "me"));
    CHECK(must(ledger::change_since(ledger, "abc"))->to_send == 1);
    remember_plan(ledger, "abd", k_now, "me");
    auto reader = books.open(Access::read_only);
    CHECK(must(ledger::last_confirmed_plan(reader))->fingerprint == "abc");
    CHECK(ledger.verify().has_value());
  }
}
