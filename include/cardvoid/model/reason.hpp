#pragma once
// Why a run waits, or why it is slower than its job allows.

#include <cardvoid/base/time.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::model {

struct ReasonToWait {
  std::string kind;   // for programs: "paused", "throttled", "endpoints_down", …
  std::string words;  // for people: "paused by alice"
  std::optional<WallTime> since{}, until{};
  std::optional<double> found_rate{};  // requests/s that the platform was found to accept, of "slowed"
  bool operator==(const ReasonToWait&) const = default;

  // It only sets the pace, and nothing is held up.
  bool is_pace() const { return kind == "rate_set" || kind == "shared" || kind == "slowed"; }
  // It lasts from a person's command, at `since`, until the next one.
  static bool is_by_person(std::string_view kind) { return kind == "paused" || kind == "rate_set"; }
  bool is_by_person() const { return is_by_person(kind); }
  // Nothing is sent, and no one can tell for how long.
  bool holds_up() const { return !is_pace() && kind != "throttled" && kind != "canary"; }
};

// "paused by alice since 2026-11-02 11:04:05 +0800", by the zone in force
std::string to_text(const ReasonToWait& reason);

}  // namespace cardvoid::model
