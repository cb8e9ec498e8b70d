#pragma once
// Notices when too many rows fail: that is a wrong list, not a bad row. Pure.

#include <cardvoid/model/row.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace cardvoid::dispatch {

// Watches the share of failures among the last 50 settled rows; below 20 it does not judge.
class Breaker {
 public:
  struct Settled {
    model::RowId row = 0;
    std::int64_t source_line = 0;
    bool failed = false;     // rejected, or left unresolved
    std::string code;        // of the card, masked
    std::string error_code;  // of a failure
  };

  // 0 < max_failure_rate <= 1; 1: never trips.
  explicit Breaker(double max_failure_rate) : max_failure_rate_{max_failure_rate} {}

  // True: the share of failures is above the limit now.
  bool note(Settled row);

  std::vector<model::RowId> failed_rows() const;  // among the last 50, oldest first
  std::string describe() const;                   // the share, the most frequent error and an example

 private:
  std::size_t failed() const;

  double max_failure_rate_;
  std::deque<Settled> last_;  // oldest first
};

}  // namespace cardvoid::dispatch
