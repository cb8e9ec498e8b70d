#include "weather.hpp"

#include <algorithm>
#include <array>
#include <cardvoid/base/translate.hpp>

namespace cardvoid::cli {

namespace {

using namespace std::chrono_literals;
using enum sandbox::Fault;
using enum sandbox::Outage::Kind;

struct Word {
  std::string_view text;
  const char* description;
};
constexpr std::array<Word, 5> k_words{
    Word{"calm", translatable("every request is answered")},
    {"bad-day", translatable("the primary endpoint fails, then the rate is cut, answers get lost, and both "
                             "endpoints are away for a "
                             "moment; of every 400 cards two were invalid before and one is unknown")},
    {"primary-down", translatable("the primary endpoint is silent and then refuses, and the backup serves")},
    {"rate-storm",
     translatable(
         "for half of the time the platform takes only half of the rate and answers 429 to the rest")},
    {"lost-answers",
     translatable("one answer in ten gets lost, most of them after the card was invalidated")}};

const Word& word_of(Scenario scenario) { return k_words.at(static_cast<std::size_t>(scenario)); }

}  // namespace

std::string_view to_text(Scenario scenario) { return word_of(scenario).text; }
const char* describe(Scenario scenario) { return word_of(scenario).description; }

std::vector<Stretch> stretches(Scenario scenario) {
  switch (scenario) {
    case Scenario::calm: break;
    case Scenario::bad_day:
      return {{},
              {.from = 0.15, .primary = black_hole},
              {.from = 0.3, .faults = {{system_error, 0.05}}, .allowed = 0.6},
              {.from = 0.45, .faults = {{reset_applied, 0.04}, {gateway, 0.03}, {no_answer, 0.01}}},
              // Shorter than a run's patience without any endpoint.
              {.from = 0.65, .primary = refuse, .backup = refuse, .longest = 15s},
              {.from = 0.65, .faults = {{system_error, 0.01}}}};
    case Scenario::primary_down:
      return {{}, {.from = 0.2, .primary = black_hole}, {.from = 0.4, .primary = refuse}, {.from = 0.6}};
    case Scenario::rate_storm: return {{}, {.from = 0.2, .allowed = 0.5}, {.from = 0.7}};
    case Scenario::lost_answers:
      return {
          {.faults = {{reset_applied, 0.04}, {truncated, 0.02}, {no_answer_applied, 0.02}, {reset, 0.02}}}};
  }
  return {{}};
}

Weather::Weather(Scenario scenario, sandbox::Sandbox& sandbox, double rate, std::int64_t cards,
                 const Clock& clock)
    : sandbox_{sandbox},
      rate_{rate},
      cards_{std::max<std::int64_t>(cards, 1)},
      clock_{clock},
      stretches_{stretches(scenario)},
      since_{clock.now().steady} {
  apply(stretches_.front());
}

void Weather::progress(const dispatch::Snapshot&, const ledger::RunCounts& counts) {
  if (at_ + 1 >= stretches_.size()) return;
  const auto now = clock_.now().steady;
  const auto done = static_cast<double>(counts.confirmed + counts.rejected + counts.unresolved) /
                    static_cast<double>(cards_);
  const auto& longest = stretches_[at_].longest;
  if (longest ? now - since_ < *longest : done < stretches_[at_ + 1].from) return;
  since_ = now;
  apply(stretches_[++at_]);
}

void Weather::apply(const Stretch& stretch) {
  sandbox_.set_faults(stretch.faults);
  // Of requests that are not too many some arrive close together.
  constexpr double k_slack = 1.5;
  sandbox_.set_rate(rate_ * (stretch.allowed == 1 ? k_slack : stretch.allowed));
  sandbox_.set_outage(model::Endpoint::primary, stretch.primary);
  sandbox_.set_outage(model::Endpoint::backup, stretch.backup);
}

}  // namespace cardvoid::cli
