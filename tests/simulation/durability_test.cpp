#include <cstdint>
#include <string>

#include "workload.hpp"

// SQLite's own promises, and the lack of them, on the disk of the simulation.
TEST_SUITE("simulation") {
  using namespace cardvoid;
  using namespace cardvoid::simulation;
  using namespace cardvoid::simulation::test;

  namespace {

  enum class End { process, machine };

  // Crashes the work at every single operation, with several seeds. What was lost or broken, over all.
  struct Losses {
    int lost = 0, damaged = 0;
    std::string first;
  };

  Losses crash_everywhere(Disk& disk, const Settings& settings, End end, std::uint64_t seeds) {
    const auto operations = count_operations(disk, settings);
    CHECK(operations > 100);
    Losses losses;
    const auto look = [&](int promised, const std::string& where) {
      const auto found = find(settings);
      if (!found.fault.empty())
        ++losses.damaged;
      else if (found.commits < promised)
        ++losses.lost;
      else
        return found.commits;
      if (losses.first.empty()) losses.first = where + ": " + found.fault;
      return -1;
    };
    for (std::uint64_t at = 0; at < operations; ++at)
      for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const auto where = "operation " + std::to_string(at) + " seed " + std::to_string(seed);
        const auto crash = [&] { end == End::machine ? disk.power_loss() : disk.kill(); };
        disk.reset(seed);
        disk.crash_at(at);
        const auto first = work(settings);
        CHECK(disk.crashed());
        crash();
        auto there = look(first.commits, where);
        // And again while it recovers, and again while it goes on.
        disk.crash_at(disk.operations() + seed % 3);
        find(settings);
        crash();
        if (there >= 0) there = look(there, where + " in recovery");
        disk.crash_at(disk.operations() + at % 17);
        if (there >= 0) there += work(settings).commits;
        crash();
        if (there >= 0) look(there, where + " again");
      }
    return losses;
  }

  }  // namespace

  TEST_CASE("disk: a WAL commit that returned at synchronous FULL outlives power losses at any operation") {
    DefaultDisk disk;
    const auto losses = crash_everywhere(disk, {}, End::machine, 8);
    CHECK(losses.first == "");
  }

  TEST_CASE("disk: at synchronous OFF a power loss loses commits and damages the database") {
    DefaultDisk disk;
    const auto losses = crash_everywhere(disk, {.journal = "WAL", .synchronous = "OFF"}, End::machine, 4);
    CHECK(losses.lost > 0);
    CHECK(losses.damaged > 0);
  }

  // sqlite.org/pragma.html#pragma_synchronous: NORMAL in WAL mode and FULL with a rollback journal are
  // consistent but may lose the last commits; EXTRA loses none.
  TEST_CASE("disk: modes that promise less than FULL does in WAL lose commits and damage nothing") {
    DefaultDisk disk;
    const auto normal = crash_everywhere(disk, {.journal = "WAL", .synchronous = "NORMAL"}, End::machine, 4);
    CHECK(normal.lost > 0);
    CHECK(normal.damaged == 0);
    const auto full = crash_everywhere(disk, {.journal = "DELETE", .synchronous = "FULL"}, End::machine, 4);
    CHECK(full.lost > 0);
    CHECK(full.damaged == 0);
    const auto extra = crash_everywhere(disk, {.journal = "DELETE", .synchronous = "EXTRA"}, End::machine, 4);
    CHECK(extra.first == "");
  }

  TEST_CASE("disk: killing the process loses nothing that was written") {
    DefaultDisk disk;
    for (const auto* journal : {"WAL", "DELETE"})
      for (const auto* synchronous : {"FULL", "OFF"})
        CHECK(crash_everywhere(disk, {journal, synchronous}, End::process, 2).first == "");
  }

  TEST_CASE("disk: a fault at any operation is reported and leaves all earlier commits") {
    DefaultDisk disk;
    for (const auto* journal : {"WAL", "DELETE"})
      for (const auto fault : {Fault::disk_full, Fault::write_error, Fault::sync_error})
        for (const auto lasting : {Lasting::once, Lasting::until_cleared})
          // By turns the process ends and the machine.
          for (const auto end : {End::process, End::machine}) {
            const Settings settings{.journal = journal, .synchronous = "EXTRA"};
            const auto operations = count_operations(disk, settings);
            int reported = 0;
            const auto turn = static_cast<std::uint64_t>(fault) + static_cast<std::uint64_t>(lasting) +
                              static_cast<std::uint64_t>(end);
            for (auto at = turn % 2; at < operations; at += 2) {
              CAPTURE(at);
              disk.reset(at);
              disk.fail_at(at, fault, lasting);
              const auto ended = work(settings);
              const int expected = fault == Fault::disk_full ? SQLITE_FULL : SQLITE_IOERR;
              // A checkpoint that fails is left to the next one: no commit depends on it.
              if (ended.code != SQLITE_OK) CHECK(ended.code == expected);
              reported += ended.code != SQLITE_OK;
              disk.clear_faults();
              end == End::process ? disk.kill() : disk.power_loss();
              const auto found = find(settings);
              CHECK(found.fault == "");
              CHECK(found.commits >= ended.commits);
              CHECK(found.commits <= ended.commits + 1);
              CHECK(work(settings, 2).code == SQLITE_OK);
              CHECK(find(settings).commits == found.commits + 2);
            }
            CHECK(reported > static_cast<int>(operations) / 8);
          }
  }
}
