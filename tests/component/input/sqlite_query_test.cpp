// The query of an SQLite input: what may be asked, what is wrong with it, how long it may take.

#include <doctest/doctest.h>

#include <memory>

#include "crm.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::input;
  using sqlite::Connection;
  using sqlite::Mode;

  TEST_CASE("sqlite: only one SELECT is allowed") {
    const TempFolder folder;
    const auto file = members(folder);
    for (const std::string sql :
         {"DELETE FROM members RETURNING code, openid", "PRAGMA table_info(members)",
          "ATTACH 'other.db' AS x", "CREATE TABLE x (a)", "COMMIT", "VACUUM INTO 'x.db'",
          "INSERT INTO members VALUES ('9', 'o9', '', 1) RETURNING code, openid",
          "REPLACE INTO members (code) VALUES ('9')", "EXPLAIN DELETE FROM members",
          "SELECT load_extension('x') AS code, openid FROM members",
          "SELECT fts3_tokenizer('simple') AS code, openid FROM members",
          "SELECT name AS code, type AS openid FROM pragma_table_info('members')",
          "CREATE TEMP TABLE x AS SELECT * FROM members", "PRAGMA journal_mode = DELETE",
          "PRAGMA writable_schema = ON", "REINDEX", "SELECT code, openid FROM members; SELECT 1",
          "SELECT code, openid FROM members; DROP TABLE members", "UPDATE members SET code = '1'"}) {
      CAPTURE(sql);
      CHECK(error_of(query(file, sql), Errc::bad_input)
                .starts_with(file.string() + ": input.query: only one SELECT statement is allowed"));
    }
    CHECK(
        read(query(
            file,
            "WITH c AS (SELECT * FROM members) SELECT upper(code) AS code, openid FROM c LIMIT 1 -- one")) ==
        Found{"0001@1"});
    CHECK(error_of(query(file, "UPDATE sqlite_master SET sql = ''"), Errc::bad_input) ==
          file.string() + ": input.query: table sqlite_master may not be modified");
    CHECK(read(query(file, "SELECT code, openid FROM members")).size() == 3);  // nothing was deleted
  }

  TEST_CASE("sqlite: what is wrong with the query is said in the database's words") {
    const TempFolder folder;
    const auto file = members(folder);
    const auto prefix = "error: " + file.string() + ": input.query: ";
    CHECK(read(query(file, "SELECT code, openid FROM member")) == Found{prefix + "no such table: member"});
    CHECK(read(query(file, "SELEKT 1")) == Found{prefix + "near \"SELEKT\": syntax error"});
    CHECK(read(query(file, "SELECT code FROM members")) ==
          Found{prefix + "no column \"openid\"; there are \"code\"; say in [input] which they are: "
                         "columns = { openid = \"ITS NAME IN THE LIST\" }"});
    CHECK(read(query(file, "SELECT code, openid, 1 AS code FROM members")) ==
          Found{prefix + "the column \"code\" appears twice"});
    CHECK(read(query(file, "SELECT code, openid, abs(-9223372036854775808) FROM members")) ==
          Found{prefix + "integer overflow"});
  }

  TEST_CASE("sqlite: a column of ours that is there twice refuses the input in subqueries too") {
    const TempFolder folder;
    const auto file = members(folder);
    const auto prefix = "error: " + file.string() + ": input.query: ";
    CHECK(read(query(file, "SELECT a.*, b.* FROM members a JOIN members b USING (closed)")) ==
          Found{prefix + "the column \"code\" appears twice"});
    CHECK(
        read(query(file, "SELECT * FROM (SELECT a.code, b.code, a.openid FROM members a JOIN members b)")) ==
        Found{prefix + "the column \"code\" appears twice in a subquery; say which one is meant"});
    CHECK(read(query(file, "SELECT code, openid, closed, closed FROM members LIMIT 1")) == Found{"0001@1"});
  }

  TEST_CASE("sqlite: a condition that is no condition refuses the query") {
    const TempFolder folder;
    const auto file = members(folder);
    const auto prefix = "error: " + file.string() + ": input.query: ";
    // For plain SQLite the first is the text 'closd', which is never 0, and the second the text 'gone'.
    CHECK(read(query(file, "SELECT code, openid FROM members WHERE \"closd\" <> 0")) ==
          Found{prefix + "no such column: closd; text stands in single quotation marks, \"\" are for names"});
    CHECK(read(query(file, "SELECT code, openid FROM members WHERE openid <> \"gone\"")) ==
          Found{prefix + "no such column: gone; text stands in single quotation marks, \"\" are for names"});
    CHECK(read(query(file, "SELECT \"code\", \"openid\" FROM members WHERE \"closed\" = 0")) ==
          Found{"0003@1"});
    CHECK(read(query(file, "SELECT code, openid FROM members WHERE closed IS NOT :open")) ==
          Found{prefix + "it has parameters (such as ? or :name), and they have no values"});
  }

  TEST_CASE("sqlite: what the query needs and SQLite has not is named with what to do") {
    const TempFolder folder;
    const auto file = folder.path / "crm.db";
    {
      Connection program{file, Mode::create};
      sqlite3_db_config(program.get(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1, nullptr);
      sqlite3_create_collation(program.get(), "PINYIN", SQLITE_UTF8, nullptr,
                               [](void*, int, const void*, int, const void*) { return 0; });
      sqlite3_create_function(
          program.get(), "initials", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr,
          [](sqlite3_context* context, int, sqlite3_value** values) {
            sqlite3_result_value(context, values[0]);
          },
          nullptr, nullptr);
      program.execute(R"(
        CREATE TABLE members (code TEXT COLLATE PINYIN, openid TEXT);
        CREATE INDEX by_initials ON members (initials(code));
        CREATE VIEW closed AS SELECT initials(code) AS code, openid FROM members;
        CREATE VIEW harmful AS SELECT load_extension(code) AS code, openid FROM members;
        INSERT INTO members VALUES ('2', 'o'), ('1', 'o');)");
    }
    const auto prefix = "error: " + file.string() + ": input.query: ";
    CHECK(read(query(file, "SELECT code, openid FROM members ORDER BY code")) ==
          Found{prefix + "no such collation sequence: PINYIN; it comes with the program that made the "
                         "database: compare and order with COLLATE BINARY, or export to CSV"});
    CHECK(read(query(file, "SELECT code, openid FROM closed")) ==
          Found{prefix + "no such function: initials; SQLite itself has none of that name; if it comes with "
                         "the program that made the database, write a query without it, or export to CSV"});
    CHECK(read(query(file, "SELECT code, openid FROM simple_search('x')"))[0].starts_with(
        prefix + "no such table: simple_search"));
    CHECK(read(query(file, "SELECT code, openid FROM harmful")) ==
          Found{prefix + "unsafe use of load_extension(); in a view that is not allowed: write the view's "
                         "own SELECT as the query"});
    CHECK(read(query(file, "SELECT code, openid FROM members ORDER BY code COLLATE BINARY")) ==
          Found{"1@1", "2@2"});
  }

  TEST_CASE("sqlite: a view and a full-text table are read") {
    const TempFolder folder;
    const auto file = folder.path / "crm.db";
    Connection{file, Mode::create}.execute(R"(
      CREATE VIRTUAL TABLE notes USING fts5 (code, openid, note);
      INSERT INTO notes VALUES ('0a', 'o1', 'has left'), ('0b', 'o2', 'stays');
      CREATE TABLE members (code, openid);
      INSERT INTO members VALUES ('0c', 'o3');
      CREATE VIEW shouting AS SELECT upper(code) AS code, openid FROM members;)");
    CHECK(read(query(file, "SELECT code, openid FROM notes WHERE notes MATCH 'left'")) == Found{"0a@1"});
    CHECK(read(query(file, "SELECT * FROM shouting")) == Found{"0C@1"});
  }

  TEST_CASE("sqlite: an endless query is given up after ten minutes in the database") {
    const TempFolder folder;
    const auto file = members(folder);
    Patience patience;
    patience.now = [now = Patience::Clock::time_point{}]() mutable { return now += std::chrono::seconds{1}; };
    const auto words = file.string() +
                       ": input.query: given up after 10 minutes in the database; nothing of it is kept. A "
                       "join without its condition or a recursion without an end is the usual reason; try "
                       "the query with the sqlite3 program, add an index, or export its result to CSV";
    const std::string numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) ";
    SUBCASE("that never has a row") {
      CHECK(error_of(query(file, numbers + "SELECT 'c' AS code, 'o' AS openid FROM n WHERE i < 0"),
                     Errc::bad_input, patience) == words);
    }
    SUBCASE("that has one row after the other") {
      CHECK(error_of(query(file, numbers + "SELECT 'c' || i AS code, 'o' AS openid FROM n"), Errc::bad_input,
                     patience) == words);
    }
    SUBCASE("that joins everything with everything") {
      std::string joined = "SELECT count(*) AS code, '' AS openid FROM members m0";
      for (int i = 1; i < 60; ++i) joined += ", members m" + std::to_string(i);
      CHECK(error_of(query(file, joined), Errc::bad_input, patience) == words);
    }
  }

  TEST_CASE("sqlite: the time between the rows does not count against a query") {
    const TempFolder folder;
    const auto file = members(folder);
    Patience patience;
    const auto now = std::make_shared<Patience::Clock::time_point>();
    patience.now = [now] { return *now; };
    const auto source = open(query(file,
                                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT "
                                   "20000) SELECT 'c' || i AS code, 'o' AS openid FROM n"),
                             patience);
    REQUIRE(source.has_value());
    for (int i = 0; i < 20'000; ++i) {
      const auto record = (*source)->next();
      REQUIRE((record && *record));
      *now += std::chrono::hours{1};
    }
    CHECK(read(**source).empty());
  }

  TEST_CASE("sqlite: a signal ends a long step and the wait for a lock") {
    const TempFolder folder;
    const auto file = members(folder);
    Patience patience;
    const auto asked = std::make_shared<int>();
    patience.interrupted = [asked] { return ++*asked == 3; };
    const std::string words = "interrupted while reading the input; nothing of it is kept, nothing was sent";
    CHECK(error_of(query(file,
                         "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'c' AS "
                         "code, 'o' AS openid FROM n WHERE i < 0"),
                   Errc::stopped, patience) == words);
    CHECK(*asked == 3);
    *asked = 0;
    Connection owner{file, Mode::read_write};
    owner.execute("BEGIN EXCLUSIVE");
    CHECK(error_of(query(file, k_all), Errc::stopped, patience) == words);
    CHECK(*asked == 3);
  }
}
