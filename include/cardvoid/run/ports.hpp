#pragma once
// The ports between a run and the world: clocks, platform, store, chance. A run knows these interfaces only;
// behind them stand Asio, TLS and the journal's thread, or a simulation (tests/simulation) where hours pass
// in milliseconds and everything breaks on order.
//
// Single-threaded: every call is made, and every callback comes, on the thread of Loop::run(). No callback
// comes from inside the call that it was handed to.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/dispatch/pace.hpp>
#include <cardvoid/ledger/ledger.hpp>
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

// Both clocks, one alarm, and the events of everything behind the other ports.
class Loop {
 public:
  virtual ~Loop() = default;
  virtual Now now() = 0;
  // One alarm; setting it again replaces it, Instant::max() takes it back.
  virtual void call_at(Instant when, std::function<void()> what) = 0;
  // Serves events until runner.is_finished(). Calls runner.stop() for a signal and runner.tick() a few times
  // a second.
  virtual void run(Runner& runner) = 0;
};

// What came back for a request, before anybody has read it.
struct Reply {
  net::Exchange exchange;
  wechatpay::Verdict verdict = wechatpay::Verdict::no_signature;  // of its signature; when it was answered
};

// The platform, as far as bytes go. At most one request for each row at any time.
class Transport {
 public:
  using Connected = std::function<void(std::optional<net::ConnectFailure>)>;
  using Written = std::function<void()>;
  // Error: a bug or no memory left; nothing may be sent any more.
  using Answered = std::function<void(Result<Reply>)>;

  virtual ~Transport() = default;
  // Has a connection ready for this row's request. `fresh`: not a kept one.
  virtual void connect(model::RowId row, model::Endpoint endpoint, bool fresh, Connected connected) = 0;
  // Signs and writes on that connection. `written` comes right before the first byte leaves, then `answered`.
  // `card` must live until then.
  virtual void send(model::RowId row, model::AttemptKind kind, const model::Card& card, Written written,
                    Answered answered) = 0;
  // The row's connection is not needed after all.
  virtual void release(model::RowId row) = 0;
  // Cuts off whatever is under way. No callback comes any more.
  virtual void close() = 0;
};

// The ledger, with commits that group what is submitted meanwhile.
class Store {
 public:
  using Work = std::function<Result<void>(ledger::Ledger&)>;

  virtual ~Store() = default;
  // `failed` is called once, when a change or commit failed: nothing is written from then on and no
  // `committed` comes any more. To be set before the first submit().
  virtual void on_failure(std::function<void(Error)> failed) = 0;
  // Does `work` in the order of submission; `committed` comes when it is durable.
  virtual void submit(Work work, std::function<void()> committed = {}) = 0;
  // Finishes what was submitted. Returns what went wrong, if anything did. Afterwards the ledger is the
  // caller's again.
  virtual Result<void> close() = 0;
};

struct Ports {
  Loop& loop;
  Transport& transport;
  Store& store;
  std::function<std::uint32_t()> draw;  // uniform in [0, 2^32): for jitter only, no secret
  // The pace of each lane: one with nullopt, or one for each of these brands. Empty, or fewer than asked for:
  // the others are paced by themselves.
  using Brands = std::vector<std::optional<std::string>>;
  std::function<std::vector<std::unique_ptr<dispatch::Pace>>(const Brands&)> paces = {};
};

}  // namespace cardvoid::run
