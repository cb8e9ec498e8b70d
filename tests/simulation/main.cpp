// simulate: whole jobs, each drawn from a seed, against a simulated platform, network, disk and clock.
//
//   simulate 20000            seeds 1 to 20000
//   simulate 5000-9999        these seeds
//   simulate --seed 1234      one seed, with every step
//   simulate --fingerprints 1-20000  a line for each seed: equal lines, equal behaviour
//   (scripts/fingerprints)

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <string_view>
#include <vector>

#include "job.hpp"

namespace {

using namespace cardvoid::simulation;

constexpr int k_most_failures_shown = 5;

bool read_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

int usage() {
  fmt::print(stderr, "usage: simulate COUNT | FROM-TO | --seed SEED | --fingerprints FROM-TO\n");
  return 64;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string_view> words{argv + 1, argv + argc};
  std::uint64_t from = 1, to = 0;
  const bool one = words.size() == 2 && words[0] == "--seed";
  const bool prints = words.size() == 2 && words[0] == "--fingerprints";
  if (one || prints) words.erase(words.begin());
  if (words.size() != 1) return usage();
  const auto dash = words[0].find('-');
  if (dash != std::string_view::npos && !read_number(words[0].substr(0, dash), from)) return usage();
  if (!read_number(words[0].substr(dash == std::string_view::npos ? 0 : dash + 1), to)) return usage();
  if (one) from = to;
  if (to < from) return usage();
  Disk disk{"simulation", from};
  disk.become_default();
  Tally tally;
  int failures = 0;
  for (auto seed = from; seed <= to && failures < k_most_failures_shown; ++seed) {
    Job job{disk, seed, one};
    try {
      job.run();
      tally.add(job.tally());
      if (prints) fmt::print("{} {:016x}\n", seed, job.fingerprint());
    } catch (const std::exception& violation) {
      ++failures;
      fmt::print("seed {}: {}\n  replay: {} --seed {}\n", seed, violation.what(), argv[0], seed);
    }
  }
  if (!prints) fmt::print("{}", tally.text());
  return failures == 0 ? 0 : 1;
}
