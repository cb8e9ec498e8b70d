#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cardvoid/net/https_client.hpp>
#include <cardvoid/run/journal.hpp>
#include <cardvoid/run/runner.hpp>
#include <cardvoid/wechatpay/request.hpp>
#include <cardvoid/wechatpay/signer.hpp>
#include <csignal>
#include <cstring>
#include <deque>
#include <random>
#include <unordered_map>

#include "answer_text.hpp"
#include "endpoints.hpp"

namespace cardvoid::run {

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using model::AttemptKind;
using model::RowId;

constexpr auto k_progress_interval = 250ms;
constexpr auto k_pulse_interval = 2s, k_rate_span = 60s;

// A row on its way. Its place in memory is stable while it lives: coroutines and the crypto pool refer to it.
struct Flight {
  model::Candidate row;
  AttemptKind kind = AttemptKind::invalidate;
  model::Endpoint endpoint = model::Endpoint::primary;
  int attempt = 0;
  bool durable = false, connected = false;
  std::optional<model::Outcome> failure;  // why no connection came to be
  net::Connection connection;
  Now started;          // of the exchange; of the preparation when nothing was sent
  std::string request;  // the bytes that are signed and sent
};

dispatch::Settings dispatch_settings(const model::Job& job, const Order& order, std::size_t lanes) {
  dispatch::Settings settings;
  settings.requests_per_second = job.limits.requests_per_second;
  settings.lanes = lanes;
  settings.max_in_flight = job.limits.max_in_flight;
  settings.retry = {job.limits.backoff_base, job.limits.backoff_cap, job.limits.max_attempts};
  settings.endpoints = {job.limits.failover_after, job.limits.failover_cooldown};
  settings.row_limit = order.row_limit;
  settings.read_back_only = order.read_back_only;
  return settings;
}

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

class Runner {
 public:
  Runner(const model::Job& job, const Keys& keys, ledger::Ledger& ledger, const Order& order,
         const Events& events, std::vector<ledger::Cursor> cursors)
      : job_{job},
        keys_{keys},
        events_{events},
        cursors_{std::move(cursors)},
        dispatcher_{dispatch_settings(job, order, cursors_.size())},
        verifier_{keys.platform.keys},
        journal_{ledger, io_.get_executor(), [this](Error error) { abandon(std::move(error)); }} {
    identity_.api = job.merchant.api;
    identity_.signer_id = job.merchant.api == model::Api::brand ? job.merchant.brand_id : job.merchant.mchid;
    identity_.serial_no = job.merchant.serial_no;
    identity_.wechatpay_serial = keys.platform.request_serial;
    identity_.user_agent = "cardvoid/" + order.version + " (Linux) Boost.Beast";
  }

  // However the run ended: what works on flights first, then the flights, whose sockets must not outlive the
  // context.
  ~Runner() {
    crypto_.stop();
    crypto_.join();
    flights_.clear();
  }

  Result<void> go(ledger::RunId run, std::optional<Instant> hold_until) {
    run_ = run;
    auto client = net::HttpsClient::create(io_.get_executor(), https_settings(job_));
    if (!client) return client.error();
    client_ = std::move(*client);
    if (hold_until) dispatcher_.hold(*hold_until);
    heed_hang_up();
    wait_for_signal();
    tick();
    pump();
    io_.run();
    if (events_.progress) events_.progress(snapshot(), counts_);
    const auto closed = journal_.close();
    if (!closed) return closed.error();
    return {};
  }

  const std::optional<Error>& ending() const { return ending_; }

  ledger::RunCounts counts() const { return counts_; }
  dispatch::Snapshot snapshot() const { return dispatcher_.snapshot(std::chrono::steady_clock::now()); }
  std::uint64_t commits() const { return journal_.commits(); }

 private:
  // Carries out everything the dispatcher asks for now.
  void pump() {
    if (pumping_ || finished_) return;
    pumping_ = true;
    bool more = true;
    while (more) {
      const auto action = dispatcher_.next(std::chrono::steady_clock::now());
      more = std::visit([this](const auto& what) { return carry_out(what); }, action);
    }
    pumping_ = false;
    for (const auto& notice : dispatcher_.take_notices())
      if (events_.notice) events_.notice(notice);
  }

  bool carry_out(const dispatch::action::Fetch& fetch) {
    auto rows = std::make_shared<std::vector<model::Candidate>>();
    auto* cursor = &cursors_[fetch.lane];
    journal_.submit(
        [rows, cursor, count = fetch.count](ledger::Ledger& ledger) -> Result<void> {
          auto fetched = ledger.fetch(*cursor, count);
          if (!fetched) return fetched.error();
          *rows = std::move(*fetched);
          return {};
        },
        [this, rows, fetch] {
          dispatcher_.offer(fetch.lane, *rows, static_cast<int>(rows->size()) < fetch.count);
          for (auto& row : *rows) {
            const auto id = row.id;
            flights_[id].row = std::move(row);
          }
          pump();
        });
    return true;
  }

  bool carry_out(const dispatch::action::Prepare& prepare) {
    auto& flight = flights_.at(prepare.row);
    flight.kind = prepare.kind;
    flight.endpoint = prepare.endpoint;
    flight.attempt = prepare.attempt;
    flight.started = read_clocks();
    flight.connected = false;
    flight.failure.reset();
    flight.durable = prepare.kind == AttemptKind::read_back;  // a query changes nothing: no intent
    if (!flight.durable) {
      const ledger::Intent intent{prepare.row, prepare.attempt, run_, prepare.endpoint, flight.started.wall};
      journal_.submit([intent](ledger::Ledger& ledger) { return ledger.open_attempt(intent); },
                      [this, &flight] {
                        flight.durable = true;
                        check_prepared(flight);
                      });
    }
    asio::co_spawn(io_, connect(flight, prepare.fresh_connection), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
    return true;
  }

  asio::awaitable<void> connect(Flight& flight, bool fresh) {
    const std::size_t endpoint = flight.endpoint == model::Endpoint::primary ? 0 : 1;
    auto connected = co_await client_->connect(endpoint, fresh);
    flight.connected = true;
    if (connected)
      flight.connection = std::move(*connected);
    else
      flight.failure = outcome_of(connected.error());
    check_prepared(flight);
  }

  void check_prepared(Flight& flight) {
    if (abandoned_ || !flight.durable || !flight.connected) return;
    if (flight.failure) {
      const auto failure = *flight.failure;
      end(flight, failure, read_clocks());
      return;
    }
    dispatcher_.prepared(flight.row.id, std::chrono::steady_clock::now());
    pump();
  }

  // Signed after the rate wait, right before sending: a signature lives five minutes (platform.md
  // section 3.4).
  bool carry_out(const dispatch::action::Send& send) {
    auto& flight = flights_.at(send.row);
    flight.started = read_clocks();
    asio::post(crypto_, [this, &flight] {
      try {
        sign(flight);
      } catch (const std::exception& failure) {  // out of memory, no randomness
        Error error{Errc::internal, fmt::format("cannot sign: {}", failure.what())};
        asio::post(io_, [this, error = std::move(error)] { abandon(error); });
        return;
      }
      asio::post(io_, [this, &flight] {
        asio::co_spawn(io_, exchange(flight), [](const std::exception_ptr& error) {
          if (error) std::rethrow_exception(error);
        });
      });
    });
    return true;
  }

  // On a thread of the crypto pool.
  void sign(Flight& flight) {
    thread_local std::unique_ptr<wechatpay::Signer> signer;
    if (!signer) signer = std::make_unique<wechatpay::Signer>(keys_.merchant.get());
    const auto request = wechatpay::build_request(job_.merchant.api, flight.kind, flight.row.card);
    const auto timestamp = flight.started.wall.time_since_epoch().count() / 1000;
    const auto nonce = wechatpay::make_nonce();
    const auto signature = signer->sign(wechatpay::canonical_message(request, timestamp, nonce));
    const auto& address =
        flight.endpoint == model::Endpoint::primary ? job_.endpoints.primary : job_.endpoints.backup;
    flight.request = wechatpay::serialize(request, identity_, address.text(),
                                          wechatpay::authorization(identity_, timestamp, nonce, signature));
  }

  asio::awaitable<void> exchange(Flight& flight) {
    flight.started = read_clocks();
    if (abandoned_) co_return;
    dispatcher_.written(flight.row.id, flight.started);
    const auto deadline = flight.started.steady + job_.limits.request_timeout;
    const auto answer = co_await flight.connection.exchange(flight.request, deadline);
    const auto now = read_clocks();
    const auto outcome = outcome_of(answer, flight.kind, flight.row.card, verifier_, now.wall);
    end(flight, outcome, now);
  }

  void end(Flight& flight, const model::Outcome& outcome, Now now) {
    if (abandoned_) return;
    const bool sent = model::was_sent(outcome.kind);
    const auto ruling = dispatcher_.ended(flight.row.id, outcome, now, static_cast<std::uint32_t>(random_()));
    ledger::Attempt attempt;
    attempt.row = flight.row.id;
    attempt.n = flight.attempt;
    attempt.run = run_;
    attempt.kind = flight.kind;
    attempt.endpoint = flight.endpoint;
    attempt.sent = sent;
    attempt.started_at = flight.started.wall;
    attempt.finished_at = now.wall;
    attempt.latency =
        std::chrono::duration_cast<std::chrono::microseconds>(now.steady - flight.started.steady);
    attempt.outcome = outcome;
    if (sent) ++requests_;
    if (sent && flight.kind == AttemptKind::invalidate) ++counts_.sent;
    if (ruling.status == model::Status::invalidated) ++counts_.confirmed;
    if (ruling.status == model::Status::rejected) ++counts_.rejected;
    if (ruling.status == model::Status::unresolved) ++counts_.unresolved;
    if (events_.attempt) events_.attempt(attempt, flight.row.card);
    journal_.submit([attempt, ruling, run = run_, counts = counts_](ledger::Ledger& ledger) -> Result<void> {
      if (const auto closed = ledger.close_attempt(attempt, ruling); !closed) return closed;
      return ledger.save_counts(run, counts);
    });
    flight.request = {};
    if (ruling.finished) flights_.erase(flight.row.id);
    pump();
  }

  bool carry_out(const dispatch::action::Withdraw& withdraw) {
    if (withdraw.kind == AttemptKind::invalidate)
      journal_.submit([withdraw](ledger::Ledger& ledger) {
        return ledger.withdraw_attempt(withdraw.row, withdraw.attempt, withdraw.status);
      });
    flights_.erase(withdraw.row);
    return true;
  }

  bool carry_out(const dispatch::action::Release& release) {
    flights_.erase(release.row);
    return true;
  }

  bool carry_out(const dispatch::action::Wait& wait) {
    wake_.expires_at(wait.until);
    if (wait.until != Instant::max())
      wake_.async_wait([this](const boost::system::error_code& error) {
        if (!error) pump();
      });
    return false;
  }

  // Nothing can be recorded any more: whatever is under way is cut off and stays in doubt.
  void abandon(Error error) {
    if (finished_) return;
    abandoned_ = true;
    carry_out(dispatch::action::Finished{std::move(error)});
  }

  bool carry_out(const dispatch::action::Finished& finished) {
    finished_ = true;
    ending_ = finished.stopped;
    wake_.cancel();
    progress_.cancel();
    signals_.cancel();
    client_->close();
    return false;
  }

  // A hang-up, as when a terminal is closed, counts as a stop unless nohup or a service manager ignores it.
  void heed_hang_up() {
    struct sigaction present {};
    if (::sigaction(SIGHUP, nullptr, &present) == 0 && present.sa_handler != SIG_IGN) signals_.add(SIGHUP);
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error || finished_) return;
      // The second signal: leave at once. What was in flight is in doubt and is read back by the next run.
      if (std::exchange(interrupted_, true)) std::_Exit(static_cast<int>(Errc::stopped));
      dispatcher_.stop({Errc::stopped, fmt::format("SIG{} received", ::sigabbrev_np(signal))});
      if (events_.interrupted) events_.interrupted(snapshot().in_flight);
      wait_for_signal();
      pump();
    });
  }

  // Now and then `status` is told how things are.
  void beat(Instant now) {
    if (now < next_beat_) return;
    next_beat_ = now + k_pulse_interval;
    const auto state = snapshot();
    sent_at_.emplace_back(now, requests_);
    while (sent_at_.size() > 2 && now - sent_at_[1].first > k_rate_span) sent_at_.pop_front();
    const std::chrono::duration<double> span = now - sent_at_.front().first;
    ledger::Pulse pulse;
    pulse.run = run_;
    pulse.at = read_clocks().wall;
    if (span.count() > 0)
      pulse.rate = static_cast<double>(requests_ - sent_at_.front().second) / span.count();
    pulse.allowed_rate = state.rate;
    pulse.paused_by_429 = state.paused_by_429;
    pulse.in_flight = state.in_flight, pulse.waiting = state.waiting;
    pulse.primary_state = dispatch::EndpointHealth::to_text(state.primary);
    pulse.backup_state = dispatch::EndpointHealth::to_text(state.backup);
    journal_.submit([pulse](ledger::Ledger& ledger) { return ledger.save_pulse(pulse); });
  }

  void tick() {
    progress_.expires_after(k_progress_interval);
    progress_.async_wait([this](const boost::system::error_code& error) {
      if (error || finished_) return;  // cancelling comes too late for a handler that is queued already
      if (events_.progress) events_.progress(snapshot(), counts_);
      beat(std::chrono::steady_clock::now());
      tick();
    });
  }

  const model::Job& job_;
  const Keys& keys_;
  const Events& events_;
  wechatpay::Identity identity_;
  ledger::RunId run_ = 0;
  std::vector<ledger::Cursor> cursors_;  // used on the journal's thread
  dispatch::Dispatcher dispatcher_;
  wechatpay::Verifier verifier_;
  std::mt19937_64 random_{std::random_device{}()};
  std::unordered_map<RowId, Flight> flights_;
  ledger::RunCounts counts_;
  std::uint64_t requests_ = 0;                             // of both kinds
  std::deque<std::pair<Instant, std::uint64_t>> sent_at_;  // how many there were when, over the last minute
  Instant next_beat_{};
  std::optional<Error> ending_;
  bool pumping_ = false, finished_ = false, abandoned_ = false, interrupted_ = false;
  // Declared after all that coroutines refer to: suspended frames die with the context (style.md
  // section 4.2).
  asio::io_context io_{1};
  std::unique_ptr<net::HttpsClient> client_;
  asio::steady_timer wake_{io_}, progress_{io_};
  asio::signal_set signals_{io_, SIGINT, SIGTERM};
  asio::thread_pool crypto_{std::max(1u, std::thread::hardware_concurrency())};
  Journal journal_;
};

}  // namespace

namespace {
// Spelled out: a Report can be made of an Error too, so the compiler would not know which is meant.
Result<Report> failed(const Error& error) { return {boost::system::in_place_error, error}; }
}  // namespace

int exit_code_for(const ledger::Totals& totals) {
  if (totals.pending - totals.conflicts + totals.in_doubt() > 0) return static_cast<int>(Errc::stopped);
  return totals.rejected + totals.refused + totals.conflicts > 0 ? 1 : 0;
}

namespace {

// `reconcile` has done what it says when nothing is in doubt any more.
int standing_after(const Order& order, const ledger::Totals& totals) {
  if (!order.read_back_only) return exit_code_for(totals);
  return totals.in_doubt() > 0 ? static_cast<int>(Errc::stopped) : 0;
}

std::string_view words_for_ending(const Report& report) {
  if (report.stopped) return report.stopped->what;
  return report.exit_code == static_cast<int>(Errc::stopped) ? "ended with rows in doubt" : "done";
}

}  // namespace

Result<Report> execute(const model::Job& job, const Keys& keys, ledger::Ledger& ledger, const Order& order,
                       const Events& events) {
  const auto begun = read_clocks();
  std::vector<ledger::Cursor> cursors;
  if (job.limits.per == model::QuotaPer::brand) {
    const auto brands = ledger.brands();
    if (!brands) return failed(brands.error());
    if (const auto indexed = ledger.index_brands(); !indexed) return failed(indexed.error());
    for (const auto& brand : *brands) cursors.push_back({brand, order.read_back_only, false, 0});
  }
  if (cursors.empty()) cursors.push_back({std::nullopt, order.read_back_only, false, 0});

  // What an earlier run sent may still count: begin one window later than that.
  const auto last = ledger.last_sent_at(begun.wall);
  if (!last) return failed(last.error());
  std::optional<Instant> hold;
  if (*last)
    hold = begun.steady + dispatch::Pacer{job.limits.requests_per_second}.window() - (begun.wall - **last);

  const auto run =
      ledger.begin_run({order.command, begun.wall, host_name(), static_cast<int>(::getpid()), order.version,
                        job.safety.acknowledge, order.fingerprint, order.confirmed});
  if (!run) return failed(run.error());
  Report report;
  {
    Runner runner{job, keys, ledger, order, events, std::move(cursors)};
    const auto ended = runner.go(*run, hold);
    if (!ended) return failed(ended.error());
    report.stopped = runner.ending();
    report.counts = runner.counts();
    report.last = runner.snapshot();
    report.commits = runner.commits();
  }
  const auto totals = ledger.totals();
  if (!totals) return failed(totals.error());
  report.totals = *totals;
  const int standing = standing_after(order, *totals);
  // A soft stop that came when nothing was left is no stop.
  const bool early = report.stopped &&
                     (report.stopped->code != Errc::stopped || standing == static_cast<int>(Errc::stopped));
  report.exit_code = early ? static_cast<int>(report.stopped->code) : standing;
  const auto now = read_clocks();
  report.elapsed = std::chrono::duration_cast<milliseconds>(now.steady - begun.steady);
  const auto closed =
      ledger.end_run(*run, report.counts, report.exit_code, words_for_ending(report), now.wall);
  if (!closed) return failed(closed.error());
  (void)ledger.checkpoint();
  return report;
}

}  // namespace cardvoid::run
