#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cardvoid/base/time.hpp>

namespace cardvoid {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;

constexpr std::array<std::string_view, 12> k_months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> k_weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

// Reads exactly `digits` decimal digits at the front of `text` and removes them; -1 when they are not there.
int take_digits(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return -1;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

std::optional<WallTime> compose(int year, int month, int day, int hour, int minute, int second) {
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (year < 0 || month < 1 || day < 1 || !date.ok()) return std::nullopt;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return std::nullopt;
  return sys_days{date} + hours{hour} + minutes{minute} + seconds{second};
}

// Nothing for a time outside the years that four digits can write: "9999-12-31T23:59:60Z", or one that its
// offset leads there.
std::optional<WallTime> within_four_digits(WallTime time) {
  constexpr WallTime k_first = sys_days{std::chrono::year{0} / 1 / 1};
  constexpr WallTime k_end = sys_days{std::chrono::year{10'000} / 1 / 1};
  if (time < k_first || time >= k_end) return std::nullopt;
  return time;
}

struct Fields {
  int year;
  unsigned month, day, weekday;
  int hour, minute, second, ms;
};

Fields split(WallTime time) {
  // A database that somebody has changed may say any number; a year has 16 bits.
  time = std::clamp<WallTime>(time, sys_days{std::chrono::year::min() / 1 / 1},
                              sys_days{std::chrono::year::max() / 12 / 31});
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          std::chrono::weekday{day}.c_encoding(),
          static_cast<int>(clock.hours().count()),
          static_cast<int>(clock.minutes().count()),
          static_cast<int>(clock.seconds().count()),
          static_cast<int>(clock.subseconds().count())};
}

}  // namespace

std::string format_rfc3339(WallTime time) {
  const auto f = split(time);
  if (f.year < 0 || f.year > 9999)
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", f.year, f.month, f.day, f.hour, f.minute,
                       f.second, f.ms);
  // By hand: an export writes millions of times, and fmt takes four times as long.
  std::string text{"0000-00-00T00:00:00.000Z"};
  const auto put = [&text](std::size_t last, unsigned value) {
    for (; value > 0; value /= 10) text[last--] = static_cast<char>('0' + value % 10);
  };
  put(3, static_cast<unsigned>(f.year)), put(6, f.month), put(9, f.day);
  put(12, static_cast<unsigned>(f.hour)), put(15, static_cast<unsigned>(f.minute));
  put(18, static_cast<unsigned>(f.second)), put(22, static_cast<unsigned>(f.ms));
  return text;
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  const int year = take_digits(text, 4);
  if (!take(text, "-")) return std::nullopt;
  const int month = take_digits(text, 2);
  if (!take(text, "-")) return std::nullopt;
  const int day = take_digits(text, 2);
  if (!take(text, "T") && !take(text, "t") && !take(text, " ")) return std::nullopt;
  const int hour = take_digits(text, 2);
  if (!take(text, ":")) return std::nullopt;
  const int minute = take_digits(text, 2);
  if (!take(text, ":")) return std::nullopt;
  const int second = take_digits(text, 2);
  auto time = compose(year, month, day, hour, minute, second);
  if (!time) return std::nullopt;

  if (take(text, ".")) {
    int digits = 0, ms = 0;
    for (; digits < 9 && !text.empty() && text[0] >= '0' && text[0] <= '9'; ++digits, text.remove_prefix(1))
      if (digits < 3) ms = ms * 10 + (text[0] - '0');
    if (digits == 0) return std::nullopt;
    for (; digits < 3; ++digits) ms *= 10;
    *time += milliseconds{ms};
  }
  if (take(text, "Z") || take(text, "z")) {
    if (!text.empty()) return std::nullopt;
    return within_four_digits(*time);
  }

  const bool west = text.starts_with('-');
  if (!take(text, "+") && !take(text, "-")) return std::nullopt;
  const int offset_hours = take_digits(text, 2);
  if (!take(text, ":")) return std::nullopt;
  const int offset_minutes = take_digits(text, 2);
  if (offset_hours < 0 || offset_hours > 23 || offset_minutes < 0 || offset_minutes > 59 || !text.empty())
    return std::nullopt;
  const auto offset = hours{offset_hours} + minutes{offset_minutes};
  return within_four_digits(west ? *time + offset : *time - offset);
}

std::string format_http_date(WallTime time) {
  const auto f = split(time);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", k_weekdays[f.weekday], f.day,
                     k_months[f.month - 1], f.year, f.hour, f.minute, f.second);
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  const auto comma = text.find(", ");
  if (comma == std::string_view::npos) return std::nullopt;
  text.remove_prefix(comma + 2);
  const int day = take_digits(text, 2);
  if (!take(text, " ")) return std::nullopt;
  int month = 0;
  for (std::size_t i = 0; i < k_months.size(); ++i)
    if (take(text, k_months[i])) month = static_cast<int>(i) + 1;
  if (month == 0 || !take(text, " ")) return std::nullopt;
  const int year = take_digits(text, 4);
  if (!take(text, " ")) return std::nullopt;
  const int hour = take_digits(text, 2);
  if (!take(text, ":")) return std::nullopt;
  const int minute = take_digits(text, 2);
  if (!take(text, ":")) return std::nullopt;
  const int second = take_digits(text, 2);
  if (text != " GMT") return std::nullopt;
  const auto time = compose(year, month, day, hour, minute, second);
  if (!time) return std::nullopt;
  return within_four_digits(*time);
}

}  // namespace cardvoid
