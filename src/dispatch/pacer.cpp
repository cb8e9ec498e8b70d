#include <algorithm>
#include <cardvoid/dispatch/pacer.hpp>
#include <cmath>
#include <utility>

namespace cardvoid::dispatch {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// 20 ms of a second cost 2 % of the rate.
constexpr nanoseconds k_least_guard = 20ms, k_most_guard = 250ms;
constexpr nanoseconds k_least_step = 5ms;
constexpr int k_step_share = 4;  // of the guard, if that is more
// A step is undone after five times so much: one stray 429 in 2,000 requests or in 200 s, the rarer of both.
constexpr int k_narrowings_per_step = 5;
constexpr nanoseconds k_narrow_after = 40s;
constexpr std::int64_t k_narrow_after_requests = 400;
// After a late timer the schedule may be caught up by this much; the window still holds.
constexpr nanoseconds k_catch_up = 50ms;
// A 429 is explained by jitter if the window and this much before it hold the whole limit.
// One in ten may have been refused for another reason.
constexpr nanoseconds k_least_slack = 50ms;
constexpr double k_full = 0.9;
// A level falls to what was accepted, but at once to no less than a quarter.
constexpr double k_most_fall = 4, k_near = 0.75;
// What a 429 takes off a level that was found, at most.
constexpr double k_least_lowering = 0.5, k_lowering_share = 0.02;
// So much of a window passes after each of several 429 without Retry-After.
constexpr int k_share_of_window = 4;
// The lowest rate: with it a platform that takes nothing is asked every 4 s, or as slowly as an eighth of our
// limit.
constexpr double k_floor = 0.25, k_floor_share = 0.125;
// A probe goes above the level by so much, and the ramp behind it doubles.
constexpr double k_probe_step = 4, k_probe_factor = 1.25, k_ramp_factor = 2;
// Failed probes cost a fortieth of the time, within these bounds.
constexpr int k_probe_cost = 40;
// Of requests that have left, so many are always kept, and others for so many windows.
constexpr std::size_t k_few = 256;
constexpr int k_windows_kept = 3;
constexpr nanoseconds k_soonest_probe = 6s, k_latest_probe = 60s;

nanoseconds seconds_to_ns(double seconds) { return nanoseconds{std::llround(seconds * 1e9)}; }
double seconds(nanoseconds span) { return std::chrono::duration<double>{span}.count(); }

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
  changes_ = {};
  if (!memory_.sent.empty())
    memory_.schedule = std::min(memory_.schedule, memory_.sent.back() + interval(rate(now)));
  forget_old();
}

// What counting back from a 429 needs is kept; of many, what is younger than some windows: all of it is read
// and written for each request where processes share it.
void Pacer::forget_old() {
  const auto most = per_window(ceiling_) + per_window(ceiling_) / 2 + 4;
  auto& sent = memory_.sent;
  while (sent.size() > most) drop_first();
  const auto span = bare_window(ceiling_) * k_windows_kept;
  while (sent.size() > k_few && sent.front() < sent.back() - span) drop_first();
  while (!memory_.refused.empty() && (memory_.sent.empty() || memory_.refused.front() < memory_.sent.front()))
    memory_.refused.pop_front();
}

void Pacer::drop_first() {
  memory_.sent.pop_front();
  ++changes_.dropped;
  if (changes_.unchanged > 0) --changes_.unchanged;
}

std::size_t Pacer::per_window(double limit) { return static_cast<std::size_t>(std::ceil(limit)); }

nanoseconds Pacer::bare_window(double limit) {
  return seconds_to_ns(static_cast<double>(per_window(limit)) / limit);
}

nanoseconds Pacer::guard() const { return std::clamp(memory_.guard, k_least_guard, k_most_guard); }

nanoseconds Pacer::interval(double rate) const {
  return seconds_to_ns(seconds(window()) / static_cast<double>(per_window(limit_)) * (limit_ / rate));
}

double Pacer::rate(Instant) const { return memory_.level == 0 ? limit_ : std::min(limit_, memory_.level); }

std::optional<double> Pacer::found_limit() const {
  const auto level = memory_.phase == Learnt::Phase::raised ? memory_.base : memory_.level;
  if (level == 0 || memory_.phase == Learnt::Phase::blocked || level >= limit_) return std::nullopt;
  return level;
}

Instant Pacer::next_at() const {
  auto at = std::max(memory_.schedule, memory_.held_until);
  for (const double limit : {limit_, ceiling_, rate(at)})
    if (const auto count = per_window(limit); memory_.sent.size() >= count)
      at = std::max(at, memory_.sent[memory_.sent.size() - count] + window(limit));
  return at;
}

Instant Pacer::due_after(std::size_t ahead, Instant now) const {
  const auto first = std::max(next_at(), now);
  return first + interval(rate(first)) * static_cast<long long>(ahead);
}

bool Pacer::take(Instant now) {
  auto& m = memory_;
  narrow(now);
  if (m.level != 0 && m.phase == Learnt::Phase::held && now >= m.probe_at) raise(now);
  const auto planned = std::max({m.schedule, m.held_until, now - k_catch_up});
  m.schedule = (m.sent.empty() ? now : planned) + interval(rate(now));
  m.sent.push_back(now);
  ++m.sent_since;
  forget_old();
  return true;
}

void Pacer::left(Instant permit, Instant at) {
  // Equal permits are interchangeable. A request that left late moves behind those that left before it, so
  // the list stays sorted.
  const auto found = std::lower_bound(memory_.sent.begin(), memory_.sent.end(), permit);
  if (found == memory_.sent.end() || *found != permit || at <= permit) return;
  changes_.unchanged = std::min(changes_.unchanged, static_cast<std::size_t>(found - memory_.sent.begin()));
  const auto behind = std::upper_bound(found, memory_.sent.end(), at);
  std::rotate(found, found + 1, behind);
  *(behind - 1) = at;
}

void Pacer::accepted(Instant now, Instant sent) {
  auto& m = memory_;
  if (sent <= m.reacted_at) return;
  ++m.accepted_since;
  if (m.level == 0) return;
  if (m.phase == Learnt::Phase::blocked) return raise(now);
  if (m.phase != Learnt::Phase::raised || sent < m.raised_at + bare_window(limit_)) return;
  if (m.level < limit_) return raise(now);
  m.level = 0;
  m.phase = Learnt::Phase::held;
}

// Tries more.
void Pacer::raise(Instant now) {
  auto& m = memory_;
  if (m.phase == Learnt::Phase::raised) {
    m.level *= k_ramp_factor;
  } else {
    m.base = m.phase == Learnt::Phase::blocked ? 0 : m.level;
    m.level = std::max(m.level + std::min(k_probe_step, limit_), m.level * k_probe_factor);
  }
  m.level = std::min(m.level, limit_);
  m.phase = Learnt::Phase::raised;
  m.raised_at = now;
  if (!m.sent.empty()) m.schedule = std::min(m.schedule, m.sent.back() + interval(rate(now)));
}

// How many requests that left in `span` before this instant were accepted, or are not answered yet.
std::size_t Pacer::accepted_in(nanoseconds span, Instant before) const {
  const auto count = [&](const std::deque<Instant>& list) {
    return std::lower_bound(list.begin(), list.end(), before) -
           std::upper_bound(list.begin(), list.end(), before - span);
  };
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(count(memory_.sent) - count(memory_.refused), 0));
}

void Pacer::throttled(Instant now, Instant sent, std::optional<milliseconds> retry_after) {
  auto& m = memory_;
  m.refused.insert(std::upper_bound(m.refused.begin(), m.refused.end(), sent), sent);
  const auto told = now + retry_after.value_or(0ms);
  const bool is_news = sent > m.reacted_at;
  const auto goes_on_at = is_news ? react(now, sent, told, retry_after.has_value()) : told;
  if (is_news) m.reacted_at = now, m.accepted_since = 0;
  if (goes_on_at <= now) return;
  m.paused_until = std::max(m.paused_until, goes_on_at);
  hold(goes_on_at);
}

// Returns when it goes on.
Instant Pacer::react(Instant now, Instant sent, Instant told, bool is_told) {
  auto& m = memory_;
  const auto span = bare_window(limit_);
  const auto share = [&](std::size_t count) { return static_cast<double>(count) / seconds(span); };
  const auto a_window = static_cast<std::int64_t>(per_window(rate(now)));
  const bool is_stray = m.reacted_at == Instant{} || m.accepted_since >= 2 * a_window;
  const bool is_dense = !is_stray && m.accepted_since * k_share_of_window < a_window;
  const auto count = accepted_in(span, sent);
  const bool is_full =
      share(accepted_in(span + std::max(2 * guard(), k_least_slack), sent)) >= std::ceil(k_full * rate(now));
  const bool was_blocked = m.phase == Learnt::Phase::blocked;
  if (is_stray) m.guard_before = guard();
  if (m.phase == Learnt::Phase::raised && m.base != 0) {
    const bool is_more = share(count) >= m.base * (1 + 2 * k_lowering_share) + 1;
    lower(is_more ? share(count) : m.base, sent, told);
  } else if (m.level == 0 && is_full) {
    widen(now);
  } else if (!is_stray || m.phase == Learnt::Phase::raised) {
    if (m.level == 0) m.guard = m.guard_before;  // it was not the arrival
    const auto least = rate(now) / k_most_fall;
    lower(share(count) >= k_near * least ? share(count) : least, sent, told);
  } else if (m.level != 0) {
    lower(rate(now) - std::min(k_least_lowering, k_lowering_share * rate(now)), sent, told);
  }
  if (m.level != 0 && count == 0 && (!is_stray || was_blocked)) m.phase = Learnt::Phase::blocked;
  const bool waits = is_dense && (is_full || count == 0) && !is_told;
  return waits ? now + span / k_share_of_window : told;
}

// Holds this level until a probe is due. `sent`: the request that was refused.
void Pacer::lower(double level, Instant sent, Instant goes_on_at) {
  auto& m = memory_;
  m.phase = Learnt::Phase::held;
  // A limit that was set higher since may have its floor above the level: a 429 is no reason to go faster.
  const auto floor = std::min({k_floor, limit_ * k_floor_share, rate(sent)});
  m.level = std::clamp(level, floor, rate(sent));
  // What the 429 costs is the time from when the next request was due at this level.
  auto due = goes_on_at;
  const auto at = std::lower_bound(m.sent.begin(), m.sent.end(), sent);
  if (at != m.sent.begin()) due = *(at - 1) + interval(m.level);
  const auto cost = std::max(goes_on_at - due, nanoseconds{0});
  m.probe_at = goes_on_at + std::clamp(cost * k_probe_cost, k_soonest_probe, k_latest_probe);
  if (!m.sent.empty()) m.schedule = m.sent.back() + interval(m.level);
}

nanoseconds Pacer::step() const { return std::max(k_least_step, guard() / k_step_share); }

void Pacer::widen(Instant now) {
  memory_.guard = std::min(guard() + step(), k_most_guard);
  memory_.narrowed_at = now;
  memory_.sent_since = 0;
}

void Pacer::narrow(Instant now) {
  auto& m = memory_;
  if (m.narrowed_at == Instant{}) m.narrowed_at = now;
  if (m.sent_since < k_narrow_after_requests || now - m.narrowed_at < k_narrow_after) return;
  m.guard = std::max(guard() - step() / k_narrowings_per_step, k_least_guard);
  m.narrowed_at = now;
  m.sent_since = 0;
}

void Pacer::hold(Instant until) { memory_.held_until = std::max(memory_.held_until, until); }

}  // namespace cardvoid::dispatch
