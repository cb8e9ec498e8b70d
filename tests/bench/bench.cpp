// What a row costs and how well the limit is used: ratios measured in one run, on the built binary, over real
// TLS against the sandbox. `scripts/bench` builds and starts it; words on the command line choose sections.
//
//   cpu     client CPU for one row – sign, TLS, journal, verify, parse – as a multiple of one RSA-2048
//   signature
//           plus one verification by `openssl speed`
//   memory  resident memory over 100,000 and over 1,000,000 pending rows
//   pace    share of the limit that is used, and the most requests the server saw in any one-second window
//   commits transactions (each one fsync) for a row

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

extern char** environ;

namespace {

using namespace cardvoid;
namespace fs = std::filesystem;

struct Used {
  double cpu_s = 0, wall_s = 0;
  double resident_mib = 0;  // at its peak
  std::string out;
};

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

struct Child {
  pid_t pid = 0;
  FileDescriptor out, err;  // what it says
};

Child start(std::vector<std::string> words, bool takes_err) {
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) throw std::runtime_error{"pipe2"};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  if (takes_err) posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  Child child{0, FileDescriptor{out[0]}, FileDescriptor{err[0]}};
  const int failed = ::posix_spawnp(&child.pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  if (failed) throw std::runtime_error{"cannot start " + words[0]};
  return child;
}

std::string read_until(int fd, std::string_view words) {
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (words.empty() || text.find(words) == std::string::npos) &&
                        (got = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  return text;
}

// Runs a program to its end; any exit code but those expected is a failure of the benchmark.
Used use(const std::vector<std::string>& words, const std::set<int>& expected = {0}) {
  const auto begun = std::chrono::steady_clock::now();
  const auto child = start(words, false);
  Used used;
  used.out = read_until(child.out.get(), "");
  int status = 0;
  rusage usage{};
  ::wait4(child.pid, &status, 0, &usage);
  used.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  used.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  used.resident_mib = static_cast<double>(usage.ru_maxrss) / 1024;
  if (!WIFEXITED(status) || !expected.contains(WEXITSTATUS(status)))
    throw std::runtime_error{
        fmt::format("{} {} ended with status {}: {}", words[0], words[1], status, used.out)};
  return used;
}

// A folder with a sandbox, both gone at the end. The sandbox is a process of its own: its memory would count
// as ours (a child begins with its parent's peak), and its work as well.
class Bed {
 public:
  explicit Bed(int members, double rate = 0, const std::string& latency = "0ms") {
    auto name = (fs::temp_directory_path() / "cardvoid-bench-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw std::runtime_error{"mkdtemp"};
    dir = name;
    sandbox_ = start({CARDVOID_BINARY, "sandbox", "--dir", dir, "--members", std::to_string(members),
                      "--rate", std::to_string(rate), "--latency", latency},
                     true);
    const auto said = read_until(sandbox_.err.get(), "job file");
    if (said.find("job file") == std::string::npos) throw std::runtime_error{"the sandbox says: " + said};
  }
  Bed(const Bed&) = delete;
  Bed& operator=(const Bed&) = delete;
  ~Bed() {
    if (sandbox_.pid) counters();
    std::error_code ignored;
    fs::remove_all(dir, ignored);
  }
  std::vector<std::string> words(const std::string& command,
                                 const std::vector<std::string>& flags = {}) const {
    std::vector<std::string> all{CARDVOID_BINARY, command, (dir / "sandbox.toml").string(), "--json", "-q"};
    all.insert(all.end(), flags.begin(), flags.end());
    return all;
  }
  // Ends the sandbox and returns what it counted.
  boost::json::object counters() {
    ::kill(std::exchange(sandbox_.pid, 0), SIGTERM);
    const auto said = read_until(sandbox_.out.get(), "");
    while (::wait(nullptr) > 0) {
    }
    return boost::json::parse(said).as_object();
  }
  fs::path dir;

 private:
  Child sandbox_;
};

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

void measure_cpu() {
  constexpr int k_rows = 20'000;
  const Bed bed{k_rows};
  use(bed.words("plan"));
  const auto import_again = use(bed.words("plan"));  // what run does before it sends
  const auto before = openssl_pair();
  const auto run = use(bed.words("run", {"--yes", "--set", "limits.requests_per_second=10000"}));
  const auto after = openssl_pair();
  const auto pair = (before + after) / 2;
  const auto a_row = (run.cpu_s - import_again.cpu_s) / k_rows;
  fmt::print(
      "cpu      {:.0f} us a row = {:.2f} x one RSA-2048 sign + verify ({:.0f} us); {:.0f} rows/s on the wall "
      "clock\n",
      a_row * 1e6, a_row / pair, pair * 1e6, k_rows / (run.wall_s - import_again.wall_s));
}

void measure_memory() {
  for (const int rows : {100'000, 1'000'000}) {
    const Bed bed{rows};
    const auto plan = use(bed.words("plan"));
    const auto run = use(
        bed.words("run", {"--yes", "--limit", "2000", "--set", "limits.requests_per_second=10000"}), {75});
    fmt::print("memory   {:>9} pending rows: plan {:.1f} MiB in {:.1f} s; run {:.1f} MiB\n", rows,
               plan.resident_mib, plan.wall_s, run.resident_mib);
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
    fmt::print(
        "pace     {:>3}/s: {:.1f} % of the limit used; the server saw at most {} in any second; {} times "
        "429\n",
        rate, 100.0 * (rows - 1) / span.real(0) / rate, counters.at("most_in_any_second").as_int64(),
        counters.at("throttled").as_int64());
  }
}

void measure_commits() {
  for (const auto& [rate, rows] : {std::pair{5, 25}, std::pair{200, 1'000}, std::pair{10'000, 5'000}}) {
    const Bed bed{rows, 0, "0ms-30ms"};
    const auto run =
        use(bed.words("run", {"--yes", "--set", fmt::format("limits.requests_per_second={}", rate)}));
    const auto commits = boost::json::parse(run.out).at("run").at("commits").to_number<double>();
    fmt::print("commits  {:.2f} a row at {}\n", commits / rows,
               rate == 10'000 ? std::string{"full speed"} : fmt::format("{}/s", rate));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::set<std::string> chosen(argv + 1, argv + argc);
  const auto wanted = [&](const char* section) { return chosen.empty() || chosen.contains(section); };
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    if (wanted("cpu")) measure_cpu();
    if (wanted("memory")) measure_memory();
    if (wanted("pace")) measure_pace();
    if (wanted("commits")) measure_commits();
  } catch (const std::exception& failure) {
    fmt::print(stderr, "bench: {}\n", failure.what());
    return 1;
  }
  return 0;
}
