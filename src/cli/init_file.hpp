#pragma once
// The job file that `init` writes.

#include <cardvoid/input/columns.hpp>
#include <cardvoid/model/job.hpp>
#include <filesystem>
#include <string>

namespace cardvoid::cli {

// What the questions of `init` are about. Paths are as they stand in the job file.
struct JobDraft {
  std::string name;
  model::Api api = model::Api::partner;
  std::string mchid, brand_id, card_id;  // card_id empty: the list has it
  std::string serial_no, private_key_file, passphrase_file;
  std::string public_key_id, public_key_file, certificates_dir;
  std::string list, table;  // table empty: the list is a CSV file
  input::Columns columns;
  std::string reason, acknowledge, acknowledge_file;
  std::string timezone;  // empty: not known
};

// Commented TOML.
std::string job_text(const JobDraft& draft);

}  // namespace cardvoid::cli
