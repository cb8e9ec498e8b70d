#pragma once
// Can the endpoints be reached, trusted, and do their clocks agree with ours? For `check`. Sends nothing
// about cards.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/model/outcome.hpp>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::run {

struct Probe {
  model::Endpoint endpoint = model::Endpoint::primary;
  std::string address;
  std::string failure;  // empty: it answered over TLS with a certificate we trust
  milliseconds round_trip{0};
  std::optional<milliseconds>
      clock_offset;  // theirs minus ours, from the Date header; about a second's accuracy
};

// Asks both endpoints for "/" one after the other. Error: the trust roots cannot be loaded.
Result<std::vector<Probe>> probe_endpoints(const model::Job& job, const std::string& version);

}  // namespace cardvoid::run
