// Resident memory of a run at full speed, every five seconds, with ten million rows pending: flat or growing.
// Takes CARDVOID_BENCH_MINUTES, else 30, and is measured only where it is named. Draws plots/memory.svg in
// the build folder.

#include <fmt/format.h>

#include <sys/wait.h>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "bed.hpp"

namespace bench {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr int k_members = 6'000'000, k_rows = 10'000'000;
constexpr auto k_interval = 5s;
constexpr double k_goal_mib = 48;

struct Sample {
  double second = 0, mib = 0;
};

double resident_mib(pid_t pid) {
  std::ifstream file{fmt::format("/proc/{}/status", pid)};
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  return 0;  // it has ended
}

// The sandbox knows the first of them; a run ends before it comes to the others.
void write_list(const fs::path& members, const fs::path& list, const fs::path& others) {
  fs::copy_file(members, list);
  write_csv(others, k_rows - k_members, 1);
  std::ifstream from{others};
  std::ofstream to{list, std::ios::app};
  std::string line;
  std::getline(from, line);  // the names of the columns: code, openid, card_id, brand_id, reason
  while (std::getline(from, line)) {
    if (line.starts_with('"')) continue;  // a code with commas
    const auto openid = line.find(',') + 1, card = line.find(',', openid) + 1, brand = line.find(',', card);
    to << line.substr(0, openid) << line.substr(card, brand - card) << ','
       << line.substr(openid, card - openid - 1) << ",\n";
  }
  if (!to.flush()) throw std::runtime_error{"cannot write " + list.string()};
  fs::remove(others);
}

void draw(const std::vector<Sample>& samples) {
  const auto seconds = samples.back().second;
  std::string line;
  for (const auto& each : samples)
    line +=
        fmt::format("{:.1f},{:.1f} ", 40 + each.second * 600 / seconds, 140 - each.mib * 120 / k_goal_mib);
  const fs::path folder{CARDVOID_PLOTS};
  fs::create_directories(folder);
  std::ofstream{folder / "memory.svg"} << fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 660 170' font-family='sans-serif' "
      "font-size='10'>\n<rect width='660' height='170' fill='#fff'/>\n"
      "<path d='M40 20V140H640' fill='none' stroke='#888'/>\n"
      "<path d='M40 20H640' fill='none' stroke='#c33' stroke-dasharray='3 2'/>\n"
      "<text x='34' y='24' text-anchor='end'>{:g} MiB</text><text x='34' y='143' text-anchor='end'>0</text>\n"
      "<text x='640' y='163' text-anchor='end'>{:.0f} min</text>\n"
      "<polyline points='{}' fill='none' stroke='#157' stroke-width='1.5'/>\n</svg>\n",
      k_goal_mib, seconds / 60, line);
}

}  // namespace

void measure_soak() {
  const char* const wish = std::getenv("CARDVOID_BENCH_MINUTES");
  const auto minutes = wish ? std::max(1, std::atoi(wish)) : 30;
  const Bed bed{k_members};
  const auto list = bed.dir / "list.csv";
  write_list(bed.dir / "members.csv", list, bed.dir / "others.csv");
  const std::vector<std::string> of_list{"--set", "input.csv=" + list.string()};
  use(bed.words("plan", of_list));
  auto flags = of_list;
  flags.insert(flags.end(), {"--yes", "--set", "limits.requests_per_second=10000", "--max-duration",
                             fmt::format("{}m", minutes)});
  const auto begun = std::chrono::steady_clock::now();
  const auto child = start(bed.words("run", flags), true);
  std::vector<Sample> samples;
  while (::waitpid(child.pid, nullptr, WNOHANG) == 0) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
    if (const auto mib = resident_mib(child.pid); mib > 0) samples.push_back({passed.count(), mib});
    std::this_thread::sleep_for(k_interval);
  }
  if (samples.size() < 4) throw std::runtime_error{"the run ended at once"};
  const auto most = [](auto from, auto to) {
    return std::max_element(from, to, [](const Sample& a, const Sample& b) { return a.mib < b.mib; })->mib;
  };
  const auto half = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  note("soak", "minutes at full speed", samples.back().second / 60, "min");
  note("soak", "resident memory, most in the first half", most(samples.begin(), half), "MiB",
       Goal{k_goal_mib});
  note("soak", "resident memory, most in the second half", most(half, samples.end()), "MiB",
       Goal{k_goal_mib});
  draw(samples);
}

}  // namespace bench
