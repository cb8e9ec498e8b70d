// What becomes of the rows that an SQLite query gives.

#include <doctest/doctest.h>

#include "crm.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::input;
  using sqlite::Connection;
  using sqlite::Mode;

  TEST_CASE("sqlite: the query's rows are numbered and its columns named like a file's") {
    const TempFolder folder;
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
    const TempFolder folder;
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
                "!6 openid: empty", "!7 code: a zero byte inside, at which many programs end the text",
                "!8 code: not valid UTF-8", "!9 code: full-width characters; half-width ones are needed",
                "10@10"});
  }

  TEST_CASE("sqlite: a refused row is kept as a line of CSV in valid UTF-8") {
    const TempFolder folder;
    const auto source = open(
        query(members(folder), "SELECT 5 AS code, 'a\"b' AS openid, 'x,y' AS z, CAST(x'FF0041' AS TEXT)"));
    REQUIRE(source.has_value());
    const auto record = (*source)->next();
    REQUIRE((record.has_value() && record->has_value()));
    CHECK(std::get<input::Refused>(**record).raw == "5,\"a\"\"b\",\"x,y\",\\xFF\\x00A,(not as it stood)");

    const auto large =
        open(query(folder.path / "crm.db", "SELECT zeroblob(5000000) AS code, 'o' AS openid, x'FF' AS z"));
    REQUIRE(large.has_value());
    const auto refused = (*large)->next();
    REQUIRE((refused.has_value() && refused->has_value()));
    CHECK(std::get<input::Refused>(**refused).raw.starts_with("\\x00\\x00"));
    CHECK(std::get<input::Refused>(**refused).raw.size() < 300'000);
  }

  TEST_CASE("sqlite: a value of more than 8 MiB refuses the input before there is memory for it") {
    const TempFolder folder;
    const auto file = members(folder);
    Connection{file, sqlite::Mode::read_write}.execute(
        "CREATE TABLE photos (code TEXT, openid TEXT, photo BLOB, note TEXT); INSERT INTO photos VALUES "
        "('1', 'o', "
        "zeroblob(8388609), 'n'), ('2', 'o', zeroblob(4000000), 'n')");
    const auto words = file.string() +
                       ": input.query: a value of more than 8 MiB (string or blob too big); select only the "
                       "columns that are read";
    CHECK(error_of(query(file, "SELECT * FROM photos"), Errc::bad_input) == words);
    CHECK(error_of(query(file, "SELECT code, openid, note FROM photos ORDER BY photo"), Errc::bad_input) ==
          words);
    CHECK(error_of(query(file, "SELECT zeroblob(900000000) AS code, 'o' AS openid"), Errc::bad_input) ==
          words);
    CHECK(read(query(file, "SELECT code, openid, note FROM photos ORDER BY code")) == Found{"1@1", "2@2"});
    CHECK(read(query(file, "SELECT * FROM photos WHERE code = '2'")) == Found{"2@1"});
  }

  TEST_CASE("sqlite: destroyed digits in text refuse the input at its end and wrappers only their rows") {
    const TempFolder folder;
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
    const TempFolder folder;
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
    const TempFolder folder;
    const auto file = members(folder);
    for (const std::string column : {"code", "openid", "card_id", "brand_id", "reason"}) {
      CAPTURE(column);
      std::string others;
      for (const std::string other : {"code", "openid", "card_id", "brand_id", "reason"})
        if (other != column) others += ", '1' AS " + other;
      const auto refused = [&](const std::string& value) {
        const auto found = read(query(file, "SELECT " + value + " AS " + column + others));
        REQUIRE(found.size() == 2);
        CHECK(found[1].starts_with("error: " + file.string() +
                                   ": input.query: no line can be used: 1 line refused"));
        return found[0];
      };
      CHECK(refused("x'31'") == "!1 " + column + ": stored as BLOB, not as TEXT");
      CHECK(refused("x''") == "!1 " + column + ": stored as BLOB, not as TEXT");
      CHECK(refused("1").starts_with("!1 " + column + ": stored as INTEGER, not as TEXT"));
      CHECK(refused("1e30").starts_with("!1 " + column + ": stored as REAL, not as TEXT"));
      CHECK(refused("'1' || char(0) || '2'") ==
            "!1 " + column + ": a zero byte inside, at which many programs end the text");
      CHECK(refused("'1' || char(0)").starts_with("!1 " + column + ": a zero byte inside"));
      CHECK(refused("CAST(x'31FF' AS TEXT)") == "!1 " + column + ": not valid UTF-8");
    }
    CHECK(read(query(
              file,
              "SELECT '1' AS code, 'o' AS openid, x'00' AS photo, 'a' || char(0) AS note, 7 AS points")) ==
          Found{"1@1"});
  }

  TEST_CASE("sqlite: a column of numbers is refused as a whole with what is wrong") {
    const TempFolder folder;
    const auto file = folder.path / "crm.db";
    Connection{file, Mode::create}.execute(R"(
    CREATE TABLE m (code INTEGER, point REAL, openid TEXT, none TEXT);
    INSERT INTO m VALUES (478516783261, 1.5, 'oA', NULL), (478516783262, 2.5, 'oB', NULL);)");
    const auto error = [&](const std::string& columns) {
      return error_of(query(file, "SELECT " + columns + " FROM m"), Errc::bad_input);
    };
    CHECK(
        error("code, openid") ==
        file.string() +
            ": input.query: no line can be used: 2 lines refused, all of them for this cause: code: stored "
            "as "
            "INTEGER, not as TEXT, so leading zeros or digits may be lost (line 1, line 2). Correct the list "
            "and plan it again. Nothing of this input is kept");
    CHECK(error("point AS code, openid").find("code: stored as REAL, not as TEXT") != std::string::npos);
    CHECK(error("'1' AS code, none AS openid").find("cause: openid: empty (line 1") != std::string::npos);
    CHECK(read(query(file, "SELECT CAST(code AS TEXT) AS code, openid FROM m WHERE FALSE")) == Found{});
  }

  TEST_CASE("sqlite: a database in UTF-16 is read like one in UTF-8") {
    for (const std::string encoding : {"UTF-16le", "UTF-16be"}) {
      CAPTURE(encoding);
      const TempFolder folder;
      const auto file = folder.path / "crm.db";
      Connection{file, Mode::create}.execute("PRAGMA encoding = '" + encoding + R"(';
        CREATE TABLE members (code TEXT, openid TEXT, "原因" TEXT);
        INSERT INTO members VALUES ('0001', 'o1', '会员计划已结束'), ('00' || char(0) || '02', 'o2', ''), (3, 'o3', ''),
          ('4', 'o4', '😀'), ('5', 'o5', char(0)))");
      auto what = query(file, "SELECT * FROM members ORDER BY rowid");
      what.columns = {{"reason", "原因"}};
      CHECK(read(what) == Found{"0001@1", "!2 code: a zero byte inside, at which many programs end the text",
                                "3@3", "!4 reason: emoji or another character of four bytes",
                                "!5 reason: a zero byte inside, at which many programs end the text"});
      const auto source = open(what);
      REQUIRE(source.has_value());
      CHECK(std::get<model::InputRow>(**(*source)->next()).card.reason == "会员计划已结束");
      CHECK(std::get<Refused>(**(*source)->next()).raw == "00\\x0002,o2,,(not as it stood)");
    }
  }
}
