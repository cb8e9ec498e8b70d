#include <cardvoid/model/row.hpp>

namespace cardvoid::model {

std::string_view to_text(Status status) {
  switch (status) {
    case Status::pending: return "pending";
    case Status::in_flight: return "in_flight";
    case Status::invalidated: return "invalidated";
    case Status::rejected: return "rejected";
    case Status::unresolved: return "unresolved";
  }
  return "";
}

std::optional<Status> status_from_text(std::string_view text) {
  for (const auto status :
       {Status::pending, Status::in_flight, Status::invalidated, Status::rejected, Status::unresolved})
    if (to_text(status) == text) return status;
  return std::nullopt;
}

std::string_view to_text(SettledBy settled_by) {
  switch (settled_by) {
    case SettledBy::answer: return "answer";
    case SettledBy::read_back: return "read_back";
    case SettledBy::already: return "already";
  }
  return "";
}

}  // namespace cardvoid::model
