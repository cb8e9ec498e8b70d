#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cardvoid/base/file.hpp>
#include <filesystem>

#include "support/temp_folder.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  namespace fs = std::filesystem;

  namespace {

  std::string text_of(const fs::path& file) { return read_file(file, 100, Errc::io).value(); }

  }  // namespace

  TEST_CASE("file: a page is prepared under a name that no one can guess and nothing of it stays") {
    const support::TempFolder folder;
    const auto page = folder.path / "page.html", victim = folder.path / "victim";
    REQUIRE(write_private_file(victim, "mine").has_value());
    fs::create_symlink(victim, folder.path / fmt::format("page.html.{}.tmp", ::getpid()));
    fs::create_symlink(victim, folder.path / fmt::format(".page.html.{}.tmp", ::getpid()));
    REQUIRE(write_private_file(page, "page").has_value());
    REQUIRE(write_public_file(page, "page").has_value());
    CHECK(text_of(page) == "page");
    CHECK(text_of(victim) == "mine");
    CHECK(std::distance(fs::directory_iterator{folder.path}, {}) == 4);
  }

  TEST_CASE("file: an output goes through own links and keeps other names of the old file as they are") {
    const support::TempFolder folder;
    const auto file = folder.write("file", "old"), link = folder.path / "link";
    fs::create_symlink("file", folder.path / "inner");
    fs::create_symlink("inner", link);
    fs::create_hard_link(file, folder.path / "backup");
    for (const auto write : {write_private_file, write_public_file}) {
      REQUIRE(write(link, "new").has_value());
      CHECK(fs::is_symlink(link));
      CHECK(text_of(file) == "new");
      CHECK(text_of(folder.path / "backup") == "old");
    }
    fs::create_symlink("loop", folder.path / "loop");
    CHECK(write_private_file(folder.path / "loop", "x").has_error());
  }

  TEST_CASE("file: a pipe or a folder or a socket in place of an output is refused and not waited for") {
    const support::TempFolder folder;
    const auto pipe = folder.path / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    for (const auto& place : {pipe, folder.path}) {
      CHECK(write_private_file(place, "x").has_error());
      CHECK(write_public_file(place, "x").has_error());
      CHECK(try_private_file(place).has_error());
    }
  }

  TEST_CASE("file: a device and an open descriptor are written as they are") {
    CHECK(write_private_file("/dev/null", "x").has_value());
    CHECK(fs::is_character_file("/dev/null"));
    CHECK(write_private_file("/dev/full", "x").has_error());
    const support::TempFolder folder;
    const auto file = folder.write("log", "first ");
    const FileDescriptor open{::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)};
    REQUIRE(write_private_file(fmt::format("/dev/fd/{}", open.get()), "second").has_value());
    CHECK(text_of(file) == "first second");
  }

  TEST_CASE("file: what is read is a plain file unless a pipe is meant") {
    const support::TempFolder folder;
    const auto pipe = folder.path / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    for (const auto& place : {pipe, folder.path, fs::path{"/dev/zero"}}) {
      const auto read = read_file(place, 100, Errc::no_input);
      REQUIRE(read.has_error());
      CHECK(read.error().code == Errc::no_input);
    }
    CHECK(read_start(pipe, 10).empty());
    CHECK(read_start(folder.write("list", "0123456789"), 4) == "0123");
  }

  TEST_CASE("file: one that is too large is refused before it is read") {
    const support::TempFolder folder;
    const auto sparse = folder.write("sparse", "");
    fs::resize_file(sparse, std::uintmax_t{1} << 40);
    const auto read = read_file(sparse, 1000, Errc::bad_credentials);
    REQUIRE(read.has_error());
    CHECK(read.error().what.find("larger than 1000 bytes") != std::string::npos);
  }

  TEST_CASE("file: who besides this user and root can change it is told by owner and mode") {
    struct stat facts {};
    facts.st_uid = ::geteuid(), facts.st_gid = 54'321;
    const auto fault = [&](mode_t mode) {
      facts.st_mode = mode;
      return why_others_change(facts);
    };
    CHECK(fault(S_IFREG | 0644).empty());
    CHECK(fault(S_IFREG | 0664).find("has mode 0664, so its group can change it") == 0);
    CHECK(fault(S_IFREG | 0602).find("has mode 0602, so every user of this machine can change it") == 0);
    CHECK(fault(S_IFREG | S_ISVTX | 0666) != "");
    CHECK(fault(S_IFDIR | 0777) != "");
    CHECK(fault(S_IFDIR | S_ISVTX | 0777).empty());
    facts.st_uid = 0;
    CHECK(fault(S_IFREG | 0644).empty());
    facts.st_uid = 65'533;
    CHECK(fault(S_IFREG | 0600).find("belongs to ") == 0);
    CHECK(fault(S_IFREG | 0600).find("root's or root's") == std::string::npos);
    CHECK(fault(S_IFDIR | S_ISVTX | 0777) != "");
  }
}
