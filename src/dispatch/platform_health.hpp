#pragma once
// Whether the platform serves: the circuit breakers of both endpoints, and the retry budget. Pure.

#include <cardvoid/base/error.hpp>
#include <cardvoid/dispatch/endpoint_health.hpp>
#include <cardvoid/dispatch/retry.hpp>
#include <cardvoid/dispatch/snapshot.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/reason.hpp>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::dispatch {

class PlatformHealth {
 public:
  explicit PlatformHealth(const EndpointHealth::Settings& settings)
      : endpoints{settings}, cooldown_{settings.cooldown} {}

  EndpointHealth endpoints;
  RetryBudget budget;  // lets few fresh rows start while most answers are errors

  // A request to this endpoint that started then is over. Adds what the user wants to know to `notices`. The
  // error: no endpoint can be used, stop the run.
  std::optional<Error> heard(model::Endpoint endpoint, Instant started, const model::Outcome& outcome,
                             Instant now, std::vector<Notice>& notices);
  // Stop the run: the platform has answered with nothing but errors for too long.
  std::optional<Error> tired_of_errors(Instant now) const;
  // Stop the run: neither endpoint has been reachable for too long.
  std::optional<Error> tired_of_waiting(Instant now) const;
  // The run was paused until now: that time does not count.
  void be_patient_from(Instant now);

  void explain(std::vector<model::ReasonToWait>& reasons, Now now) const;

 private:
  void failed(model::Endpoint endpoint, Instant started, const model::Outcome& outcome, Instant now,
              std::vector<Notice>& notices);
  std::optional<Error> distrust(model::Endpoint endpoint, const model::Outcome& outcome, Instant now,
                                std::vector<Notice>& notices);
  std::string instead_of(model::Endpoint endpoint) const;

  milliseconds cooldown_;
};

}  // namespace cardvoid::dispatch
