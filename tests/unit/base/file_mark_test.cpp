#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cardvoid/base/file_mark.hpp>
#include <filesystem>
#include <fstream>
#include <ostream>

#include "support/temp_folder.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  namespace fs = std::filesystem;

  TEST_CASE("file mark: a change that keeps size and time of a file gives it another one") {
    const support::TempFolder folder;
    const auto list = folder.path / "list.csv", copy = folder.path / "copy.csv";
    std::ofstream{list} << "code\n1\n";
    const auto mark = settled_mark_of(list);
    if (mark.empty()) return;  // a file system whose times say nothing
    CHECK(settled_mark_of(list) == mark);
    CHECK(mark_of(list) == mark);

    const auto time = fs::last_write_time(list);
    std::ofstream{list} << "code\n2\n";
    CHECK(mark_of(list) != mark);  // mostly none yet: the kernel would give a second change the same time
    fs::last_write_time(list, time);
    CHECK(fs::file_size(list) == 7);
    const auto changed = settled_mark_of(list);
    CHECK_FALSE(changed.empty());
    CHECK(changed != mark);

    fs::copy_file(list, copy);
    fs::last_write_time(copy, time);
    fs::rename(copy, list);
    CHECK(settled_mark_of(list) != changed);
  }

  TEST_CASE("file mark: what is no plain file has none") {
    const support::TempFolder folder;
    const auto pipe = folder.path / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(settled_mark_of(pipe).empty());
    CHECK(settled_mark_of(folder.path).empty());
    CHECK(settled_mark_of(folder.path / "none").empty());
  }
}
