#include "bed.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace bench {

using namespace cardvoid;
namespace fs = std::filesystem;

namespace {

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

}  // namespace

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

Used use(const std::vector<std::string>& words, const std::set<int>& expected) {
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

Bed::Bed(int members, double rate, const std::string& latency, const std::vector<std::string>& flags) {
  std::vector<std::string> words{
      CARDVOID_BINARY,      "sandbox",   "--dir", dir, "--members", std::to_string(members), "--rate",
      std::to_string(rate), "--latency", latency};
  words.insert(words.end(), flags.begin(), flags.end());
  sandbox_ = start(std::move(words), true);
  const auto said = read_until(sandbox_.err.get(), "job file");
  if (said.find("job file") == std::string::npos) throw std::runtime_error{"the sandbox says: " + said};
}

Bed::~Bed() {
  if (sandbox_.pid) counters();
}

std::vector<std::string> Bed::words(const std::string& command, const std::vector<std::string>& flags) const {
  std::vector<std::string> all{
      CARDVOID_BINARY, command, (dir / "sandbox.toml").string(), "--json", "-q", "--set", "safety.canary=0"};
  all.insert(all.end(), flags.begin(), flags.end());
  return all;
}

boost::json::object Bed::counters() {
  const auto pid = std::exchange(sandbox_.pid, 0);
  ::kill(pid, SIGTERM);
  const auto said = read_until(sandbox_.out.get(), "");
  ::waitpid(pid, nullptr, 0);
  return boost::json::parse(said).as_object();
}

namespace {

struct Line {
  std::string section, what;
  double value = 0;
  std::string unit;
  std::optional<Goal> goal;
};
std::vector<Line> lines;

}  // namespace

void note(std::string section, std::string what, double value, std::string unit, std::optional<Goal> goal) {
  fmt::print(stderr, "{:<8} {:<52} {:>12.3f} {}\n", section, what, value, unit);
  lines.push_back({std::move(section), std::move(what), value, std::move(unit), goal});
}

void print_table() {
  boost::json::array all;
  fmt::print("| section | what | value | unit | goal |\n|---|---|---|---|---|\n");
  for (const auto& line : lines) {
    const auto goal =
        line.goal ? fmt::format("{} {:g}", line.goal->is_least ? "≥" : "≤", line.goal->value) : std::string{};
    fmt::print("| {} | {} | {:.3f} | {} | {} |\n", line.section, line.what, line.value, line.unit, goal);
    boost::json::object object{
        {"section", line.section}, {"what", line.what}, {"value", line.value}, {"unit", line.unit}};
    if (line.goal) object[line.goal->is_least ? "at_least" : "at_most"] = line.goal->value;
    all.push_back(std::move(object));
  }
  fmt::print("{}\n", boost::json::serialize(all));
}

}  // namespace bench
