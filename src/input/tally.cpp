#include "tally.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/translate.hpp>
#include <vector>

namespace cardvoid::input {

void Tally::add(std::string_view identifier, std::int64_t line) {
  if (count_ < static_cast<std::int64_t>(first_.size())) {
    auto masked = mask(identifier);
    if (masked == k_masked) masked.clear();
    first_[static_cast<std::size_t>(count_)] = {line, std::move(masked)};
  }
  ++count_;
}

void Tally::add(const Tally& other) {
  std::vector<Example> all;
  for (const auto* tally : {static_cast<const Tally*>(this), &other})
    for (const auto& example : tally->first_)
      if (example.line > 0) all.push_back(example);
  std::stable_sort(all.begin(), all.end(),
                   [](const Example& a, const Example& b) { return a.line < b.line; });
  std::copy_n(all.begin(), std::min(all.size(), first_.size()), first_.begin());
  count_ += other.count_;
}

void Tally::take_back() {
  --count_;
  if (count_ < static_cast<std::int64_t>(first_.size())) first_[static_cast<std::size_t>(count_)] = {};
}

std::string Tally::examples() const {
  std::string text;
  for (const auto& example : first_)
    if (example.line > 0)
      text += (text.empty() ? "" : ", ") + tr("line {}", example.line) +
              (example.masked.empty() ? "" : " " + example.masked);
  if (count_ > static_cast<std::int64_t>(first_.size())) text += ", …";
  return tr(" ({})", text);
}

}  // namespace cardvoid::input
