// A complete answer: what it says about a card.

#include <array>
#include <cardvoid/base/text.hpp>
#include <cardvoid/wechatpay/answer.hpp>

#include "fuzz/target.hpp"
#include "unit/wechatpay/published.hpp"

namespace cardvoid::fuzz::classification_of_answers {

namespace {

using namespace wechatpay;
using model::OutcomeKind;

constexpr std::array k_statuses{200u, 201u, 202u, 204u, 302u, 400u, 401u, 403u,
                                404u, 405u, 429u, 500u, 502u, 503u, 504u, 418u};
constexpr std::array k_verdicts{Verdict::verified, Verdict::no_signature, Verdict::unknown_key,
                                Verdict::stale,    Verdict::probe,        Verdict::bad_signature};

bool is_safe(const std::string& text, std::size_t limit) {
  return text.size() <= limit && !find_invalid_utf8(text) && escape_for_terminal(text) == text;
}

// The member may be told apart by openid or not.
void check_confirmed(const Answer& answer, const Reading& reading) {
  require(answer.verdict == Verdict::verified, "only a verified signature confirms");
  require(answer.status >= 200 && answer.status < 300, "only a success confirms");
  require(answer.body.find("INVALID") != std::string_view::npos ||
              answer.body.find('\\') != std::string_view::npos,
          "only the word INVALID confirms");
  (void)reading;
}

}  // namespace

FUZZ_TARGET(classification, "no answer without a verified signature and the word INVALID confirms") {
  Input input{bytes};
  Answer answer;
  answer.status = k_statuses[input.below(k_statuses.size())];
  answer.verdict = k_verdicts[input.below(k_verdicts.size())];
  const auto kind = input.flag() ? model::AttemptKind::read_back : model::AttemptKind::invalidate;
  Reading reading;
  reading.match_openid = !input.flag();
  if (input.flag()) reading.now = WallTime{std::chrono::seconds{published::k_timestamp}};
  input.line();
  auto& headers = answer.headers;
  for (auto* header : {&headers.request_id, &headers.retry_after, &headers.date, &headers.content_type,
                       &headers.content_encoding, &headers.timestamp, &headers.serial})
    *header = input.line();
  answer.body = input.rest();

  const auto outcome = classify(answer, kind, published::card(), reading);
  if (outcome.kind == OutcomeKind::confirmed) check_confirmed(answer, reading);
  if (outcome.kind == OutcomeKind::confirmed || outcome.kind == OutcomeKind::not_invalid)
    require(outcome.is_signed, "what settles a row is signed");
  require(outcome.is_signed == (answer.verdict == Verdict::verified), "signed means verified");
  require(is_safe(outcome.error_code, 64) && is_safe(outcome.error_message, 512) &&
              is_safe(outcome.request_id, 128),
          "texts of an answer are safe for a terminal and capped");
  require(!outcome.retry_after ||
              (*outcome.retry_after >= milliseconds{0} && *outcome.retry_after <= std::chrono::hours{1}),
          "no wait is longer than an hour");
  require(!find_invalid_utf8(model::describe("fuzz", outcome)), "a description is text");
}

}  // namespace cardvoid::fuzz::classification_of_answers
