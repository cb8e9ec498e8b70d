#include <cardvoid/dispatch/throttled_cards.hpp>

namespace cardvoid::dispatch {

namespace {
constexpr std::size_t k_answers_kept = 50;
constexpr double k_no_chance = 1e-5;
}  // namespace

double ThrottledCards::chance(model::RowId row, bool is_alone) const {
  int answered = 0, throttled = 0;
  for (auto answer = latest_.rbegin(); answer != latest_.rend(); ++answer) {
    if (answer->row == row) {
      if (is_alone) continue;
      break;
    }
    ++answered, throttled += answer->throttled;
  }
  return answered == 0 ? 1 : (throttled + 1.0) / (answered + 2.0);
}

bool ThrottledCards::heard(model::RowId row, bool throttled, bool is_alone) {
  bool is_singled_out = false;
  if (!throttled) {
    series_.erase(row);
  } else if (const auto [series, is_first] = series_.try_emplace(row, 1); !is_first) {
    series->second *= chance(row, is_alone);
    is_singled_out = series->second < k_no_chance;
  }
  latest_.push_back({row, throttled});
  if (latest_.size() > k_answers_kept) latest_.pop_front();
  return is_singled_out;
}

}  // namespace cardvoid::dispatch
