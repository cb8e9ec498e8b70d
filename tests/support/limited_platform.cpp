#include "limited_platform.hpp"

#include <algorithm>
#include <cmath>
#include <queue>

namespace cardvoid::support {

namespace {

using namespace std::chrono_literals;

double seconds(nanoseconds span) { return std::chrono::duration<double>{span}.count(); }
nanoseconds to_ns(double seconds) { return nanoseconds{std::llround(seconds * 1e9)}; }

// Its count. Instants never go backwards.
class Count {
 public:
  explicit Count(Counting counting) : counting_{counting} {}

  bool allow(Instant now, double limit) {
    switch (counting_) {
      case Counting::sliding:
      case Counting::sliding_of_all: return slide(now, limit);
      case Counting::fixed: return fix(now, limit);
      case Counting::bucket: return pour(now, limit);
    }
    return false;
  }

 private:
  static double whole(double limit) { return std::ceil(limit); }
  static nanoseconds span(double limit) { return limit == 0 ? nanoseconds{1s} : to_ns(whole(limit) / limit); }

  bool slide(Instant now, double limit) {
    while (!taken_.empty() && now - taken_.front() >= span(limit)) taken_.pop_front();
    const bool allowed = static_cast<double>(taken_.size()) < whole(limit);
    if (allowed || counting_ == Counting::sliding_of_all) taken_.push_back(now);
    return allowed;
  }
  bool fix(Instant now, double limit) {
    const auto window = now.time_since_epoch() / span(limit);
    if (window != window_) window_ = window, in_window_ = 0;
    if (in_window_ >= whole(limit)) return false;
    ++in_window_;
    return true;
  }
  bool pour(Instant now, double limit) {
    tokens_ = std::min(whole(limit), tokens_ + seconds(now - poured_at_) * limit);
    poured_at_ = now;
    if (tokens_ < 1) return false;
    --tokens_;
    return true;
  }

  Counting counting_;
  std::deque<Instant> taken_;
  std::int64_t window_ = 0;
  double in_window_ = 0, tokens_ = 1e9;
  Instant poured_at_{};
};

struct Event {
  Instant at;
  enum Kind { leaves, counted, answered, stranger } kind = leaves;
  std::size_t run = 0;
  Instant sent{};
  bool is_refused = false;
  std::uint64_t order = 0;
  bool operator>(const Event& other) const { return at != other.at ? at > other.at : order > other.order; }
};

class World {
 public:
  World(const Setting& setting, const Runs& runs, Instant begin)
      : setting_{setting},
        runs_{runs},
        begin_{begin},
        count_{setting.counting},
        random_{setting.seed},
        timers_(runs.size()) {
    course_.accepted.resize(static_cast<std::size_t>(setting.lasts / 1s) + 1);
    course_.refused_each = course_.accepted;
    for (std::size_t run = 0; run < runs.size(); ++run) wake(run, begin);
    if (setting.stranger > 0) add({begin, Event::stranger});
  }

  Course run() {
    while (events_.top().at < begin_ + setting_.lasts) {
      const auto event = events_.top();
      events_.pop();
      switch (event.kind) {
        case Event::leaves: leave(event); break;
        case Event::counted: arrive(event); break;
        case Event::answered: answer(event); break;
        case Event::stranger:
          count_.allow(event.at, limit(event.at));
          add({event.at + to_ns(std::exponential_distribution{setting_.stranger}(random_)), Event::stranger});
          break;
      }
    }
    return std::move(course_);
  }

 private:
  void add(Event event) {
    event.order = ++order_;
    events_.push(event);
  }
  nanoseconds up_to(nanoseconds most) {
    return to_ns(std::uniform_real_distribution{0.0, seconds(most)}(random_));
  }
  nanoseconds log_normal() {
    const auto& way = setting_.latency;
    if (way.median == 0ns) return 0ns;
    const double spread = std::log(seconds(way.p99) / seconds(way.median)) / 2.326;
    return to_ns(std::lognormal_distribution{std::log(seconds(way.median)), spread}(random_));
  }
  double limit(Instant now) const {
    double found = setting_.limits.front().limit;
    for (const auto& step : setting_.limits)
      if (now - begin_ >= step.at) found = step.limit;
    return found;
  }

  // Timers fire a little late.
  void wake(std::size_t run, Instant now) {
    const auto at = runs_[run]->next_at();
    add({at <= now ? now : at + up_to(300us), Event::leaves, run});
    timers_[run] = order_;
  }

  void leave(const Event& event) {
    if (event.order != timers_[event.run]) return;  // it was set again since
    auto& pace = *runs_[event.run];
    if (pace.next_at() <= event.at && pace.take(event.at)) {
      const auto left = event.at + up_to(1ms);
      pace.left(event.at, left);
      ++course_.sent;
      const auto& way = setting_.latency;
      const auto outward =
          way.outward - way.jitter + up_to(2 * way.jitter) + to_ns(way.outward_share * seconds(log_normal()));
      add({left + outward, Event::counted, event.run, left});
    }
    wake(event.run, event.at);
  }

  bool is_stray(Instant now) {
    if (setting_.stray_at && !has_strayed_ && now - begin_ >= *setting_.stray_at) return has_strayed_ = true;
    return setting_.stray > 0 && std::bernoulli_distribution{setting_.stray}(random_);
  }

  void arrive(Event event) {
    event.is_refused = is_stray(event.at) || !count_.allow(event.at, limit(event.at));
    const auto second = static_cast<std::size_t>((event.at - begin_) / 1s);
    ++(event.is_refused ? course_.refused_each : course_.accepted)[second];
    course_.refused += event.is_refused;
    const auto& way = setting_.latency;
    event.at += way.back + to_ns((1 - way.outward_share) * seconds(log_normal()));
    event.kind = Event::answered;
    add(event);
  }

  void answer(const Event& event) {
    auto& pace = *runs_[event.run];
    if (event.is_refused)
      pace.throttled(event.at, event.sent, setting_.retry_after);
    else
      pace.accepted(event.at, event.sent);
    wake(event.run, event.at);
  }

  const Setting& setting_;
  const Runs& runs_;
  Instant begin_;
  Count count_;
  std::mt19937_64 random_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t order_ = 0;
  std::vector<std::uint64_t> timers_;  // of each run: the event that it waits for
  bool has_strayed_ = false;
  Course course_;
};

}  // namespace

double Course::accepted_between(int from, int to) const {
  double sum = 0;
  for (int second = from; second < to; ++second) sum += accepted.at(static_cast<std::size_t>(second));
  return sum / (to - from);
}

Course send(const Setting& setting, const Runs& runs, Instant begin) {
  return World{setting, runs, begin}.run();
}

}  // namespace cardvoid::support
