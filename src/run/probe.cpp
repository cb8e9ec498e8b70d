#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cardvoid/net/https_client.hpp>
#include <cardvoid/run/probe.hpp>

#include "endpoints.hpp"

namespace cardvoid::run {

namespace {

namespace asio = boost::asio;

asio::awaitable<void> ask(net::HttpsClient& client, std::size_t index, std::string request,
                          milliseconds timeout, Probe& probe) {
  auto connected = co_await client.connect(index, true);
  if (!connected) {
    probe.failure = connected.error().what;
    co_return;
  }
  auto connection = std::move(*connected);
  const auto begun = read_clocks();
  const auto answer = co_await connection.exchange(request, begun.steady + timeout);
  const auto now = read_clocks();
  probe.round_trip = std::chrono::duration_cast<milliseconds>(now.steady - begun.steady);
  if (answer.reach != net::Exchange::answered) {
    probe.failure = "no answer: " + answer.reason;
    co_return;
  }
  if (const auto date = parse_http_date(answer.header("Date"))) probe.clock_offset = *date - now.wall;
}

}  // namespace

Result<std::vector<Probe>> probe_endpoints(const model::Job& job, const std::string& version) {
  asio::io_context io{1};
  auto client = net::HttpsClient::create(io.get_executor(), https_settings(job));
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
    io.run();
    io.restart();
  }
  (*client)->close();
  io.run();
  return probes;
}

}  // namespace cardvoid::run
