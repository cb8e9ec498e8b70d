// How fully a limit is used that is met, missed by chance, lowered, or closed for a while. All rows run side
// by side: they wait for most of the time. CARDVOID_CLIENT names another binary to measure.

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/sqlite/connection.hpp>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
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

struct Measured {
  double used = 0, back = 0, throttled = 0, sent = 0, most = 0;
};

Measured measure(const Limit& limit) {
  Bed bed{limit.rows, limit.rate, limit.latency, limit.flags};
  auto words = bed.words("run", {"--yes"});
  if (const auto* client = std::getenv("CARDVOID_CLIENT")) words[0] = client;
  use(words);
  const auto seconds = accepted_by_second(bed.dir / "sandbox.db");
  const auto from = limit.used.from, to = std::min<int>(limit.used.to, static_cast<int>(seconds.size()) - 1);
  Measured measured;
  measured.used = 100 * average(seconds, from, to) / limit.used.limit;
  if (limit.back_from > 0) {
    int back = limit.back_from;
    while (average(seconds, back, back + 3) < 0.93 * limit.rate && back < 1'000) ++back;
    measured.back = back - limit.back_from;
  }
  const auto counters = bed.counters();
  measured.throttled = counters.at("throttled").to_number<double>();
  measured.sent = counters.at("invalidate_requests").to_number<double>();
  measured.most = counters.at("most_in_any_second").to_number<double>();
  return measured;
}

}  // namespace

void measure_limits() {
  const auto all = limits();
  std::vector<Measured> measured(all.size());
  std::vector<std::string> failures(all.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < all.size(); ++i)
    threads.emplace_back([&, i] {
      try {
        measured[i] = measure(all[i]);
      } catch (const std::exception& failure) {
        failures[i] = failure.what();
      }
    });
  for (auto& thread : threads) thread.join();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!failures[i].empty()) throw std::runtime_error{all[i].name + ": " + failures[i]};
    const auto& [used, back, throttled, sent, most] = measured[i];
    note("limits", all[i].name + ": used", used, "%", Goal{all[i].used.limit <= 1 ? 90.0 : 95.0, true});
    if (all[i].back_from > 0) note("limits", all[i].name + ": full pace after", back, "s", Goal{15});
    note("limits", all[i].name + ": answered 429", 1000 * throttled / sent, "of 1,000");
    note("limits", all[i].name + ": most in any second", most, "requests");
  }
}

}  // namespace bench
