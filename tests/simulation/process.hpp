#pragma once
// What one process of a simulated job sees of the world: the network, and its store. Both die with it; what
// is on the way to the platform does not.

#include <cardvoid/ledger/database.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/ports.hpp>
#include <functional>
#include <unordered_map>
#include <vector>

#include "platform.hpp"
#include "world.hpp"

namespace cardvoid::simulation {

// How the two endpoints fare.
struct Weather {
  struct Outage {
    enum Kind { refuses_connections, black_hole, gateway_errors, wrong_certificate } kind;
    model::Endpoint endpoint;
    Instant from, until;
  };
  std::vector<Outage> outages;
  double connect_fails = 0, kept_connection_fails = 0, slow = 0;
  bool arrives_late = false;  // a request may reach the platform after its time-out
  std::array<milliseconds, 2> one_way{1ms, 20ms};
  bool is_calm = false;  // nothing of the above

  const Outage* outage(model::Endpoint endpoint, Instant now) const;
};

// What must hold whenever a request leaves (docs/guarantees.md).
struct Watch {
  virtual ~Watch() = default;
  virtual void request_leaves(model::RowId row, model::AttemptKind kind, const Card& card,
                              const model::Card& as_sent) = 0;
  // A read-back that can be trusted says INVALID.
  virtual void is_read_back(const Card& card) = 0;
};

class Network : public run::Transport {
 public:
  Network(World& world, Platform& platform, const Weather& weather, const model::Job& job, Watch& watch)
      : world_{world}, platform_{platform}, weather_{weather}, job_{job}, watch_{watch} {}

  void connect(model::RowId row, model::Endpoint endpoint, bool fresh, Connected connected) override;
  void send(model::RowId row, model::AttemptKind kind, const model::Card& card, Written written,
            Answered answered) override;
  void release(model::RowId row) override;
  void close() override { closed_ = true; }

 private:
  struct Call {
    model::Endpoint endpoint = model::Endpoint::primary;
    bool kept = false, connected = false, under_way = false;
  };
  void leave(model::RowId row, model::AttemptKind kind, Card& card, const model::Card& as_sent,
             WallTime signed_at, const Written& written, Answered answered);
  void note_answer(Card& card, model::AttemptKind kind, const run::Reply& reply, bool began_in_doubt);

  World& world_;
  Platform& platform_;
  const Weather& weather_;
  const model::Job& job_;
  Watch& watch_;
  std::unordered_map<model::RowId, Call> calls_;
  int in_flight_ = 0;
  bool closed_ = false;
};

// The ledger behind a door, with group commit as run::Journal has it, in virtual time.
class Store : public run::Store {
 public:
  // `is_dead`: did the machine stop in the middle of what the ledger just did?
  Store(World& world, ledger::Ledger& ledger, std::function<bool()> is_dead)
      : world_{world}, ledger_{ledger}, is_dead_{std::move(is_dead)} {}

  void on_failure(std::function<void(Error)> failed) override { failed_ = std::move(failed); }
  void submit(Work work, std::function<void()> committed = {}) override;
  Result<void> close() override;

 private:
  struct Entry {
    Work work;
    std::function<void()> committed;
  };
  void commit();
  Result<void> write(const std::vector<Entry>& batch);

  World& world_;
  ledger::Ledger& ledger_;
  std::function<bool()> is_dead_;
  std::function<void(Error)> failed_;
  std::vector<Entry> queue_;
  std::optional<Error> failure_;
  bool is_scheduled_ = false;
};

}  // namespace cardvoid::simulation
