// What a row costs and how well the limit is used: ratios measured in one run, on the built binary, over real
// TLS against the sandbox. `scripts/bench` builds and starts it; words on the command line choose sections.
//
//   cpu     client CPU for one row – sign, TLS, journal, verify, parse – as a multiple of one RSA-2048
//   signature
//           plus one verification by `openssl speed`
//   go      the same beside a client of Go's standard library (peer.go), where the program `go` is
//   memory  resident memory over 100,000 and over 1,000,000 pending rows
//   pace    share of the limit that is used, and the most requests the server saw in any one-second window
//   limits  the same where latency is irregular, and where the limit changes (docs/performance.md)
//   commits transactions (each one fsync) for a row
//   import  rows/s and memory of `plan` over ten million rows against parsing alone and `sqlite3 .import`
//   rerun   time to the first request where the list is as it was, and of `status`
//   soak    resident memory over half an hour at full speed; only where it is named
//
// Prints a table in Markdown at the end, and the same as a line of JSON.

#include <fmt/format.h>

#include <cardvoid/sqlite/connection.hpp>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "bed.hpp"

namespace {

using namespace cardvoid;
using namespace bench;

// Seconds of one signature plus one verification.
double openssl_pair() {
  const auto said = use({"openssl", "speed", "-seconds", "2", "rsa2048"}).out;
  const auto at = said.find(" 2048 bits ");
  double signs = 0, verifications = 0;  // per second
  if (at == std::string::npos ||
      std::sscanf(said.c_str() + at, " 2048 bits %*fs %*fs %lf %lf", &signs, &verifications) != 2)
    throw std::runtime_error{"openssl speed says: " + said};
  return 1 / signs + 1 / verifications;
}

constexpr int k_rows = 20'000;

// What a run used to send as many rows, without what it does before it sends.
Used use_of_sending() {
  const Bed bed{k_rows};
  use(bed.words("plan"));
  const auto import_again = use(bed.words("plan"));
  auto run = use(bed.words("run", {"--yes", "--set", "limits.requests_per_second=10000"}));
  run.cpu_s -= import_again.cpu_s, run.wall_s -= import_again.wall_s;
  return run;
}

void measure_cpu() {
  const auto before = openssl_pair();
  const auto run = use_of_sending();
  const auto after = openssl_pair();
  const auto pair = (before + after) / 2;
  const auto a_row = run.cpu_s / k_rows;
  note("cpu", "client CPU a row", a_row * 1e6, "us");
  note("cpu", "one RSA-2048 signature and verification", pair * 1e6, "us");
  note("cpu", "ours: what is more than that", (a_row - pair) * 1e6, "us", Goal{120});
  note("cpu", "client CPU a row, beside one signature and verification", a_row / pair, "x", Goal{1.3});
  note("cpu", "rows", k_rows / run.wall_s, "1/s");
}

void measure_go() {
  const Bed bed{k_rows};
  const auto peer = bed.dir / "peer";
  ::setenv("GOCACHE", (bed.dir / "cache").c_str(), 1);
  try {
    use({"go", "build", "-o", peer, CARDVOID_PEER});
  } catch (const std::exception& failure) {
    return fmt::print(stderr, "go       left out: {}\n", failure.what());
  }
  const auto theirs = use({peer, bed.dir}).cpu_s / k_rows, ours = use_of_sending().cpu_s / k_rows;
  note("go", "CPU a row of a client of Go's standard library", theirs * 1e6, "us");
  note("go", "client CPU a row, beside it", ours / theirs, "x", Goal{0.32});
}

void measure_memory() {
  for (const int rows : {100'000, 1'000'000}) {
    const Bed bed{rows};
    const auto plan = use(bed.words("plan"));
    const auto run = use(
        bed.words("run", {"--yes", "--limit", "2000", "--set", "limits.requests_per_second=10000"}), {75});
    note("memory", fmt::format("plan of {} rows", rows), plan.resident_mib, "MiB", Goal{48});
    note("memory", fmt::format("run of 2,000 with {} pending", rows), run.resident_mib, "MiB", Goal{48});
  }
}

void measure_pace() {
  for (const auto& [rate, rows] : {std::pair{5, 100}, std::pair{50, 1'000}, std::pair{500, 10'000}}) {
    Bed bed{rows, static_cast<double>(rate), "0ms-30ms"};
    use(bed.words("run", {"--yes"}));
    sqlite::Connection db{bed.dir / "sandbox.db", sqlite::Mode::read_only};
    sqlite::Statement span{db, "SELECT (max(started_at) - min(started_at)) / 1000.0 FROM attempt WHERE sent"};
    span.bind();
    span.step();
    const auto counters = bed.counters();
    note("pace", fmt::format("of {}/s used", rate), 100.0 * (rows - 1) / span.real(0) / rate, "%",
         Goal{97, true});
    note("pace", fmt::format("of {}/s: most in any second", rate),
         counters.at("most_in_any_second").to_number<double>(), "requests", Goal{static_cast<double>(rate)});
    note("pace", fmt::format("of {}/s: 429", rate), counters.at("throttled").to_number<double>(), "answers");
  }
}

void measure_commits() {
  for (const auto& [rate, rows] : {std::pair{5, 25}, std::pair{200, 1'000}, std::pair{10'000, 5'000}}) {
    const Bed bed{rows, 0, "0ms-30ms"};
    const auto run =
        use(bed.words("run", {"--yes", "--set", fmt::format("limits.requests_per_second={}", rate)}));
    const auto commits = boost::json::parse(run.out).at("run").at("commits").to_number<double>();
    note("commits",
         fmt::format("a row at {}", rate == 10'000 ? std::string{"full speed"} : fmt::format("{}/s", rate)),
         commits / rows, "commits");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && argv[1] == std::string_view{"parse"}) {
    parse(argv[2]);
    return 0;
  }
  const std::set<std::string> chosen(argv + 1, argv + argc);
  const auto wanted = [&](const char* section) { return chosen.empty() || chosen.contains(section); };
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    if (wanted("cpu")) measure_cpu();
    if (wanted("go")) measure_go();
    if (wanted("memory")) measure_memory();
    if (wanted("pace")) measure_pace();
    if (wanted("limits")) measure_limits();
    if (wanted("commits")) measure_commits();
    if (wanted("import")) measure_import();
    if (wanted("rerun")) measure_rerun();
    if (chosen.contains("soak")) measure_soak();
    print_table();
  } catch (const std::exception& failure) {
    fmt::print(stderr, "bench: {}\n", failure.what());
    return 1;
  }
  return 0;
}
