#include <algorithm>
#include <cardvoid/base/ascii.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cstdlib>
#include <ctime>
#include <filesystem>

namespace cardvoid {

namespace {

std::tm to_local(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  const std::time_t at{seconds};
  std::tm local{};
  ::localtime_r(&at, &local);
  return local;
}

std::string formatted(WallTime time, const char* format) {
  const auto local = to_local(time);
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &local)};
}

bool is_zone_file(const std::filesystem::path& file) { return read_start(file, 4) == "TZif"; }

// Takes the parts of a POSIX rule from the front of a text (POSIX.1-2017, XBD 8.3, TZ).
class Rule {
 public:
  explicit Rule(std::string_view text) : rest_{text} {}

  bool is_whole() {
    if (!take_name() || !take_time()) return false;
    if (rest_.empty()) return true;
    if (!take_name()) return false;
    if (!rest_.empty() && rest_[0] != ',' && !take_time()) return false;
    return rest_.empty() || (take(',') && take_day() && take(',') && take_day() && rest_.empty());
  }

 private:
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  template <class Test>
  std::size_t take_while(Test test) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), test);
    const auto count = static_cast<std::size_t>(end - rest_.begin());
    rest_.remove_prefix(count);
    return count;
  }

  bool take_number(std::size_t most_digits) {
    const auto digits = take_while(is_digit);
    return digits > 0 && digits <= most_digits;
  }

  bool take_name() {
    constexpr std::size_t k_shortest = 3;
    if (!take('<')) return take_while(is_letter) >= k_shortest;
    const auto fits = [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '-'; };
    return take_while(fits) >= k_shortest && take('>');
  }

  bool take_time() {
    if (!take('+')) take('-');
    if (!take_number(3)) return false;
    for (int parts = 0; parts < 2 && take(':'); ++parts)
      if (!take_number(2)) return false;
    return true;
  }

  bool take_day() {
    if (take('M')) {
      if (!take_number(2) || !take('.') || !take_number(1) || !take('.') || !take_number(1)) return false;
    } else {
      take('J');
      if (!take_number(3)) return false;
    }
    return !take('/') || take_time();
  }

  std::string_view rest_;
};

}  // namespace

int local_minute(WallTime time) {
  const auto local = to_local(time);
  return local.tm_hour * 60 + local.tm_min;
}

std::string format_local(WallTime time) { return formatted(time, "%Y-%m-%d %H:%M %z"); }

std::string format_local_full(WallTime time) { return formatted(time, "%Y-%m-%d %H:%M:%S %z"); }

std::string format_local_day(WallTime time) { return formatted(time, "%a %Y-%m-%d %z"); }

std::string format_local_clock(WallTime time) { return formatted(time, "%H:%M:%S"); }

bool is_time_zone(std::string_view name) {
  const auto fits = [](char c) {
    return is_letter(c) || is_digit(c) || c == '/' || c == '_' || c == '-' || c == '+';
  };
  if (name.empty() || name[0] == '/' || !std::all_of(name.begin(), name.end(), fits)) return false;
  if (name == "UTC") return true;  // even without a zone database
  const char* folder = std::getenv("TZDIR");
  return is_zone_file(std::filesystem::path{folder && *folder ? folder : "/usr/share/zoneinfo"} / name);
}

bool is_zone_variable(std::string_view text) {
  if (text.empty()) return true;  // means UTC
  const bool names_file = text[0] == ':';
  if (names_file) text.remove_prefix(1);
  if (text.starts_with('/')) return is_zone_file(text);
  return is_time_zone(text) || (!names_file && Rule{text}.is_whole());
}

void set_time_zone(const std::string& name) {
  ::setenv("TZ", name.c_str(), 1);
  ::tzset();
}

}  // namespace cardvoid
