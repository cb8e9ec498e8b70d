#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/run/steering.hpp>

#include "commands.hpp"

namespace cardvoid::cli {

// Says what the run has done; it has done it by then.
int steer(Console& console) {
  using run::Steering;
  const auto& options = console.options();
  const auto job = job::load(options.job_file, options.overrides);
  if (!job) return console.fail(job.error());
  Steering steering;
  for (const auto command : {Steering::pause, Steering::resume, Steering::stop, Steering::rate})
    if (options.command == run::to_text(command)) steering.command = command;
  steering.requests_per_second = options.requests_per_second;
  const auto answer = run::steer(job->results.database, steering);
  if (!answer) return console.fail(answer.error());
  if (answer->code != 0) return console.fail({static_cast<Errc>(answer->code), answer->message});
  if (options.quiet && !options.json) return 0;
  const boost::json::object object{{"job", job->name},
                                   {"state", answer->state},
                                   {"message", answer->message},
                                   {"in_flight", answer->in_flight},
                                   {"requests_per_second", answer->requests_per_second}};
  const bool is_written = console.answer(options.json ? to_json_line(object) : answer->message + "\n");
  return is_written ? 0 : static_cast<int>(Errc::io);
}

}  // namespace cardvoid::cli
