#include <fmt/format.h>

#include <cardvoid/run/observer.hpp>
#include <cardvoid/run/runner.hpp>
#include <utility>

// What a command from another process does to a run, and the answer to it.
namespace cardvoid::run {

namespace {

std::string words_for_flight(int in_flight) {
  return in_flight > 0
             ? fmt::format("{} in flight {} being settled", in_flight, in_flight == 1 ? "is" : "are")
             : "nothing is in flight";
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

SteeringAnswer Runner::steer(const Steering& steering, const std::string& by, std::function<void()> saved) {
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
    return paused ? fmt::format("; still paused by {} since {}", paused->by, format_rfc3339(paused->at)) : "";
  };
  std::string message;
  switch (steering.command) {
    case Steering::pause:
      dispatcher_.pause({by, now.wall});
      message = paused
                    ? fmt::format("paused already, by {} since {}; ", paused->by, format_rfc3339(paused->at))
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
  }
  const auto told = answer(0, message);
  pump();
  save_pulse(now, std::move(saved));
  observer_.notice({dispatch::Notice::warning,
                    fmt::format("cardvoid {} by {}: {}", to_text(steering.command), by, message)});
  if (!finished_) observer_.progress(snapshot(), counts_);
  return told;
}

}  // namespace cardvoid::run
