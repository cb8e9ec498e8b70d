// What is forgotten is nowhere in the files any more, and is never sent again.

#include <cardvoid/ledger/forget.hpp>
#include <cardvoid/ledger/protection.hpp>
#include <cardvoid/ledger/story.hpp>

#include "component/ledger/rig.hpp"
#include "state.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;
  using std::chrono::hours;

  namespace {

  constexpr hours k_year{24 * 365};
  const WallTime k_later = k_now + k_year;

  std::vector<model::Card> list() {
    return {card("DONE0000000001", "oDone1", "reasonDone"), card("REFUSED0000001", "oRefused"),
            card("ACCEPTED000001", "oAccepted"), card("OPEN0000000001", "oOpen"),
            card("DOUBT000000001", "oDoubt")};
  }

  const std::vector<std::string> k_personal{"DONE0000000001", "oDone1",      "reasonDone",
                                            "REFUSED0000001", "oRefused",    "ACCEPTED000001",
                                            "oAccepted",      "said of ****"};

  // One of each: invalidated, rejected, accepted, pending, unresolved.
  struct Job : Books {
    Job() {
      auto ledger = open();
      import(ledger,
             {card("DONE0000000001", "oDone1before", "reasonDonebefore"), card("OPEN0000000001", "oOpen")});
      import(ledger, list());
      settle(ledger, "DONE0000000001", Status::invalidated);
      settle(ledger, "REFUSED0000001", Status::rejected);
      settle(ledger, "ACCEPTED000001", Status::unresolved);
      settle(ledger, "DOUBT000000001", Status::unresolved);
      ledger::Choice choice;
      choice.codes = {"ACCEPTED000001"};
      CHECK(must(ledger::accept(ledger, choice, {"me", k_now, "OPS-7"})).rows() == 1);
      must(ledger::begin_changes(ledger));
      ledger.state().db.execute("UPDATE row SET error_message = 'said of ****0001' WHERE code GLOB '*E*D0*'");
      ledger::Protectee who;
      who.openid = "oRefused";
      (void)must(ledger::add_protection(ledger, who, {"me", k_now, "n"}, std::nullopt, [](const auto&) {}));
      (void)must(ledger::remove_protection(ledger, who, {"me", k_now, ""}));
      must(ledger::commit_changes(ledger));
      import(ledger, list());  // takes the mark from the row
    }
    std::string files() const {
      return content_of(file) + content_of(file.string() + "-wal") + content_of(file.string() + "-shm");
    }
  };

  ledger::Forgotten forget_all(Ledger& ledger) {
    const auto counts = must(ledger::forget(ledger, k_later, k_later));
    must(ledger::wipe_remains(ledger));
    return counts;
  }

  }  // namespace

  TEST_CASE("forget: settled rows lose code and openid and reason to the last byte of every file") {
    const Job job;
    for (const auto& text : k_personal) CHECK(job.files().find(text) != std::string::npos);
    auto ledger = job.open();
    const auto before = counts(must(ledger::totals(ledger)));
    const auto counted = must(ledger::count_forgettable(ledger, k_later));
    const auto counts_of = forget_all(ledger);
    for (const auto& c : {counted, counts_of}) {
      CHECK(c.invalidated == 1);
      CHECK(c.rejected == 1);
      CHECK(c.accepted == 1);
      CHECK(c.open == 2);
      CHECK(c.before == 0);
    }
    for (const auto& text : k_personal) {
      CAPTURE(text);
      CHECK(job.files().find(text) == std::string::npos);
    }
    CHECK(job.files().find("OPEN0000000001") != std::string::npos);
    CHECK(counts(must(ledger::totals(ledger))) == before);
    CHECK(job.ask("SELECT count(*) FROM attempts WHERE code IS NULL") == "3");
    CHECK(job.ask(
              "SELECT coalesce(code, '-') || coalesce(openid, '-') || status || (forgotten_at IS NULL) FROM "
              "results ORDER BY forgotten_at IS NULL, status, 1") ==
          "--invalidated0 --rejected0 --unresolved0 OPEN0000000001oOpenpending1 "
          "DOUBT000000001oDoubtunresolved1");
    CHECK(must(ledger::count_forgettable(ledger, k_later)).before == 3);
    CHECK(forget_all(ledger).rows() == 0);
    CHECK(job.ask("PRAGMA integrity_check") == "ok");
  }

  TEST_CASE("forget: the number of forgotten rows is kept so that status reads none of them") {
    const Job job;
    auto ledger = job.open();
    CHECK(must(ledger::count_forgotten(ledger)) == 0);
    forget_all(ledger);
    CHECK(must(ledger::count_forgotten(ledger)) == 3);
    settle(ledger, "OPEN0000000001", Status::invalidated);
    forget_all(ledger);
    CHECK(must(ledger::count_forgotten(ledger)) == 4);
    CHECK(job.ask("SELECT count(*) FROM row WHERE forgotten_at IS NOT NULL") == "4");
    change(job, "UPDATE row SET forgotten_at = NULL");
    CHECK(must(ledger::count_forgotten(ledger)) == 4);

    change(job, "UPDATE meta SET value = '-1' WHERE key = 'forgotten'");
    CHECK(ledger::count_forgotten(ledger).error().code == Errc::cannot_create);
  }

  TEST_CASE("forget: rows that an earlier version has forgotten are counted") {
    const Job job;
    auto ledger = job.open();
    forget_all(ledger);
    change(job, "DELETE FROM meta WHERE key = 'forgotten'");
    CHECK(must(ledger::count_forgotten(ledger)) == 3);
  }

  TEST_CASE("forget: a list that names forgotten cards again sends none of them and invents no conflict") {
    const Job job;
    auto ledger = job.open();
    forget_all(ledger);
    auto again = list();
    again.push_back(card("DONE0000000001", "oDone1", "reasonDone"));
    again.push_back(card("NEW00000000001", "oNew"));
    again[1].openid = "oOther";  // that cannot be told any more
    const auto summary = import(ledger, again);
    CHECK(summary.added == 1);
    CHECK(summary.known == 5);
    CHECK(summary.duplicates == 1);
    CHECK(summary.conflicts == 0);
    CHECK(summary.refused == 0);
    CHECK(summary.vanished == 0);
    CHECK(job.ask("SELECT count(*) FROM row") == "6");
    ledger::Cursor cursor;
    std::string fetched;
    for (const auto& row : must(ledger::fetch(ledger, cursor, 100))) fetched += row.card.code + " ";
    CHECK(fetched == "DOUBT000000001 OPEN0000000001 NEW00000000001 ");
    for (const auto& text : {"DONE0000000001", "oDone1", "oRefused"})
      CHECK(job.files().find(text) == std::string::npos);
    // The same code of another template is another card.
    CHECK(import(ledger, {{"1004", "pOther", "DONE0000000001", "oDone1", ""}}).added == 1);
  }

  TEST_CASE("forget: without the key of the hashes no list is imported") {
    const Job job;
    {
      auto ledger = job.open();
      forget_all(ledger);
    }
    change(job, "DELETE FROM meta WHERE key = 'forget_key'");
    auto ledger = job.open();
    const auto under_way = Import::begin(ledger, k_now, as_line);
    REQUIRE(under_way.has_error());
    CHECK(under_way.error().code == Errc::cannot_create);
  }

  TEST_CASE("forget: who brings the code still gets its story") {
    const Job job;
    auto ledger = job.open();
    forget_all(ledger);
    ledger::Question question;
    question.code = "DONE0000000001";
    const auto stories = must(ledger::stories(ledger, question, 5, 5));
    REQUIRE(stories.cards.size() == 1);
    const auto& story = stories.cards.front();
    CHECK(story.status == Status::invalidated);
    CHECK(story.card.code == "DONE0000000001");
    CHECK(story.card.openid.empty());
    CHECK(story.requests.size() == 1);
    CHECK(story.forgotten_at == k_later);
    question.code = "DONE0000000002";
    CHECK(must(ledger::stories(ledger, question, 5, 5)).matches == 0);
  }

  TEST_CASE("forget: forgotten rows are not put back or accepted or read back as a witness") {
    const Job job;
    auto ledger = job.open();
    forget_all(ledger);
    ledger::Choice choice;
    choice.codes = {"REFUSED0000001", "ACCEPTED000001", "NOBODY00000001"};
    const auto put_back = must(ledger::put_back(ledger, choice));
    CHECK(put_back.retried == 0);
    CHECK(put_back.acceptances_withdrawn == 0);
    CHECK(put_back.forgotten == 2);
    CHECK(put_back.not_found == 1);
    CHECK(put_back.codes_not_found.front().code == "NOBODY00000001");
    CHECK(must(ledger::accept(ledger, choice, {"me", k_now, "n"})).rows() == 0);
    CHECK(must(ledger::put_back(ledger, {Status::rejected, {}, {}})).retried == 0);
    CHECK_FALSE(must(ledger::witness(ledger)).has_value());
    for (const auto& one : must(ledger::some_cards(ledger, 10))) CHECK(one.code.size() < 32);
  }

  TEST_CASE("forget: protecting a forgotten card says that it is too late") {
    const Job job;
    auto ledger = job.open();
    forget_all(ledger);
    must(ledger::begin_changes(ledger));
    ledger::Protectee who;
    who.code = "DONE0000000001";
    std::string named;
    (void)must(ledger::add_protection(
        ledger, who, {"me", k_now, "n"}, std::nullopt, [&](const ledger::NamedRow& row) {
          named += std::to_string(row.source_line) + (row.sent_at ? " sent " : " ") + row.code;
        }));
    must(ledger::commit_changes(ledger));
    CHECK(named == "2 sent ");
    const auto before = job.ask("SELECT protected FROM row ORDER BY id");
    import(ledger, list());
    CHECK(job.ask("SELECT protected FROM row ORDER BY id") == before);
  }

  TEST_CASE("forget: young and protected rows keep what they have") {
    const Job job;
    auto ledger = job.open();
    CHECK(must(ledger::forget(ledger, k_now, k_later)).rows() == 0);
    CHECK(must(ledger::count_forgettable(ledger, k_now)).younger == 3);
    must(ledger::begin_changes(ledger));
    ledger::Protectee who;
    who.openid = "oDone1";
    (void)must(ledger::add_protection(ledger, who, {"me", k_now, "n"}, std::nullopt, [](const auto&) {}));
    must(ledger::commit_changes(ledger));
    const auto counts = forget_all(ledger);
    CHECK(counts.is_protected == 1);
    CHECK(counts.invalidated == 0);
    CHECK(job.ask("SELECT openid FROM results WHERE status = 'invalidated'") == "oDone1");
  }

  TEST_CASE("forget: all of it or nothing") {
    const Job job;
    { sqlite::Connection{job.file, sqlite::Mode::read_write}; }
    auto ledger = job.open();
    const auto before = job.ask("SELECT code || openid FROM row ORDER BY id");
    change(job,
           "CREATE TRIGGER no BEFORE UPDATE ON row WHEN old.status = 'rejected' BEGIN SELECT RAISE(ABORT, "
           "'no'); END");
    sqlite3_db_config(ledger.state().db.get(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, nullptr);
    CHECK(ledger::forget(ledger, k_later, k_later).has_error());
    CHECK(job.ask("SELECT code || openid FROM row ORDER BY id") == before);
    CHECK(job.ask("SELECT count(*) FROM meta WHERE key = 'forget_key'") == "0");
  }

  TEST_CASE("forget: a reader that keeps the log is named and the next call finishes") {
    const Job job;
    auto ledger = job.open();
    (void)must(ledger::forget(ledger, k_later, k_later));
    {
      sqlite::Connection reader{job.file, sqlite::Mode::read_only};
      reader.execute("BEGIN; SELECT 1 FROM row");
      const auto wiped = ledger::wipe_remains(ledger);
      REQUIRE(wiped.has_error());
      CHECK(wiped.error().code == Errc::stopped);
    }
    must(ledger::wipe_remains(ledger));
    CHECK(job.files().find("oDone1") == std::string::npos);
  }
}
