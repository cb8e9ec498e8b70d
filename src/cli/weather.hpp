#pragma once
// The scenarios of a rehearsal: what goes wrong at the simulated platform, and when.

#include <cardvoid/base/clock.hpp>
#include <cardvoid/run/observer.hpp>
#include <cardvoid/sandbox/sandbox.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

namespace cardvoid::cli {

enum class Scenario { calm, bad_day, primary_down, rate_storm, lost_answers };
std::string_view to_text(Scenario scenario);  // "bad-day"
const char* describe(Scenario scenario);      // completes "…: "

// What holds from one moment of the rehearsal to the next.
struct Stretch {
  double from = 0;  // begins when this share of the cards is done
  std::map<sandbox::Fault, double> faults = {};
  std::optional<sandbox::Outage::Kind> primary = {}, backup = {};
  double allowed = 1;  // share of the job's rate that the platform takes; above: 429
  // The next stretch begins after this time, although no card gets done; nullopt: it waits for the cards.
  std::optional<milliseconds> longest = {};
};
std::vector<Stretch> stretches(Scenario scenario);

// Changes the sandbox as the rehearsal goes on.
class Weather final : public run::Observer {
 public:
  // `rate`: requests/s that the job's limits come to. The sandbox must outlive it.
  Weather(Scenario scenario, sandbox::Sandbox& sandbox, double rate, std::int64_t cards, const Clock& clock);
  void progress(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts) override;

 private:
  void apply(const Stretch& stretch);

  sandbox::Sandbox& sandbox_;
  const double rate_;
  const std::int64_t cards_;
  const Clock clock_;
  const std::vector<Stretch> stretches_;
  std::size_t at_ = 0;
  Instant since_;
};

}  // namespace cardvoid::cli
