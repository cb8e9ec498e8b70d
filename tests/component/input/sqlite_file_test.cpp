// SQLite databases as people keep, copy and damage them.

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "crm.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::input;
  using sqlite::Connection;
  using sqlite::Mode;

  namespace {

  std::set<std::string> names_in(const TempFolder& folder) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{folder.path})
      names.insert(entry.path().filename().string());
    return names;
  }

  // Copies a database that its program left in the middle of its work: '0009' stands in the log only.
  void copy_with_log(const TempFolder& from, const TempFolder& to) {
    Connection owner{closed(from), Mode::read_write};
    owner.execute("PRAGMA wal_autocheckpoint = 0; INSERT INTO members VALUES ('0009', 'o9', NULL, 1)");
    for (const auto* name : {"crm.db", "crm.db-wal"})
      std::filesystem::copy_file(from.path / name, to.path / name);
  }

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

  }  // namespace

  TEST_CASE("sqlite: files that are none are told apart") {
    const TempFolder folder;
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

  TEST_CASE("sqlite: what a write-ahead log beside the database holds is read") {
    const TempFolder here, there;
    copy_with_log(here, there);
    CHECK(read(query(there.path / "crm.db", k_all)) == Found{"0001@1", "0002@2", "0003@3", "0009@4"});
    const auto source = open(query(there.path / "crm.db", k_all));
    REQUIRE(source.has_value());
    CHECK((*source)->remarks().empty());
    std::filesystem::create_symlink(there.path / "crm.db", here.path / "link.db");
    CHECK(read(query(here.path / "link.db", k_all)).size() == 4);
  }

  TEST_CASE("sqlite: a log that a copy may lack is remarked on") {
    const TempFolder here, there;
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

  TEST_CASE("sqlite: reading leaves nothing beside the database for any name") {
    for (const auto* name : {"crm.db", "客户 100%?#&.db"}) {
      CAPTURE(name);
      const TempFolder folder;
      std::filesystem::rename(closed(folder), folder.path / name);
      const auto before = std::filesystem::last_write_time(folder.path / name);
      CHECK(read(query(folder.path / name, k_all)).size() == 3);
      CHECK(read(query(folder.path / name, "SELECT 1")).size() == 1);
      CHECK(names_in(folder) == std::set<std::string>{name});
      CHECK(std::filesystem::last_write_time(folder.path / name) == before);
    }
    const TempFolder folder;
    CHECK(read(query(members(folder), k_all)).size() == 3);
    CHECK(names_in(folder) == std::set<std::string>{"crm.db"});
  }

  TEST_CASE("sqlite: a quiet database that is written to while it is read is refused at its end") {
    const TempFolder folder;
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
    const TempFolder here, there;
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
    const TempFolder folder;
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
          "input.sqlite: " + pipe.string() + ": not a plain file, so not an SQLite database");
  }

  TEST_CASE("sqlite: a database without its end or with garbage in the middle is refused") {
    const TempFolder folder;
    const auto file = members(folder);
    Connection{file, Mode::read_write}.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) INSERT INTO members "
        "SELECT 'x' || i, 'o', NULL, 1 FROM n");
    const auto half = folder.path / "half.db";
    std::filesystem::copy_file(file, half);
    std::filesystem::resize_file(half, std::filesystem::file_size(file) / 2);
    CHECK(error_of(query(half, k_all), Errc::bad_input) ==
          half.string() + ": damaged or incomplete (database disk image is malformed); get a complete copy");
    overwrite(file, static_cast<std::streamoff>(std::filesystem::file_size(file) / 2), garbage(8192));
    const auto found = read(query(file, "SELECT code, openid FROM members"));
    CHECK(found.size() > 1000);
    CHECK(found.back() ==
          "error: " + file.string() +
              ": damaged or incomplete (database disk image is malformed); get a complete copy");
  }

  TEST_CASE("sqlite: an encrypted database and another kind of file are no SQLite database") {
    const TempFolder folder;
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
    const TempFolder here, there;
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
              ": cannot read it: its program was interrupted while writing, and crm.db-journal is needed to "
              "undo "
              "that; open it with its program once, or with `sqlite3 crm.db .tables`");
    CHECK(names_in(there).contains("crm.db-journal"));
    Connection{file, Mode::read_write}.execute("SELECT 1 FROM members");
    CHECK(read(query(file, k_all)) == Found{"0001@1", "0002@2", "0003@3"});
  }
}
