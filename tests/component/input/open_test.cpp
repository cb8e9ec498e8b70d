#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cardvoid/input/code_list.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <thread>

TEST_SUITE("component") {
  using namespace cardvoid;
  using sqlite::Connection;
  using sqlite::Mode;

  namespace {

  // A folder of its own, gone at the end.
  struct Folder {
    Folder() {
      std::string name = (std::filesystem::temp_directory_path() / "cardvoid-input-XXXXXX").string();
      path = mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::filesystem::path write(const char* name, std::string_view content) const {
      std::ofstream{path / name, std::ios::binary} << content;
      return path / name;
    }
    std::filesystem::path path;
  };

  Result<std::unique_ptr<input::Source>> open(const model::Input& what) {
    return input::open(what, {"1004", "pDefault", ""}, model::Api::partner, "");
  }

  model::Input csv(const std::filesystem::path& file) {
    model::Input input;
    input.csv = file.string();
    return input;
  }

  model::Input query(const std::filesystem::path& file, std::string sql) {
    model::Input input;
    input.sqlite = file;
    input.query = std::move(sql);
    return input;
  }

  // "code@line" for a row, "!line cause" for a refused one; ends with "error: …" where there was one.
  std::vector<std::string> read(const model::Input& what) {
    std::vector<std::string> found;
    const auto source = open(what);
    if (!source) return {"error: " + source.error().what};
    for (;;) {
      const auto record = (*source)->next();
      if (!record) found.push_back("error: " + record.error().what);
      if (!record || !*record) return found;
      if (const auto* row = std::get_if<model::InputRow>(&**record))
        found.push_back(row->card.code + '@' + std::to_string(row->source_line));
      else
        found.push_back('!' + std::to_string(std::get<input::Refused>(**record).source_line) + ' ' +
                        std::get<input::Refused>(**record).cause);
    }
  }

  using Found = std::vector<std::string>;

  // Runs `doing` while standard input is `fd`.
  void with_standard_input(int fd, const auto& doing) {
    const int before = ::dup(STDIN_FILENO);
    ::dup2(fd, STDIN_FILENO);
    doing();
    ::dup2(before, STDIN_FILENO);
    ::close(before);
  }

  std::filesystem::path members(const Folder& folder) {
    auto file = folder.path / "crm.db";
    Connection{file, Mode::create}.execute(R"(
    CREATE TABLE members (code, openid, card_id, closed);
    INSERT INTO members VALUES ('0001', 'o1', NULL, 1), ('0002', 'o2', 'p2', 1), ('0003', 'o3', 'p3', 0);)");
    return file;
  }

  }  // namespace

  TEST_CASE("file: rows and refused lines come in order with their lines") {
    const Folder folder;
    CHECK(read(csv(folder.write("m.csv", "code,openid\n1,o\n2\n\"3\",o"))) ==
          Found{"1@2", "!3 1 field, the header has 2", "3@4"});
  }

  TEST_CASE("file: one that cannot be read is not bad input") {
    const Folder folder;
    const auto missing = open(csv(folder.path / "none.csv"));
    REQUIRE(missing.has_error());
    CHECK(missing.error().code == Errc::no_input);
    CHECK(missing.error().what == "input.csv: " + (folder.path / "none.csv").string() +
                                      ": cannot open it: No such file or directory");
    const auto directory = open(csv(folder.path));
    REQUIRE(directory.has_error());
    CHECK(directory.error().code == Errc::no_input);
  }

  TEST_CASE("file: a symbolic link and a named pipe are read like a file") {
    const Folder folder;
    folder.write("m.csv", "code,openid\n1,o\n");
    std::filesystem::create_symlink("m.csv", folder.path / "link.csv");
    CHECK(read(csv(folder.path / "link.csv")) == Found{"1@2"});

    const auto pipe = folder.path / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::thread writer{[&] { std::ofstream{pipe} << "code,openid\n2,o\n" << std::flush; }};
    CHECK(read(csv(pipe)) == Found{"2@2"});
    writer.join();
  }

  TEST_CASE("csv: a file in GB18030 is read without being told and its samples are shown") {
    const Folder folder;
    const auto file = folder.write("gbk.csv", "code,openid,reason\n1,o1,x\n2,o2,\xBB\xE1\xD4\xB1\n");  // 会员
    CHECK(read(csv(file)) == Found{"1@2", "2@3"});
    const auto source = open(csv(file));
    REQUIRE(source.has_value());
    while (const auto record = (*source)->next())
      if (!*record) break;
    CHECK((*source)->description().starts_with(
        "CSV, GB18030 (assumed: no UTF-8, and all of it decodes), comma"));
    CHECK((*source)->remarks() ==
          Found{"taken for GB18030, since it is not UTF-8: look at the samples of `cardvoid "
                "plan`, then set input.encoding"});
    CHECK((*source)->samples() == Found{"line 3: code ****, openid ****, reason \"会员\""});
  }

  TEST_CASE("csv: a file put together from two encodings is refused with both places") {
    const Folder folder;
    const auto file = folder.write("mixed.csv", "code,openid,reason\n1,o,会员计\n2,o,\xBB\xE1\n");
    const auto found = read(csv(file));
    REQUIRE(found.size() == 1);
    CHECK(found[0].starts_with("error: " + file.string() +
                               ":3: byte 0xBB at offset 37 is not valid UTF-8; nor is "));
    CHECK(found[0].find(":2: byte 0xA1 at offset") != std::string::npos);
  }

  TEST_CASE("code list: it may be semicolons in GB18030 or UTF-16 with a byte order mark") {
    using namespace std::string_literals;
    const Folder folder;
    const auto codes = [](const std::filesystem::path& file) {
      Found found;
      const auto list = input::open_code_list(file.string(), "\u5361\u53F7");
      if (!list) return Found{list.error().what};
      for (auto code = (*list)->next(); code && *code; code = (*list)->next())
        found.emplace_back((*code)->text);
      return found;
    };
    CHECK(codes(folder.write("gb.csv", "name;\xBF\xA8\xBA\xC5\nx;0001\ny;0,2\n")) == Found{"0001", "0,2"});
    CHECK(codes(folder.write("utf16.txt",
                             "\xFF\xFE"
                             "0\0001\0\r\0\n\0002\0\n\0"s)) == Found{"01", "2"});
  }

  TEST_CASE("standard input: it may come in drops and stays open for others") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    std::thread writer{[&] {
      for (const char c : std::string_view{"code,openid\r\n1,o\r\n\"2\n\",o\r\n3,o"})
        CHECK(::write(ends[1], &c, 1) == 1);
      ::close(ends[1]);
    }};
    with_standard_input(ends[0], [] {
      CHECK(read(csv("-")) ==
            Found{"1@2", "!3 code: control character, such as a tab or a line break", "3@5"});
      CHECK(::fcntl(STDIN_FILENO, F_GETFD) >= 0);
    });
    writer.join();
    ::close(ends[0]);
  }

  TEST_CASE("standard input: it is named so in messages") {
    const Folder folder;
    const int file = ::open(folder.write("m.csv", "a,b\n").c_str(), O_RDONLY);
    with_standard_input(file, [] {
      CHECK(read(csv("-")) == Found{"error: standard input:1: no column \"code\"; there are \"a\", \"b\""});
    });
    ::close(file);
  }

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
                "!6 openid: empty", "!7 code: control character, such as a tab or a line break",
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
    CHECK(std::get<input::Refused>(**record).raw == "5,\"a\"\"b\",\"x,y\",\\xFF\\x00A");
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
    for (const auto* sql :
         {"DELETE FROM members RETURNING code, openid", "PRAGMA table_info(members)",
          "ATTACH 'other.db' AS x", "CREATE TABLE x (a)", "COMMIT", "VACUUM INTO 'x.db'",
          "SELECT code, openid FROM members; SELECT 1",
          "SELECT code, openid FROM members; DROP TABLE members", "UPDATE members SET code = '1'"}) {
      CAPTURE(sql);
      const auto source = open(query(file, sql));
      REQUIRE(source.has_error());
      CHECK(source.error().code == Errc::bad_input);
      CHECK(source.error().what.starts_with(file.string() +
                                            ": input.query: only one SELECT statement is allowed"));
    }
    CHECK(
        read(query(
            file,
            "WITH c AS (SELECT * FROM members) SELECT upper(code) AS code, openid FROM c LIMIT 1 -- one")) ==
        Found{"0001@1"});
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
}
