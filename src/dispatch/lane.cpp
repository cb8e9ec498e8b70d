#include "lane.hpp"

#include <algorithm>
#include <utility>

namespace cardvoid::dispatch {

namespace {
constexpr std::size_t k_fetch_below = 64;  // rows at hand
}

void Lane::remove(model::RowId row, Queue queue) {
  auto& from = rows(queue);
  const auto found = std::find(from.begin(), from.end(), row);  // mostly the first one
  if (found != from.end()) from.erase(found);
}

std::optional<model::RowId> Lane::first(Queue queue) const {
  const auto& from = rows(queue);
  return from.empty() ? std::nullopt : std::optional{from.front()};
}

model::RowId Lane::send() {
  const auto row = withdraw_first();
  add_to(&Load::in_flight, 1);
  return row;
}

model::RowId Lane::withdraw_first() {
  const auto row = prepared_.front();
  prepared_.pop_front();
  add_to(&Load::preparing, -1);
  return row;
}

model::RowId Lane::withdraw_last() {
  const auto row = prepared_.back();
  prepared_.pop_back();
  add_to(&Load::preparing, -1);
  return row;
}

void Lane::withdraw(model::RowId row) {
  prepared_.erase(std::find(prepared_.begin(), prepared_.end(), row));
  add_to(&Load::preparing, -1);
}

bool Lane::wants_rows() const {
  return !is_fetching() && (supply_ == Supply::all || supply_ == Supply::set_apart) &&
         size(Queue::fresh) + size(Queue::read_backs) + size(Queue::set_apart) < k_fetch_below;
}

std::int64_t Lane::end_fetch(std::size_t count, bool exhausted) {
  const auto missing = std::exchange(fetching_, 0) - static_cast<std::int64_t>(count);
  const bool counts = supply_ == Supply::all;
  if (exhausted) supply_ = counts ? Supply::exhausted : Supply::limited;
  return counts ? missing : 0;
}

}  // namespace cardvoid::dispatch
