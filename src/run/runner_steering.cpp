#include <fmt/format.h>

#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/run/observer.hpp>
#include <cardvoid/run/runner.hpp>
#include <memory>
#include <stdexcept>
#include <unordered_set>
#include <utility>

// What a command from another process does to a run, and the answer to it.
namespace cardvoid::run {

namespace {

std::string words_for_flight(int in_flight) {
  return in_flight > 0
             ? fmt::format("{} in flight {} being settled", in_flight, in_flight == 1 ? "is" : "are")
             : "nothing is in flight";
}

std::string words_for(const Protected& found) {
  if (found.held + found.too_late == 0) return "no row matches";
  auto text = fmt::format("{} held, too late for {}", counted(found.held, "row"), grouped(found.too_late));
  for (const auto& row : found.rows)
    text += fmt::format("{}line {} code {}", &row == found.rows.data() ? ": " : ", ", row.source_line,
                        row.masked_code);
  return text + (found.held + found.too_late > std::ssize(found.rows) ? ", …" : "");
}

std::string words_for_stop(int in_flight) {
  return fmt::format("stopping: {}, {}", words_for_flight(in_flight),
                     in_flight > 0 ? "then the run ends" : "the run ends now");
}

}  // namespace

SteeringAnswer Runner::answer(int code, std::string message) const {
  SteeringAnswer told;
  told.code = code;
  told.message = std::move(message);
  told.state = dispatcher_.stopped() ? "stopping" : dispatcher_.paused() ? "paused" : "running";
  told.in_flight = dispatcher_.snapshot(ports_.loop.now().steady).in_flight;
  told.requests_per_second = dispatcher_.requests_per_second();
  return told;
}

SteeringAnswer Runner::steer(const Steering& steering, const std::string& by, Answered saved) {
  const auto now = ports_.loop.now();
  if (finished_ || dispatcher_.stopped()) {
    const auto why = ending_ ? ending_->what : dispatcher_.stopped() ? dispatcher_.stopped()->what : "done";
    const bool is_wish = steering.command == Steering::stop;
    return answer(
        is_wish ? 0 : static_cast<int>(Errc::stopped),
        fmt::format("the run is ending already ({}){}", why, is_wish ? "" : "; nothing was changed"));
  }
  const auto paused = dispatcher_.paused();
  const auto pause_goes_on = [&] {
    return paused ? fmt::format("; still paused by {} since {}", paused->by, format_local_full(paused->at))
                  : "";
  };
  std::string message;
  switch (steering.command) {
    case Steering::pause:
      dispatcher_.pause({by, now.wall}, now.steady);
      message =
          paused ? fmt::format("paused already, by {} since {}; ", paused->by, format_local_full(paused->at))
                 : "paused; ";
      message += words_for_flight(dispatcher_.snapshot(now.steady).in_flight);
      break;
    case Steering::resume:
      dispatcher_.resume(now.steady);
      message = fmt::format("{} at {:g} requests/s", paused ? "resumed" : "not paused; goes on",
                            dispatcher_.requests_per_second());
      break;
    case Steering::stop:
      dispatcher_.stop({Errc::stopped, fmt::format("stopped by {} with cardvoid stop", by)});
      message = words_for_stop(dispatcher_.snapshot(now.steady).in_flight);
      break;
    case Steering::rate:
      if (!model::is_allowed_rate(steering.requests_per_second))
        return answer(static_cast<int>(Errc::usage),
                      fmt::format("expected {} requests/s; to send nothing use cardvoid pause; nothing "
                                  "was changed, {:g} holds",
                                  model::allowed_rates(), dispatcher_.requests_per_second()));
      dispatcher_.set_rate(steering.requests_per_second, {by, now.wall}, now.steady);
      message =
          fmt::format("{:g} requests/s from now on until the run ends (the job says {:g}{}){}",
                      dispatcher_.requests_per_second(), limit_,
                      steering.requests_per_second > limit_ ? ": above it the platform may answer 429" : "",
                      pause_goes_on());
      break;
    case Steering::protect:
    case Steering::unprotect: throw std::logic_error{"protect() carries these out"};
  }
  const auto told = answer(0, message);
  pump();
  save_pulse(now, [saved = std::move(saved), told] {
    if (saved) saved(told);
  });
  tell_of(steering, by, told);
  return told;
}

void Runner::tell_of(const Steering& steering, const std::string& by, const SteeringAnswer& told) {
  const auto name = steering.command == Steering::unprotect ? "protect --remove" : to_text(steering.command);
  const auto level =
      steering.command == Steering::resume ? dispatch::Notice::info : dispatch::Notice::warning;
  observer_.notice({level, fmt::format("cardvoid {} by {}: {}", name, by, told.message)});
  if (!finished_) observer_.progress(snapshot(), counts_);
}

struct Runner::AtHand {
  std::unordered_set<model::RowId> held;                 // neither sent nor under way
  std::unordered_map<model::RowId, WallTime> under_way;  // an invalidation, since when
};

Runner::AtHand Runner::hold_at_hand(const ledger::Protectee& who) {
  protected_.push_back(who);
  AtHand rows;
  for (const auto& [id, flight] : flights_) {
    if (!who.names(flight.row.card)) continue;
    switch (dispatcher_.protect(id)) {
      case dispatch::HowFar::untouched: rows.held.insert(id); break;
      case dispatch::HowFar::under_way: rows.under_way.emplace(id, flight.started.wall); break;
      case dispatch::HowFar::in_doubt: break;  // the results say since when
    }
  }
  pump();
  return rows;
}

void Runner::protect(const Steering& steering, const std::string& by, Answered answered) {
  if (finished_)
    return answered(
        answer(static_cast<int>(Errc::stopped), "the run is ending already; nothing was put on record"));
  const ledger::Word word{by, ports_.loop.now().wall, steering.note};
  const auto told = std::make_shared<SteeringAnswer>();
  Store::Work work;
  if (steering.command == Steering::protect) {
    work = [told, word, who = steering.who, run = run_,
            at_hand = hold_at_hand(steering.who)](ledger::Ledger& ledger) -> Result<void> {
      Protected found;
      const auto entry = ledger::add_protection(ledger, who, word, run, [&](ledger::NamedRow row) {
        if (at_hand.held.contains(row.id)) row.status = model::Status::pending;
        if (const auto since = at_hand.under_way.find(row.id); since != at_hand.under_way.end())
          row.status = model::Status::in_flight, row.sent_at = since->second;
        found.note(row);
      });
      if (!entry) return entry.error();
      found.entry = *entry;
      told->protection = std::move(found);
      return {};
    };
  } else {
    work = [told, word, who = steering.who](ledger::Ledger& ledger) -> Result<void> {
      const auto removed = ledger::remove_protection(ledger, who, word);
      if (!removed) return removed.error();
      told->unprotected = *removed;
      return {};
    };
  }
  ports_.store.submit(std::move(work), [this, told, steering, by, answered = std::move(answered)] {
    auto result =
        answer(0, told->protection ? words_for(*told->protection)
                                   : counted(told->unprotected->entries, "protection") + " taken back");
    result.protection = std::move(told->protection);
    result.unprotected = told->unprotected;
    tell_of(steering, by, result);
    if (answered) answered(result);
  });
}

}  // namespace cardvoid::run
