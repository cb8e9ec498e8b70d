#include "options.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sqlite3.h>

#include <CLI/CLI.hpp>
#include <boost/version.hpp>
#include <cardvoid/base/text.hpp>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>

#include "version.hpp"

namespace cardvoid::cli {

namespace {

constexpr auto k_main_help =
    "Invalidates WeChat Pay brand membership cards in bulk.\n\n"
    "Example:  cardvoid check gold.toml && cardvoid plan gold.toml && cardvoid run gold.toml\n"
    "Exit codes: 0 all done, 1 some rows rejected or refused, 64 usage, 65 input, 66 no such file,\n"
    "69 platform unavailable or the run stopped itself, 70 a bug of ours, 73/74 results database,\n"
    "75 work is left, 77 credentials, 78 job file. docs/operating.md says what to do on each.";

constexpr auto k_retry_help =
    "Filters combine: a row must pass all that are given, and at least one must be.\n"
    "Rows in doubt are left as they are until `cardvoid reconcile` has read them back: those in flight, and\n"
    "unresolved ones whose last request is no read-back that found the card not INVALID.\n"
    "An earlier --confirm does not cover rows that were put back; their attempts stay on record.\n"
    "Exit codes: 0 every row that matched was put back, 65 no row matches, 75 rows in doubt were left as "
    "they\n"
    "are, or a run is under way.\n";

constexpr auto k_steer_help =
    "Acts at once on the run that is under way on this job, and only on that: a rerun is neither paused nor\n"
    "slower. Only the run's own user and root may.\n"
    "Exit codes: 0 the run has done it, 75 no run is under way or it does not answer, 77 it is another\n"
    "user's; of rate also 64, no number from 0.001 to 10000.\n";

constexpr auto k_check_help =
    "One line for each check: ok, WARN, FAIL or skip. One card is read back to prove keys and rights.\n"
    "Exit codes: 0 nothing fails, else that of the first FAIL (docs/operating.md has a table).\n";

constexpr auto k_run_help =
    "Without --confirm or --yes it asks, and wants the number of cards typed; without a terminal it "
    "refuses.\n"
    "The same command carries on after any interruption. `cardvoid pause`, `resume`, `rate` and `stop` "
    "steer\n"
    "it from another terminal; the first Ctrl-C settles what is in flight, the second leaves at once.\n"
    "Exit codes: 0 every card is confirmed invalid, 1 done, but some were rejected or refused, 69 the\n"
    "platform is down, or canary or breaker stopped it, 75 stopped early: run it again.\n";

constexpr auto k_export_help =
    "The column settled_by says how an invalidated row came to be known as INVALID:\n"
    "  answer     by a verified answer to our invalidation\n"
    "  read_back  found INVALID when the card was read back after a lost or doubtful answer of ours\n"
    "  already    it was INVALID before our first request\n"
    "docs/results.md has more, and SQL for the attempt that did it.\n";

std::string version_text() {
  return fmt::format("cardvoid {}\nBoost {}.{}.{}\n{}\nSQLite {}\n", k_version, BOOST_VERSION / 100000,
                     BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100, OpenSSL_version(OPENSSL_VERSION),
                     sqlite3_libversion());
}

Result<std::uint16_t> loopback_port(const std::string& text) {
  const std::string prefix = "127.0.0.1:";
  unsigned port = 0;
  const auto digits = text.starts_with(prefix) ? text.substr(prefix.size()) : std::string{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || port > 65535)
    return Error{Errc::usage,
                 fmt::format("\"{}\": expected 127.0.0.1:PORT; the sandbox listens on loopback only", text)};
  return static_cast<std::uint16_t>(port);
}

// "10ms" or "10ms-200ms".
Result<void> read_latency(const std::string& text, sandbox::Settings& settings) {
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
  double probability = -1;
  if (equals != std::string::npos) {
    const auto digits = text.substr(equals + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), probability);
    if (error != std::errc{} || end != digits.data() + digits.size()) probability = -1;
  }
  if (!fault || !(probability >= 0 && probability <= 1))
    return Error{
        Errc::usage,
        fmt::format(
            "--fault {}: expected KIND=PROBABILITY, for example system_error=0.1; kinds: system_error, "
            "system_error_applied, throttle, gateway, reset, reset_applied, no_answer, no_answer_applied, "
            "bad_signature, probe_signature, stale_timestamp, wrong_card, not_invalid, truncated, slow",
            text)};
  settings.faults[*fault] = probability;
  return {};
}

// "primary:3s-10s", "backup:black_hole:0-5s".
Result<void> read_outage(const std::string& text, sandbox::Settings& settings) {
  const Error wrong{
      Errc::usage,
      fmt::format(
          "--outage {}: expected ENDPOINT:FROM-TO or ENDPOINT:black_hole:FROM-TO, for example primary:3s-10s",
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

struct Raw {
  std::string max_duration;
  std::string primary, backup, latency;
  std::vector<std::string> faults, outages;
};

Result<void> finish_run(const Raw& raw, Options& options) {
  if (raw.max_duration.empty()) return {};
  const auto duration = parse_duration(raw.max_duration);
  if (!duration) return with_context(duration.error(), "--max-duration");
  if (*duration == milliseconds{0})
    return Error{Errc::usage, fmt::format("--max-duration {}: expected more than nothing, for example \"4h\"",
                                          raw.max_duration)};
  options.max_duration = *duration;
  return {};
}

Result<void> finish_sandbox(const Raw& raw, sandbox::Settings& settings) {
  for (const auto& [text, port] :
       {std::pair{&raw.primary, &settings.primary_port}, std::pair{&raw.backup, &settings.backup_port}}) {
    if (text->empty()) continue;
    const auto read = loopback_port(*text);
    if (!read) return read.error();
    *port = *read;
  }
  if (!raw.latency.empty())
    if (const auto read = read_latency(raw.latency, settings); !read) return read;
  for (const auto& text : raw.faults)
    if (const auto read = read_fault(text, settings); !read) return read;
  for (const auto& text : raw.outages)
    if (const auto read = read_outage(text, settings); !read) return read;
  return {};
}

std::optional<double> number(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

// The job and the number, in either order.
Result<void> read_rate(std::string& text, Options& options) {
  if (auto job = options.job_file.string(); !number(text) && number(job)) {
    options.job_file = text;
    text = job;
  }
  const auto rate = number(text);
  if (!rate)
    return Error{Errc::usage,
                 fmt::format("rate {} {}: expected a job file and requests/s, a number above 0 such as 2.5",
                             escape_for_terminal(options.job_file.string()), escape_for_terminal(text))};
  if (*rate <= 0)
    return Error{Errc::usage,
                 fmt::format("rate {}: expected requests/s, a number above 0 such as 2.5; to send "
                             "nothing use `cardvoid pause`",
                             escape_for_terminal(text))};
  options.requests_per_second = *rate;
  return {};
}

// The lower-case name goes first, as with curl.
std::string from_environment(const char* lower, const char* upper) {
  for (const char* name : {lower, upper})
    if (const char* value = std::getenv(name); value && *value) return value;
  return {};
}

// A number that fits. Not CLI11's own, whose message spells out the largest double in 309 digits.
CLI::Validator expect(const char* what, bool (*fits)(double)) {
  return {[what, fits](const std::string& text) {
            double number = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
            const bool good = error == std::errc{} && end == text.data() + text.size() &&
                              std::isfinite(number) && fits(number);
            return good ? std::string{} : what;
          },
          ""};
}

// CLI11 would take what is too large for the greatest number there is: no limit at all.
CLI::Validator whole_number_of_rows() {
  return {[](const std::string& text) {
            std::int64_t number = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
            const bool good = error == std::errc{} && end == text.data() + text.size() && number >= 1;
            return good ? std::string{} : "expected a whole number of rows, 1 or more";
          },
          ""};
}

// An option that takes one of a few words.
template <class T>
void choice(CLI::App& app, const char* name, const char* description, const char* type, T& into,
            std::map<std::string, T> words) {
  std::vector<std::string> allowed;
  for (const auto& [word, value] : words) allowed.push_back(word);
  app.add_option_function<std::string>(
         name, [&into, words](const std::string& word) { into = words.at(word); }, description)
      ->check(CLI::Validator{CLI::IsMember(allowed)}.description(""))
      ->type_name(type);
}

Error unknown_command(const std::string& word, CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* each : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(each->get_name());
  const auto meant = nearest(word, names);
  return {Errc::usage,
          fmt::format("there is no command {}{}; see `cardvoid --help`", escape_for_terminal(word),
                      meant ? fmt::format("; did you mean {}?", *meant) : "")};
}

}  // namespace

Result<Parsed> parse(int argc, const char* const* argv) {
  Parsed parsed;
  auto& o = parsed.options;
  Raw raw;
  bool no_color = false, version = false;

  CLI::App app{k_main_help, "cardvoid"};
  app.require_subcommand(0, 1);
  app.fallthrough();  // global flags may stand behind the command
  app.add_flag("--version", version, "Version of cardvoid and of its libraries");
  app.add_option("--set", o.overrides.set, "section.key=value: overrides the job file; repeatable")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->allow_extra_args(false)  // what follows is the command's, JOB for example
      ->take_all();
  app.add_option("--results", o.overrides.results_database, "Results database, instead of the job's")
      ->type_name("FILE");
  choice(app, "--progress", "auto, live, plain, json or none", "MODE", o.progress,
         {{"auto", report::ProgressMode::automatic},
          {"live", report::ProgressMode::live},
          {"plain", report::ProgressMode::plain},
          {"json", report::ProgressMode::json},
          {"none", report::ProgressMode::none}});
  choice(app, "--log-level", "error, warning, info or debug (each attempt)", "LEVEL", o.log_level,
         {{"error", LogLevel::error},
          {"warning", LogLevel::warning},
          {"info", LogLevel::info},
          {"debug", LogLevel::debug}});
  choice(app, "--log-format", "text or json", "FORMAT", o.log_json, {{"text", false}, {"json", true}});
  app.add_flag("--json", o.json, "The command's answer as JSON on standard output");
  app.add_flag("--no-color", no_color, "No colours (there are none at present)");
  app.add_flag("-q,--quiet", o.quiet, "No progress, and no word when all is well");

  const auto command = [&](const char* name, const char* description, const char* example,
                           const char* more = "") {
    auto* sub = app.add_subcommand(name, description);
    sub->footer(fmt::format("{}Global flags: see `cardvoid --help`\nExample:  {}", more, example));
    return sub;
  };
  const auto with_job = [&](CLI::App* sub) {
    sub->add_option("JOB", o.job_file, "The job file (TOML)")->required();
    return sub;
  };
  with_job(command(
      "check",
      "Validates job, keys, input, results database, disk, clock and both endpoints. Invalidates nothing",
      "cardvoid check gold.toml", k_check_help));
  auto* planning = with_job(command("plan", "Imports the input and shows what a run would do. Sends nothing",
                                    "cardvoid plan gold.toml"));
  planning->add_flag("--diff", o.diff, "List what the input adds, changes and lacks since the last import");
  planning
      ->add_option("--refused", o.refused_file,
                   "Write the refused lines to FILE (0600), in the input's own columns plus the cause")
      ->type_name("FILE");
  auto* run = with_job(command("run", "Plans, then sends. Resumes whatever is left",
                               "cardvoid run gold.toml --confirm 3f9c2a1e", k_run_help));
  auto* confirm =
      run->add_option("--confirm", o.confirm, "Fingerprint of the plan, at least 8 digits: send exactly that")
          ->type_name("FINGERPRINT");
  run->add_flag("--yes", o.yes, "Send without asking")->excludes(confirm);
  run->add_option("--limit", o.limit, "Take up at most N rows in this run")
      ->check(whole_number_of_rows())
      ->type_name("N");
  run->add_flag("--dry-run", o.dry_run, "Same as plan");
  for (auto* importing : {planning, run})
    importing->add_flag(
        "--accept-damage", o.overrides.accept_damage,
        "Take identifiers that look destroyed by a spreadsheet as they stand; kept on record");
  auto* reconciling = with_job(
      command("reconcile", "Settles every row in doubt by reading the card back. Invalidates nothing",
              "cardvoid reconcile gold.toml"));
  for (auto* sending : {run, reconciling})
    sending
        ->add_option("--max-duration", raw.max_duration,
                     "Begin nothing new after this time: settle what is in flight and end with 75, as \"4h\"")
        ->type_name("TIME");
  auto* retrying = with_job(
      command("retry", "Puts chosen rejected or unresolved rows back to pending. Sends nothing",
              "cardvoid retry gold.toml --status rejected --where-code-in corrected.txt", k_retry_help));
  retrying->add_option("--status", o.status, "rejected or unresolved; default either")
      ->check(CLI::Validator{CLI::IsMember({"rejected", "unresolved"})}.description(""))
      ->type_name("S");
  retrying->add_option("--code", o.codes, "Rows with this card code, of whatever template; repeatable")
      ->type_name("CODE")
      ->expected(1)
      ->allow_extra_args(false)  // else CLI11 takes "[a,b]" apart
      ->take_all();
  retrying
      ->add_option("--where-code-in", o.code_file,
                   "Rows whose card code is in FILE (- for standard input): one a line, or a CSV file with a "
                   "column code, as export writes it")
      ->type_name("FILE");
  std::string wait_lock;
  for (auto* locking : {planning, run, reconciling, retrying})
    locking
        ->add_option("--wait-lock", wait_lock,
                     "When another cardvoid holds the job, wait so long for it to end; default not at all")
        ->type_name("DURATION");
  with_job(command("pause", "Holds the run under way: nothing is sent until resume",
                   "cardvoid pause gold.toml", k_steer_help));
  with_job(command("resume", "Lets a paused run go on", "cardvoid resume gold.toml", k_steer_help));
  with_job(command("stop", "Ends the run under way: nothing new is sent, what is in flight is settled",
                   "cardvoid stop gold.toml", k_steer_help));
  std::string rate;
  with_job(command("rate", "Sets the pace of the run under way, until it ends", "cardvoid rate gold.toml 2.5",
                   k_steer_help))
      ->add_option("N", rate, "Requests/s, may be fractional")
      ->required();
  with_job(command("status", "Totals, rate, time left, endpoints, errors, and the last runs",
                   "cardvoid status gold.toml --watch"))
      ->add_flag("--watch", o.watch, "Show it again every two seconds, until Ctrl-C");
  auto* exporting =
      with_job(command("export", "Results as CSV or JSON Lines",
                       "cardvoid export gold.toml --status rejected -o rejected.csv", k_export_help));
  choice(*exporting, "--format", "csv or jsonl", "FORMAT", o.format,
         {{"csv", ExportFormat::csv}, {"jsonl", ExportFormat::jsonl}});
  exporting
      ->add_option("--status", o.status, "Only pending, in_flight, invalidated, rejected or unresolved rows")
      ->check(CLI::Validator{CLI::IsMember({"pending", "in_flight", "invalidated", "rejected", "unresolved"})}
                  .description(""))
      ->type_name("S");
  exporting->add_option("-o,--output", o.output, "File to write (0600); default standard output")
      ->type_name("FILE");
  exporting->add_flag("--excel", o.excel, "Codes stay text in a spreadsheet, formulas stay harmless");
  auto* sandbox =
      command("sandbox", "The platform simulator on loopback, for demos and tests",
              "cardvoid sandbox --dir demo --rate 50 --fault system_error=0.1 --outage primary:3s-8s");
  sandbox
      ->add_option("--dir", o.sandbox.dir,
                   "Keys, certificates, job file and members are made here when missing")
      ->required()
      ->type_name("DIR");
  sandbox->add_option("--primary", raw.primary, "127.0.0.1:PORT; default: the kernel chooses")
      ->type_name("ADDRESS");
  sandbox->add_option("--backup", raw.backup, "127.0.0.1:PORT; default: the kernel chooses")
      ->type_name("ADDRESS");
  sandbox->add_option("--rate", o.sandbox.requests_per_second, "Requests/s allowed; 0: no limit")
      ->check(expect("expected 0 or more", [](double number) { return number >= 0; }));
  sandbox->add_option("--latency", raw.latency, "Of each answer: 20ms, or 10ms-200ms")->type_name("TIME");
  sandbox->add_option("--fault", raw.faults, "KIND=PROBABILITY, repeatable")
      ->type_name("KIND=P")
      ->expected(1)
      ->take_all();
  sandbox->add_option("--outage", raw.outages, "ENDPOINT:FROM-TO or ENDPOINT:black_hole:FROM-TO, repeatable")
      ->type_name("OUTAGE")
      ->expected(1)
      ->take_all();
  sandbox->add_option("--members", o.sandbox.members, "Rows of the members file when it is made")
      ->check(CLI::Range(1, 10'000'000));
  sandbox->add_option("--seed", o.sandbox.seed, "Of the faults and the members");
  sandbox->add_option("--record", o.record_file, "Write what was applied there as CSV at the end")
      ->type_name("FILE");

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    parsed.text = chosen.empty() ? app.help() : chosen.front()->help("cardvoid");
    return parsed;
  } catch (const CLI::ParseError& error) {
    const auto chosen = app.get_subcommands();
    // The first word that is neither a flag nor a flag's value.
    if (chosen.empty() && dynamic_cast<const CLI::ExtrasError*>(&error))
      for (const auto& word : app.remaining())
        if (!word.starts_with('-')) return unknown_command(word, app);
    return Error{Errc::usage, fmt::format("{}; see `cardvoid {}--help`", escape_for_terminal(error.what()),
                                          chosen.empty() ? "" : chosen.front()->get_name() + " ")};
  }
  if (version) {
    parsed.text = version_text();
    return parsed;
  }
  const auto chosen = app.get_subcommands();
  if (chosen.empty()) return Error{Errc::usage, "no command given; see `cardvoid --help`"};
  o.command = chosen.front()->get_name();
  if (o.command == "retry" && o.status.empty() && o.codes.empty() && o.code_file.empty())
    return Error{
        Errc::usage,
        "retry: say which rows, with --status, --code or --where-code-in; what the platform refused is "
        "sent again only where somebody chose it"};
  if (o.refused_file == "-")
    return Error{Errc::usage, "--refused -: name a file; standard output is for the plan"};
  if (o.command == "export" && o.json) o.format = ExportFormat::jsonl;
  if (o.excel && o.format == ExportFormat::jsonl)
    return Error{Errc::usage, "--excel is for CSV; leave it out or leave out --format jsonl and --json"};
  if (const auto finished = finish_run(raw, o); !finished) return finished.error();
  if (o.command == "rate")
    if (const auto read = read_rate(rate, o); !read) return read.error();
  if (!wait_lock.empty()) {
    const auto patience = parse_duration(wait_lock);
    if (!patience) return with_context(patience.error(), "--wait-lock");
    o.wait_lock = *patience;
  }
  if (const auto finished = finish_sandbox(raw, o.sandbox); !finished) return finished.error();
  o.overrides.https_proxy = from_environment("https_proxy", "HTTPS_PROXY");
  o.overrides.no_proxy = from_environment("no_proxy", "NO_PROXY");
  return parsed;
}

}  // namespace cardvoid::cli
