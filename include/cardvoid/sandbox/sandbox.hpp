#pragma once
// The platform simulator: two HTTPS endpoints on loopback that verify, limit, answer, sign – and misbehave on order.
// Written from platform.md; used by `cardvoid sandbox`, the demo, the tests and the benchmark.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::sandbox {

// What can go wrong, by the words of `--fault`. "applied" faults change the card first, then misbehave.
enum class Fault {
  system_error,           // 500 SYSTEM_ERROR, nothing applied
  system_error_applied,
  throttle,               // 429 though below the limit
  gateway,                // 502 with an HTML body
  reset,                  // connection reset before applying
  reset_applied,
  no_answer,              // the request is swallowed: nothing applied, no answer, connection stays open
  no_answer_applied,
  bad_signature,          // applied; the answer's signature does not verify
  probe_signature,        // applied; WECHATPAY/SIGNTEST/…
  stale_timestamp,        // applied; signed with a time 10 minutes old
  wrong_card,             // applied; the answer echoes another code
  not_invalid,            // applied; the answer says EFFECTIVE (platform.md section 1.5, item 1)
  truncated,              // applied; the connection ends inside the body
  slow,                   // applied; answered after an extra second
};
std::string_view to_text(Fault fault);
std::optional<Fault> fault_from_text(std::string_view text);

// An endpoint is down in [from, to) after the start of the sandbox.
struct Outage {
  model::Endpoint endpoint = model::Endpoint::primary;
  milliseconds from{0}, to{0};
  enum Kind { refuse, black_hole } kind = refuse;  // connections refused and cut, or accepted and never answered
};

struct Settings {
  std::filesystem::path dir;            // keys, certificates, job file and members are created there when missing
  std::uint16_t primary_port = 0;       // 0: the kernel chooses
  std::uint16_t backup_port = 0;
  double requests_per_second = 5;       // per signing merchant, over any sliding second; 0: no limit
  milliseconds latency_min{1}, latency_max{1};
  std::map<Fault, double> faults;       // probability of each, drawn per invalidation
  std::vector<Outage> outages;
  int members = 300;                    // rows of the CSV when it is created
  std::uint64_t seed = 1;               // of the fault draws
};

// What the platform really did: the truth that tests compare the results with.
struct Applied {
  std::string brand_id, card_id, code, openid, reason, invalid_time;
};

struct Counters {
  std::uint64_t invalidate_requests = 0, read_back_requests = 0, throttled = 0, bad_signatures = 0, faults = 0;
  std::uint64_t after_invalid = 0;      // invalidations received for cards that were INVALID already
  std::uint64_t most_in_any_second = 0; // over both endpoints, as the limit counts
};

// Runs on threads of its own until destroyed. Thread-safe.
class Sandbox {
 public:
  // Prepares `dir` and listens on both ports, 127.0.0.1 only.
  static Result<std::unique_ptr<Sandbox>> start(Settings settings);
  ~Sandbox();

  std::uint16_t primary_port() const;
  std::uint16_t backup_port() const;
  std::filesystem::path job_file() const;

  void set_faults(std::map<Fault, double> faults);
  void set_outage(model::Endpoint endpoint, std::optional<Outage::Kind> kind);  // now, until changed again
  void set_rate(double requests_per_second);
  Counters counters() const;
  std::vector<Applied> applied() const;
  std::string applied_as_csv() const;  // header and one line per invalidated card, in the order of application

 private:
  struct State;
  explicit Sandbox(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cardvoid::sandbox
