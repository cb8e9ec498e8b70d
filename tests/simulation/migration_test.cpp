// A migration of the schema is one transaction: at whichever operation the machine dies, the database is of
// the old version or of the new one, and whole.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cardvoid/ledger/import.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <string>

#include "disk.hpp"

TEST_SUITE("simulation") {
  using namespace cardvoid;
  using namespace cardvoid::simulation;
  using ledger::Access;

  namespace {

  constexpr auto k_file = "/dev/null/results.db";

  // What a build with version 1 has left: today's tables with what later versions dropped, and without what
  // they added.
  void given_version_1() {
    {
      auto made = ledger::Ledger::open(k_file, "old", Access::create).value();
      auto under_way = ledger::Import::begin(made, WallTime{}, [](const auto&, bool) { return ""; }).value();
      for (int i = 0; i < 20; ++i)
        REQUIRE(under_way.add({{"1004", "pT", std::to_string(i), "o", ""}, i + 2}).has_value());
      REQUIRE(under_way.finish("a list", WallTime{}).has_value());
    }
    sqlite::Connection db{k_file, sqlite::Mode::read_write};
    db.execute(
        "DROP VIEW results; DROP VIEW attempts; DROP VIEW runs; "
        "ALTER TABLE pulse ADD COLUMN paused_by_429 INTEGER NOT NULL; "
        "CREATE TABLE missing (row_id INTEGER PRIMARY KEY REFERENCES row (id)) STRICT; INSERT INTO missing "
        "VALUES (7); "
        "DROP TABLE correction; DROP TABLE protection; DROP TABLE shown_plan; DROP TABLE wait; "
        "DROP TABLE tally; DROP INDEX row_pending; DROP INDEX row_in_doubt; DROP INDEX row_error; "
        "CREATE TABLE shown_plan (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, made_at INTEGER NOT "
        "NULL, "
        "last_row INTEGER NOT NULL, to_send INTEGER NOT NULL, row_ids TEXT NOT NULL) STRICT; "
        "PRAGMA user_version = 1");
    for (const auto* column : {"row DROP COLUMN absent",
                               "row DROP COLUMN strange",
                               "row DROP COLUMN answer_signed",
                               "row DROP COLUMN retried_at",
                               "row DROP COLUMN retried_by",
                               "run DROP COLUMN consent",
                               "row DROP COLUMN accepted_at",
                               "row DROP COLUMN accepted_by",
                               "row DROP COLUMN accepted_note",
                               "row DROP COLUMN forgotten_at",
                               "run DROP COLUMN user",
                               "run DROP COLUMN other_brand",
                               "pulse DROP COLUMN canary_already",
                               "import DROP COLUMN file",
                               "import DROP COLUMN file_time",
                               "import DROP COLUMN sha256",
                               "import DROP COLUMN elsewhere",
                               "import DROP COLUMN recipe",
                               "import DROP COLUMN remarks",
                               "import DROP COLUMN read_by",
                               "run DROP COLUMN requests_per_second"})
      db.execute(fmt::format("ALTER TABLE {}", column));
  }

  std::int64_t version() {
    sqlite::Connection db{k_file, sqlite::Mode::read_write};
    sqlite::Statement ask{db, "PRAGMA user_version"};
    ask.bind();
    REQUIRE(ask.step());
    return ask.int64(0);
  }

  // True when it ended before operation `at`.
  bool migrate_and_crash(Disk& disk, std::uint64_t at, bool by_power_loss) {
    disk.reset(at);
    given_version_1();
    disk.crash_at(disk.operations() + at);
    { (void)ledger::Ledger::open(k_file, "old", Access::create); }
    const bool has_ended = !disk.crashed();
    by_power_loss ? disk.power_loss() : disk.kill();
    return has_ended;
  }

  }  // namespace

  TEST_CASE("migration: a crash at any operation leaves the old version or the new one and every row") {
    Disk disk{"simulation", 1};
    disk.become_default();
    for (const bool by_power_loss : {false, true}) {
      std::int64_t seen_old = 0, seen_new = 0;
      std::uint64_t at = 0;
      for (bool has_ended = false; !has_ended; ++at) {
        CAPTURE(at);
        has_ended = migrate_and_crash(disk, at, by_power_loss);
        const auto found = version();
        CHECK((found == 1 || found == 6));
        ++(found == 1 ? seen_old : seen_new);
        auto again = ledger::Ledger::open(k_file, "old", Access::create);
        INFO((again ? std::string{} : again.error().what));
        REQUIRE(again.has_value());
        CHECK(ledger::totals(*again).value().pending == 20);
        CHECK(again->verify().has_value());
      }
      CHECK(at > 5);
      CHECK(seen_old > 0);
      CHECK(seen_new > 0);
    }
  }
}
