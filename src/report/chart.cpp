#include "chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cmath>
#include <utility>

namespace cardvoid::report {

namespace {

using boost::json::array;
using boost::json::object;

constexpr double k_least_visible = 2;  // of 1000

std::string number(double value) {
  auto text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

}  // namespace

Chart::Chart(std::string title, std::string alternative, double top)
    : title_{std::move(title)}, alternative_{std::move(alternative)}, top_{top > 0 ? top : 1} {}

double Chart::y(double value) const { return k_height - std::clamp(value / top_, 0.0, 1.0) * k_height; }

void Chart::shade(double from, double to, std::string_view look, std::string title) {
  const auto begin = std::clamp(from, 0.0, 1.0) * k_width, end = std::clamp(to, 0.0, 1.0) * k_width;
  const auto width = std::max(end - begin, k_least_visible);
  shades_.push_back(
      {std::min(begin, k_width - width), 0, width, k_height, std::string{look}, std::move(title)});
}

void Chart::area(const std::vector<double>& values, std::string_view look, const std::vector<double>& base) {
  if (values.empty()) return;
  const auto part = k_width / static_cast<double>(values.size());
  auto path = fmt::format("M0 {}", number(y(base.empty() ? 0 : base.front())));
  double last = -1;
  // Without a point where the height stays: most of a long run is even.
  const auto go = [&](double x, double at) {
    if (at != last) path += fmt::format("H{}V{}", number(x), number(at));
    last = at;
  };
  for (std::size_t i = 0; i < values.size(); ++i)
    go(static_cast<double>(i) * part, y(values[i] + (base.empty() ? 0 : base[i])));
  path += fmt::format("H{}", number(k_width));
  last = -1;
  if (base.empty()) path += fmt::format("V{}", number(k_height));
  for (std::size_t i = base.size(); i-- > 0;) go(static_cast<double>(i + 1) * part, y(base[i]));
  path += "H0Z";
  areas_.emplace_back(std::string{look}, std::move(path));
}

void Chart::line(const std::vector<double>& values, std::string_view look) {
  if (values.empty()) return;
  const auto part = k_width / static_cast<double>(values.size());
  std::string path;
  bool is_down = false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto x = static_cast<double>(i) * part;
    if (values[i] < 0) {
      if (is_down) path += "H" + number(x);
      is_down = false;
    } else if (!is_down) {
      path += fmt::format("M{} {}", number(x), number(y(values[i])));
      is_down = true;
    } else if (values[i] != values[i - 1]) {
      path += fmt::format("H{}V{}", number(x), number(y(values[i])));
    }
  }
  if (is_down) path += "H" + number(k_width);
  if (!path.empty()) lines_.emplace_back(std::string{look}, std::move(path));
}

void Chart::bars(const std::vector<double>& values, std::string_view look,
                 const std::vector<std::string>& titles) {
  const auto part = k_width / static_cast<double>(std::max<std::size_t>(values.size(), 1));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] <= 0) continue;
    const auto height = std::max(k_height - y(values[i]), k_least_visible);
    bars_.push_back({static_cast<double>(i) * part + part * 0.08, k_height - height, part * 0.84, height,
                     std::string{look}, titles[i]});
  }
}

void Chart::label_x(double at, std::string text) { x_.emplace_back(at * 100, std::move(text)); }
void Chart::label_y(double value, std::string text) {
  y_.emplace_back(100 - y(value) / k_height * 100, std::move(text));
}
void Chart::explain(std::string_view look, std::string text) { legend_.emplace_back(look, std::move(text)); }

object Chart::values() const {
  const auto rectangles = [](const std::vector<Rectangle>& from) {
    array all;
    for (const auto& r : from)
      all.push_back(object{{"x", number(r.x)},
                           {"y", number(r.y)},
                           {"width", number(r.width)},
                           {"height", number(r.height)},
                           {"look", r.look},
                           {"about", r.title}});
    return all;
  };
  const auto named = [](const auto& from, const char* name) {
    array all;
    for (const auto& [look, text] : from) all.push_back(object{{"look", look}, {name, text}});
    return all;
  };
  array x, y_labels;
  for (const auto& [at, text] : x_)
    x.push_back(object{{"at", number(at)}, {"text", text}, {"is_first", at < 4}, {"is_last", at > 96}});
  for (const auto& [at, text] : y_)
    y_labels.push_back(
        object{{"at", number(at)}, {"line", number(k_height - at / 100 * k_height)}, {"text", text}});
  return {{"chart_title", title_},
          {"alternative", alternative_},
          {"shades", rectangles(shades_)},
          {"bars", rectangles(bars_)},
          {"areas", named(areas_, "path")},
          {"lines", named(lines_, "path")},
          {"legend", named(legend_, "entry")},
          {"x_labels", std::move(x)},
          {"y_labels", std::move(y_labels)}};
}

double nice_ceiling(double value) {
  if (!(value > 0)) return 1;
  const auto power = std::pow(10.0, std::floor(std::log10(value)));
  for (const double factor : {1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0})
    if (value <= factor * power * (1 + 1e-9)) return factor * power;
  return 10 * power;
}

namespace {

using std::chrono::minutes;
constexpr std::array k_steps{1,   2,   5,    10,   15,   30,        60,        120,       180,
                             360, 720, 1440, 2880, 7200, 14 * 1440, 30 * 1440, 90 * 1440, 365 * 1440};
constexpr int k_day = 1440, k_most_ticks = 7;

int step_for(milliseconds length) {
  for (const auto step : k_steps)
    if (length <= minutes{step} * k_most_ticks) return step;
  return k_steps.back() * static_cast<int>(length / (minutes{k_steps.back()} * k_most_ticks) + 1);
}

}  // namespace

std::vector<WallTime> ticks(WallTime from, WallTime to) {
  const auto step = step_for(to - from);
  // Counted from local midnight of the first day; a day of 23 or 25 hours moves what follows it.
  const auto whole_minute = std::chrono::ceil<minutes>(from);
  auto since_midnight = local_minute(whole_minute);
  auto at = whole_minute;
  const auto aligned = std::min(step, k_day);
  if (const auto over = since_midnight % aligned; over != 0) at += minutes{aligned - over};
  std::vector<WallTime> found;
  for (; at <= to && found.size() < k_most_ticks + 1; at += minutes{step}) found.push_back(at);
  return found;
}

std::string tick_text(WallTime at, WallTime from, WallTime to) {
  const auto text = format_local(at);  // "2026-11-27 01:00 +0800"
  const auto date = text.substr(5, 5), clock = text.substr(11, 5);
  if (step_for(to - from) >= k_day) return date;
  return format_local(from).substr(0, 10) == format_local(to).substr(0, 10) ? clock : date + " " + clock;
}

}  // namespace cardvoid::report
