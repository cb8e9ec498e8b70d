#include <cardvoid/base/text.hpp>
#include <cardvoid/model/outcome.hpp>

namespace cardvoid::model {

std::string_view to_text(AttemptKind kind) {
  return kind == AttemptKind::invalidate ? "invalidate" : "read_back";
}

std::string_view to_text(Endpoint endpoint) { return endpoint == Endpoint::primary ? "primary" : "backup"; }

std::string_view to_text(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::confirmed: return "confirmed";
    case OutcomeKind::not_invalid: return "not_invalid";
    case OutcomeKind::wrong_card: return "wrong_card";
    case OutcomeKind::unverified: return "unverified";
    case OutcomeKind::probe_signature: return "probe_signature";
    case OutcomeKind::unreadable: return "unreadable";
    case OutcomeKind::accepted: return "accepted";
    case OutcomeKind::system_error: return "system_error";
    case OutcomeKind::gateway_error: return "gateway_error";
    case OutcomeKind::throttled: return "throttled";
    case OutcomeKind::clock_refused: return "clock_refused";
    case OutcomeKind::credentials_refused: return "credentials_refused";
    case OutcomeKind::setup_refused: return "setup_refused";
    case OutcomeKind::refused: return "refused";
    case OutcomeKind::distrusted: return "distrusted";
    case OutcomeKind::unknown_answer: return "unknown_answer";
    case OutcomeKind::lost: return "lost";
    case OutcomeKind::stale_connection: return "stale_connection";
    case OutcomeKind::connection_closed: return "connection_closed";
    case OutcomeKind::not_sent: return "not_sent";
    case OutcomeKind::bad_certificate: return "bad_certificate";
  }
  return "";
}

std::vector<OutcomeKind> all_outcomes() {
  std::vector<OutcomeKind> all;
  for (int value = 0;; ++value) {
    const auto kind = static_cast<OutcomeKind>(value);
    if (to_text(kind).empty()) return all;
    all.push_back(kind);
  }
}

std::optional<OutcomeKind> outcome_from_text(std::string_view text) {
  for (const auto kind : all_outcomes())
    if (to_text(kind) == text) return kind;
  return std::nullopt;
}

bool was_sent(OutcomeKind kind) {
  return kind != OutcomeKind::not_sent && kind != OutcomeKind::bad_certificate &&
         kind != OutcomeKind::connection_closed;
}

bool denies_invalid(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::not_invalid:
    case OutcomeKind::refused: return true;
    case OutcomeKind::confirmed:
    case OutcomeKind::wrong_card:
    case OutcomeKind::unverified:
    case OutcomeKind::probe_signature:
    case OutcomeKind::unreadable:
    case OutcomeKind::accepted:
    case OutcomeKind::system_error:
    case OutcomeKind::gateway_error:
    case OutcomeKind::throttled:
    case OutcomeKind::clock_refused:
    case OutcomeKind::credentials_refused:
    case OutcomeKind::setup_refused:
    case OutcomeKind::distrusted:
    case OutcomeKind::unknown_answer:
    case OutcomeKind::lost:
    case OutcomeKind::stale_connection:
    case OutcomeKind::connection_closed:
    case OutcomeKind::not_sent:
    case OutcomeKind::bad_certificate: return false;
  }
  return false;
}

bool is_strange(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::wrong_card:
    case OutcomeKind::unverified:
    case OutcomeKind::probe_signature:
    case OutcomeKind::unreadable:
    case OutcomeKind::clock_refused:
    case OutcomeKind::credentials_refused:
    case OutcomeKind::setup_refused:
    case OutcomeKind::distrusted:
    case OutcomeKind::unknown_answer: return true;
    case OutcomeKind::confirmed:
    case OutcomeKind::not_invalid:
    case OutcomeKind::accepted:
    case OutcomeKind::system_error:
    case OutcomeKind::gateway_error:
    case OutcomeKind::throttled:
    case OutcomeKind::refused:
    case OutcomeKind::lost:
    case OutcomeKind::stale_connection:
    case OutcomeKind::connection_closed:
    case OutcomeKind::not_sent:
    case OutcomeKind::bad_certificate: return false;
  }
  return true;
}

bool is_trouble(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::accepted:
    case OutcomeKind::system_error:
    case OutcomeKind::gateway_error:
    case OutcomeKind::throttled:
    case OutcomeKind::lost:
    case OutcomeKind::stale_connection:
    case OutcomeKind::connection_closed:
    case OutcomeKind::not_sent:
    case OutcomeKind::bad_certificate: return true;
    case OutcomeKind::confirmed:
    case OutcomeKind::not_invalid:
    case OutcomeKind::wrong_card:
    case OutcomeKind::unverified:
    case OutcomeKind::probe_signature:
    case OutcomeKind::unreadable:
    case OutcomeKind::clock_refused:
    case OutcomeKind::credentials_refused:
    case OutcomeKind::setup_refused:
    case OutcomeKind::refused:
    case OutcomeKind::distrusted:
    case OutcomeKind::unknown_answer: return false;
  }
  return false;
}

bool leaves_doubt(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::confirmed:
    case OutcomeKind::throttled:
    case OutcomeKind::clock_refused:
    case OutcomeKind::credentials_refused:
    case OutcomeKind::setup_refused:
    case OutcomeKind::refused:
    case OutcomeKind::connection_closed:
    case OutcomeKind::not_sent:
    case OutcomeKind::bad_certificate: return false;
    case OutcomeKind::not_invalid:
    case OutcomeKind::wrong_card:
    case OutcomeKind::unverified:
    case OutcomeKind::probe_signature:
    case OutcomeKind::unreadable:
    case OutcomeKind::accepted:
    case OutcomeKind::system_error:
    case OutcomeKind::gateway_error:
    case OutcomeKind::distrusted:
    case OutcomeKind::unknown_answer:
    case OutcomeKind::lost:
    case OutcomeKind::stale_connection: return true;
  }
  return true;
}

std::string describe(const std::string& why, const Outcome& outcome) {
  constexpr std::size_t k_most_columns = 200;  // the database has all of it
  auto text = why + (outcome.http_status ? ": HTTP " + std::to_string(outcome.http_status) : ": no answer");
  if (!outcome.error_code.empty()) text += " " + outcome.error_code;
  if (!outcome.error_message.empty())
    text += ", \"" + fit_to_width(outcome.error_message, k_most_columns) + "\"";
  if (!outcome.request_id.empty()) text += " (Request-ID " + outcome.request_id + ")";
  if (!outcome.advice.empty()) text += "; " + outcome.advice;
  return text;
}

}  // namespace cardvoid::model
