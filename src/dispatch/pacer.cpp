#include <algorithm>
#include <cardvoid/dispatch/pacer.hpp>
#include <cmath>
#include <utility>

namespace cardvoid::dispatch {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// 25 ms of a second costs 2.4 % of the rate and covers the scheduling noise of both machines; the upper end
// covers a bad mobile link. In between, three mean deviations of the round trip.
constexpr nanoseconds k_least_guard = 25ms, k_most_guard = 250ms;
// After a late timer the schedule may be caught up by this much; the window still holds.
constexpr nanoseconds k_catch_up = 50ms;
constexpr nanoseconds k_pause_after_429 = 1s;
constexpr nanoseconds k_recovery_step = 3s;
constexpr double k_recovery_share = 0.05, k_floor_share = 0.125;

nanoseconds seconds_to_ns(double seconds) { return nanoseconds{std::llround(seconds * 1e9)}; }

}  // namespace

Pacer::Pacer(double requests_per_second) : limit_{requests_per_second}, ceiling_{requests_per_second} {}

void Pacer::set_limit(double requests_per_second, Instant now) {
  limit_ = requests_per_second;
  ceiling_ = std::max(ceiling_, limit_);
  // The next request is spaced by the new limit, not by the old one.
  if (!memory_.sent.empty()) memory_.schedule = memory_.sent.back() + interval(rate(now));
}

void Pacer::recall(Memory memory, Instant now) {
  memory_ = std::move(memory);
  if (!memory_.sent.empty())
    memory_.schedule = std::min(memory_.schedule, memory_.sent.back() + interval(rate(now)));
  while (memory_.sent.size() > per_window(ceiling_)) memory_.sent.pop_front();
}

std::size_t Pacer::per_window(double limit) { return static_cast<std::size_t>(std::ceil(limit)); }

nanoseconds Pacer::guard() const {
  return std::clamp(nanoseconds{std::llround(3 * memory_.deviation_ns)}, k_least_guard, k_most_guard);
}

nanoseconds Pacer::window() const { return window(limit_); }

nanoseconds Pacer::window(double limit) const {
  return seconds_to_ns(static_cast<double>(per_window(limit)) / limit) + guard();
}

nanoseconds Pacer::interval(double rate) const {
  return nanoseconds{static_cast<long long>(static_cast<double>(window().count()) /
                                            static_cast<double>(per_window(limit_)) * (limit_ / rate))};
}

double Pacer::rate(Instant now) const {
  if (memory_.throttled_rate == 0) return limit_;
  const auto clean = std::max(nanoseconds{now - memory_.paused_until}, nanoseconds{0});
  const auto steps = static_cast<double>(clean / k_recovery_step);
  return std::min(limit_, memory_.throttled_rate + steps * k_recovery_share * limit_);
}

Instant Pacer::next_at() const {
  auto at = std::max(memory_.schedule, memory_.held_until);
  for (const double limit : {limit_, ceiling_})
    if (const auto count = per_window(limit); memory_.sent.size() >= count)
      at = std::max(at, memory_.sent[memory_.sent.size() - count] + window(limit));
  return at;
}

Instant Pacer::due_after(std::size_t ahead, Instant now) const {
  const auto first = std::max(next_at(), now);
  return first + interval(rate(first)) * static_cast<long long>(ahead);
}

bool Pacer::take(Instant now) {
  const auto planned = std::max({memory_.schedule, memory_.held_until, now - k_catch_up});
  memory_.schedule = (memory_.sent.empty() ? now : planned) + interval(rate(now));
  memory_.sent.push_back(now);
  while (memory_.sent.size() > per_window(ceiling_)) memory_.sent.pop_front();
  return true;
}

void Pacer::left(Instant permit, Instant at) {
  // Equal permits are interchangeable. A request that left late moves behind those that left before it, so
  // the list stays sorted.
  const auto found = std::lower_bound(memory_.sent.begin(), memory_.sent.end(), permit);
  if (found == memory_.sent.end() || *found != permit || at <= permit) return;
  const auto behind = std::upper_bound(found, memory_.sent.end(), at);
  std::rotate(found, found + 1, behind);
  *(behind - 1) = at;
}

void Pacer::observe(nanoseconds round_trip) {
  const auto sample = static_cast<double>(round_trip.count());
  if (!memory_.measured) memory_.mean_ns = sample, memory_.measured = true;
  // The estimators of TCP (RFC 6298 section 2), slower: one stray answer must not widen the guard for long.
  memory_.deviation_ns += (std::abs(sample - memory_.mean_ns) - memory_.deviation_ns) / 16;
  memory_.mean_ns += (sample - memory_.mean_ns) / 16;
}

void Pacer::throttled(Instant now, Instant sent, std::optional<milliseconds> retry_after) {
  const auto wait = retry_after ? std::max<nanoseconds>(*retry_after, k_pause_after_429) : k_pause_after_429;
  const bool same_episode = memory_.throttled_rate != 0 && sent <= memory_.pause_began;
  if (!same_episode) {
    memory_.throttled_rate = std::max(rate(now) / 2, limit_ * k_floor_share);
    memory_.pause_began = now;
  }
  memory_.paused_until = std::max(memory_.paused_until, now + wait);
  hold(memory_.paused_until);
}

void Pacer::hold(Instant until) { memory_.held_until = std::max(memory_.held_until, until); }

}  // namespace cardvoid::dispatch
