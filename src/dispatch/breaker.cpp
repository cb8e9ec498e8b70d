#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/dispatch/breaker.hpp>
#include <map>
#include <utility>

namespace cardvoid::dispatch {

namespace {
constexpr std::size_t k_rows_kept = 50, k_rows_to_judge = 20;
// A share is compared as a number of rows: 0.07 * 50 is not quite 3.5, and 10 of 50 are not above 0.2.
constexpr double k_rounding = 1e-9;
}  // namespace

bool Breaker::note(Settled row) {
  last_.push_back(std::move(row));
  if (last_.size() > k_rows_kept) last_.pop_front();
  return last_.back().failed && last_.size() >= k_rows_to_judge &&
         static_cast<double>(failed()) > max_failure_rate_ * static_cast<double>(last_.size()) + k_rounding;
}

std::size_t Breaker::failed() const {
  return static_cast<std::size_t>(
      std::count_if(last_.begin(), last_.end(), [](const Settled& row) { return row.failed; }));
}

std::vector<model::RowId> Breaker::failed_rows() const {
  std::vector<model::RowId> rows;
  for (const auto& row : last_)
    if (row.failed) rows.push_back(row.row);
  return rows;
}

std::string Breaker::describe() const {
  std::map<std::string, int> by_error;
  for (const auto& row : last_)
    if (row.failed) ++by_error[row.error_code];
  auto text = fmt::format(
      "{} of the last {} settled rows were rejected or left unresolved, which is more than "
      "safety.max_failure_rate = {:g}",
      failed(), last_.size(), max_failure_rate_);
  const auto most = std::max_element(by_error.begin(), by_error.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == by_error.end()) return text;
  const auto example = std::find_if(last_.rbegin(), last_.rend(), [&](const Settled& row) {
    return row.failed && row.error_code == most->first;
  });
  return text + fmt::format("; {} with {}, such as line {} (code {})",
                            most->second == static_cast<int>(failed()) ? "all" : std::to_string(most->second),
                            most->first.empty() ? "no error code" : most->first, example->source_line,
                            example->code);
}

}  // namespace cardvoid::dispatch
