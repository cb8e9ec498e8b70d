#include "server.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cardvoid/base/workers.hpp>
#include <future>
#include <list>
#include <thread>

#include "listener.hpp"
#include "session.hpp"

namespace cardvoid::sandbox {

namespace asio = boost::asio;

struct Server::State {
  State(std::shared_ptr<asio::ssl::context> context, const ServerSettings& settings, Simulator& simulator,
        Answerer& answerer)
      : tls{std::move(context)},
        service{simulator,     answerer, signing.pool(), *tls, settings.idle_limit, settings.clock_offset,
                settings.clock},
        primary{io, service},
        backup{io, service} {}

  Listener& listener(model::Endpoint endpoint) {
    return endpoint == model::Endpoint::primary ? primary : backup;
  }

  void at(std::chrono::steady_clock::time_point when, model::Endpoint endpoint,
          std::optional<Outage::Kind> kind) {
    auto& timer = timers.emplace_back(io, when);
    timer.async_wait([this, endpoint, kind](boost::system::error_code cancelled) {
      if (!cancelled) listener(endpoint).set_outage(kind);
    });
  }

  // What coroutines refer to is declared before the io_context that owns their frames.
  std::shared_ptr<asio::ssl::context> tls;
  Workers signing;
  asio::io_context io{1};
  Service service;
  Listener primary, backup;
  std::list<asio::steady_timer> timers;
  asio::executor_work_guard<asio::io_context::executor_type> busy{io.get_executor()};
  std::thread thread;
};

Server::Server(std::unique_ptr<State> state) : state_{std::move(state)} {}

Result<std::unique_ptr<Server>> Server::open(const ServerSettings& settings, Simulator& simulator,
                                             Answerer& answerer) {
  const auto tls = make_tls_context(settings.certificate_pem, settings.key_pem);
  if (!tls) return tls.error();
  auto state = std::make_unique<State>(*tls, settings, simulator, answerer);
  std::unique_ptr<Server> server{new Server{std::move(state)}};
  if (const auto opened = server->state_->primary.open(settings.primary_port); !opened) return opened.error();
  if (const auto opened = server->state_->backup.open(settings.backup_port); !opened) return opened.error();
  return server;
}

Server::~Server() {  // NOLINT(bugprone-exception-escape): what io throws is a bug and may end us
  auto& s = *state_;
  // Drains instead of io.stop(): suspended coroutines must end while what they refer to still exists.
  asio::post(s.io, [&s] {
    s.primary.close();
    s.backup.close();
    for (auto& timer : s.timers) timer.cancel();
    s.busy.reset();
  });
  if (s.thread.joinable())
    s.thread.join();
  else
    s.io.run();  // opened, never run
  s.signing.finish();
}

std::uint16_t Server::port(model::Endpoint endpoint) const { return state_->listener(endpoint).port(); }

void Server::run(const std::vector<Outage>& schedule) {
  const auto start = std::chrono::steady_clock::now();
  for (const auto& outage : schedule) {
    state_->at(start + outage.from, outage.endpoint, outage.kind);
    state_->at(start + outage.to, outage.endpoint, std::nullopt);
  }
  state_->thread = std::thread{[this] { state_->io.run(); }};
}

void Server::set_outage(model::Endpoint endpoint, std::optional<Outage::Kind> kind) {
  std::promise<void> done;
  asio::post(state_->io, [&] {
    state_->listener(endpoint).set_outage(kind);
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace cardvoid::sandbox
