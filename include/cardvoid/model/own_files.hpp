#pragma once
// Every file that a job reads or writes: the one list that keeps files from overwriting each other, in the
// job file itself and for what commands write (export -o, plan --refused, …).

#include <cardvoid/model/job.hpp>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace cardvoid::model {

// Files beside the real results database: DATABASE.lock and DATABASE.sock.
constexpr const char* k_lock_suffix = ".lock";    // ledger::Lock
constexpr const char* k_socket_suffix = ".sock";  // run::steering_socket()

struct OwnFile {
  enum class Kind { whole, companion, pem_folder };
  std::string_view key;        // of the job file: "input.csv"; empty: the job file itself
  std::string_view what;       // for messages: "results database"; completes "the job's …"
  std::filesystem::path path;  // never empty
  std::filesystem::path real;  // the same with symbolic links followed
  // `companion`: what a program keeps beside the file that `key` names, such as SQLite's -wal.
  // `pem_folder`: stands for itself and for every .pem file in it.
  Kind kind = Kind::whole;

  // Is that this file, or a name for it? `real_file` comes from real_path().
  bool is_at(const std::filesystem::path& real_file) const;
};

// Companions lie beside the file that a symbolic link leads to. Standard input is not a file.
std::vector<OwnFile> own_files(const Job& job);

// The one that `file` would overwrite; nullopt: it belongs to nothing of this job.
std::optional<OwnFile> find_own_file(const Job& job, const std::filesystem::path& file);

}  // namespace cardvoid::model
