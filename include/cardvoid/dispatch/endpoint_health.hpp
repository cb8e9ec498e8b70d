#pragma once
// Which endpoint serves: a circuit breaker for each, primary preferred (docs/platform.md section 6). Pure.

#include <array>
#include <cardvoid/base/time.hpp>
#include <cardvoid/model/outcome.hpp>
#include <optional>

namespace cardvoid::dispatch {

// closed: serves. open: failed `failover_after` times in a row; not used until its cool-down ends. Then it is
// half-open: one real request goes there as a probe. Its success closes the circuit, its failure opens it
// again. `now` never goes backwards. Not thread-safe.
class EndpointHealth {
 public:
  struct Settings {
    int failover_after = 3;
    milliseconds cooldown{30'000};
  };
  enum class State { closed, open, half_open };
  static const char* to_text(State state);

  explicit EndpointHealth(Settings settings);

  // The endpoint for a request that starts now: the primary when it serves or is due for a probe, else the
  // backup. `avoid`: where this card failed last; used only when the other one does not serve. nullopt: none
  // can be used before wake_at().
  std::optional<model::Endpoint> choose(Instant now, std::optional<model::Endpoint> avoid) const;

  // A request was started there; a due probe is now under way.
  void started(model::Endpoint endpoint, Instant now);
  // The request was given up before it could show anything about the endpoint.
  void abandoned(model::Endpoint endpoint, Instant started);
  // The request ended. One that started before the last change of state does not count.
  // Both return true when the state changed.
  bool succeeded(model::Endpoint endpoint, Instant started, Instant now);
  bool failed(model::Endpoint endpoint, Instant started, Instant now);
  // Its certificate cannot be trusted: open at once.
  bool distrust(model::Endpoint endpoint, Instant now);

  State state(model::Endpoint endpoint) const { return circuit(endpoint).state; }
  bool distrusted(model::Endpoint endpoint) const { return circuit(endpoint).distrusted; }
  // When choose() may answer differently; Instant::max() when only an event can change it.
  Instant wake_at() const;
  // The run was paused until `now`: that time does not count against the endpoints.
  void be_patient_from(Instant now) {
    if (down_since_) down_since_ = now;
  }
  // Since when neither serves; nullopt while one does.
  std::optional<Instant> down_since() const { return down_since_; }

 private:
  struct Circuit {
    State state = State::closed;
    int failures = 0;    // in a row
    int reopened = 0;    // probes that failed in a row
    Instant changed{};   // last change of state
    Instant probe_at{};  // when open: end of the cool-down
    bool distrusted = false;
  };
  Circuit& circuit(model::Endpoint e) { return circuits_[e == model::Endpoint::primary ? 0 : 1]; }
  const Circuit& circuit(model::Endpoint e) const { return circuits_[e == model::Endpoint::primary ? 0 : 1]; }
  void open(Circuit& circuit, Instant now);

  Settings settings_;
  std::array<Circuit, 2> circuits_;
  std::optional<Instant> down_since_;
};

}  // namespace cardvoid::dispatch
