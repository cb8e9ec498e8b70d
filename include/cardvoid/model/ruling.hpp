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
  bool held = false;      // unresolved for good: sent again only after `retry`
  bool finished = false;  // the dispatcher is done with the row in this run
  Outcome shown;  // its state, time, code and message go into the results: the settling or the latest outcome
  std::optional<Endpoint> shown_endpoint = {};  // which endpoint it came from; nullopt: the attempt's own
  // The latest answer is strange (model::is_strange): the row comes last in the next run, and its strange
  // answers count towards no stop there. Never set for a row that is settled.
  bool strange = false;
  bool leaves_row = false;  // only the attempt goes into the results: the row was settled before
};

}  // namespace cardvoid::model
