#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/dispatch/dispatcher.hpp>
#include <utility>

// What people change while a run is under way, and what they are told of why it waits.
namespace cardvoid::dispatch {

void Dispatcher::pause(Steered by) {
  if (!paused_) paused_ = std::move(by);
}

void Dispatcher::resume(Instant now) {
  if (!paused_) return;
  paused_.reset();
  health_.be_patient_from(now);
  budget_.be_patient_from(now);
  throttled_since_.reset();
}

void Dispatcher::set_rate(double requests_per_second, Steered by, Instant now) {
  requests_per_second_ = requests_per_second;
  for (auto& lane : lanes_) lane.pace->set_limit(requests_per_second, now);
  rate_set_.reset();
  if (requests_per_second != settings_.requests_per_second) rate_set_ = std::move(by);
}

std::vector<model::ReasonToWait> Dispatcher::reasons_to_wait(Now now) const {
  const auto wall = [&](Instant at) {
    return now.wall + std::chrono::duration_cast<milliseconds>(at - now.steady);
  };
  std::vector<model::ReasonToWait> reasons;
  if (stopped_) reasons.push_back({"stopping", "stopping: " + stopped_->what});
  if (paused_) reasons.push_back({"paused", "paused by " + paused_->by, paused_->at});
  auto throttled_until = now.steady;
  for (const auto& lane : lanes_) throttled_until = std::max(throttled_until, lane.pace->paused_until());
  if (throttled_until > now.steady)
    reasons.push_back({"throttled", "paused by 429", std::nullopt, wall(throttled_until)});
  if (const auto since = health_.down_since())
    reasons.push_back({"endpoints_down", "neither endpoint serves", wall(*since)});
  if (budget_.exhausted())
    reasons.push_back({"platform_errors", "hardly any new row, since the platform answers with errors",
                       now.wall - budget_.exhausted_for(now.steady)});
  std::size_t others = 0;
  for (const auto& lane : lanes_) others = std::max(others, lane.pace->shared_with());
  if (others > 0)
    reasons.push_back(
        {"shared", fmt::format("shares the limit with {} other run{}", others, others == 1 ? "" : "s")});
  if (rate_set_)
    reasons.push_back({"rate_set",
                       fmt::format("{:g} requests/s set by {}", requests_per_second_, rate_set_->by),
                       rate_set_->at});
  return reasons;
}

}  // namespace cardvoid::dispatch
