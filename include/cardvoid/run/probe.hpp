#pragma once
// Can the endpoints be reached, trusted, do their clocks agree with ours, and do our keys work there? For
// `check`. Invalidates nothing and writes nothing.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/net/https_client.hpp>
#include <cardvoid/run/execute.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::run {

struct Probe {
  model::Endpoint endpoint = model::Endpoint::primary;
  std::string address;
  net::Lookup lookup;  // of its name, or its proxy's
  milliseconds lookup_time{0};
  std::string failure;  // empty: it answered over TLS with a certificate we trust; not of the lookup
  net::Peer peer;
  milliseconds round_trip{0};
  std::optional<milliseconds>
      clock_offset;  // theirs minus ours, from the Date header; about a second's accuracy
  bool is_reachable() const { return lookup.failure.empty() && failure.empty(); }
};

// Asks both endpoints for "/", at the same time. Error: the trust roots cannot be loaded.
Result<std::vector<Probe>> probe_endpoints(const model::Job& job, const std::string& version);

struct ReadBack {
  model::Outcome outcome;
  wechatpay::Verdict verdict = wechatpay::Verdict::no_signature;  // of the answer's signature
  milliseconds round_trip{0};
};

// Asks an endpoint for one card, signed, verified and classified as in a run. The pace is the caller's to
// keep: `wait_for_permit` is called once there is a connection, right before the request is signed and sent.
// Error: the trust roots cannot be loaded, or signing fails.
Result<ReadBack> read_back(const model::Job& job, const Credentials& keys, const model::Card& card,
                           model::Endpoint endpoint, const std::string& version,
                           const std::function<void()>& wait_for_permit);

}  // namespace cardvoid::run
