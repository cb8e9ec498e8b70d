#pragma once
// The two clocks and their text forms. Pacing and deadlines use the steady clock, which never jumps;
// signatures and records use the wall clock (UTC).

#include <cardvoid/base/error.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid {

using std::chrono::milliseconds;
using Instant = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::time_point<std::chrono::system_clock, milliseconds>;

// One reading of both clocks; the pure rooms take it as an argument.
struct Now {
  Instant steady{};
  WallTime wall{};
};

// Reads both clocks. Only the impure rooms call it.
Now read_clocks();

// "500ms", "10s", "1m30s", "4h", "2d"; a plain "0" is allowed. Error (usage) says what was expected.
Result<milliseconds> parse_duration(std::string_view text);

// The shortest exact form that parse_duration reads back: "1m30s", "250ms", "0s".
std::string format_duration(milliseconds duration);

// For people, at most two units: "55h 33m", "4m 10s", "12s", "350ms".
std::string humanize_duration(milliseconds duration);

// How far another clock is from ours, for people: "4m 10s ahead of ours", "2s behind ours".
std::string humanize_offset(milliseconds theirs_minus_ours);

// RFC 3339, UTC, milliseconds: "2026-11-02T03:04:05.678Z".
std::string format_rfc3339(WallTime time);

// RFC 3339 with 0 to 9 fraction digits and "Z" or an offset (docs/platform.md section 1.5, item 2); digits
// below a millisecond are cut off. nullopt: the text is anything else.
std::optional<WallTime> parse_rfc3339(std::string_view text);

// The IMF-fixdate of an HTTP Date header (RFC 9110 section 5.6.7): "Mon, 02 Nov 2026 03:04:05 GMT".
std::optional<WallTime> parse_http_date(std::string_view text);
std::string format_http_date(WallTime time);

}  // namespace cardvoid
