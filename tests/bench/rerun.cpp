// How soon a run sends when nothing has changed since the last one, and how long `status` takes: with as many
// rows as CARDVOID_BENCH_ROWS says, else a million. The cards are unknown to the sandbox: only the first
// request counts.

#include <fmt/format.h>

#include <cardvoid/sqlite/connection.hpp>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "bed.hpp"

namespace bench {

using namespace cardvoid;

void measure_rerun() {
  const char* const wish = std::getenv("CARDVOID_BENCH_ROWS");
  const auto rows = wish ? std::strtoull(wish, nullptr, 10) : 1'000'000;
  const Bed bed{1};
  const auto list = bed.dir / "list.csv";
  write_csv(list, rows, 1);
  const std::vector<std::string> of_list{"--set", "input.csv=" + list.string()};
  use(bed.words("plan", of_list));
  auto flags = of_list;
  flags.insert(flags.end(), {"--yes", "--max-duration", "1s"});
  for (const auto* which : {"first run", "rerun"}) {
    // Else the rerun would wait for the limit: a window must pass since the last request.
    std::this_thread::sleep_for(std::chrono::milliseconds{1'100});
    const std::chrono::duration<double, std::milli> begun =
        std::chrono::system_clock::now().time_since_epoch();
    use(bed.words("run", flags), {1, 75, 76});
    sqlite::Connection db{bed.dir / "sandbox.db", sqlite::Mode::read_only};
    sqlite::Statement first{
        db, "SELECT min(started_at) FROM attempt WHERE sent AND run_id = (SELECT max(id) FROM run)"};
    first.bind();
    first.step();
    note("rerun", fmt::format("{} of {} rows, to the first request", which, rows),
         (first.real(0) - begun.count()) / 1000, "s", Goal{rows > 1'000'000 ? 3.0 : 1.0});
  }
  note("rerun", fmt::format("status of {} rows", rows), use(bed.words("status", of_list)).wall_s, "s",
       Goal{0.1});
}

}  // namespace bench
