#pragma once
// The platform itself: what a request does and what is answered. No sockets, no threads of its own, no clock.
// Safe to call from any thread.

#include <array>
#include <cardvoid/sandbox/sandbox.hpp>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "call.hpp"
#include "faults.hpp"
#include "gate.hpp"
#include "rate.hpp"
#include "world.hpp"

namespace cardvoid::sandbox {

enum class Signing { none, good, wrong, probe, stale };

// What the connection must do with a request.
struct Reaction {
  enum Kind { answer, reset, swallow, truncate } kind = answer;
  unsigned status = 200;
  std::string body;
  bool json = true;
  bool from_gateway = false;   // not from the platform: no Request-ID
  std::uint32_t internal = 0;  // after the last '-' of Request-ID
  Signing signing = Signing::none;
  model::Api api = model::Api::partner;
  std::string repeated = {};  // of the request; part of the body already, and goes into Request-ID too
  std::optional<milliseconds> retry_after = {};
  milliseconds delay{0};  // from the request's arrival to the first byte of the answer
};

class Simulator {
 public:
  // `world` holds the cards from the start.
  Simulator(const Settings& settings, std::shared_ptr<EVP_PKEY> merchant_key, std::string serial_no,
            std::unique_ptr<World> world);

  // `now` was read when the request's last byte had arrived; it never goes backwards between calls.
  Reaction react(const Incoming& in, const Now& now);

  void set_faults(std::map<Fault, double> faults);
  void set_rate(double requests_per_second);
  Counters counters() const;
  std::vector<Applied> applied() const;
  std::string applied_as_csv() const;

 private:
  // Counted per signing merchant: the two APIs have different ones.
  struct Quota {
    std::array<RateWindow, 2> by_kind;
    PeakMeter meter;
  };

  Reaction decide(const Incoming& in, const Now& now);
  Reaction serve(const Call& call, WallTime now);
  Reaction business(const Call& call, World::Match found, std::optional<Fault> fault, WallTime now);
  Reaction card_answer(World::Card card, std::optional<Fault> fault) const;
  World::Card as_read_back(World::CardNumber number, WallTime now) const;
  milliseconds latency();
  void change_limit(Instant now);

  const milliseconds latency_min_, latency_max_;
  const std::optional<milliseconds> latency_p99_, retry_after_;
  const AlreadyInvalid already_invalid_;
  const bool fault_read_backs_;
  const milliseconds read_back_lag_;
  const bool repeats_requests_;
  const std::string brand_id_;
  const std::function<void(const VerifiedRequest&)> on_request_;
  mutable std::mutex mutex_;  // guards everything below
  Gate gate_;
  std::unique_ptr<World> world_;
  FaultDraw draw_;
  std::array<Quota, 2> quotas_;
  std::deque<LimitChange> limit_changes_;  // that are to come
  std::optional<Instant> began_;           // the first request
  Counters counters_;
  std::uint64_t latency_draws_;
};

}  // namespace cardvoid::sandbox
