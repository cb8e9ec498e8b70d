#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/ledger/place.hpp>
#include <cardvoid/run/probe.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <cerrno>
#include <cstring>
#include <vector>

#include "commands.hpp"
#include "results.hpp"
#include "version.hpp"

namespace cardvoid::cli {

namespace {

using namespace std::chrono_literals;
constexpr milliseconds k_most_clock_offset = 60s;  // signatures die at 300 s (platform.md section 3.4)

struct Finding {
  std::string subject, text;
  std::optional<Errc> fault;
};

Finding from(const std::string& subject, const Error& error) { return {subject, error.what, error.code}; }

// Makes nothing: a wrong path shall not become a database.
Finding look_at_results(Console& console, const model::Job& job) {
  const auto& database = job.results.database;
  if (const auto fit = ledger::check_place(database); !fit) return from("results", fit.error());
  std::error_code ignored;
  if (std::filesystem::exists(database, ignored)) {
    auto ledger = open_results(console, job, ledger::Access::read_only);
    if (!ledger) return from("results", ledger.error());
    if (const auto sound = ledger->verify(); !sound) return from("results", sound.error());
    if (::access(database.c_str(), W_OK) == 0) return {"results", database.string(), {}};
    return {"results", fmt::format("{}: {}", database.string(), std::strerror(errno)), Errc::cannot_create};
  }
  auto folder = std::filesystem::absolute(database, ignored).parent_path();
  while (!std::filesystem::exists(folder, ignored) && folder.has_relative_path())
    folder = folder.parent_path();
  if (!std::filesystem::is_directory(folder, ignored) || ::access(folder.c_str(), W_OK | X_OK) != 0)
    return {"results", fmt::format("{}: cannot be made in {}", database.string(), folder.string()),
            Errc::cannot_create};
  return {"results", fmt::format("{}: not there yet; plan or run makes it", database.string()), {}};
}

// The Date header tells whole seconds, so less than one apart is no difference.
std::string words_for_clock(milliseconds offset) {
  if (std::chrono::abs(offset) <= 1500ms) return "agrees with ours";
  return humanize_offset(offset);
}

std::vector<Finding> look(Console& console, const model::Job& job) {
  std::vector<Finding> findings;
  findings.push_back({"job", job.file.string(), {}});

  const auto merchant = wechatpay::load_merchant_key(job.merchant);
  findings.push_back(merchant ? Finding{"merchant key", job.merchant.private_key_file.string(), {}}
                              : from("merchant key", merchant.error()));
  const auto platform = wechatpay::load_platform_keys(job.platform);
  findings.push_back(platform ? Finding{"platform key",
                                        fmt::format("{} loaded, {} is asked for", platform->keys.size(),
                                                    platform->request_serial),
                                        {}}
                              : from("platform key", platform.error()));

  if (job.input.csv == "-") {
    findings.push_back({"input", "standard input: not looked at", {}});
  } else {
    const auto source = input::open(job.input, job.defaults, job.merchant.api, job.merchant.brand_id);
    findings.push_back(source ? Finding{"input", (*source)->description(), {}}
                              : from("input", source.error()));
  }

  findings.push_back(look_at_results(console, job));
  if (const auto holder = ledger::Lock::holder(job.results.database))
    findings.push_back(
        {"results",
         fmt::format("a {} is under way: pid {} on {}", holder->command, holder->pid, holder->host),
         {}});

  const auto probes = run::probe_endpoints(job, k_version);
  if (!probes) {
    findings.push_back(from("endpoints", probes.error()));
    return findings;
  }
  for (const auto& probe : *probes) {
    const std::string subject{model::to_text(probe.endpoint)};
    if (!probe.failure.empty()) {
      findings.push_back({subject, probe.failure, Errc::unavailable});
      continue;
    }
    const auto offset = probe.clock_offset.value_or(0ms);
    findings.push_back({subject,
                        fmt::format("{} answers in {}, its certificate is trusted", probe.address,
                                    humanize_duration(probe.round_trip)),
                        {}});
    if (!probe.clock_offset) {
      findings.push_back({subject + " clock", "no Date header: not compared", {}});
    } else {
      const bool wrong = std::chrono::abs(offset) > k_most_clock_offset;
      findings.push_back(
          {subject + " clock",
           words_for_clock(offset) +
               (wrong ? "; more than 1m is too much, since signatures die at 5m: set this machine's clock"
                      : ""),
           wrong ? std::optional{Errc::unavailable} : std::nullopt});
    }
  }
  return findings;
}

}  // namespace

// One line for each thing looked at; the exit code is the first fault's.
int check(Console& console) {
  const auto& options = console.options();
  const auto job = job::load(options.job_file, options.overrides);
  if (!job) return console.fail(job.error());
  const auto findings = look(console, *job);
  int exit_code = 0;
  std::string text;
  boost::json::array checks;
  for (const auto& finding : findings) {
    if (finding.fault && exit_code == 0) exit_code = static_cast<int>(*finding.fault);
    text += fmt::format("{:<6}{:<16}{}\n", finding.fault ? "FAIL" : "ok", finding.subject,
                        escape_for_terminal(finding.text));
    checks.push_back(
        boost::json::object{{"check", finding.subject}, {"ok", !finding.fault}, {"text", finding.text}});
  }
  if (options.json)
    text =
        boost::json::serialize(boost::json::object{{"checks", std::move(checks)}, {"exit_code", exit_code}}) +
        "\n";
  return console.answer(text) ? exit_code : static_cast<int>(Errc::io);
}

}  // namespace cardvoid::cli
