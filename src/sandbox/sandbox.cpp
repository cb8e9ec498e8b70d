#include <fmt/format.h>

#include <cardvoid/sandbox/sandbox.hpp>
#include <cmath>

#include "answerer.hpp"
#include "files.hpp"
#include "server.hpp"
#include "simulator.hpp"

namespace cardvoid::sandbox {

namespace {

Result<void> check(const Settings& settings) {
  const auto usage = [](std::string what) { return Error{Errc::usage, "sandbox: " + std::move(what)}; };
  if (settings.dir.empty()) return usage("no folder is named");
  if (!(settings.requests_per_second >= 0 && settings.requests_per_second <= 1e6))
    return usage("the rate must be between 0 (no limit) and 1000000 requests per second");
  if (settings.latency_min.count() < 0 || settings.latency_max < settings.latency_min)
    return usage("the latency must go from a smaller to a larger duration");
  if (settings.latency_p99 &&
      (settings.latency_min.count() <= 0 || *settings.latency_p99 < settings.latency_min))
    return usage("the median of the latency must be more than 0 and at most its 99th percentile");
  for (std::size_t i = 0; i < settings.limit_changes.size(); ++i)
    if (settings.limit_changes[i].at.count() < 0 ||
        (i > 0 && settings.limit_changes[i].at < settings.limit_changes[i - 1].at))
      return usage("changes of the limit must be in order of time");
  if (settings.members < 0) return usage("the number of members is negative");
  if (settings.idle_limit.count() <= 0) return usage("the idle limit must be longer than nothing");
  for (const auto& outage : settings.outages)
    if (outage.from.count() < 0 || outage.to < outage.from) return usage("an outage ends before it begins");
  return check_faults(settings.faults);
}

}  // namespace

struct Sandbox::State {
  State(const Settings& s, Prepared& prepared)
      : settings{s},
        simulator{settings, prepared.merchant_public_key, prepared.merchant_serial_no,
                  std::move(prepared.world)},
        answerer{prepared.platform_private_key, settings.idle_limit} {}

  Settings settings;
  Simulator simulator;
  Answerer answerer;
  std::unique_ptr<Server> server;  // last: its threads use the others
};

Sandbox::Sandbox(std::unique_ptr<State> state) : state_{std::move(state)} {}
Sandbox::~Sandbox() = default;

Result<std::unique_ptr<Sandbox>> Sandbox::start(const Settings& settings) {
  if (const auto checked = check(settings); !checked) return checked.error();
  auto prepared = prepare(settings);
  if (!prepared) return prepared.error();
  auto state = std::make_unique<State>(settings, *prepared);
  const ServerSettings server_settings{
      settings.primary_port,    settings.backup_port,  settings.idle_limit, prepared->server_certificate_pem,
      prepared->server_key_pem, settings.clock_offset, settings.clock};
  auto server = Server::open(server_settings, state->simulator, state->answerer);
  if (!server) return server.error();
  state->server = std::move(*server);
  std::unique_ptr<Sandbox> sandbox{new Sandbox{std::move(state)}};
  if (const auto written =
          write_job(settings, prepared->merchant_serial_no, sandbox->primary_port(), sandbox->backup_port());
      !written)
    return written.error();
  sandbox->state_->server->run(settings.outages);
  return sandbox;
}

std::uint16_t Sandbox::primary_port() const { return state_->server->port(model::Endpoint::primary); }
std::uint16_t Sandbox::backup_port() const { return state_->server->port(model::Endpoint::backup); }
std::filesystem::path Sandbox::job_file() const { return state_->settings.dir / "sandbox.toml"; }

void Sandbox::set_faults(std::map<Fault, double> faults) { state_->simulator.set_faults(std::move(faults)); }
void Sandbox::set_outage(model::Endpoint endpoint, std::optional<Outage::Kind> kind) {
  state_->server->set_outage(endpoint, kind);
}
void Sandbox::set_rate(double requests_per_second) { state_->simulator.set_rate(requests_per_second); }
Counters Sandbox::counters() const { return state_->simulator.counters(); }
std::vector<Applied> Sandbox::applied() const { return state_->simulator.applied(); }
std::string Sandbox::applied_as_csv() const { return state_->simulator.applied_as_csv(); }

}  // namespace cardvoid::sandbox
