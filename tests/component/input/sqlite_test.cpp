// SQLite databases as people keep, copy and damage them.

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cardvoid/sqlite/connection.hpp>
#include <memory>
#include <ostream>
#include <set>

#include "reading.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::input;
  using sqlite::Connection;
  using sqlite::Mode;

  namespace {

  model::Input query(const std::filesystem::path& file, std::string sql) {
    model::Input input;
    input.sqlite = file;
    input.query = std::move(sql);
    return input;
  }

  std::filesystem::path members(const Folder& folder) {
    auto file = folder.path / "crm.db";
    Connection{file, Mode::create}.execute(R"(
    CREATE TABLE members (code, openid, card_id, closed);
    INSERT INTO members VALUES ('0001', 'o1', NULL, 1), ('0002', 'o2', 'p2', 1), ('0003', 'o3', 'p3', 0);)");
    return file;
  }

  std::set<std::string> names_in(const Folder& folder) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{folder.path})
      names.insert(entry.path().filename().string());
    return names;
  }

  // A database in write-ahead-log mode that its program has closed, and one that it left in the middle of its
  // work: '0009' stands in the log only.
  std::filesystem::path closed(const Folder& folder) {
    const auto file = members(folder);
    Connection{file, Mode::read_write}.execute("PRAGMA journal_mode = WAL");
    return file;
  }
  void copy_with_log(const Folder& from, const Folder& to) {
    Connection owner{closed(from), Mode::read_write};
    owner.execute("PRAGMA wal_autocheckpoint = 0; INSERT INTO members VALUES ('0009', 'o9', NULL, 1)");
    for (const auto* name : {"crm.db", "crm.db-wal"})
      std::filesystem::copy_file(from.path / name, to.path / name);
  }

  const char* const k_all = "SELECT code, openid FROM members ORDER BY code";

  void overwrite(const std::filesystem::path& file, std::streamoff at, const std::string& bytes) {
    std::fstream{file, std::ios::binary | std::ios::in | std::ios::out}.seekp(at).write(
        bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  std::string garbage(std::size_t size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 7919 % 251);
    return bytes;
  }

  // A user whom file permissions hold back; root is none.
  class Mortal {
   public:
    Mortal() : was_root_{::geteuid() == 0 && ::seteuid(k_nobody) == 0} {}
    Mortal(const Mortal&) = delete;
    Mortal& operator=(const Mortal&) = delete;
    ~Mortal() {
      if (was_root_) CHECK(::seteuid(0) == 0);
    }
    explicit operator bool() const { return ::geteuid() != 0; }

   private:
    static constexpr uid_t k_nobody = 65534;
    bool was_root_;
  };

  std::string error_of(const model::Input& what, Errc code, const Patience& patience = {}) {
    const auto source = open(what, patience);
    if (!source) {
      CHECK(source.error().code == code);
      return source.error().what;
    }
    for (;;) {
      const auto record = (*source)->next();
      if (record && *record) continue;
      REQUIRE(record.has_error());
      CHECK(record.error().code == code);
      return record.error().what;
    }
  }

  }  // namespace

  TEST_CASE("sqlite: the query's rows are numbered and its columns named like a file's") {
    const Folder folder;
    auto what =
        query(members(folder),
              "SELECT openid, code AS nr, card_id, closed FROM members WHERE closed = 1 ORDER BY code;");
    what.columns = {{"code", "nr"}};
    const auto source = open(what);
    REQUIRE(source.has_value());
    CHECK((*source)->description() == "SQLite, columns \"openid\", \"nr\", \"card_id\"; ignored: \"closed\"");
    const auto record = (*source)->next();
    REQUIRE((record.has_value() && record->has_value()));
    const auto& row = std::get<model::InputRow>(**record);
    CHECK(row.card.code == "0001");
    CHECK(row.card.openid == "o1");
    CHECK(row.card.card_id == "pDefault");  // NULL is empty
    CHECK(row.card.brand_id == "1004");
    CHECK(row.source_line == 1);
    CHECK(read(what) == Found{"0001@1", "0002@2"});
  }

  TEST_CASE("sqlite: identifiers that are not text are refused line by line") {
    const Folder folder;
    const auto file = folder.path / "crm.db";
    Connection{file, Mode::create}.execute(R"(
    CREATE TABLE m (code, openid);
    INSERT INTO m VALUES ('1', 'o'), (2, 'o'), (3.5, 'o'), (x'34', 'o'), ('5', 5), ('6', NULL),
      (CAST(x'370037' AS TEXT), 'o'), (CAST(x'FF' AS TEXT), 'o'), ('９', 'o'), ('10', 'o');)");
    CHECK(read(query(file, "SELECT code, openid FROM m ORDER BY rowid")) ==
          Found{"1@1", "!2 code: stored as INTEGER, not as TEXT, so leading zeros or digits may be lost",
                "!3 code: stored as REAL, not as TEXT, so leading zeros or digits may be lost",
                "!4 code: stored as BLOB, not as TEXT",
                "!5 openid: stored as INTEGER, not as TEXT, so leading zeros or digits may be lost",
                "!6 openid: empty", "!7 code: a zero byte inside, where many programs take the text to end",
                "!8 code: not valid UTF-8", "!9 code: full-width characters; half-width ones are needed",
                "10@10"});
  }

  TEST_CASE("sqlite: a refused row is kept as a line of CSV in valid UTF-8") {
    const Folder folder;
    const auto source = open(
        query(members(folder), "SELECT 5 AS code, 'a\"b' AS openid, 'x,y' AS z, CAST(x'FF0041' AS TEXT)"));
    REQUIRE(source.has_value());
    const auto record = (*source)->next();
    REQUIRE((record.has_value() && record->has_value()));
    CHECK(std::get<input::Refused>(**record).raw == "5,\"a\"\"b\",\"x,y\",\\xFF\\x00A,(not as it stood)");

    const auto large =
        open(query(folder.path / "crm.db", "SELECT zeroblob(100000000) AS code, 'o' AS openid, x'FF' AS z"));
    REQUIRE(large.has_value());
    const auto refused = (*large)->next();
    REQUIRE((refused.has_value() && refused->has_value()));
    CHECK(std::get<input::Refused>(**refused).raw.starts_with("\\x00\\x00"));
    CHECK(std::get<input::Refused>(**refused).raw.size() < 300'000);
  }

  TEST_CASE("sqlite: files that are none are told apart") {
    const Folder folder;
    const auto check = [&](const std::filesystem::path& file, Errc code, const std::string& what) {
      const auto source = open(query(file, "SELECT code, openid FROM members"));
      REQUIRE(source.has_error());
      CHECK(source.error().code == code);
      const std::string key = code == Errc::no_input ? "input.sqlite: " : "";
      CHECK(source.error().what == key + file.string() + what);
    };
    check(folder.path / "none.db", Errc::no_input, ": cannot open it: No such file or directory");
    CHECK_FALSE(std::filesystem::exists(folder.path / "none.db"));
    check(folder.path, Errc::no_input, ": a folder, not an SQLite database");
    check(folder.write("empty.db", ""), Errc::bad_input, ": empty, not an SQLite database");
    check(folder.write("m.csv", "code,openid\n" + std::string(600, 'x')), Errc::bad_input,
          ": not an SQLite database, or an encrypted one");
  }

  TEST_CASE("sqlite: only one SELECT is allowed") {
    const Folder folder;
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
    const Folder folder;
    const auto file = members(folder);
    const auto prefix = "error: " + file.string() + ": input.query: ";
    CHECK(read(query(file, "SELECT code, openid FROM member")) == Found{prefix + "no such table: member"});
    CHECK(read(query(file, "SELEKT 1")) == Found{prefix + "near \"SELEKT\": syntax error"});
    CHECK(read(query(file, "SELECT code FROM members")) ==
          Found{prefix + "no column \"openid\"; there are \"code\""});
    CHECK(read(query(file, "SELECT code, openid, 1 AS code FROM members")) ==
          Found{prefix + "the column \"code\" is there twice"});
    CHECK(read(query(file, "SELECT code, openid, abs(-9223372036854775808) FROM members")) ==
          Found{prefix + "integer overflow"});
  }

  TEST_CASE("sqlite: destroyed digits in text refuse the input at its end and wrappers only their rows") {
    const Folder folder;
    const auto file = folder.path / "crm.db";
    Connection{file, Mode::create}.execute(R"(
    CREATE TABLE members (code TEXT, openid TEXT);
    INSERT INTO members VALUES ('4.78516E+23', 'o'), ('''0123', 'o'), ('0124', 'o');)");
    auto what = query(file, "SELECT code, openid FROM members ORDER BY rowid");
    const auto found = read(what);
    REQUIRE(found.size() == 4);
    CHECK(found[1] ==
          "!2 code: an apostrophe or backtick before digits, for a spreadsheet; input.unwrap = true undoes "
          "that");
    CHECK(found[2] == "0124@3");
    CHECK(found[3].starts_with("error: " + file.string() +
                               ": input.query: a spreadsheet has destroyed digits: 1 in scientific notation "
                               "(line 1 ****E+23)"));
    what.unwrap = true;
    what.accept_damage = true;
    CHECK(read(what) == Found{"4.78516E+23@1", "0123@2", "0124@3"});
    what.query += " LIMIT 2 OFFSET 1";
    what.accept_damage = false;
    CHECK(read(what) == Found{"0123@1", "0124@2"});
  }

  TEST_CASE("sqlite: rows that are written meanwhile are not seen") {
    const Folder folder;
    const auto file = members(folder);
    Connection writer{file, Mode::read_write};
    writer.execute("PRAGMA journal_mode=WAL");
    const auto source = open(query(file, "SELECT code, openid FROM members ORDER BY code"));
    REQUIRE(source.has_value());
    writer.execute(
        "INSERT INTO members VALUES ('0004', 'o4', NULL, 1); UPDATE members SET code = 'x' WHERE code = "
        "'0003'");
    Found codes;
    for (;;) {
      const auto record = (*source)->next();
      REQUIRE(record.has_value());
      if (!*record) break;
      codes.push_back(std::get<model::InputRow>(**record).card.code);
    }
    CHECK(codes == Found{"0001", "0002", "0003"});
  }

  TEST_CASE("sqlite: numbers and blobs and zero bytes are refused in every column of ours") {
    const Folder folder;
    const auto file = members(folder);
    for (const std::string column : {"code", "openid", "card_id", "brand_id", "reason"}) {
      CAPTURE(column);
      std::string others;
      for (const std::string other : {"code", "openid", "card_id", "brand_id", "reason"})
        if (other != column) others += ", '1' AS " + other;
      const auto refused = [&](const std::string& value) {
        const auto found = read(query(file, "SELECT " + value + " AS " + column + others));
        REQUIRE(found.size() == 1);
        return found[0];
      };
      CHECK(refused("x'31'") == "!1 " + column + ": stored as BLOB, not as TEXT");
      CHECK(refused("x''") == "!1 " + column + ": stored as BLOB, not as TEXT");
      CHECK(refused("1").starts_with("!1 " + column + ": stored as INTEGER, not as TEXT"));
      CHECK(refused("1e30").starts_with("!1 " + column + ": stored as REAL, not as TEXT"));
      CHECK(refused("'1' || char(0) || '2'") ==
            "!1 " + column + ": a zero byte inside, where many programs take the text to end");
      CHECK(refused("'1' || char(0)").starts_with("!1 " + column + ": a zero byte inside"));
      CHECK(refused("CAST(x'31FF' AS TEXT)") == "!1 " + column + ": not valid UTF-8");
    }
    CHECK(read(query(
              file,
              "SELECT '1' AS code, 'o' AS openid, x'00' AS photo, 'a' || char(0) AS note, 7 AS points")) ==
          Found{"1@1"});
  }

  TEST_CASE("sqlite: a database in UTF-16 is read like one in UTF-8") {
    for (const std::string encoding : {"UTF-16le", "UTF-16be"}) {
      CAPTURE(encoding);
      const Folder folder;
      const auto file = folder.path / "crm.db";
      Connection{file, Mode::create}.execute("PRAGMA encoding = '" + encoding + R"(';
        CREATE TABLE members (code TEXT, openid TEXT, "原因" TEXT);
        INSERT INTO members VALUES ('0001', 'o1', '会员计划已结束'), ('00' || char(0) || '02', 'o2', ''), (3, 'o3', ''),
          ('4', 'o4', '😀'), ('5', 'o5', char(0)))");
      auto what = query(file, "SELECT * FROM members ORDER BY rowid");
      what.columns = {{"reason", "原因"}};
      CHECK(read(what) == Found{"0001@1",
                                "!2 code: a zero byte inside, where many programs take the text to end",
                                "3@3", "!4 reason: emoji or another character of four bytes",
                                "!5 reason: a zero byte inside, where many programs take the text to end"});
      const auto source = open(what);
      REQUIRE(source.has_value());
      CHECK(std::get<model::InputRow>(**(*source)->next()).card.reason == "会员计划已结束");
      CHECK(std::get<Refused>(**(*source)->next()).raw == "00\\x0002,o2,,(not as it stood)");
    }
  }

  TEST_CASE("sqlite: a column of ours that is there twice refuses the input in subqueries too") {
    const Folder folder;
    const auto file = members(folder);
    const auto prefix = "error: " + file.string() + ": input.query: ";
    CHECK(read(query(file, "SELECT a.*, b.* FROM members a JOIN members b USING (closed)")) ==
          Found{prefix + "the column \"code\" is there twice"});
    CHECK(
        read(query(file, "SELECT * FROM (SELECT a.code, b.code, a.openid FROM members a JOIN members b)")) ==
        Found{prefix + "the column \"code\" is there twice in a subquery; say which one is meant"});
    CHECK(read(query(file, "SELECT code, openid, closed, closed FROM members LIMIT 1")) == Found{"0001@1"});
  }

  TEST_CASE("sqlite: a condition that is no condition refuses the query") {
    const Folder folder;
    const auto file = members(folder);
    const auto prefix = "error: " + file.string() + ": input.query: ";
    // For plain SQLite the first is the text 'closd', which is never 0, and the second the text 'nobody'.
    CHECK(read(query(file, "SELECT code, openid FROM members WHERE \"closd\" <> 0")) ==
          Found{prefix + "no such column: closd; text stands in single quotation marks, \"\" are for names"});
    CHECK(
        read(query(file, "SELECT code, openid FROM members WHERE openid <> \"nobody\"")) ==
        Found{prefix + "no such column: nobody; text stands in single quotation marks, \"\" are for names"});
    CHECK(read(query(file, "SELECT \"code\", \"openid\" FROM members WHERE \"closed\" = 0")) ==
          Found{"0003@1"});
    CHECK(read(query(file, "SELECT code, openid FROM members WHERE closed IS NOT :open")) ==
          Found{prefix + "it has parameters (such as ? or :name), and nothing fills them in"});
  }

  TEST_CASE("sqlite: what the query needs and SQLite has not is named with what to do") {
    const Folder folder;
    const auto file = folder.path / "crm.db";
    {
      Connection program{file, Mode::create};
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
          Found{prefix + "no such collation sequence: PINYIN; the program that made the database brings it "
                         "along: compare and order with COLLATE BINARY, or export to CSV"});
    CHECK(read(query(file, "SELECT code, openid FROM closed")) ==
          Found{prefix +
                "no such function: initials; SQLite itself has none of that name: where the program "
                "that made the database brings it along, write a query without it, or export to CSV"});
    CHECK(read(query(file, "SELECT code, openid FROM simple_search('x')"))[0].starts_with(
        prefix + "no such table: simple_search"));
    CHECK(read(query(file, "SELECT code, openid FROM harmful")) ==
          Found{prefix + "unsafe use of load_extension(); in a view that is not allowed: write the view's "
                         "own SELECT as the query"});
    CHECK(read(query(file, "SELECT code, openid FROM members ORDER BY code COLLATE BINARY")) ==
          Found{"1@1", "2@2"});
  }

  TEST_CASE("sqlite: a view and a full-text table are read") {
    const Folder folder;
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
    const Folder folder;
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
    const Folder folder;
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
    const Folder folder;
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

  TEST_CASE("sqlite: what a write-ahead log beside the database holds is read") {
    const Folder here, there;
    copy_with_log(here, there);
    CHECK(read(query(there.path / "crm.db", k_all)) == Found{"0001@1", "0002@2", "0003@3", "0009@4"});
    const auto source = open(query(there.path / "crm.db", k_all));
    REQUIRE(source.has_value());
    CHECK((*source)->remarks().empty());
    std::filesystem::create_symlink(there.path / "crm.db", here.path / "link.db");
    CHECK(read(query(here.path / "link.db", k_all)).size() == 4);
  }

  TEST_CASE("sqlite: a log that a copy may lack is remarked on") {
    const Folder here, there;
    copy_with_log(here, there);
    const auto file = there.path / "crm.db";
    std::filesystem::remove(file.string() + "-wal");
    auto source = open(query(file, k_all));
    REQUIRE(source.has_value());
    CHECK(read(**source) == Found{"0001@1", "0002@2", "0003@3"});
    CHECK((*source)->remarks() ==
          std::vector<std::string>{
              file.string() +
              ": in write-ahead-log mode, and there is no crm.db-wal beside it. That is right where its "
              "program has closed it. A copy of this file alone lacks the rows that were still in the log: "
              "copy both, or with `sqlite3 crm.db \".backup copy.db\"`"});
    CHECK(names_in(there) == std::set<std::string>{"crm.db"});
    CHECK(read(query(file, "SELECT * FROM new_table")) ==
          Found{"error: " + file.string() +
                ": input.query: no such table: new_table; there is no crm.db-wal beside it: was it left "
                "behind when the file was copied?"});
    Connection{file, Mode::read_write}.execute("PRAGMA journal_mode = DELETE");
    source = open(query(file, k_all));
    REQUIRE(source.has_value());
    CHECK((*source)->remarks().empty());
  }

  TEST_CASE("sqlite: reading leaves nothing beside the database whatever its name") {
    for (const auto* name : {"crm.db", "客户 100%?#&.db"}) {
      CAPTURE(name);
      const Folder folder;
      std::filesystem::rename(closed(folder), folder.path / name);
      const auto before = std::filesystem::last_write_time(folder.path / name);
      CHECK(read(query(folder.path / name, k_all)).size() == 3);
      CHECK(read(query(folder.path / name, "SELECT 1")).size() == 1);
      CHECK(names_in(folder) == std::set<std::string>{name});
      CHECK(std::filesystem::last_write_time(folder.path / name) == before);
    }
    const Folder folder;
    CHECK(read(query(members(folder), k_all)).size() == 3);
    CHECK(names_in(folder) == std::set<std::string>{"crm.db"});
  }

  TEST_CASE("sqlite: a quiet database that is written to while it is read is refused at its end") {
    const Folder folder;
    const auto file = closed(folder);
    const auto source = open(query(file, k_all));
    REQUIRE(source.has_value());
    Connection{file, Mode::read_write}.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) INSERT INTO members "
        "SELECT 'x' || i, 'o', NULL, 1 FROM n");
    const auto found = read(**source);
    CHECK(found.back() == "error: " + file.string() +
                              ": its program has written to it while it was read; nothing of it is kept. Try "
                              "again, or read a copy made with `sqlite3 crm.db \".backup copy.db\"`");
  }

  TEST_CASE("sqlite: in a folder that cannot be written a log is the only obstacle and is named") {
    const Folder here, there;
    copy_with_log(here, there);
    const auto alone = here.path / "crm.db";
    for (const auto* folder : {&here, &there}) ::chmod(folder->path.c_str(), 0555);
    for (const auto& file : {alone, there.path / "crm.db", there.path / "crm.db-wal"})
      ::chmod(file.c_str(), 0644);
    {
      const Mortal mortal;
      if (mortal) {
        CHECK(read(query(alone, k_all)).size() == 4);  // its program has closed it since
        const auto what = error_of(query(there.path / "crm.db", k_all), Errc::no_input);
        CHECK(what == "input.sqlite: " + (there.path / "crm.db").string() +
                          ": cannot read it: unable to open database file; it is in write-ahead-log mode, "
                          "and crm.db-wal and crm.db-shm beside it must be readable, or the folder writable "
                          "so that they can be made: copy it with its -wal to another folder");
      } else {
        MESSAGE("not looked at: this user may do everything");
      }
    }
    for (const auto* folder : {&here, &there}) ::chmod(folder->path.c_str(), 0755);
  }

  TEST_CASE("sqlite: a file that may not be read and a pipe are not waited for") {
    const Folder folder;
    const auto file = members(folder);
    ::chmod(folder.path.c_str(), 0755);
    ::chmod(file.c_str(), 0000);
    {
      const Mortal mortal;
      if (mortal)
        CHECK(error_of(query(file, k_all), Errc::no_input) ==
              "input.sqlite: " + file.string() + ": cannot open it: Permission denied");
      else
        MESSAGE("not looked at: this user may do everything");
    }
    const auto pipe = folder.path / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(error_of(query(pipe, k_all), Errc::no_input) ==
          "input.sqlite: " + pipe.string() + ": not a plain file, which an SQLite database is");
  }

  TEST_CASE("sqlite: a database without its end or with garbage in the middle is refused") {
    const Folder folder;
    const auto file = members(folder);
    Connection{file, Mode::read_write}.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) INSERT INTO members "
        "SELECT 'x' || i, 'o', NULL, 1 FROM n");
    const auto half = folder.path / "half.db";
    std::filesystem::copy_file(file, half);
    std::filesystem::resize_file(half, std::filesystem::file_size(file) / 2);
    CHECK(error_of(query(half, k_all), Errc::bad_input) ==
          half.string() +
              ": damaged, or not all of it is there (database disk image is malformed); get a whole copy");
    overwrite(file, static_cast<std::streamoff>(std::filesystem::file_size(file) / 2), garbage(8192));
    const auto found = read(query(file, "SELECT code, openid FROM members"));
    CHECK(found.size() > 1000);
    CHECK(found.back() ==
          "error: " + file.string() +
              ": damaged, or not all of it is there (database disk image is malformed); get a whole copy");
  }

  TEST_CASE("sqlite: an encrypted database and another kind of file are no SQLite database") {
    const Folder folder;
    for (const auto& content : {garbage(8192), std::string(8192, '\0'), "PK\3\4" + garbage(600)}) {
      const auto file = folder.write("other.db", content);
      CHECK(error_of(query(file, k_all), Errc::bad_input) ==
            file.string() + ": not an SQLite database, or an encrypted one");
    }
    for (const auto* content : {"x", "SQLite format 3"}) {
      const auto file = folder.write("other.db", content);
      CHECK(error_of(query(file, k_all), Errc::bad_input) ==
            file.string() + ": too short for an SQLite database");
    }
    CHECK(names_in(folder) == std::set<std::string>{"other.db"});
  }

  TEST_CASE("sqlite: a change that was cut off is left for its program to undo") {
    const Folder here, there;
    Connection owner{members(here), Mode::read_write};
    // With hardly a cache it writes to the file before the end.
    owner.execute(
        "PRAGMA cache_size = 1; BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT "
        "5000) INSERT INTO members SELECT 'x' || i, 'o', NULL, 1 FROM n");
    for (const auto* name : {"crm.db", "crm.db-journal"})
      std::filesystem::copy_file(here.path / name, there.path / name);
    const auto file = there.path / "crm.db";
    CHECK(error_of(query(file, k_all), Errc::no_input) ==
          "input.sqlite: " + file.string() +
              ": cannot read it: its program was cut off while writing, and crm.db-journal holds what undoes "
              "that; open it with its program once, or with `sqlite3 crm.db .tables`");
    CHECK(names_in(there).contains("crm.db-journal"));
    Connection{file, Mode::read_write}.execute("SELECT 1 FROM members");
    CHECK(read(query(file, k_all)) == Found{"0001@1", "0002@2", "0003@3"});
  }
}
