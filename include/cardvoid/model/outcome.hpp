#pragma once
// What one finished attempt says about its row. Made by wechatpay::classify from an answer, or by the runner
// if none came. dispatch::Dispatcher decides what follows. docs/answers.md has the table.

#include <cardvoid/base/time.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::model {

enum class AttemptKind { invalidate, read_back };
std::string_view to_text(AttemptKind kind);

enum class Endpoint { primary, backup };
std::string_view to_text(Endpoint endpoint);
constexpr Endpoint other(Endpoint e) { return e == Endpoint::primary ? Endpoint::backup : Endpoint::primary; }

enum class OutcomeKind {
  confirmed,        // 2xx, verified, this card, state INVALID
  not_invalid,      // 2xx, verified, this card, another state
  wrong_card,       // 2xx, verified, echoes another card or another member
  unverified,       // 2xx whose signature is missing, stale, of an unknown key or does not verify
  probe_signature,  // 2xx with one of the platform's deliberate wrong signatures (docs/platform.md
                    // section 4.3)
  unreadable,       // 2xx, verified, yet not the JSON of a card
  accepted,         // 202: not processed yet
  system_error,     // 500 SYSTEM_ERROR
  gateway_error,    // 502, 503, 504 and other 5xx: the answer of an endpoint's gateway, not of the platform
  throttled,        // 429
  clock_refused,    // 401 whose message is about the timestamp
  credentials_refused,  // 401, 403: our keys or rights
  setup_refused,        // 404 without a JSON error, 405: wrong path or method
  refused,              // 400 or 404 with a JSON error: the platform's word on this row
  distrusted,           // non-2xx with signature headers that do not verify: its content does not count
  unknown_answer,       // a status or code that is not in the table
  lost,                 // written, and no complete answer came (time-out, reset, truncated body)
  stale_connection,     // written on a reused connection that ended before any byte of an answer
  connection_closed,    // no byte was sent: the kept connection turned out to be closed
  not_sent,             // no byte was sent: resolving, connecting or the TLS handshake failed
  bad_certificate,      // as not_sent: the server's certificate cannot be trusted
};
std::string_view to_text(OutcomeKind kind);  // as stored in attempts.outcome
std::optional<OutcomeKind> outcome_from_text(std::string_view text);
std::vector<OutcomeKind> all_outcomes();

// True if a byte of the request may have left this machine.
bool was_sent(OutcomeKind kind);

// True if this answer to a read-back says that the card is not INVALID: it is in another state, or not found.
bool denies_invalid(OutcomeKind kind);

// True if this answer is no use for its card, and may be about this card alone or about every card: only a
// second, different card tells (dispatch/safety.hpp).
bool is_strange(OutcomeKind kind);

// True if the platform, or the way to it, is in trouble. Says nothing about the card.
bool is_trouble(OutcomeKind kind);

// True if the platform may have executed this invalidation although no answer says so.
bool leaves_doubt(OutcomeKind kind);

struct Outcome {
  OutcomeKind kind = OutcomeKind::lost;
  unsigned http_status = 0;   // 0: no answer
  std::string card_state;     // user_card_state, byte for byte; empty: not in the answer
  std::string invalid_time;   // byte for byte; empty: not in the answer
  std::string error_code;     // the platform's code, or ours for what is not an answer (docs/answers.md)
  std::string error_message;  // the platform's words, or ours; may hold personal data: database only
  std::string request_id;     // the Request-ID header, whole
  bool is_signed = false;     // the answer carries a signature of the platform that verifies
  std::optional<milliseconds> retry_after;
  std::optional<WallTime>
      server_time;           // the answer's own clock: Wechatpay-Timestamp when verified, else Date
  bool other_brand = false;  // verified and about this card, and it names another brand_id than was asked for
  std::string advice;        // what a person should look at, in words; empty: nothing to say
};

// For people: 'WHY: HTTP 400 INVALID_REQUEST, "the platform's words" (Request-ID …); advice'.
std::string describe(const std::string& why, const Outcome& outcome);

}  // namespace cardvoid::model
