// Hostile job files and --set arguments: no crash, and either a job or faults that a terminal can show.

#include <doctest/doctest.h>

#include <array>
#include <cardvoid/base/text.hpp>
#include <ostream>

#include "fuzz/mutator.hpp"
#include "unit/job/job_text.hpp"

TEST_SUITE("fuzz") {
  using namespace cardvoid;
  using namespace cardvoid::job;
  using namespace std::string_view_literals;

  namespace {

  constexpr std::string_view k_more = R"([endpoints]
primary = "https://localhost:8443"
backup = "https://[::1]"
[input.columns]
code = "会员卡号"
[defaults]
brand_id = "1004"
reason = "会员计划已结束"
[limits]
requests_per_second = 2.5
connect_timeout = "1m30s"
max_in_flight = 7
[results]
database = "x.db"
)";
  constexpr std::array k_pieces{"["sv,          "]"sv,           "[["sv,         "]]"sv,
                                "\""sv,         "\"\"\""sv,      "="sv,          "."sv,
                                "{"sv,          "}"sv,           "\\u0000"sv,    "\\u001B"sv,
                                "\n"sv,         "\r"sv,          "\xFF"sv,       "1e999"sv,
                                "-1"sv,         "nan"sv,         "2026-01-01"sv, "limits"sv,
                                "limits.per"sv, "a.b.c.d.e.f"sv, "~/"sv,         "https://"sv,
                                "#"sv,          "'"sv,           "true"sv,       "99999999999999999999"sv};

  // One fault a line, each with its place, nothing that a terminal would obey.
  void check_message(const std::string& what) {
    CHECK_FALSE(what.empty());
    for (std::size_t at = 0; at < what.size();) {
      const auto end = std::min(what.find('\n', at), what.size());
      const auto line = what.substr(at, end - at);
      CHECK_MESSAGE((line.starts_with("gold.toml:") || line.starts_with("--set ")), line);
      CHECK_MESSAGE(escape_for_terminal(line) == line, line);
      at = end + 1;
    }
  }

  }  // namespace

  TEST_CASE("fuzz: mutated job files give a valid job or faults with their places") {
    const auto seed = fuzz::from_environment("CARDVOID_FUZZ_SEED", 1);
    fuzz::Mutator mutator{seed, k_pieces};
    std::size_t right = 0, wrong = 0;
    for (auto rounds = fuzz::from_environment("CARDVOID_FUZZ_ROUNDS", 6'000); rounds > 0; --rounds) {
      const auto text = mutator.mutate(test::with(k_more));
      CAPTURE(seed);
      CAPTURE(escape_for_terminal(text));
      Overrides overrides;
      if (mutator.below(4) == 0) overrides.set.push_back(mutator.mutate("limits.max_attempts=4"));
      const auto job = parse(text, "gold.toml", overrides);
      if (!job) {
        ++wrong;
        check_message(job.error().what);
        continue;
      }
      ++right;
      CHECK_FALSE(job->name.empty());
      CHECK(job->name.find('/') == std::string::npos);
      CHECK_FALSE(job->safety.acknowledge.empty());
      CHECK_FALSE(job->merchant.serial_no.empty());
      CHECK((job->limits.requests_per_second > 0 && job->limits.requests_per_second <= 10'000));
      CHECK((job->limits.max_in_flight >= 1 && job->limits.max_in_flight <= 1'024));
      CHECK(job->limits.connect_timeout.count() > 0);
      CHECK_FALSE(job->endpoints.primary.host.empty());
      CHECK_FALSE(job->input.csv.empty());
    }
    MESSAGE(right, " jobs, ", wrong, " refused");
    CHECK((right > 0 && wrong > 0));  // else the mutations miss the point
  }
}
