#pragma once
// Checks that the endpoints can be reached and trusted, that their clocks agree with ours, and that our keys
// work there. For `check`. Invalidates nothing, writes nothing.

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
  net::Lookup lookup;  // of its name or its proxy's
  milliseconds lookup_time{0};
  std::string failure;  // other than the lookup's; empty: it answered over TLS with a trusted certificate
  net::Peer peer;
  milliseconds round_trip{0};
  std::optional<milliseconds>
      clock_offset;  // theirs minus ours, from the Date header; about a second's accuracy
  bool is_reachable() const { return lookup.failure.empty() && failure.empty(); }
};

// Requests "/" from both endpoints at the same time. Error: the trust roots cannot be loaded.
Result<std::vector<Probe>> probe_endpoints(const model::Job& job, const std::string& version);

struct ReadBack {
  model::Outcome outcome;
  wechatpay::Verdict verdict = wechatpay::Verdict::no_signature;  // of the answer's signature
  milliseconds round_trip{0};
};

// Queries one card at an endpoint, signed, verified and classified as in a run. The caller keeps the pace:
// `wait_for_permit` is called when there is a connection, right before the request is signed and sent.
// Error: the trust roots cannot be loaded, or signing fails.
Result<ReadBack> read_back(const model::Job& job, const Credentials& keys, const model::Card& card,
                           model::Endpoint endpoint, const std::string& version,
                           const std::function<void()>& wait_for_permit);

}  // namespace cardvoid::run
