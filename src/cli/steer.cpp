#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/spoken.hpp>
#include <cardvoid/run/steering.hpp>

#include "commands.hpp"
#include "console.hpp"

namespace cardvoid::cli {

namespace {

using run::Steering;

struct Options {
  std::filesystem::path job_file;
  std::string rate;
  Steering steering;
};

// Says what the run has done; it has done it by then.
int steer(Console& console, const Options& options) {
  const auto& globals = console.globals();
  const auto job = load_job(globals, options.job_file);
  if (!job) return console.fail(job.error());
  const auto answer = run::steer(job->results.database, options.steering);
  if (!answer) return console.fail(answer.error());
  if (answer->code != 0) return console.fail({static_cast<Errc>(answer->code), run::spoken(answer->message)});
  if (globals.quiet && !globals.json) return 0;
  const boost::json::object object{{"job", job->name},
                                   {"state", answer->state},
                                   {"message", answer->message},
                                   {"in_flight", answer->in_flight},
                                   {"requests_per_second", answer->requests_per_second}};
  (void)(globals.json ? console.answer(to_json_line(object))
                      : console.answer_words(run::spoken(answer->message) + "\n"));
  return 0;
}

template <Steering::Command command>
Words words(Options& options) {
  options.steering.command = command;
  return of_one_shard({{job_file(options.job_file)}, {}});
}

Words rate_words(Options& options) {
  static const auto help = fmt::format("Requests/s, from {:g} to {:g}; may be fractional",
                                       model::k_least_rate, model::k_greatest_rate);
  auto all = words<Steering::rate>(options);
  all.positionals.push_back({.name = "N", .help = help, .set = into(options.rate)});
  return all;
}

// The job and the number, in either order.
Result<void> read_rate(Options& options, const Globals&) {
  if (auto job = options.job_file.string(); !to_number(options.rate) && to_number(job)) {
    options.job_file = options.rate;
    options.rate = job;
  }
  const auto shown = escape_for_terminal(options.rate);
  const auto rate = to_number(options.rate);
  if (!rate)
    return Error{Errc::usage,
                 tr("rate {} {}: expected a job file and requests/s, a number from {:g} to {:g} such as 2.5",
                    escape_for_terminal(options.job_file.string()), shown, model::k_least_rate,
                    model::k_greatest_rate)};
  if (!model::is_allowed_rate(*rate))
    return Error{
        Errc::usage,
        *rate <= 0
            ? tr("rate {}: expected requests/s, a number from {:g} to {:g} such as 2.5; to send nothing "
                 "use `cardvoid pause`",
                 shown, model::k_least_rate, model::k_greatest_rate)
            : tr("rate {}: expected requests/s, a number from {:g} to {:g} such as 2.5", shown,
                 model::k_least_rate, model::k_greatest_rate)};
  options.steering.requests_per_second = *rate;
  return {};
}

Command steering_command(std::string_view name, std::string_view purpose, std::string_view example) {
  return {.name = name,
          .group = translatable("Steer a run from another terminal"),
          .purpose = purpose,
          .about = translatable(
              "Acts at once, and only on the run that is under way: a later run is neither paused nor "
              "slower. Only the run's own user and root may."),
          .examples = {{example}},
          .exits = {{0, translatable("the run has done it")},
                    {75, translatable("no run is under way, or it does not answer")},
                    {77, translatable("the run belongs to another user")}},
          .call = {}};
}

}  // namespace

Command pause_command() {
  auto command = steering_command("pause", translatable("Pauses the run: nothing is sent until resume"),
                                  "cardvoid pause gold.toml");
  command.call = call_of(words<Steering::pause>, steer);
  return command;
}

Command resume_command() {
  auto command =
      steering_command("resume", translatable("Lets a paused run go on"), "cardvoid resume gold.toml");
  command.call = call_of(words<Steering::resume>, steer);
  return command;
}

Command stop_command() {
  auto command =
      steering_command("stop", translatable("Ends the run: sends nothing new and settles what is in flight"),
                       "cardvoid stop gold.toml");
  command.call = call_of(words<Steering::stop>, steer);
  return command;
}

Command rate_command() {
  auto command = steering_command("rate", translatable("Sets the pace of the run, until it ends"),
                                  "cardvoid rate gold.toml 2.5");
  static const auto usage =
      fmt::format("N is no number from {:g} to {:g}", model::k_least_rate, model::k_greatest_rate);
  command.exits.insert(command.exits.begin() + 1, {64, usage});
  command.call = call_of(rate_words, steer, read_rate);
  return command;
}

}  // namespace cardvoid::cli
