#pragma once
// The rows of one quota on their way: its pace, its queues, and all counting. Decides nothing.

#include <cardvoid/dispatch/pace.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

namespace cardvoid::dispatch {

// Rows by what is under way for them.
struct Load {
  int preparing = 0;  // being prepared, or ready to send
  int in_flight = 0;  // sent, not answered
  int waiting = 0;    // until their back-off ends
  int total() const { return preparing + in_flight + waiting; }
};

// Where a row waits to be prepared. Read-backs go first, then what was begun, then fresh rows. Last come
// those that earlier runs could do nothing with.
enum class Queue { read_backs, resends, fresh, set_apart };
constexpr Queue queue_for(model::AttemptKind kind) {
  return kind == model::AttemptKind::read_back ? Queue::read_backs : Queue::resends;
}

class Lane {
 public:
  // `all`: the load of all lanes together, kept up to date by each of them; must outlive the lane.
  Lane(std::unique_ptr<Pace> pace, Load& all) : pace_{std::move(pace)}, all_{&all} {}

  Pace& pace() { return *pace_; }
  const Pace& pace() const { return *pace_; }
  const Load& load() const { return load_; }

  // --- rows that wait to be prepared ---
  void add(model::RowId row, Queue queue) { rows(queue).push_back(row); }
  void add_first(model::RowId row, Queue queue) { rows(queue).push_front(row); }
  void remove(model::RowId row, Queue queue);
  std::size_t size(Queue queue) const { return rows(queue).size(); }
  bool has_only_set_apart() const {
    return size(Queue::read_backs) + size(Queue::resends) + size(Queue::fresh) == 0;
  }
  std::optional<model::RowId> first(Queue queue) const;  // nullopt: it is empty

  // --- rows that wait for their back-off ---
  void begin_wait() { add_to(&Load::waiting, 1); }
  void end_wait() { add_to(&Load::waiting, -1); }

  // --- requests ---
  void begin_prepare() { add_to(&Load::preparing, 1); }
  void end_prepare() { add_to(&Load::preparing, -1); }  // it failed
  void prepared(model::RowId row) { prepared_.push_back(row); }
  std::size_t prepared_count() const { return prepared_.size(); }
  model::RowId send();            // the row that was prepared first is in flight from now on
  model::RowId withdraw_first();  // takes back the row that was prepared first; call only when there is one
  model::RowId withdraw_last();
  void withdraw(model::RowId row);  // that is prepared
  void answered() { add_to(&Load::in_flight, -1); }

  // --- rows still in the results database ---
  bool is_fetching() const { return fetching_ > 0; }
  bool is_exhausted() const { return supply_ == Supply::exhausted; }
  bool wants_rows() const;
  // True while rows that count for the limit are on their way.
  bool may_give_back() const { return is_fetching() && supply_ == Supply::all; }
  void begin_fetch(std::int64_t count) { fetching_ = count; }
  void begin_fetch_set_apart(std::int64_t count) { supply_ = Supply::set_apart, fetching_ = count; }
  // How many of the rows that were asked for did not come; 0 for those that do not count.
  std::int64_t end_fetch(std::size_t count, bool exhausted);

  // --- requests of this run, for the snapshot ---
  struct Requests {
    std::uint64_t retries = 0, throttled = 0, read_backs = 0;
  } requests;

 private:
  void add_to(int Load::*member, int by) { load_.*member += by, all_->*member += by; }
  std::deque<model::RowId>& rows(Queue queue) { return queues_[static_cast<std::size_t>(queue)]; }
  const std::deque<model::RowId>& rows(Queue queue) const { return queues_[static_cast<std::size_t>(queue)]; }

  std::unique_ptr<Pace> pace_;
  Load load_;
  Load* all_;
  std::deque<model::RowId> queues_[4];
  std::deque<model::RowId> prepared_;  // in the order in which they became ready
  std::int64_t fetching_ = 0;          // rows asked for and not offered yet
  // set_apart: the limit is reached, and only rows in doubt that come last are read; limited: these have come
  // too.
  enum class Supply { all, set_apart, limited, exhausted } supply_ = Supply::all;
};

}  // namespace cardvoid::dispatch
