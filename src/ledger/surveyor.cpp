#include "surveyor.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "state.hpp"

namespace cardvoid::ledger {

namespace {

constexpr std::size_t k_counters = 1000, k_openids_shown = 3;
constexpr std::int64_t k_least_frequent = 10;

template <class Key, class Totals>
std::vector<Totals> values_of(std::map<Key, Totals>& totals) {
  std::vector<Totals> values;
  values.reserve(totals.size());
  for (auto& [key, value] : totals) values.push_back(std::move(value));
  return values;
}

}  // namespace

Surveyor::Surveyor(sqlite::Connection& db, std::size_t most_templates)
    : most_templates_{most_templates}, plan_{db}, openids_{k_counters}, reasons_{k_counters} {}

void Surveyor::add(const SurveyedRow& row) {
  add_to_brand(row);
  add_to_template(row);
  if (!row.openid.empty()) openids_.add(row.openid);
  if (!row.is_to_send) return;
  reasons_.add(row.reason);
  plan_.add({row.brand_id, row.card_id, row.code, row.openid, row.reason});
}

void Surveyor::add_to_brand(const SurveyedRow& row) {
  if (!brand_ || row.brand_id != brand_->brand_id) {
    std::string brand{row.brand_id};
    const bool has_room = brands_.size() < most_templates_ || brands_.contains(brand);
    brand_ = has_room ? &brands_[brand] : &other_brands_;
    brand_->brand_id = std::move(brand);
  }
  using enum model::Status;
  auto& brand = *brand_;
  brand.first = brand.rows++ == 0 ? row.id : std::min(brand.first, row.id);
  brand.to_send += row.is_to_send;
  brand.named += row.is_named;
  brand.was_requested = brand.was_requested || row.was_requested || row.status != pending;
  brand.held_back += row.status == pending && !row.is_to_send;
  brand.in_doubt += !row.is_accepted && (row.status == in_flight || row.status == unresolved);
  brand.invalidated += row.status == invalidated;
  brand.rejected += row.status == rejected;
}

void Surveyor::add_to_template(const SurveyedRow& row) {
  if (!template_ || row.brand_id != template_->brand_id || row.card_id != template_->card_id) {
    std::pair key{std::string{row.brand_id}, std::string{row.card_id}};
    const bool has_room = templates_.size() < most_templates_ || templates_.contains(key);
    template_ = has_room ? &templates_[key] : &other_templates_;
    if (has_room) std::tie(template_->brand_id, template_->card_id) = std::move(key);
  }
  using enum model::Status;
  auto& totals = *template_;
  ++totals.rows;
  totals.to_send += row.is_to_send;
  if (row.is_accepted) return;
  totals.conflicts += row.status == pending && row.has_conflict;
  totals.in_doubt += row.status == in_flight || row.status == unresolved;
  totals.invalidated += row.status == invalidated;
  totals.rejected += row.status == rejected;
}

Survey Surveyor::finish(std::string ids_to_send) {
  Survey survey;
  survey.templates = values_of(templates_);
  survey.others = other_templates_;
  survey.brands = values_of(brands_);
  survey.frequent_openids = openids_.top(k_openids_shown, k_least_frequent);
  survey.reasons = {reasons_.top(k_counters, 1), static_cast<std::int64_t>(reasons_.different()),
                    reasons_.is_exact()};
  survey.plan = plan_.finish(std::move(ids_to_send));
  return survey;
}

Writes writes_to(const sqlite::Connection& db) {
  return {sqlite3_total_changes64(db.get()), ask(db, "PRAGMA data_version")};
}

}  // namespace cardvoid::ledger
