#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cardvoid/sqlite/connection.hpp>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <vector>

#include "support/temp_folder.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::sqlite;
  using support::TempFolder;

  namespace {

  int code_of(const auto& doing) {
    try {
      doing();
    } catch (const Failure& failure) {
      CHECK(std::string_view{failure.what()} != "");
      return failure.primary_code();
    }
    return SQLITE_OK;
  }

  std::int64_t count_rows(Connection& connection) {
    Statement count{connection, "SELECT count(*) FROM t"};
    REQUIRE(count.step());
    return count.int64(0);
  }

  }  // namespace

  TEST_CASE("connection: a file that is missing is created only when that was asked for") {
    const TempFolder folder;
    const auto file = folder.path / "new.db";
    CHECK(code_of([&] { Connection{file, Mode::read_only}; }) == SQLITE_CANTOPEN);
    CHECK(code_of([&] { Connection{file, Mode::read_write}; }) == SQLITE_CANTOPEN);
    CHECK_FALSE(std::filesystem::exists(file));
    Connection{file, Mode::create}.execute("CREATE TABLE t (a)");
    CHECK(std::filesystem::exists(file));
  }

  TEST_CASE("connection: a new database and its journal are readable by their owner alone") {
    const TempFolder folder;
    const auto before = umask(0);
    Connection connection{folder.path / "new.db", Mode::create};
    connection.execute("PRAGMA journal_mode=WAL; CREATE TABLE t (a)");
    umask(before);
    for (const auto* name : {"new.db", "new.db-wal"}) {
      struct stat status {};
      REQUIRE(::stat((folder.path / name).c_str(), &status) == 0);
      CHECK((status.st_mode & 0777) == 0600);
    }
  }

  TEST_CASE("connection: a read-only one refuses to write and an empty name is not a temporary database") {
    const TempFolder folder;
    Connection{folder.path / "a.db", Mode::create}.execute("CREATE TABLE t (a)");
    Connection reader{folder.path / "a.db", Mode::read_only};
    CHECK(code_of([&] { reader.execute("INSERT INTO t VALUES (1)"); }) == SQLITE_READONLY);
    CHECK(code_of([] { Connection{"", Mode::create}; }) == SQLITE_CANTOPEN);
  }

  TEST_CASE("connection: a file that is no database is found out at the first statement") {
    const TempFolder folder;
    std::ofstream{folder.path / "members.csv"} << std::string(4096, 'x');
    Connection connection{folder.path / "members.csv", Mode::read_only};
    CHECK(code_of([&] { Statement{connection, "SELECT 1 FROM sqlite_schema"}.run(); }) == SQLITE_NOTADB);
  }

  TEST_CASE("statement: values come back as they were bound") {
    Connection connection{":memory:", Mode::create};
    connection.execute("CREATE TABLE t (i, r, s, n, e, o, z)");
    const std::string text{"a\0b 会员", 10};
    Statement insert{connection, "INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
    insert.bind(INT64_MIN, 0.25, text, std::nullopt, std::string_view{}, std::optional<std::int64_t>{}, 7)
        .run();

    Statement select{connection, "SELECT * FROM t"};
    REQUIRE(select.step());
    CHECK(select.columns() == 7);
    CHECK(select.column_name(2) == "s");
    CHECK(select.int64(0) == INT64_MIN);
    CHECK(select.real(1) == 0.25);
    CHECK(select.text(2) == text);
    CHECK(select.is_null(3));
    CHECK(select.type(4) == SQLITE_TEXT);  // an empty view is empty text and not NULL
    CHECK(select.text(4).empty());
    CHECK(select.is_null(5));
    CHECK(select.text(5).empty());
    CHECK(select.int64(6) == 7);
    CHECK_FALSE(select.step());
  }

  TEST_CASE("statement: it is rewound once finished so that it can be bound again") {
    Connection connection{":memory:", Mode::create};
    connection.execute("CREATE TABLE t (a)");
    Statement insert{connection, "INSERT INTO t VALUES (?1)"};
    for (const int value : {1, 2, 3}) insert.bind(value).run();
    CHECK(connection.changes() == 1);
    CHECK(count_rows(connection) == 3);
  }

  TEST_CASE("statement: a violated constraint keeps its extended code and leaves the statement usable") {
    Connection connection{":memory:", Mode::create};
    connection.execute("CREATE TABLE t (a TEXT PRIMARY KEY)");
    Statement insert{connection, "INSERT INTO t VALUES (?1)"};
    insert.bind("x").run();
    try {
      insert.bind("x").run();
      FAIL("the constraint did not hold");
    } catch (const Failure& failure) {
      CHECK(failure.code == SQLITE_CONSTRAINT_PRIMARYKEY);
    }
    insert.bind("y").run();
    CHECK(count_rows(connection) == 2);
  }

  TEST_CASE("statement: an unfinished read lets go of its snapshot on reset") {
    const TempFolder folder;
    Connection writer{folder.path / "a.db", Mode::create};
    writer.execute("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)");
    Connection reader{folder.path / "a.db", Mode::read_only};
    Statement select{reader, "SELECT a FROM t"};
    REQUIRE(select.step());
    CHECK(code_of([&] { writer.execute("DELETE FROM t"); }) ==
          SQLITE_BUSY);  // rollback journal: readers hold it up
    select.reset();
    writer.execute("DELETE FROM t");
    CHECK(count_rows(writer) == 0);
  }

  TEST_CASE("statement: what follows the first statement is told unless it does nothing") {
    Connection connection{":memory:", Mode::create};
    CHECK(Statement{connection, "SELECT 1"}.unread_sql() == "");
    CHECK(Statement{connection, "SELECT 1; -- done\n ;; /* really */ "}.unread_sql() == "");
    CHECK(Statement{connection, "SELECT 1; ; DROP TABLE t"}.unread_sql() == " ; DROP TABLE t");
    CHECK(Statement{connection, "SELECT 1; nonsense"}.unread_sql() == " nonsense");
  }

  TEST_CASE("statement: one that only reads is told from one that writes") {
    Connection connection{":memory:", Mode::create};
    connection.execute("CREATE TABLE t (a)");
    CHECK(Statement{connection, "SELECT a FROM t"}.reads_only());
    CHECK_FALSE(Statement{connection, "DELETE FROM t"}.reads_only());
  }

  TEST_CASE("statement: wrong or missing SQL fails with words") {
    Connection connection{":memory:", Mode::create};
    CHECK(code_of([&] { Statement{connection, "SELEKT 1"}; }) == SQLITE_ERROR);
    CHECK(code_of([&] { Statement{connection, ""}; }) == SQLITE_MISUSE);
    CHECK(code_of([&] { Statement{connection, "-- nothing"}; }) == SQLITE_MISUSE);
    CHECK(code_of([&] { Statement{connection, "SELECT 1"}.bind(1); }) == SQLITE_RANGE);
  }

  TEST_CASE("transaction: it counts once committed and leaves no trace otherwise") {
    Connection connection{":memory:", Mode::create};
    connection.execute("CREATE TABLE t (a)");
    {
      Transaction abandoned{connection};
      connection.execute("INSERT INTO t VALUES (1)");
    }
    CHECK(count_rows(connection) == 0);
    Transaction kept{connection};
    connection.execute("INSERT INTO t VALUES (1)");
    kept.commit();
    CHECK(sqlite3_get_autocommit(connection.get()) != 0);
    CHECK(count_rows(connection) == 1);
  }

  TEST_CASE("transaction: a commit that fails is undone") {
    Connection connection{":memory:", Mode::create};
    connection.execute(
        "PRAGMA foreign_keys=ON; CREATE TABLE p (id INTEGER PRIMARY KEY);"
        "CREATE TABLE t (a REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED)");
    {
      Transaction transaction{connection};
      connection.execute("INSERT INTO t VALUES (1)");
      CHECK(code_of([&] { transaction.commit(); }) == SQLITE_CONSTRAINT);
    }
    CHECK(sqlite3_get_autocommit(connection.get()) != 0);
    CHECK(count_rows(connection) == 0);
  }

  TEST_CASE("connection: while it is locked out it asks again and again until told to give up") {
    const TempFolder folder;
    Connection first{folder.path / "a.db", Mode::create};
    Connection second{folder.path / "a.db", Mode::read_write};
    const Transaction open{first};
    std::vector<std::chrono::milliseconds> waited;
    second.on_busy([&](std::chrono::milliseconds so_far) {
      waited.push_back(so_far);
      return waited.size() < 5;
    });
    const auto moved = std::move(second);
    for (int round = 1; round <= 2; ++round) {
      waited.clear();
      CHECK(code_of([&] { Statement{moved, "BEGIN IMMEDIATE"}.bind().run(); }) == SQLITE_BUSY);
      REQUIRE(waited.size() == 5);
      CHECK(waited.front() < std::chrono::milliseconds{10});
      CHECK(waited.back() >= std::chrono::milliseconds{10 + 20 + 30 + 40});
      CHECK(std::is_sorted(waited.begin(), waited.end()));
    }
  }

  TEST_CASE("connection: one that keeps the log leaves it beside the database when it closes") {
    const TempFolder folder;
    const auto log = folder.path / "a.db-wal";
    {
      Connection db{folder.path / "a.db", Mode::create};
      db.execute("PRAGMA journal_mode = WAL; CREATE TABLE t (x)");
      db.keep_log_on_close();
    }
    CHECK(std::filesystem::file_size(log) > 0);
    { Connection{folder.path / "a.db", Mode::read_write}.execute("SELECT * FROM t"); }
    CHECK_FALSE(std::filesystem::exists(log));
  }

  TEST_CASE("transaction: a second writer is turned away at once") {
    const TempFolder folder;
    Connection first{folder.path / "a.db", Mode::create};
    Connection second{folder.path / "a.db", Mode::read_write};
    const Transaction holding{first};
    CHECK(code_of([&] { Transaction{second}; }) == SQLITE_BUSY);
  }
}
