// Single jobs, where the seeds leave it to chance (tests.cmake runs thousands of those).

#include <doctest/doctest.h>

#include <array>
#include <ostream>
#include <utility>

#include "job.hpp"

TEST_SUITE("simulation") {
  using namespace cardvoid::simulation;

  namespace {

  constexpr std::uint64_t k_seed = 7;

  // The exit code of a run with this trouble; the same command then settles every row, or this throws.
  int outcome_of(Disk& disk, const std::function<void(Disk&)>& trouble) {
    return Job{disk, k_seed, false}.run_with(trouble);
  }

  }  // namespace

  TEST_CASE("the same seed gives the same job step by step") {
    Disk disk{"simulation", 1};
    disk.become_default();
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      CAPTURE(seed);
      Job once{disk, seed, false};
      once.run();
      Job again{disk, seed, false};
      again.run();
      CHECK(once.fingerprint() == again.fingerprint());
      CHECK(once.tally().text() == again.tally().text());
    }
  }

  // `simulate` mixes them with bad days.
  TEST_CASE("a card that cannot be settled keeps no other from being settled for any kind and place") {
    Disk disk{"simulation", 1};
    disk.become_default();
    constexpr std::array k_places{std::pair{0U, 3}, std::pair{5U, 3}, std::pair{5U, 0}};
    // Under the sanitizers each kind meets each place, by turns; `simulate` draws from all.
    std::size_t turn = 0;
    for (int kind = 1; kind < k_poisons; ++kind)
      for (const auto& [posts, gets] : {std::pair{true, true}, {true, false}, {false, true}})
        for (const std::size_t count : {1U, 2U, 3U}) {
          // Several that are answered as in an outage are one, and each takes long.
          if (count > 1 && !is_strange(static_cast<Poison>(kind))) continue;
          const auto& [first, canary] = k_places[(turn + turn / 3) % k_places.size()];
          ++turn;
          const Spoilt spoilt{static_cast<Poison>(kind), posts, gets, false};
          CAPTURE(to_text(spoilt.by));
          CAPTURE(posts);
          CAPTURE(gets);
          CAPTURE(count);
          CAPTURE(first);
          CAPTURE(canary);
          CHECK_NOTHROW(Job(disk, k_seed, false).run_with_poison(spoilt, first, count, canary));
        }
  }

  TEST_CASE("at whichever operation on the disk the process dies the same command carries on") {
    Disk disk{"simulation", 1};
    disk.become_default();
    std::uint64_t number = 0;
    for (int code = -1; code == -1; ++number) {
      CAPTURE(number);
      code = 70;
      CHECK_NOTHROW(code = outcome_of(disk, [&](Disk& used) { used.crash_at(number); }));
      CHECK((code == -1 || code == 0 || code == 1));
    }
    CHECK(number > 50);  // and then there was none left to die at
  }

  TEST_CASE("whichever operation on the disk fails the run stops with 74 and the same command carries on") {
    Disk disk{"simulation", 1};
    disk.become_default();
    int runs = 0, stopped = 0;
    for (const auto fault : {Fault::disk_full, Fault::write_error, Fault::sync_error})
      for (const auto lasting : {Lasting::once, Lasting::until_cleared})
        // Every fault at every operation; by turns it passes or lasts.
        for (auto number = (static_cast<std::uint64_t>(fault) + static_cast<std::uint64_t>(lasting)) % 2;
             number < 100; number += 2) {
          CAPTURE(number);
          CAPTURE(static_cast<int>(fault));
          int code = 70;
          CHECK_NOTHROW(code = outcome_of(disk, [&](Disk& used) { used.fail_at(number, fault, lasting); }));
          // What only folds the log into the file may fail: everything is in the log.
          CHECK((code == 74 || code == 0 || code == 1));
          ++runs, stopped += code == 74;
        }
    CHECK(stopped > runs * 3 / 4);
  }
}
