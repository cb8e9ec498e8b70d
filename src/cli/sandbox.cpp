#include <fmt/format.h>
#include <pthread.h>

#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/job/load.hpp>
#include <cardvoid/sandbox/sandbox.hpp>
#include <charconv>
#include <csignal>

#include "commands.hpp"
#include "console.hpp"
#include "own_output.hpp"

namespace cardvoid::cli {

namespace {

std::string counters_text(const sandbox::Counters& c) {
  return to_json_line({{"invalidate_requests", c.invalidate_requests},
                       {"read_back_requests", c.read_back_requests},
                       {"throttled", c.throttled},
                       {"bad_signatures", c.bad_signatures},
                       {"replayed_nonces", c.replayed_nonces},
                       {"malformed", c.malformed},
                       {"faults", c.faults},
                       {"after_invalid", c.after_invalid},
                       {"most_in_any_second", c.most_in_any_second}});
}

struct Options {
  sandbox::Settings settings;
  std::filesystem::path record_file;  // where the record of what was applied goes at the end
};

// Serves until SIGINT or SIGTERM; then standard output gets the counters as JSON, and --record what was
// applied.
int serve(Console& console, const Options& options) {
  // Blocked before any thread starts, so that only sigwait below receives them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const auto started = sandbox::Sandbox::start(options.settings);
  if (!started) return console.fail(started.error());
  const auto& simulator = **started;
  const auto job = job::load(simulator.job_file(), {});
  if (!job) return console.fail(job.error());
  if (const auto allowed = check_outputs({{"--record", options.record_file}}, *job); !allowed)
    return console.fail(allowed.error());
  // English, since scripts wait for these lines.
  fmt::print(stderr,
             "sandbox: primary 127.0.0.1:{}, backup 127.0.0.1:{}\nsandbox: job file {}; stop with Ctrl-C\n",
             simulator.primary_port(), simulator.backup_port(), simulator.job_file().string());
  std::fflush(stderr);
  int signal = 0;
  ::sigwait(&signals, &signal);
  if (!options.record_file.empty())
    if (const auto written = write_private_file(options.record_file, simulator.applied_as_csv()); !written)
      return console.fail(written.error());
  return console.answer(counters_text(simulator.counters())) ? 0 : static_cast<int>(Errc::io);
}

Setter into_port(std::uint16_t& target) {
  return [&target](const std::string& text) -> Result<void> {
    const std::string prefix = "127.0.0.1:";
    unsigned port = 0;
    const auto digits = text.starts_with(prefix) ? text.substr(prefix.size()) : std::string{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || port > 65535)
      return Error{Errc::usage,
                   tr("\"{}\": expected 127.0.0.1:PORT; the sandbox listens on loopback only", text)};
    target = static_cast<std::uint16_t>(port);
    return {};
  };
}

// "10ms", "10ms-200ms" or "lognormal:30ms,250ms".
Result<void> read_latency(const std::string& text, sandbox::Settings& settings) {
  constexpr std::string_view k_log_normal = "lognormal:";
  if (text.starts_with(k_log_normal)) {
    const auto comma = text.find(',');
    if (comma == std::string::npos)
      return Error{Errc::usage, tr("\"{}\": expected lognormal:MEDIAN,P99, for example "
                                   "lognormal:30ms,250ms",
                                   text)};
    const auto median = parse_duration(text.substr(k_log_normal.size(), comma - k_log_normal.size()));
    if (!median) return median.error();
    const auto p99 = parse_duration(text.substr(comma + 1));
    if (!p99) return p99.error();
    settings.latency_min = settings.latency_max = *median, settings.latency_p99 = *p99;
    return {};
  }
  const auto dash = text.find('-');
  const auto low = parse_duration(text.substr(0, dash));
  if (!low) return low.error();
  const auto high = dash == std::string::npos ? low : parse_duration(text.substr(dash + 1));
  if (!high) return high.error();
  settings.latency_min = *low, settings.latency_max = *high;
  return {};
}

// "reset_applied=0.03".
Result<void> read_fault(const std::string& text, sandbox::Settings& settings) {
  const auto equals = text.find('=');
  const auto fault = sandbox::fault_from_text(text.substr(0, equals));
  const double probability =
      equals == std::string::npos ? -1 : to_number(text.substr(equals + 1)).value_or(-1);
  if (!fault || probability < 0 || probability > 1)
    return Error{
        Errc::usage,
        tr("\"{}\": expected KIND=PROBABILITY, for example system_error=0.1; kinds: system_error, "
           "system_error_applied, throttle, gateway, reset, reset_applied, no_answer, no_answer_applied, "
           "bad_signature, probe_signature, stale_timestamp, wrong_card, wrong_openid, other_brand, "
           "not_invalid, truncated, slow",
           text)};
  settings.faults[*fault] = probability;
  return {};
}

// "primary:3s-10s", "backup:black_hole:0-5s".
Result<void> read_outage(const std::string& text, sandbox::Settings& settings) {
  const Error wrong{
      Errc::usage,
      tr("\"{}\": expected ENDPOINT:FROM-TO or ENDPOINT:black_hole:FROM-TO, for example primary:3s-10s",
         text)};
  sandbox::Outage outage;
  auto rest = std::string_view{text};
  if (rest.starts_with("primary:"))
    rest.remove_prefix(8);
  else if (rest.starts_with("backup:"))
    outage.endpoint = model::Endpoint::backup, rest.remove_prefix(7);
  else
    return wrong;
  if (rest.starts_with("black_hole:")) outage.kind = sandbox::Outage::black_hole, rest.remove_prefix(11);
  const auto dash = rest.find('-');
  if (dash == std::string_view::npos) return wrong;
  const auto from = parse_duration(rest.substr(0, dash)), to = parse_duration(rest.substr(dash + 1));
  if (!from || !to || *to <= *from) return wrong;
  outage.from = *from, outage.to = *to;
  settings.outages.push_back(outage);
  return {};
}

// "10s:25".
Result<void> read_limit_change(const std::string& text, sandbox::Settings& settings) {
  const auto colon = text.find(':');
  const auto at = parse_duration(text.substr(0, colon));
  const auto rate =
      to_number(colon == std::string::npos ? std::string{} : text.substr(colon + 1)).value_or(-1);
  if (!at || rate < 0 || rate > 1e6)
    return Error{Errc::usage, tr("\"{}\": expected TIME:N, for example 10s:25", text)};
  settings.limit_changes.push_back({*at, rate});
  return {};
}

Result<void> read_retry_after(const std::string& text, sandbox::Settings& settings) {
  const auto wait = parse_duration(text);
  if (!wait) return wait.error();
  settings.retry_after = *wait;
  return {};
}

Result<void> read_rate(const std::string& text, sandbox::Settings& settings) {
  const auto rate = to_number(text);
  if (!rate || *rate < 0) return Error{Errc::usage, tr("expected 0 or more")};
  settings.requests_per_second = *rate;
  return {};
}

// A whole number from `least` to `most`.
template <class Number>
Setter into_number(Number& target, Number least, Number most) {
  return [&target, least, most](const std::string& text) -> Result<void> {
    const auto number = to_whole_number<Number>(text);
    if (!number || *number < least || *number > most)
      return Error{Errc::usage, tr("\"{}\": expected a whole number from {} to {}", text, least, most)};
    target = *number;
    return {};
  };
}

Setter with(Result<void> (*read)(const std::string&, sandbox::Settings&), sandbox::Settings& settings) {
  return [read, &settings](const std::string& text) { return read(text, settings); };
}

std::vector<Flag> fault_flags(sandbox::Settings& settings) {
  constexpr auto k_group = translatable("What goes wrong");
  return {{.name = "--limit-change",
           .value = "CHANGE",
           .help = translatable(
               "TIME:N: another limit from TIME after the first request on, such as 10s:25; 0: all is "
               "answered 429; repeatable"),
           .repeatable = true,
           .group = k_group,
           .set = with(read_limit_change, settings)},
          {.name = "--retry-after",
           .value = "TIME",
           .help = translatable("Retry-After of 429, in whole seconds (default: none)"),
           .group = k_group,
           .set = with(read_retry_after, settings)},
          {.name = "--fault",
           .value = "KIND=P",
           .help = translatable("A kind of fault and its probability, such as system_error=0.1; repeatable"),
           .repeatable = true,
           .group = k_group,
           .set = with(read_fault, settings)},
          {.name = "--outage",
           .value = "OUTAGE",
           .help = translatable(
               "ENDPOINT:FROM-TO or ENDPOINT:black_hole:FROM-TO, such as primary:3s-8s; repeatable"),
           .repeatable = true,
           .group = k_group,
           .set = with(read_outage, settings)},
          {.name = "--seed",
           .value = "N",
           .help = translatable("Seed of the faults and of the members"),
           .group = k_group,
           .set = into_number<std::uint64_t>(settings.seed, 0, UINT64_MAX)}};
}

Words words(Options& options) {
  auto& settings = options.settings;
  std::vector<Flag> flags{
      {.name = "--dir",
       .value = "DIR",
       .help =
           translatable("Folder for keys, certificates, job file and members; what is missing is created"),
       .kind = ValueKind::folder,
       .required = true,
       .set = into(settings.dir)},
      {.name = "--primary",
       .value = "ADDRESS",
       .help = translatable("127.0.0.1:PORT (default: a free port)"),
       .set = into_port(settings.primary_port)},
      {.name = "--backup",
       .value = "ADDRESS",
       .help = translatable("127.0.0.1:PORT (default: a free port)"),
       .set = into_port(settings.backup_port)},
      {.name = "--rate",
       .value = "N",
       .help = translatable("Requests/s that are allowed; 0: no limit"),
       .set = with(read_rate, settings)},
      {.name = "--latency",
       .value = "TIME",
       .help = translatable(
           "Delay of each answer: 20ms, 10ms-200ms, or lognormal:MEDIAN,P99 such as lognormal:30ms,250ms"),
       .set = with(read_latency, settings)},
      {.name = "--members",
       .value = "N",
       .help = translatable("Rows of the members file when it is created"),
       .set = into_number(settings.members, 1, 10'000'000)},
      {.name = "--record",
       .value = "FILE",
       .help = translatable("At the end, write what was applied to FILE as CSV"),
       .kind = ValueKind::file,
       .set = into(options.record_file)}};
  for (auto& flag : fault_flags(settings)) flags.push_back(std::move(flag));
  return {{}, std::move(flags)};
}

}  // namespace

Command sandbox_command() {
  return {
      .name = "sandbox",
      .group = translatable("Other"),
      .purpose = translatable("Simulates the platform on loopback, for demos and tests"),
      .about = translatable("Serves until Ctrl-C and then prints its counters as JSON."),
      .examples = {{"cardvoid sandbox --dir demo --rate 50 --fault system_error=0.1 --outage primary:3s-8s"}},
      .exits = {{0, translatable("it served until a signal came")},
                {65, translatable("cards.csv or members.csv is damaged")},
                {66, translatable("cards.csv or members.csv cannot be opened")},
                {69, translatable("it cannot listen on an address")},
                {74, translatable("a file cannot be written")},
                {77, translatable("a key or a certificate in DIR is unusable")}},
      .call = call_of(words, serve)};
}

}  // namespace cardvoid::cli
