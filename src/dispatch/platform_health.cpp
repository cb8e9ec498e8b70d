#include "platform_health.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cardvoid::dispatch {

namespace {

using namespace std::chrono_literals;
using enum model::OutcomeKind;
using model::Endpoint;
using model::Outcome;

// Without any endpoint, or with nothing but errors as answers, a run waits this long (two cool-downs where
// that is longer). Then it ends, and the operator's scheduler takes over.
constexpr milliseconds k_least_patience = 20s, k_patience_with_errors = 10min;

}  // namespace

std::optional<Error> PlatformHealth::heard(Endpoint endpoint, Instant started, const Outcome& outcome,
                                           Instant now, std::vector<Notice>& notices) {
  switch (outcome.kind) {
    case gateway_error:
    case lost: budget.failed(now); [[fallthrough]];
    case not_sent: failed(endpoint, started, outcome, now, notices); return std::nullopt;
    case bad_certificate: return distrust(endpoint, outcome, now, notices);
    case stale_connection:
    case connection_closed: endpoints.abandoned(endpoint, started); return std::nullopt;
    case system_error:
    case accepted: budget.failed(now); break;
    case confirmed:
    case not_invalid:
    case refused: budget.succeeded(); break;
    case wrong_card:
    case unverified:
    case probe_signature:
    case unreadable:
    case throttled:
    case clock_refused:
    case credentials_refused:
    case setup_refused:
    case distrusted:
    case unknown_answer: break;
  }
  if (endpoints.succeeded(endpoint, started, now))
    notices.push_back({Notice::info, fmt::format("{} endpoint serves again", model::to_text(endpoint))});
  return std::nullopt;
}

void PlatformHealth::failed(Endpoint endpoint, Instant started, const Outcome& outcome, Instant now,
                            std::vector<Notice>& notices) {
  const auto before = endpoints.state(endpoint);
  if (!endpoints.failed(endpoint, started, now) || before != EndpointHealth::State::closed) return;
  notices.push_back(
      {Notice::warning, fmt::format("{} endpoint does not serve ({}); {}", model::to_text(endpoint),
                                    outcome.error_message, instead_of(endpoint))});
}

std::optional<Error> PlatformHealth::distrust(Endpoint endpoint, const Outcome& outcome, Instant now,
                                              std::vector<Notice>& notices) {
  const bool known = endpoints.distrusted(endpoint);
  if (endpoints.distrust(endpoint, now) && !known)
    notices.push_back(
        {Notice::warning, fmt::format("{} endpoint is not trusted ({}); {}", model::to_text(endpoint),
                                      outcome.error_message, instead_of(endpoint))});
  if (!endpoints.distrusted(model::other(endpoint))) return std::nullopt;
  return Error{Errc::unavailable,
               fmt::format("neither endpoint's certificate can be trusted: {}", outcome.error_message)};
}

// What serves while this endpoint does not, in words.
std::string PlatformHealth::instead_of(Endpoint endpoint) const {
  const auto other = model::other(endpoint);
  return endpoints.state(other) == EndpointHealth::State::closed
             ? fmt::format("using the {} one", model::to_text(other))
             : fmt::format("neither does the {} one: waiting", model::to_text(other));
}

std::optional<Error> PlatformHealth::tired_of_errors(Instant now) const {
  const auto lasted = budget.exhausted_for(now);
  if (lasted < k_patience_with_errors) return std::nullopt;
  return Error{Errc::unavailable, fmt::format("the platform has answered with nothing but errors for {}",
                                              humanize_duration(lasted))};
}

std::optional<Error> PlatformHealth::tired_of_waiting(Instant now) const {
  const auto since = endpoints.down_since();
  if (!since || now - *since < std::max(k_least_patience, 2 * cooldown_)) return std::nullopt;
  const auto lasted = std::chrono::duration_cast<milliseconds>(now - *since);
  return Error{Errc::unavailable,
               fmt::format("neither endpoint has been reachable for {}", humanize_duration(lasted))};
}

void PlatformHealth::be_patient_from(Instant now) {
  endpoints.be_patient_from(now);
  budget.be_patient_from(now);
}

void PlatformHealth::explain(std::vector<model::ReasonToWait>& reasons, Now now) const {
  if (const auto since = endpoints.down_since())
    reasons.push_back({"endpoints_down", "neither endpoint serves",
                       now.wall + std::chrono::duration_cast<milliseconds>(*since - now.steady)});
  if (budget.exhausted())
    reasons.push_back({"platform_errors", "hardly any new row, since the platform answers with errors",
                       now.wall - budget.exhausted_for(now.steady)});
}

}  // namespace cardvoid::dispatch
