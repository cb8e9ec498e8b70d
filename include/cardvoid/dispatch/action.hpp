#pragma once
// What the Dispatcher asks the shell (run::Runner) to do next. Plain values.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cstddef>
#include <optional>
#include <variant>

namespace cardvoid::dispatch {

// Rows that share one quota share a lane: with `per = "merchant"` there is one lane, else one for each brand.
using LaneId = std::size_t;  // 0, 1, … Settings::lanes - 1

namespace action {

// Read up to `count` more rows of this lane, rows in doubt first. Answer with offer().
struct Fetch {
  LaneId lane;
  int count;
  // The limit of rows is reached: from now on only rows in doubt that come last, which are read back.
  bool set_apart_only = false;
};

// Make the intent durable (invalidations only) and have a connection ready. Answer with prepared() or
// ended().
struct Prepare {
  model::RowId row;
  model::AttemptKind kind;
  model::Endpoint endpoint;
  int attempt;            // number of this attempt for its row
  bool fresh_connection;  // do not use a kept connection
};

// Sign and write. Answer with written() and then ended().
struct Send {
  model::RowId row;
};

// The request will not be sent: give the connection back, and put the row back to `status`. No answer.
struct Withdraw {
  model::RowId row;
  model::AttemptKind kind;
  int attempt;
  model::Status status;
  bool is_kept = false;  // the row is prepared again later: keep its data
};

// The row is held in memory only and nothing is under way: drop its data. No answer.
struct Release {
  model::RowId row;
};

// Nothing to do before `until`. Instant::max(): only an event can change that.
struct Wait {
  Instant until;
};

// Nothing is under way any more, and nothing will be.
struct Finished {
  std::optional<Error> stopped;  // why the run ended early; nullopt: everything is done
};

}  // namespace action

using Action = std::variant<action::Fetch, action::Prepare, action::Send, action::Withdraw, action::Release,
                            action::Wait, action::Finished>;

}  // namespace cardvoid::dispatch
