#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cardvoid/base/file.hpp>
#include <filesystem>

#include "support/temp_folder.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;

  TEST_CASE("file: what was put where a page is prepared is neither written to nor kept") {
    const support::TempFolder folder;
    const auto page = folder.path / "page.html", victim = folder.path / "victim";
    const auto beside = folder.path / fmt::format("page.html.{}.tmp", ::getpid());
    REQUIRE(write_private_file(victim, "mine").has_value());
    SUBCASE("a link") { std::filesystem::create_symlink(victim, beside); }
    SUBCASE("a file that all may write") {
      REQUIRE(write_private_file(beside, "theirs").has_value());
      REQUIRE(::chmod(beside.c_str(), 0666) == 0);
    }
    REQUIRE(write_private_file(page, "page").has_value());
    struct stat facts {};
    REQUIRE(::lstat(page.c_str(), &facts) == 0);
    CHECK(S_ISREG(facts.st_mode));
    CHECK((facts.st_mode & 0777) == 0600);
    CHECK(read_file(page, 100, Errc::io).value() == "page");
    CHECK(read_file(victim, 100, Errc::io).value() == "mine");
  }
}
