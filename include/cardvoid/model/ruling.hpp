#pragma once
// What a finished attempt means for its row. Decided by dispatch::Dispatcher, made durable by ledger::Ledger
// in the same transaction as the attempt.

#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <optional>

namespace cardvoid::model {

struct Ruling {
  Status status = Status::pending;
  std::optional<SettledBy> settled_by;
  bool held = false;      // unresolved for good: only `retry` may take it up again
  bool finished = false;  // the dispatcher is done with the row in this run
  Outcome shown;          // whose state, time, code and message the results show: settling or latest
  std::optional<Endpoint> shown_endpoint = {};  // where that came from; nullopt: the attempt's own
};

}  // namespace cardvoid::model
