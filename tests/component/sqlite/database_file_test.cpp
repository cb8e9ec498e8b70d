#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cardvoid/sqlite/connection.hpp>
#include <cardvoid/sqlite/database_file.hpp>
#include <fstream>
#include <ostream>

#include "support/temp_folder.hpp"

TEST_SUITE("component") {
  using namespace cardvoid::sqlite;
  using cardvoid::support::TempFolder;

  TEST_CASE("database file: its header is read as SQLite has written it") {
    const TempFolder folder;
    const auto file = folder.path / "a.db";
    Connection{file, Mode::create}.execute("PRAGMA application_id = 0x43564F44; CREATE TABLE t (a)");
    auto header = read_header(file);
    REQUIRE(header);
    CHECK(header->has_signature);
    CHECK_FALSE(header->has_wal_mode);
    CHECK(header->pages == 2);
    CHECK(header->schema_cookie == 1);
    CHECK(header->application_id == 0x43564F44);
    CHECK(is_database(file));

    Connection{file, Mode::read_write}.execute("PRAGMA journal_mode = WAL");
    CHECK(has_wal_mode(file));
  }

  TEST_CASE("database file: one that is short or of another kind is told from a database") {
    const TempFolder folder;
    const auto with = [&](std::string_view content) {
      const auto file = folder.path / "a";
      std::ofstream{file, std::ios::binary} << content;
      return read_header(file);
    };
    REQUIRE(with("x"));
    CHECK_FALSE(with("x")->has_signature);
    CHECK_FALSE(with("SQLite format 3").value().has_signature);  // the NUL belongs to it
    REQUIRE(with(k_signature));
    CHECK(with(k_signature)->has_signature);
    CHECK(with(k_signature)->pages == 0);
    CHECK_FALSE(with(""));
    CHECK_FALSE(read_header(folder.path / "none"));
    CHECK_FALSE(read_header(folder.path));
  }

  TEST_CASE("database file: a pipe is not waited for") {
    const TempFolder folder;
    const auto pipe = folder.path / "pipe", database = folder.path / "a.db";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    REQUIRE(::mkfifo((database.string() + "-journal").c_str(), 0600) == 0);
    CHECK_FALSE(read_header(pipe));
    CHECK_FALSE(is_database(pipe));
    CHECK_FALSE(is_stillborn(database));
  }

  // Closing a descriptor of a file would drop the locks that this process has on it (fcntl(2)).
  TEST_CASE("database file: looking at one that is open keeps its locks") {
    const TempFolder folder;
    const auto file = folder.path / "a.db";
    Connection writer{file, Mode::create};
    writer.execute("CREATE TABLE t (a); BEGIN EXCLUSIVE");
    CHECK(is_database(file));
    struct flock lock {};
    lock.l_type = F_WRLCK;
    const auto child = ::fork();  // locks are the process's own
    if (child == 0) {
      const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
      ::_exit(fd >= 0 && ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
}
