// The job file, and --set.

#include <cardvoid/base/text.hpp>
#include <cardvoid/job/load.hpp>

#include "fuzz/target.hpp"

namespace cardvoid::fuzz::job_files {

// One fault a line, each with its place.
static void check_message(std::string_view what) {
  require(!what.empty(), "a fault has words");
  while (!what.empty()) {
    const auto end = std::min(what.find('\n'), what.size());
    const auto line = what.substr(0, end);
    what.remove_prefix(std::min(end + 1, what.size()));
    require(line.starts_with("gold.toml:") || line.starts_with("--set "), "a fault has its place");
    require(escape_for_terminal(line) == line, "a fault is safe for a terminal");
  }
}

FUZZ_TARGET(job_file, "a job file of any bytes gives a valid job or faults with their places") {
  Input input{bytes};
  job::Overrides overrides;
  const auto set = input.line();
  if (!set.empty()) overrides.set.emplace_back(set);
  // What else a command or the environment says, as a comment in the first line of the file.
  overrides.is_rehearsal = input.rest().starts_with("#rehearsal");
  if (input.rest().starts_with("#shard")) overrides.shard = model::Shard{2, 3};
  constexpr std::string_view k_proxy = "#proxy ";
  if (input.rest().starts_with(k_proxy))
    overrides.https_proxy = Input{input.rest().substr(k_proxy.size())}.line();
  const auto job = job::parse(input.rest(), "gold.toml", overrides);
  if (!job) return check_message(job.error().what);
  require(!job->name.empty() && job->name.find('/') == std::string::npos, "a job has a name without slash");
  require(model::is_allowed_rate(job->limits.requests_per_second), "a rate is one that is allowed");
  require(job->limits.max_in_flight >= 1 && job->limits.max_in_flight <= 1'024, "requests in flight are few");
  require(job->limits.connect_timeout.count() > 0 && job->limits.request_timeout.count() > 0,
          "time-outs are above zero");
  require(!job->endpoints.primary.host.empty(), "there is an endpoint");
  require(!job->input.csv.empty() || !job->input.sqlite.empty(), "there is an input");
  if (overrides.is_rehearsal) return;
  require(!job->safety.acknowledge.empty() && !job->merchant.serial_no.empty(),
          "a job is acknowledged and signed");
}

}  // namespace cardvoid::fuzz::job_files
