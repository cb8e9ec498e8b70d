#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cardvoid/net/https_client.hpp>
#include <cardvoid/run/probe.hpp>

#include "endpoints.hpp"
#include "https_transport.hpp"
#include "outcome_of.hpp"

namespace cardvoid::run {

namespace {

namespace asio = boost::asio;

milliseconds since(Instant begun) {
  return std::chrono::duration_cast<milliseconds>(read_clocks().steady - begun);
}

asio::awaitable<void> ask(net::HttpsClient& client, std::size_t index, std::string request,
                          milliseconds timeout, Probe& probe) {
  const auto asked = read_clocks().steady;
  probe.lookup = co_await client.look_up(index);
  probe.lookup_time = since(asked);
  if (!probe.lookup.failure.empty()) co_return;
  auto connected = co_await client.connect(index, true);
  if (!connected) {
    probe.failure = connected.error().what;
    co_return;
  }
  auto connection = std::move(*connected);
  probe.peer = connection.peer();
  const auto begun = read_clocks().steady;
  const auto answer = co_await connection.exchange(request, begun + timeout);
  probe.round_trip = since(begun);
  if (answer.reach != net::Exchange::answered) {
    probe.failure = fmt::format("{}: no answer: {}", probe.address, answer.reason);
    co_return;
  }
  if (const auto date = parse_http_date(answer.headers.find("Date")))
    probe.clock_offset = *date - read_clocks().wall;
}

}  // namespace

Result<std::vector<Probe>> probe_endpoints(const model::Job& job, const std::string& version) {
  auto settings = https_settings(job);
  if (!settings) return settings.error();
  asio::io_context io{1};
  auto client = net::HttpsClient::create(io.get_executor(), std::move(*settings));
  if (!client) return client.error();
  std::vector<Probe> probes(2);
  const model::EndpointAddress* addresses[] = {&job.endpoints.primary, &job.endpoints.backup};
  for (std::size_t i = 0; i < probes.size(); ++i) {
    probes[i].endpoint = i == 0 ? model::Endpoint::primary : model::Endpoint::backup;
    probes[i].address = fmt::format("{}:{}", addresses[i]->host, addresses[i]->port);
    auto request = fmt::format(
        "GET / HTTP/1.1\r\nHost: {}\r\nUser-Agent: cardvoid/{} (Linux)\r\nAccept: application/json\r\n\r\n",
        addresses[i]->text(), version);
    asio::co_spawn(io, ask(**client, i, std::move(request), job.limits.request_timeout, probes[i]),
                   [](const std::exception_ptr& error) {
                     if (error) std::rethrow_exception(error);
                   });
  }
  io.run();
  io.restart();
  (*client)->close();
  io.run();
  return probes;
}

Result<ReadBack> read_back(const model::Job& job, const Credentials& keys, const model::Card& card,
                           model::Endpoint endpoint, const std::string& version,
                           const std::function<void()>& wait_for_permit) {
  constexpr model::RowId k_the_one = 0;
  asio::io_context io{1};
  const auto platform = HttpsTransport::create(io, job, keys, version);
  if (!platform) return platform.error();
  ReadBack result;
  std::optional<Error> failed;
  bool is_done = false;
  Instant begun{};
  const auto answered = [&](Result<Reply> reply) {
    is_done = true;
    if (!reply) return void(failed = reply.error());
    result.round_trip = since(begun);
    result.verdict = reply->verdict;
    result.outcome = outcome_of(*reply, model::AttemptKind::read_back, card,
                                {job.safety.match_openid, read_clocks().wall});
  };
  const auto connected = [&](const std::optional<net::ConnectFailure>& failure) {
    is_done = failure.has_value();
    if (failure) return void(result.outcome = outcome_of(*failure));
    wait_for_permit();
    begun = read_clocks().steady;
    (*platform)->send(
        k_the_one, model::AttemptKind::read_back, card, [] {}, answered);
  };
  (*platform)->connect(k_the_one, endpoint, true, connected);
  // The loop does not know the threads that sign.
  const auto busy = asio::make_work_guard(io);
  while (!is_done && io.run_one() > 0) {
  }
  (*platform)->close();
  if (failed) return *failed;
  return result;
}

}  // namespace cardvoid::run
