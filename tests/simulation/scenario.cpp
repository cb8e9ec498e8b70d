#include "job.hpp"

// What the seed draws: cards, the platform's habits, the weather, and what happens when.
namespace cardvoid::simulation {

// By chances of its own: without canary and breaker a seed is the job that it was.
void Job::draw_safety() {
  Chance chance{seed_ ^ 0xD1B54A32D192ED03ULL};
  job_.safety.canary = 0;
  job_.safety.max_failure_rate = 1;
  if (chance.happens(0.3)) {
    job_.safety.canary = static_cast<int>(chance.one_of(std::array{1, 2, 3, 5, 20}));
    tally_.canaries = 1;
  }
  if (!chance.happens(0.08)) return;
  // Enough rows for a share of them to be judged.
  job_.safety.max_failure_rate = chance.one_of(std::array{0.05, 0.2, 0.5});
  const auto more = chance.between(20, 45);
  const double refused = chance.one_of(std::array{0.05, 0.3, 0.8});
  for (std::int64_t i = 0; i < more; ++i)
    add_card(chance.happens(refused) ? Nature::refused : Nature::ordinary);
}

// A list that is done already, as a wrong one is, or one whose results database was lost.
void Job::draw_already() {
  Chance chance{seed_ ^ 0x589965CC75374CC3ULL};
  job_.safety.expect_already = chance.happens(0.3);
  if (!chance.happens(0.04)) return;
  tally_.done_before = 1;
  auto& cards = platform_.cards();
  for (auto more = chance.between(20, 60); more > 0; --more) add_card(Nature::ordinary);
  const double share = chance.one_of(std::array{1.0, 1.0, 0.9});
  for (auto& card : cards)
    if (chance.happens(share)) make_invalid(card);
}

Card& Job::add_card(Nature nature) {
  const auto count = platform_.cards().size();
  tally_.rows = count + 1;
  return platform_.add({"1004", "pTemplate", fmt::format("{}", 100 + count), fmt::format("o{}", count), ""},
                       nature);
}

void Job::make_invalid(Card& card) {
  card.nature = Nature::invalid_before;
  card.invalid_time = format_rfc3339(std::chrono::floor<std::chrono::seconds>(world_.wall()) - 30h);
  card.invalid_since = world_.instant() - 30h;
}

// Cards that cannot be settled, by chances of their own: alone, or several of one kind or of several, at the
// front of the list, at its end or somewhere between. Others are there for them to hold up.
void Job::draw_poison() {
  Chance chance{seed_ ^ 0xA0761D6478BD642FULL};
  if (!chance.happens(0.15)) return;
  tally_.poisoned = 1;
  auto& cards = platform_.cards();
  for (auto more = chance.between(2, 8); more > 0; --more) add_card(Nature::ordinary);
  const bool is_alone = chance.happens(0.4);
  const auto kinds = is_alone ? 1 : chance.one_of(std::array{1, 1, 2, 3});
  for (int i = 0; i < kinds; ++i) {
    Spoilt spoilt{static_cast<Poison>(chance.between(1, k_poisons - 1))};
    const auto which = chance.between(0, 3);  // both, both, invalidations, read-backs
    spoilt.posts = which != 3, spoilt.gets = which != 2;
    const auto size = static_cast<std::int64_t>(cards.size());
    // Many that look like an outage are one.
    const auto most = is_strange(spoilt.by) ? std::min<std::int64_t>(size, 4) : 1;
    const auto count = is_alone ? 1 : chance.between(1, most);
    const bool is_cluster = chance.happens(0.6);
    auto at = chance.one_of(std::array<std::int64_t, 4>{0, 0, size - count, chance.between(0, size - count)});
    for (std::int64_t j = 0; j < count; ++j, at = is_cluster ? at + 1 : chance.between(0, size - 1)) {
      auto& card = cards[static_cast<std::size_t>(at)];
      if (card.nature == Nature::invalid_before || card.is_poisoned()) continue;
      card.nature = Nature::ordinary;
      card.spoilt = spoilt;
      card.spoilt.executes = may_execute(spoilt.by) && chance.happens(0.5);
      ++tally_.poisons[spoilt.by];
    }
  }
}

void Job::draw_cards() {
  auto& limits = job_.limits;
  limits.requests_per_second = chance_.one_of(std::array{0.5, 1.0, 5.0, 5.0, 20.0, 100.0});
  limits.max_in_flight = chance_.one_of(std::array{1, 2, 8, 32});
  limits.max_attempts = chance_.one_of(std::array{1, 2, 3, 8});
  limits.backoff_base = chance_.one_of(std::array{10ms, 500ms});
  limits.backoff_cap = chance_.one_of(std::array{1'000ms, 10'000ms});
  limits.request_timeout = chance_.one_of(std::array{2'000ms, 10'000ms});
  limits.failover_after = chance_.one_of(std::array{1, 3});
  limits.failover_cooldown = chance_.one_of(std::array{1'000ms, 30'000ms});
  job_.safety.acknowledge = "simulated";
  const bool two_brands = chance_.happens(0.2);
  if (two_brands && chance_.happens(0.7)) limits.per = model::QuotaPer::brand;

  const bool some_stubborn = chance_.happens(0.25);
  const auto count = chance_.between(1, 10);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto luck = chance_.between(0, 99);
    auto nature = Nature::ordinary;
    if (luck < 10)
      nature = Nature::refused;
    else if (luck < 18)
      nature = Nature::invalid_before;
    else if (luck < 22)
      nature = Nature::taken_over;
    else if (luck < 32 && some_stubborn)
      nature = Nature::stubborn;
    auto& card = platform_.add({two_brands && i % 2 ? "1005" : "1004", "pTemplate",
                                fmt::format("{}", 100 + i), fmt::format("o{}", i), i % 3 ? "closed" : ""},
                               nature);
    if (nature == Nature::invalid_before) make_invalid(card);
  }
  tally_.jobs = 1;
  tally_.rows = static_cast<std::uint64_t>(count);
}

void Job::draw_habits() {
  auto& habits = platform_.habits();
  habits.again = chance_.one_of(std::array{Habits::same_time, Habits::new_time, Habits::refuses});
  habits.says_effective_at_first = chance_.happens(0.15);
  habits.not_found_is_404 = chance_.happens(0.5);
  habits.whole_seconds = chance_.happens(0.5);
  if (chance_.happens(0.4)) habits.lag = chance_.between(0ms, chance_.happens(0.5) ? 900ms : 4'500ms);
  if (chance_.happens(0.5)) habits.clock_ahead = chance_.between(-90s, 90s);
  habits.limit = job_.limits.requests_per_second * (job_.limits.per == model::QuotaPer::brand ? 2 : 1);
  if (chance_.happens(0.3)) habits.thinking = {1ms, chance_.between(50ms, 3'000ms)};

  habits.probability.assign(k_mishaps, 0);
  const double how_bad = chance_.one_of(std::array{0.0, 0.03, 0.1, 0.3});
  for (int i = 1; i < k_mishaps; ++i) {
    const bool stops = i >= k_first_stopping;
    if (chance_.happens(stops ? 0.1 : 0.3))
      habits.probability[static_cast<std::size_t>(i)] = stops ? how_bad / 8 : how_bad;
  }
}

void Job::draw_weather() {
  if (chance_.happens(0.4)) {
    const auto count = chance_.between(1, 8);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto from = world_.instant() + chance_.between(0ms, 180'000ms);
      const auto lasts = chance_.happens(0.5) ? chance_.between(100ms, 5'000ms) : chance_.between(5s, 120s);
      weather_.outages.push_back(
          {chance_.one_of(std::array{Weather::Outage::refuses_connections,
                                     Weather::Outage::refuses_connections, Weather::Outage::black_hole,
                                     Weather::Outage::gateway_errors, Weather::Outage::wrong_certificate}),
           chance_.one_of(std::array{model::Endpoint::primary, model::Endpoint::backup}), from,
           from + lasts});
    }
    tally_.outages = static_cast<std::uint64_t>(count);
  }
  if (chance_.happens(0.3)) weather_.connect_fails = chance_.one_of(std::array{0.02, 0.2});
  if (chance_.happens(0.4)) weather_.kept_connection_fails = chance_.one_of(std::array{0.02, 0.2});
  if (chance_.happens(0.4)) weather_.slow = chance_.one_of(std::array{0.05, 0.3});
  // Together at most the five seconds that the dispatcher allows for.
  weather_.arrives_late = chance_.happens(0.5) && platform_.habits().lag <= 900ms;
  if (chance_.happens(0.2)) weather_.one_way = {1ms, 400ms};
}

// By chances of its own: elsewhere the list only grows.
void Job::draw_lists() {
  Chance chance{seed_ ^ 0x8EBC6AF09C88C6E3ULL};
  list_changes_ = chance.happens(0.25);
  sends_vanished_ = chance.happens(0.3);
  tally_.changed_lists = list_changes_;
}

void Job::draw_events() {
  for (auto& card : platform_.cards())
    if (card.nature == Nature::taken_over)
      world_.after(chance_.between(0ms, 60'000ms), [this, &card] { platform_.take_over(card); });
  if (chance_.happens(0.15))
    world_.after(chance_.between(0ms, 30'000ms), [this] { platform_.halve_limit(); });
  if (chance_.happens(0.15)) {
    has_clock_steps_ = true;
    weather_.arrives_late = false;  // that a row may still be on its way is told from the machine's clock
    const auto count = chance_.between(1, 3);
    for (std::int64_t i = 0; i < count; ++i)
      world_.after(chance_.between(0ms, 120'000ms), [this] {
        if (is_calm_) return;
        world_.step_clock(chance_.happens(0.5) ? chance_.between(-600s, 600s) : chance_.between(-5s, 5s));
        ++tally_.clock_steps;
      });
  }
}

}  // namespace cardvoid::simulation
