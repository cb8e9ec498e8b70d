#pragma once
// The platform simulator: two HTTPS endpoints on loopback that verify, limit, answer and sign, and fail on
// command. Written from docs/platform.md; used by `cardvoid sandbox`, the demo, the tests and the benchmark.

#include <cardvoid/base/clock.hpp>
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
  system_error,  // 500 SYSTEM_ERROR, nothing applied
  system_error_applied,
  throttle,  // 429 though below the limit
  gateway,   // 502 with an HTML body
  reset,     // connection reset before applying
  reset_applied,
  no_answer,  // nothing applied, no answer, the connection stays open
  no_answer_applied,
  bad_signature,    // applied; the answer's signature does not verify
  probe_signature,  // applied; WECHATPAY/SIGNTEST/…
  stale_timestamp,  // applied; signed with a time 10 minutes old
  wrong_card,       // applied; the answer echoes another code
  wrong_openid,     // applied; the answer echoes another member's openid
  other_brand,      // applied; the answer names another brand_id, as the platform's own example does
  not_invalid,      // applied; the answer says EFFECTIVE (docs/platform.md section 1.5, item 1)
  truncated,        // applied; the connection ends inside the body
  slow,             // applied; answered after an extra second
};
std::string_view to_text(Fault fault);
std::optional<Fault> fault_from_text(std::string_view text);

// An endpoint is down in [from, to) after the start of the sandbox.
struct Outage {
  model::Endpoint endpoint = model::Endpoint::primary;
  milliseconds from{0}, to{0};
  enum Kind {
    refuse,
    black_hole
  } kind = refuse;  // connections are refused and cut, or accepted and never answered
};

// From `at` after the first request, another limit holds; 0: everything is answered 429.
struct LimitChange {
  milliseconds at{0};
  double requests_per_second = 0;
};

// The answer to an invalidation of a card that is already INVALID. What the platform does is unknown
// (docs/platform.md section 8).
enum class AlreadyInvalid {
  ok_original_time,  // 200 with the reason and time of the first invalidation
  error_400,         // 400 INVALID_REQUEST
  ok_new_time,       // 200; reason and time are overwritten. applied() keeps the first
};

// A request whose signature verified and whose card could be read, as it arrived.
struct VerifiedRequest {
  model::AttemptKind kind = model::AttemptKind::invalidate;
  std::string brand_id, card_id, code;
  bool was_invalid = false;  // INVALID already
};

struct Settings {
  std::filesystem::path dir;       // keys, certificates, job file and members are created there when missing
  std::uint16_t primary_port = 0;  // 0: the kernel chooses
  std::uint16_t backup_port = 0;
  double requests_per_second = 5;           // per signing merchant, over any sliding second; 0: no limit
  std::vector<LimitChange> limit_changes;   // in order of time
  std::optional<milliseconds> retry_after;  // of 429, in whole seconds; nullopt: none is sent
  // Thinking time, after the request has been counted.
  milliseconds latency_min{1}, latency_max{1};
  std::optional<milliseconds>
      latency_p99;                 // log-normal: latency_min is the median, and this the 99th percentile
  std::map<Fault, double> faults;  // probability of each, drawn per invalidation
  std::vector<Outage> outages;
  int members = 300;       // rows of the CSV when it is created
  std::uint64_t seed = 1;  // of the fault draws and of the members created
  AlreadyInvalid already_invalid = AlreadyInvalid::ok_original_time;
  bool fault_read_backs = false;   // draw faults for read-backs too
  milliseconds read_back_lag{0};   // for this long after an invalidation a read-back still finds EFFECTIVE
  bool repeats_requests = false;   // errors and Request-ID repeat openid and code
  milliseconds idle_limit{8'000};  // an idle connection is closed after this (docs/platform.md section 7)
  milliseconds clock_offset{0};    // the platform's clock is ahead of this machine's by this
  Clock clock;  // limits count by it and times are told by it; all else here is in real time
  std::string brand_id = "1004";                           // of the merchant who uses the brand API
  std::function<void(const VerifiedRequest&)> on_request;  // one call at a time; must not call the sandbox
};

// What the platform really did: the truth that tests compare the results with.
struct Applied {
  std::string brand_id, card_id, code, openid, reason, invalid_time;
};

// Invalidations and read-backs are requests whose signature verified, even if they were refused.
struct Counters {
  std::uint64_t invalidate_requests = 0, read_back_requests = 0;
  std::uint64_t throttled = 0;        // 429 because of the limit; the fault `throttle` counts under faults
  std::uint64_t bad_signatures = 0;   // every 401 except replayed nonces
  std::uint64_t replayed_nonces = 0;  // 401 for a nonce that was used within the last five minutes
  std::uint64_t malformed = 0;      // 400 PARAM_ERROR, 404 and 405 of a wrong path or method, missing headers
  std::uint64_t faults = 0;         // faults that took effect
  std::uint64_t after_invalid = 0;  // invalidations received for cards that were INVALID already
  std::uint64_t most_in_any_second = 0;  // of both kinds over both endpoints, in any sliding second
};

// Runs on threads of its own until destroyed. Thread-safe.
class Sandbox {
 public:
  // Prepares `dir` and listens on both ports, 127.0.0.1 only. The folder is made with 0700, its files with
  // 0600 and only when missing:
  // - ca.pem, ca_key.pem, server.pem, server_key.pem: TLS for 127.0.0.1, ::1 and localhost. The certificates
  //   are remade when about to end.
  // - apiclient_key.pem, apiclient_cert.pem: the merchant's key; the certificate gives serial_no.
  // - wxp_key.pem, wxp_pub.pem: the platform's key.
  // - members.csv (code,card_id,openid,reason): the input of the job.
  // - cards.csv (brand_id,card_id,code,openid,state,invalid_time): what the platform knows, read at every
  //   start. Made from members.csv with every card EFFECTIVE; edit it to have unknown or INVALID cards.
  // - sandbox.toml: the job, written again at every start unless its first line was changed.
  // Errors: usage (settings), bad_input (a CSV), bad_credentials (a key), no_input, io, unavailable (a port).
  static Result<std::unique_ptr<Sandbox>> start(const Settings& settings);
  ~Sandbox();

  std::uint16_t primary_port() const;
  std::uint16_t backup_port() const;
  std::filesystem::path job_file() const;

  void set_faults(std::map<Fault, double> faults);
  void set_outage(model::Endpoint endpoint, std::optional<Outage::Kind> kind);  // now, until changed again
  void set_rate(double requests_per_second);
  Counters counters() const;
  std::vector<Applied> applied() const;
  std::string applied_as_csv()
      const;  // header and one line per invalidated card, in the order of application

 private:
  struct State;
  explicit Sandbox(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cardvoid::sandbox
