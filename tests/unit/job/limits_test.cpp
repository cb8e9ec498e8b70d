#include <doctest/doctest.h>

#include <ostream>

#include "job_text.hpp"

// Whom a run spares, and when it may send.
TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::job;
  using namespace cardvoid::job::test;

  namespace {

  model::Safety safety(const std::string& lines) {
    const auto job = parse(with(lines), "jobs/gold.toml", {});
    INFO((job ? "" : job.error().what));
    REQUIRE(job.has_value());
    return job->safety;
  }

  }  // namespace

  TEST_CASE("job: the list of protected cards lies beside the job file") {
    CHECK(safety("").protect.empty());
    CHECK(safety("protect = \"staff/protect.csv\"\n").protect == "jobs/staff/protect.csv");
    CHECK(message(with("protect = \"\"\n")).find("safety.protect: expected the path of a file") !=
          std::string::npos);
  }

  TEST_CASE("job: a window is two times of day and may go over midnight") {
    CHECK_FALSE(safety("").window);
    const auto window = [](const std::string& text) { return *safety("window = \"" + text + "\"\n").window; };
    CHECK(window("01:00-06:00").opens == 60);
    CHECK(window("01:00-06:00").closes == 360);
    CHECK(window("22:15-05:00").opens == 22 * 60 + 15);
    CHECK(window("22:15-05:00").closes == 300);
    CHECK(window("00:00-24:00").closes == 1440);
    CHECK(window("22:00-00:00").closes == 0);
  }

  TEST_CASE("job: what is no window says what is expected") {
    for (const auto* wrong : {"", "01:00", "1:00-6:00", "01:00-06:00 ", "01:00 - 06:00", "06:00-06:00",
                              "00:00-00:00", "24:00-06:00", "01:00-24:01", "01:60-06:00", "25:00-06:00",
                              "01:00-06:00-07:00", "nightly", "0１:00-06:00"}) {
      CAPTURE(wrong);
      const auto found = message(with("window = \"" + std::string{wrong} + "\"\n"));
      CHECK(found.starts_with(
          "jobs/gold.toml:13:10: safety.window: expected two different times of day such as "
          "\"01:00-06:00\" or, over midnight, \"22:00-05:00\", found "));
    }
    CHECK(message(with("window = 5\n")).find("safety.window: expected two different times of day") !=
          std::string::npos);
  }

  TEST_CASE("job: a time zone is one that the machine knows") {
    CHECK(safety("timezone = \"Asia/Shanghai\"\n").timezone == "Asia/Shanghai");
    for (const auto* wrong : {"", "Asia/Shangai", "CST-8", "../../../etc/passwd", "/etc/localtime"}) {
      CAPTURE(wrong);
      CHECK(message(with("timezone = \"" + std::string{wrong} + "\"\n"))
                .starts_with(
                    "jobs/gold.toml:13:12: safety.timezone: expected the name of a time zone that this "
                    "machine knows, such as \"Asia/Shanghai\", found "));
    }
  }
}
