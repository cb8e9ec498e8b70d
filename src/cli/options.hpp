#pragma once
// The command line as values.

#include <cardvoid/base/error.hpp>
#include <cardvoid/job/load.hpp>
#include <cardvoid/report/progress.hpp>
#include <cardvoid/sandbox/sandbox.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::cli {

enum class LogLevel { error, warning, info, debug };
enum class ExportFormat { csv, jsonl };

struct Options {
  std::string command;
  std::filesystem::path job_file;
  job::Overrides overrides;
  report::ProgressMode progress = report::ProgressMode::automatic;
  LogLevel log_level = LogLevel::info;
  bool log_json = false, json = false, quiet = false;

  // plan
  bool diff = false;
  std::filesystem::path refused_file;
  // run
  std::string confirm;
  bool yes = false, dry_run = false;
  std::optional<std::int64_t> limit;
  std::optional<milliseconds> max_duration;
  // whatever takes the job's lock
  milliseconds wait_lock{0};
  // rate
  double requests_per_second = 0;
  // retry
  std::vector<std::string> codes;
  std::string code_file;
  // status
  bool watch = false;
  // export; status is of retry too
  ExportFormat format = ExportFormat::csv;
  std::string status, output;
  bool excel = false;
  // sandbox
  sandbox::Settings sandbox;
  std::string record_file;  // where the record of what was applied goes at the end
};

// What the words say, or the text to print (--help, --version), or an Error (usage).
struct Parsed {
  Options options;
  std::optional<std::string> text;
};
Result<Parsed> parse(int argc, const char* const* argv);

}  // namespace cardvoid::cli
