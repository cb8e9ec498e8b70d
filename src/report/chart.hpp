#pragma once
// Charts as values for pages/chart.mustache, which draws them as inline SVG. Pure. The plot is 1000 wide and
// 300 high, stretched to the width of the page; what is to be read stands beside it as text.

#include <boost/json/object.hpp>
#include <cardvoid/base/time.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cardvoid::report {

class Chart {
 public:
  static constexpr double k_width = 1000, k_height = 300;

  // `alternative`: what the chart shows, for those who cannot see it. `top`: the value at its upper edge.
  Chart(std::string title, std::string alternative, double top);

  // `from` and `to` in parts of the width, 0 to 1. At least visible, and within the plot.
  void shade(double from, double to, std::string_view look, std::string title);
  // Steps that fill the plot from the ground up, one value for each of the equal parts of the width. `base`:
  // what they stand on.
  void area(const std::vector<double>& values, std::string_view look, const std::vector<double>& base = {});
  // A line of steps. A negative value is a gap.
  void line(const std::vector<double>& values, std::string_view look);
  // Single bars with a gap between them.
  void bars(const std::vector<double>& values, std::string_view look, const std::vector<std::string>& titles);
  void label_x(double at, std::string text);  // in parts of the width
  void label_y(double value, std::string text);
  void explain(std::string_view look, std::string text);  // an entry of the legend

  boost::json::object values() const;

 private:
  double y(double value) const;

  std::string title_, alternative_;
  double top_;
  struct Rectangle {
    double x, y, width, height;
    std::string look, title;
  };
  std::vector<Rectangle> shades_, bars_;
  std::vector<std::pair<std::string, std::string>> areas_, lines_, legend_;  // look and path, look and text
  std::vector<std::pair<double, std::string>> x_, y_;                        // in percent of the plot
};

// A round number, easy to halve, that is not below and not far above; 1 for what is not positive.
double nice_ceiling(double value);

// Times to name on an axis of this length, at most seven, at round local times.
std::vector<WallTime> ticks(WallTime from, WallTime to);
// Such a time in few characters, "01:00", "11-27 01:00" or "11-27".
std::string tick_text(WallTime at, WallTime from, WallTime to);

}  // namespace cardvoid::report
