#pragma once
// Failures that a caller can act on, as values. What happened to a row is model::Outcome, never an Error.

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>

namespace cardvoid {

// The value is the exit code of the process (docs/exit-codes.md), so the two cannot drift apart.
enum class Errc {
  usage = 64,            // the command line is wrong
  bad_input = 65,        // the input is not what it claims to be, or not what was confirmed
  no_input = 66,         // a named input file does not exist or cannot be opened
  unavailable = 69,      // the platform is away or in trouble: run again later
  internal = 70,         // a bug of ours
  cannot_create = 73,    // the results database cannot be created or is not ours
  io = 74,               // writing results failed
  stopped = 75,          // stopped early with work left, or another run holds the job
  tripped = 76,          // the run stopped itself: a person must look
  bad_credentials = 77,  // the platform refuses our keys, or a key is unusable
  bad_job = 78,          // the job file is wrong
};

struct [[nodiscard]] Error {
  Errc code;
  std::string what;  // one line for the user; names the thing: file, line, key, row; never a secret
};

template <class T>
using Result = boost::system::result<T, Error>;

inline Error with_context(Error error, const std::string& doing) {
  error.what = doing + ": " + error.what;
  return error;
}

// Called by Result::value() when there is an error instead. Only a bug gets here; it ends as exit code 70.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::logic_error{error.what};
}

}  // namespace cardvoid
