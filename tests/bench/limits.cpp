// How fully a limit is used that is met, missed by chance, lowered, or closed for a while. All rows run side
// by side: they wait for most of the time. CARDVOID_CLIENT names another binary to measure.

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/sqlite/connection.hpp>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include "bed.hpp"

namespace bench {

using namespace cardvoid;

namespace {

struct Stretch {
  int from, to;  // seconds after the first request
  double limit;  // requests/s
};

struct Limit {
  std::string name;
  int rows;
  double rate;
  std::string latency;
  std::vector<std::string> flags;
  Stretch used;
  int back_from = 0;  // second from which full pace is awaited; 0: not asked
};

std::vector<Limit> limits() {
  const std::string thinking = "lognormal:30ms,250ms";
  std::vector<Limit> all{
      {"steady 50/s", 1'500, 50, "20ms-40ms", {}, {0, 29, 50}},
      {"log-normal 5/s", 600, 5, thinking, {}, {0, 119, 5}},
      {"log-normal 50/s", 6'000, 50, thinking, {}, {0, 119, 50}},
      {"50 to 25/s at 20 s", 3'000, 50, thinking, {"--limit-change", "20s:25"}, {25, 80, 25}},
      {"5 to 1/s for a minute",
       460,
       5,
       thinking,
       {"--limit-change", "20s:1", "--limit-change", "80s:5"},
       {21, 79, 1},
       80},
      {"only 429 for two minutes",
       3'000,
       50,
       thinking,
       {"--limit-change", "20s:0", "--limit-change", "140s:50"},
       {0, 19, 50},
       140}};
  const auto count = all.size();
  for (std::size_t i = 3; i < count; ++i) {
    auto row = all[i];
    row.name += ", Retry-After 1 s";
    row.flags.insert(row.flags.end(), {"--retry-after", "1s"});
    all.push_back(std::move(row));
  }
  return all;
}

// Requests that were not refused, in each second after the first request.
std::vector<int> accepted_by_second(const std::filesystem::path& file) {
  sqlite::Connection db{file, sqlite::Mode::read_only};
  sqlite::Statement all{db,
                        "SELECT started_at FROM attempt WHERE sent AND http_status IS NOT 429 ORDER BY 1"};
  std::vector<int> seconds;
  std::int64_t begun = 0;
  for (all.bind(); all.step();) {
    if (seconds.empty()) begun = all.int64(0);
    const auto second = static_cast<std::size_t>(std::max<std::int64_t>(all.int64(0) - begun, 0) / 1000);
    seconds.resize(std::max(seconds.size(), second + 1));
    ++seconds[second];
  }
  return seconds;
}

double average(const std::vector<int>& seconds, int from, int to) {
  double sum = 0;
  for (int i = from; i < to; ++i)
    if (static_cast<std::size_t>(i) < seconds.size()) sum += seconds[static_cast<std::size_t>(i)];
  return sum / (to - from);
}

std::string measure(const Limit& limit) {
  Bed bed{limit.rows, limit.rate, limit.latency, limit.flags};
  auto words = bed.words("run", {"--yes"});
  if (const auto* client = std::getenv("CARDVOID_CLIENT")) words[0] = client;
  use(words);
  const auto seconds = accepted_by_second(bed.dir / "sandbox.db");
  const auto from = limit.used.from, to = std::min<int>(limit.used.to, static_cast<int>(seconds.size()) - 1);
  auto text = fmt::format("limits   {:<42} {:5.1f} % used", limit.name,
                          100 * average(seconds, from, to) / limit.used.limit);
  if (limit.back_from > 0) {
    int back = limit.back_from;
    while (average(seconds, back, back + 3) < 0.93 * limit.rate && back < 1'000) ++back;
    text += fmt::format("; full pace after {} s", back - limit.back_from);
  }
  const auto counters = bed.counters();
  const auto throttled = counters.at("throttled").as_int64(),
             sent = counters.at("invalidate_requests").as_int64();
  return text + fmt::format("; {} of {} answered 429; at most {} in any second", throttled, sent,
                            counters.at("most_in_any_second").as_int64());
}

}  // namespace

void measure_limits() {
  const auto all = limits();
  std::vector<std::string> said(all.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < all.size(); ++i)
    threads.emplace_back([&, i] {
      try {
        said[i] = measure(all[i]);
      } catch (const std::exception& failure) {
        said[i] = fmt::format("limits   {}: {}", all[i].name, failure.what());
      }
    });
  for (auto& thread : threads) thread.join();
  for (const auto& line : said) fmt::print("{}\n", line);
}

}  // namespace bench
