// Databases of older versions of the schema: read as they are, migrated by a writer, refused when they are
// not whole or newer. tests/data/results holds one set for every version; the next set is made with the build
// that is about to be replaced (docs/contributing.md).

#include <cardvoid/base/file.hpp>
#include <map>

#include "rig.hpp"
#include "schema.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;
  namespace fs = std::filesystem;

  namespace {

  struct Older {
    explicit Older(const std::string& name) {
      fs::copy_file(fs::path{CARDVOID_DATA} / "results" / (name + ".db"), file);
      fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
    }
    const support::TempFolder folder;
    const fs::path file = folder.path / "results.db";
    Result<Ledger> open(Access access) const { return Ledger::open(file, "v1", access); }
    std::string ask(const std::string& sql) const { return ledger_test::ask(file, sql); }
    void change(const std::string& sql) const {
      sqlite::Connection{file, sqlite::Mode::read_write}.execute(sql);
    }
  };

  // Everything that people can ask, in one text.
  std::string all_answers(Ledger& ledger) {
    std::string text = counts(must(ledger::totals(ledger))) + " " + must(ledger::fingerprint(ledger));
    must(ledger::each_result(ledger, {}, [&](const ledger::ResultRow& row) {
      for (const auto& value : row) text += "|" + value.value_or("-");
    }));
    for (const auto& run : must(ledger::last_runs(ledger, 10)))
      text += fmt::format(" run {} {} {} {}", run.id, run.counts.sent, run.ending, run.tripped_by);
    for (const auto& error : must(ledger::errors(ledger, 10)))
      text += fmt::format(" {} {}", error.code, error.count);
    const auto pulse = must(ledger::pulse(ledger));
    if (pulse) text += fmt::format(" pulse {} {}", pulse->run, pulse->primary_state);
    must(ledger::each_request(
        ledger, [&](const ledger::EndedRequest& request) { text += model::to_text(request.outcome); }));
    for (const auto& row : must(ledger::rows_in_doubt(ledger, 10))) text += " " + row.code;
    return text;
  }

  const std::vector<std::string> k_older{"v1-finished", "v1-killed",   "v1-tripped",  "v2-finished",
                                         "v2-killed",   "v2-tripped",  "v2-lists",    "v3-finished",
                                         "v3-killed",   "v3-tripped",  "v4-finished", "v4-killed",
                                         "v4-tripped",  "v5-finished", "v5-killed",   "v5-tripped"};
  std::string version_of(const std::string& name) { return name.substr(1, 1); }

  }  // namespace

  TEST_CASE("schema: a reader answers from an older database and leaves it as it is") {
    for (const auto& name : k_older) {
      CAPTURE(name);
      const Older older{name};
      const auto before = must(read_file(older.file, 1 << 20, Errc::io));
      {
        auto reader = must(older.open(Access::read_only));
        CHECK(must(ledger::totals(reader)).rows() >= 25);
        CHECK_FALSE(all_answers(reader).empty());
      }
      CHECK(older.ask("PRAGMA user_version") == version_of(name));
      CHECK(must(read_file(older.file, 1 << 20, Errc::io)) == before);
    }
  }

  TEST_CASE("schema: an index that is missing is made by the next writer and status reads no row") {
    const Books books;
    given_a_plan(books);
    {
      sqlite::Connection{books.file, sqlite::Mode::read_write}.execute(
          "DROP INDEX row_pending; DROP INDEX row_error");
    }
    const std::string both = "SELECT count(*) FROM sqlite_schema WHERE name IN ('row_pending', 'row_error')";
    CHECK(must(ledger::errors(*std::make_unique<Ledger>(books.open(Access::read_only)), 5)).empty());
    CHECK(books.ask(both) == "0");
    books.open();
    CHECK(books.ask(both) == "2");
  }

  TEST_CASE("schema: a writer migrates an older database and every answer stays the same") {
    for (const auto& name : k_older)
      for (const auto access : {Access::read_write, Access::create}) {
        CAPTURE(name);
        const Older older{name};
        std::string before;
        {
          auto reader = must(older.open(Access::read_only));
          before = all_answers(reader);
        }
        auto writer = must(older.open(access));
        CHECK(all_answers(writer) == before);
        CHECK(older.ask("PRAGMA user_version") == std::to_string(ledger::k_schema_version));
        CHECK(older.ask("PRAGMA integrity_check") == "ok");
        const sqlite::Connection db{older.file, sqlite::Mode::read_only};
        CHECK(ledger::columns_of(db) == ledger::columns_of_version(ledger::k_schema_version));
      }
  }

  TEST_CASE("schema: a database of today's version is opened as it is") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    const auto before = all_answers(ledger);
    auto reader = books.open(Access::read_only);
    CHECK(all_answers(reader) == before);
  }

  TEST_CASE(
      "schema: what an older database's latest list did not name stays to be sent until the next import") {
    const Older older{"v2-lists"};
    auto writer = must(older.open(Access::read_write));
    CHECK(older.ask("SELECT count(*) FROM row WHERE absent = 2") == "11");
    CHECK(older.ask("SELECT count(*) FROM row WHERE absent NOT IN (0, 2)") == "0");
    CHECK(older.ask("SELECT coalesce(held_back, '-') || count(*) FROM results WHERE status = 'pending' GROUP "
                    "BY held_back ORDER BY 1") == "-36 conflict4 protected2");
  }

  TEST_CASE("schema: a migrated database has the views that a new one has") {
    const Books fresh;
    { (void)fresh.open(); }
    const std::string views = "SELECT sql FROM sqlite_schema WHERE type IN ('view', 'index') ORDER BY name";
    for (const auto& name : k_older) {
      CAPTURE(name);
      const Older older{name};
      { (void)must(older.open(Access::read_write)); }
      CHECK(older.ask(views) == fresh.ask(views));
    }
  }

  TEST_CASE("schema: a run that was killed under the older version is carried on") {
    const Older older{"v1-killed"};
    auto writer = must(older.open(Access::create));
    CHECK(must(ledger::totals(writer)).in_flight == 4);
    ledger::Cursor cursor;
    const auto rows = must(ledger::fetch(writer, cursor, 1000));
    CHECK(rows.size() == 4 + 201);
    CHECK(rows.front().status == Status::in_flight);  // in doubt: read back first
    const auto run = must(ledger::begin_run(writer, {"run", k_now, "here", 1, "2", "", "", false}));
    must(ledger::begin_changes(writer));
    must(ledger::open_attempt(writer,
                              {rows.back().id, rows.back().attempts + 1, run, Endpoint::primary, k_now}));
    must(ledger::save_pulse(writer, {}));
    must(ledger::commit_changes(writer));
    CHECK(must(ledger::totals(writer)).in_flight == 5);
  }

  TEST_CASE("schema: an older database that lacks columns of its version is refused by everybody") {
    for (const auto* loss :
         {"ALTER TABLE pulse DROP COLUMN canary_passed", "ALTER TABLE run DROP COLUMN canary",
          "DROP TABLE shown_plan", "ALTER TABLE import DROP COLUMN vanished"}) {
      CAPTURE(loss);
      const Older older{"v1-finished"};
      older.change(loss);
      for (const auto access : {Access::read_only, Access::read_write, Access::create}) {
        const auto opened = older.open(access);
        REQUIRE(opened.has_error());
        CHECK(opened.error().code == Errc::cannot_create);
        CHECK(opened.error().what.find("was made by an early development build (no column ") !=
              std::string::npos);
      }
      CHECK(older.ask("PRAGMA user_version") == "1");
    }
  }

  TEST_CASE("schema: a newer database is refused with the words to upgrade") {
    const Older older{"v1-finished"};
    older.change(fmt::format("PRAGMA user_version = {}", ledger::k_schema_version + 1));
    for (const auto access : {Access::read_only, Access::read_write, Access::create}) {
      const auto opened = older.open(access);
      REQUIRE(opened.has_error());
      CHECK(opened.error().code == Errc::cannot_create);
      CHECK(opened.error().what.find("upgrade cardvoid") != std::string::npos);
    }
  }

  TEST_CASE("schema: a version that never was is refused") {
    const Older older{"v1-finished"};
    older.change("PRAGMA user_version = 0");
    CHECK(older.open(Access::read_write).has_error());
  }

  TEST_CASE("schema: version and application id and index are those of results.sql") {
    const Books fresh;
    { (void)fresh.open(); }
    CHECK(fresh.ask("PRAGMA user_version") == std::to_string(ledger::k_schema_version));
    CHECK(fresh.ask("PRAGMA application_id") == std::to_string(ledger::k_application_id));
    CHECK(ledger::migrations().size() + 1 == static_cast<std::size_t>(ledger::k_schema_version));
    const std::string index = "SELECT sql FROM sqlite_schema WHERE name = 'row_key'";
    const auto made_by_schema = fresh.ask(index);
    auto ledger = fresh.open();
    import(ledger, {card("1")});  // takes the index away and makes it again
    CHECK(fresh.ask(index) == made_by_schema);
  }
}
