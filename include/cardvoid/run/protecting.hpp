#pragma once
// What `cardvoid protect` answers: which rows are held, and for which it is too late. The same whether a run
// is under way and answers, or none is.

#include <boost/json/fwd.hpp>
#include <cardvoid/ledger/protection.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::run {

struct Protected {
  ledger::ProtectionEntry entry;
  std::int64_t held = 0;      // no invalidation that may have been executed has left, and none will
  std::int64_t too_late = 0;  // one has, or the card is INVALID already
  struct Row {
    std::int64_t source_line = 0;
    std::string masked_code;
    bool is_too_late = false;
    model::Status status = model::Status::pending;
    std::optional<WallTime> sent_at;  // of a row that is too late
  };
  std::vector<Row> rows;  // examples: at most five that are held, and five that are too late

  void note(const ledger::NamedRow& row);
};

boost::json::object as_json(const Protected& answer);
std::optional<Protected> protected_from_json(const boost::json::object& object);

}  // namespace cardvoid::run
