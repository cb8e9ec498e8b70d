#pragma once
// The ports between a run and the world: clocks, platform, store, chance. A run knows only these interfaces.
// Behind them are Asio, TLS and the journal's thread, or a simulation (tests/simulation) where hours pass in
// milliseconds and anything can fail on command.
//
// Single-threaded: all calls and callbacks are on the thread of Loop::run(). No callback comes from inside
// the call that takes it.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/dispatch/pace.hpp>
#include <cardvoid/ledger/database.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/net/exchange.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::run {

class Runner;

// Both clocks, one alarm, and the events of all other ports.
class Loop {
 public:
  virtual ~Loop() = default;
  virtual Now now() = 0;
  // One alarm: setting it again replaces it, Instant::max() cancels it.
  virtual void call_at(Instant when, std::function<void()> what) = 0;
  // Serves events until runner.is_finished(). Calls runner.stop() for a signal and runner.tick() a few times
  // a second.
  virtual void run(Runner& runner) = 0;
};

// What came back for a request, not yet interpreted.
struct Reply {
  net::Exchange exchange;
  wechatpay::Verdict verdict = wechatpay::Verdict::no_signature;  // of its signature, if there is an answer
};

// Connections to the platform: bytes only. At most one request per row at any time.
class Transport {
 public:
  using Connected = std::function<void(std::optional<net::ConnectFailure>)>;
  using Written = std::function<void()>;
  // Error: a bug, or no memory left. Nothing may be sent after it.
  using Answered = std::function<void(Result<Reply>)>;

  virtual ~Transport() = default;
  // Gets a connection for this row's request. `fresh`: a new one, not a kept one.
  virtual void connect(model::RowId row, model::Endpoint endpoint, bool fresh, Connected connected) = 0;
  // Signs and writes on that connection. `written` comes right before the first byte leaves, then `answered`.
  // `card` must live until then, or until close().
  virtual void send(model::RowId row, model::AttemptKind kind, const model::Card& card, Written written,
                    Answered answered) = 0;
  // The row does not need its connection after all. If it is not made yet, `connected` is not called.
  virtual void release(model::RowId row) = 0;
  // Closes all connections. No callback comes after it, and no card is read.
  virtual void close() = 0;
};

// The ledger. One commit takes all that was submitted since the last.
class Store {
 public:
  using Work = std::function<Result<void>(ledger::Ledger&)>;

  virtual ~Store() = default;
  // `failed` is called once, when a change or a commit has failed. Nothing is written after that, and no
  // `committed` is called. Set it before the first submit().
  virtual void on_failure(std::function<void(Error)> failed) = 0;
  // Does `work` in the order of submission; calls `committed` when it is durable.
  virtual void submit(Work work, std::function<void()> committed = {}) = 0;
  // Finishes what was submitted and returns the first failure. Then the ledger is the caller's again.
  virtual Result<void> close() = 0;
};

struct Ports {
  Loop& loop;
  Transport& transport;
  Store& store;
  std::function<std::uint32_t()> draw;  // uniform in [0, 2^32): for jitter only, no secret
  // The pace of each lane: a single one (nullopt), or one per brand. A lane without one gets a pace of its
  // own.
  using Brands = std::vector<std::optional<std::string>>;
  std::function<std::vector<std::unique_ptr<dispatch::Pace>>(const Brands&)> paces = {};
};

}  // namespace cardvoid::run
