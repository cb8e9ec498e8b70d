#pragma once
// Which values come most often in a long stream, at constant memory (Misra and Gries, "Finding repeated
// elements", 1982).

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cardvoid::ledger {

class FrequentValues {
 public:
  // Every value that is more than one in `counters` of the stream is found, exactly counted while there are
  // no more than `counters` different ones.
  explicit FrequentValues(std::size_t counters) : most_(counters) { counts_.reserve(counters); }

  void add(std::string_view value) {
    if (const auto found = counts_.find(value); found != counts_.end()) {
      ++found->second;
    } else if (counts_.size() < most_) {
      begin(value);
    } else {
      is_exact_ = false;
      for (auto each = counts_.begin(); each != counts_.end();) {
        const auto next = std::next(each);
        if (--each->second == 0) spare_.push_back(counts_.extract(each));
        each = next;
      }
    }
  }

  // False: more than `counters` different values came, and counts are at least so high.
  bool is_exact() const { return is_exact_; }
  std::size_t different() const { return counts_.size(); }

  // The most frequent first, each with how often it came at least.
  std::vector<std::pair<std::string, std::int64_t>> top(std::size_t count, std::int64_t at_least) const {
    std::vector<std::pair<std::string, std::int64_t>> all;
    for (const auto& each : counts_)
      if (each.second >= at_least) all.emplace_back(each);
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    if (all.size() > count) all.resize(count);
    return all;
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Counts = std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>>;

  void begin(std::string_view value) {
    if (spare_.empty()) return void(counts_.emplace(value, 1));
    auto node = std::move(spare_.back());
    spare_.pop_back();
    node.key() = value, node.mapped() = 1;
    counts_.insert(std::move(node));
  }

  std::size_t most_;
  bool is_exact_ = true;
  Counts counts_;
  std::vector<Counts::node_type> spare_;  // where every value is another one, their memory is used again
};

}  // namespace cardvoid::ledger
