// Durations and dates as people and servers write them.

#include <cardvoid/base/time.hpp>

#include "fuzz/target.hpp"

namespace cardvoid::fuzz::time_texts {

FUZZ_TARGET(time_text, "a time that is read and written reads back as it was") {
  if (const auto duration = parse_duration(bytes)) {
    const auto again = parse_duration(format_duration(*duration));
    require(again && *again == *duration, "a duration reads back as it was");
    require(!humanize_duration(*duration).empty(), "a duration has words");
    (void)humanize_offset(*duration);
  }
  if (const auto time = parse_rfc3339(bytes)) {
    const auto again = parse_rfc3339(format_rfc3339(*time));
    require(again && *again == *time, "a time reads back as it was");
  }
  if (const auto time = parse_http_date(bytes)) {
    const auto again = parse_http_date(format_http_date(*time));
    require(again && *again == *time, "an HTTP date reads back as it was");
  }
}

}  // namespace cardvoid::fuzz::time_texts
