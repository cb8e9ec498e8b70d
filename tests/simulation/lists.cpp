#include "lists.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace cardvoid::simulation {

namespace {

class Source : public input::Source {
 public:
  Source(std::vector<model::InputRow> rows, std::string description)
      : rows_{std::move(rows)}, description_{std::move(description)} {}
  Result<std::optional<input::Record>> next() override {
    if (at_ == rows_.size()) return std::optional<input::Record>{};
    return std::optional<input::Record>{rows_[at_++]};
  }
  std::string description() const override { return description_; }
  std::string_view raw() override { return {}; }
  std::string line_of(const model::Card&) const override { return {}; }
  input::Dialect dialect() const override { return {}; }
  // One list, one content.
  model::ListFile file() const override { return {"list.csv", {}, description_}; }

 private:
  std::vector<model::InputRow> rows_;
  std::string description_;
  std::size_t at_ = 0;
};

}  // namespace

std::string Lists::description(std::size_t number) { return fmt::format("list {}", number); }

void Lists::begin(std::size_t count) {
  planned_.assign(cards_.size(), false);
  named_.resize(cards_.size());
  List first(cards_.size());
  for (std::size_t i = 0; i < count; ++i) first[i] = Named{cards_[i].card.openid, cards_[i].card.reason};
  all_ = {std::move(first)};
}

void Lists::complete() {
  auto next = all_.back();
  const auto is_new = [this](std::size_t card) {
    return std::none_of(all_.begin(), all_.end(),
                        [card](const List& list) { return list[card].has_value(); });
  };
  for (std::size_t i = 0; i < cards_.size(); ++i)
    if (is_new(i)) next[i] = Named{cards_[i].card.openid, cards_[i].card.reason};
  if (next != all_.back()) all_.push_back(std::move(next));
}

void Lists::change() {
  auto next = all_.back();
  const auto known =
      std::count_if(next.begin(), next.end(), [](const auto& line) { return line.has_value(); });
  auto left = known;
  for (std::size_t i = 0; i < next.size(); ++i) {
    if (next[i] && left > 1 && chance_.happens(0.2)) {
      next[i].reset();
      --left;
    } else if (next[i] && chance_.happens(0.15)) {
      auto& wrong = chance_.happens(0.5) ? next[i]->openid : next[i]->reason;
      wrong += "x";
    } else if (next[i] && chance_.happens(0.2)) {
      next[i] = Named{cards_[i].card.openid, cards_[i].card.reason};
    } else if (!next[i] && chance_.happens(0.3)) {
      for (const auto& list : all_)
        if (list[i]) next[i] = list[i];
    }
  }
  if (next != all_.back()) all_.push_back(std::move(next));
}

void Lists::settle(const std::function<std::optional<Named>(std::size_t)>& as_sent) {
  auto next = all_.back();
  for (std::size_t i = 0; i < next.size(); ++i)
    if (next[i] || chance_.happens(0.5))
      next[i] = as_sent(i).value_or(Named{cards_[i].card.openid, cards_[i].card.reason});
  if (next != all_.back()) all_.push_back(std::move(next));
}

std::unique_ptr<input::Source> Lists::source() const {
  std::vector<model::InputRow> rows;
  for (std::size_t i = 0; i < cards_.size(); ++i) {
    const auto& line = all_.back()[i];
    if (!line) continue;
    auto card = cards_[i].card;
    card.openid = line->openid, card.reason = line->reason;
    rows.push_back({std::move(card), static_cast<std::int64_t>(rows.size()) + 2});
  }
  return std::make_unique<Source>(std::move(rows), description(number()));
}

bool Lists::imported(std::size_t number) {
  // After a failed sync an import may have been seen that a power loss then takes away (fsync(2)).
  while (!complete_.empty() && complete_.back() > number) complete_.pop_back();
  if (complete_.empty() || complete_.back() != number) complete_.push_back(number);
  const auto before = planned_;
  note_complete();
  for (std::size_t i = 0; i < planned_.size(); ++i)
    if (planned_[i] && !before[i]) return true;
  return false;
}

void Lists::note_complete() {
  planned_.assign(cards_.size(), false);
  for (const auto number : complete_)
    for (std::size_t i = 0; i < cards_.size(); ++i) {
      if (!all_[number][i]) continue;
      planned_[i] = true;
      named_[i] = *all_[number][i];
    }
}

std::size_t Lists::planned() const {
  return static_cast<std::size_t>(std::count(planned_.begin(), planned_.end(), true));
}

const Lists::Named* Lists::listed(std::size_t card) const {
  if (complete_.empty()) return nullptr;
  const auto& line = all_[complete_.back()][card];
  return line ? &*line : nullptr;
}

}  // namespace cardvoid::simulation
