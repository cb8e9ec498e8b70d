#pragma once
// Why a run waits, or why it is slower than its job allows.

#include <cardvoid/base/time.hpp>
#include <optional>
#include <string>

namespace cardvoid::model {

struct ReasonToWait {
  std::string kind;   // for programs: "paused", "throttled", "endpoints_down", …
  std::string words;  // for people: "paused by alice"
  std::optional<WallTime> since{}, until{};
  bool operator==(const ReasonToWait&) const = default;

  // It only sets the pace, and nothing is held up.
  bool is_pace() const { return kind == "rate_set" || kind == "shared"; }
};

// "paused by alice since 2026-11-02T03:04:05.678Z"
std::string to_text(const ReasonToWait& reason);

}  // namespace cardvoid::model
