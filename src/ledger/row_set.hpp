#pragma once
// A set of rows, one bit each.

#include <algorithm>
#include <cardvoid/model/row.hpp>
#include <cstddef>
#include <vector>

namespace cardvoid::ledger {

class RowSet {
 public:
  bool has(model::RowId id) const {
    const auto at = static_cast<std::size_t>(id);
    return at < bits_.size() && bits_[at];
  }
  void add(model::RowId id) { set(id, true); }
  void set(model::RowId id, bool is_in) {
    if (!is_in && !has(id)) return;
    const auto at = static_cast<std::size_t>(id);
    if (bits_.size() <= at) bits_.resize(std::max(at + 1, bits_.size() * 2));
    bits_[at] = is_in;
  }
  // In ascending order.
  template <class Visit>
  void each(Visit visit) const {
    for (std::size_t at = 0; at < bits_.size(); ++at)
      if (bits_[at]) visit(static_cast<model::RowId>(at));
  }

 private:
  std::vector<bool> bits_;
};

}  // namespace cardvoid::ledger
