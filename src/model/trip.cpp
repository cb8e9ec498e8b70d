#include <cardvoid/model/trip.hpp>

namespace cardvoid::model {

std::string_view to_text(TripCause cause) {
  switch (cause) {
    case TripCause::canary: return "canary";
    case TripCause::failure_rate: return "failure_rate";
    case TripCause::unknown_answer: return "unknown_answer";
    case TripCause::wrong_card: return "wrong_card";
    case TripCause::contradiction: return "contradiction";
    case TripCause::already: return "already";
  }
  return "";
}

}  // namespace cardvoid::model
