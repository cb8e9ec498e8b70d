#pragma once
// Steers a run from another process: pause, resume, stop, rate, protect. Through a Unix socket DATABASE.sock
// beside the real results database (0600), which exists while the run sends. One line of JSON each way:
//
//   {"command":"rate","requests_per_second":2.5}
//   {"code":0,"state":"running","message":"2.5 requests/s now (the job allows 5)","in_flight":1,…}
//
// `code` is the exit code of the command that asked.
//
// A socket and not the database: it acts while the database is locked, needs no polling, and the kernel says
// who asks. The holder of the job's lock makes it, so what a killed run left can be told from one that
// listens. Nothing waits for its clients; an answer waits at most 150 ms until `status` shows what was done.
// Only the answer to protect waits until the protection is durable. What it names stands on the wire in full
// and nowhere else.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/ledger/protection.hpp>
#include <cardvoid/run/protecting.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::run {

struct Steering {
  enum Command { pause, resume, stop, rate, protect, unprotect } command = pause;
  double requests_per_second = 0;  // of rate
  ledger::Protectee who = {};      // of protect and unprotect
  std::string note = {};           // of protect
};
std::string_view to_text(Steering::Command command);
bool is_about_protection(Steering::Command command);  // protect, unprotect

struct SteeringAnswer {
  int code = 0;  // exit code; 0: done, else nothing was changed
  std::string message;
  std::string state;  // "running", "paused", "stopping"
  int in_flight = 0;
  double requests_per_second = 0;
  std::optional<Protected> protection = {};                   // to protect
  std::optional<ledger::RemovedProtection> unprotected = {};  // to unprotect
};

// Without the line end. nullopt: the text is no such message.
std::string as_json(const Steering& steering);
std::string as_json(const SteeringAnswer& answer);
std::optional<Steering> steering_from_json(std::string_view text);
std::optional<SteeringAnswer> steering_answer_from_json(std::string_view text);

std::filesystem::path steering_socket(const std::filesystem::path& database);

// Sends a command to the run on this database and waits for the answer, whose code may be a refusal. Errors:
// stopped (75), no run is under way, or it takes no commands or does not answer; bad_credentials (77), it is
// another user's, or what listens there is: nothing is sent to that. `patience` is for the whole exchange.
Result<SteeringAnswer> steer(const std::filesystem::path& database, const Steering& steering,
                             milliseconds patience = milliseconds{5'000});

}  // namespace cardvoid::run
