#pragma once
// Programs that the benchmark starts, what they used, and a sandbox for them.

#include <cardvoid/base/file.hpp>

#include <boost/json.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/temp_folder.hpp"

namespace bench {

struct Used {
  double cpu_s = 0, wall_s = 0;
  double resident_mib = 0;  // at its peak
  std::string out;
};

struct Child {
  pid_t pid = 0;
  cardvoid::FileDescriptor out, err;  // what it says
};

Child start(std::vector<std::string> words, bool takes_err);

// Reads until `words` came, or to the end.
std::string read_until(int fd, std::string_view words);

// Runs a program to its end; any exit code but those expected is a failure of the benchmark.
Used use(const std::vector<std::string>& words, const std::set<int>& expected = {0});

// A folder with a sandbox, both gone at the end. The sandbox is a process of its own: its memory would count
// as ours (a child begins with its parent's peak), and its work as well.
class Bed {
 public:
  explicit Bed(int members, double rate = 0, const std::string& latency = "0ms",
               const std::vector<std::string>& flags = {});
  Bed(const Bed&) = delete;
  Bed& operator=(const Bed&) = delete;
  ~Bed();
  std::vector<std::string> words(const std::string& command,
                                 const std::vector<std::string>& flags = {}) const;
  // Ends the sandbox and returns what it counted.
  boost::json::object counters();

 private:
  cardvoid::support::TempFolder folder_;

 public:
  const std::filesystem::path& dir = folder_.path;

 private:
  Child sandbox_;
};

// A row of the table, and of the JSON behind it: printed at the end. `goal`: what the value should not
// exceed, or, when it is a share that is used, not fall below; none: it is there to compare with.
struct Goal {
  double value;
  bool is_least = false;
};
void note(std::string section, std::string what, double value, std::string unit,
          std::optional<Goal> goal = {});
void print_table();

// limits.cpp
void measure_limits();

// rerun.cpp
void measure_rerun();

// soak.cpp
void measure_soak();

// import.cpp
void measure_import();
void write_csv(const std::filesystem::path& path, std::uint64_t rows, std::uint64_t step);
void parse(const char* csv);  // reads it as an import does, and drops it

}  // namespace bench
