#pragma once
// What a run tells while it goes on. Progress, log, metrics and the service manager each observe a run; none
// of them can make it fail. Called on the thread of execute(), or on the one that commits (recorded()).

#include <cardvoid/dispatch/snapshot.hpp>
#include <cardvoid/ledger/records.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/model/row.hpp>
#include <vector>

namespace cardvoid::run {

// Every function does nothing unless it is overridden.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void notice(const dispatch::Notice&) {}
  // Every quarter of a second, and once at the end.
  virtual void progress(const dispatch::Snapshot&, const ledger::RunCounts&) {}
  // A request has ended.
  virtual void attempted(const ledger::Attempt&, const model::Candidate&) {}
  // A request that ended is on record. Called after the commit, so it is never undone. Those of a run's last
  // commit may be missing.
  virtual void recorded(const ledger::Attempt&) {}
  // From the next commit on the results show another status, or held mark, for a row.
  virtual void moved(model::RowState /*before*/, model::RowState /*after*/) {}
  // The first SIGINT or SIGTERM came: what is in flight is being settled.
  virtual void interrupted(int /*in_flight*/) {}
  // SIGUSR1 came.
  virtual void asked_how_it_stands(const dispatch::Snapshot&, const ledger::RunCounts&) {}
};

// Several observers, told in this order. They must outlive it.
class Observers final : public Observer {
 public:
  explicit Observers(std::vector<Observer*> all) : all_{std::move(all)} {}
  void notice(const dispatch::Notice& notice) override {
    for (auto* one : all_) one->notice(notice);
  }
  void progress(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts) override {
    for (auto* one : all_) one->progress(snapshot, counts);
  }
  void attempted(const ledger::Attempt& attempt, const model::Candidate& row) override {
    for (auto* one : all_) one->attempted(attempt, row);
  }
  void recorded(const ledger::Attempt& attempt) override {
    for (auto* one : all_) one->recorded(attempt);
  }
  void moved(model::RowState before, model::RowState after) override {
    for (auto* one : all_) one->moved(before, after);
  }
  void interrupted(int in_flight) override {
    for (auto* one : all_) one->interrupted(in_flight);
  }
  void asked_how_it_stands(const dispatch::Snapshot& snapshot, const ledger::RunCounts& counts) override {
    for (auto* one : all_) one->asked_how_it_stands(snapshot, counts);
  }

 private:
  std::vector<Observer*> all_;
};

}  // namespace cardvoid::run
