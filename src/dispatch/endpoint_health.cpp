#include <algorithm>
#include <cardvoid/dispatch/endpoint_health.hpp>

namespace cardvoid::dispatch {

using model::Endpoint;
using namespace std::chrono_literals;

const char* EndpointHealth::to_text(State state) {
  switch (state) {
    case State::closed: return "closed";
    case State::open: return "open";
    case State::half_open: return "half_open";
  }
  return "";
}

EndpointHealth::EndpointHealth(Settings settings) : settings_{settings} {}

std::optional<Endpoint> EndpointHealth::choose(Instant now, std::optional<Endpoint> avoid) const {
  const auto serves = [&](Endpoint e) {
    const auto& c = circuit(e);
    return c.state == State::closed || (c.state == State::open && now >= c.probe_at);
  };
  const auto first = avoid == Endpoint::primary && circuit(Endpoint::backup).state == State::closed
                         ? Endpoint::backup
                         : Endpoint::primary;
  if (serves(first)) return first;
  if (serves(model::other(first))) return model::other(first);
  return std::nullopt;
}

void EndpointHealth::started(Endpoint endpoint, Instant now) {
  auto& c = circuit(endpoint);
  if (c.state != State::open) return;
  c.state = State::half_open;
  c.changed = now;
}

void EndpointHealth::abandoned(Endpoint endpoint, Instant started) {
  auto& c = circuit(endpoint);
  if (c.state != State::half_open || started < c.changed) return;
  c.state = State::open;  // probe_at is past: the next request probes
}

bool EndpointHealth::succeeded(Endpoint endpoint, Instant started, Instant now) {
  auto& c = circuit(endpoint);
  if (c.state == State::closed) {
    c.failures = 0;
    return false;
  }
  if (c.state != State::half_open || started < c.changed) return false;
  c = Circuit{};
  c.changed = now;
  down_since_.reset();
  return true;
}

bool EndpointHealth::failed(Endpoint endpoint, Instant started, Instant now) {
  auto& c = circuit(endpoint);
  if (started < c.changed) return false;  // began before the circuit last changed: already counted
  if (c.state == State::open) return false;
  if (c.state == State::closed && ++c.failures < settings_.failover_after) return false;
  open(c, now);
  return true;
}

bool EndpointHealth::distrust(Endpoint endpoint, Instant now) {
  auto& c = circuit(endpoint);
  c.distrusted = true;
  if (c.state == State::open) return false;
  open(c, now);
  return true;
}

void EndpointHealth::open(Circuit& c, Instant now) {
  if (c.state == State::half_open) ++c.reopened;
  c.state = State::open;
  c.failures = 0;
  c.changed = now;
  c.probe_at = now + settings_.cooldown;
  const bool both = std::all_of(circuits_.begin(), circuits_.end(),
                                [](const Circuit& each) { return each.state != State::closed; });
  if (!both) return;
  if (!down_since_) down_since_ = now;
  // Neither serves: probe again soon, then less and less often, up to the cool-down.
  for (auto& each : circuits_)
    if (each.state == State::open)
      each.probe_at =
          std::min(each.probe_at,
                   now + std::min<milliseconds>(settings_.cooldown, 1s * (1 << std::min(each.reopened, 6))));
}

Instant EndpointHealth::wake_at() const {
  auto at = Instant::max();
  for (const auto& c : circuits_)
    if (c.state == State::open) at = std::min(at, c.probe_at);
  return at;
}

}  // namespace cardvoid::dispatch
