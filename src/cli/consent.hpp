#pragma once
// What safety.acknowledge says of the members' consent, and the proof of it.

#include <cardvoid/base/error.hpp>
#include <cardvoid/model/job.hpp>
#include <string>
#include <string_view>

namespace cardvoid::cli {

// Reads safety.acknowledge_file, if the job names one, and adds its name and SHA-256 to safety.acknowledge:
// so they stand wherever that does, in every run's record too. Errors: no_input when it cannot be opened,
// bad_input when it is empty.
Result<void> add_proof_of_consent(model::Job& job);

// What makes it look like text that no person has thought about: "TODO". Empty: nothing does.
std::string find_placeholder(std::string_view acknowledge);

}  // namespace cardvoid::cli
