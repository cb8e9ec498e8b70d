#include "platform.hpp"

#include <algorithm>
#include <cmath>

namespace cardvoid::simulation {

using model::AttemptKind;
using wechatpay::Verdict;

namespace {

constexpr milliseconds k_signature_life = 300s;  // docs/platform.md sections 3.4 and 4.1

// Did the platform get as far as invalidating? It may have, and may not have.
bool may_apply(Mishap mishap) {
  switch (mishap) {
    case Mishap::throttle:
    case Mishap::clock_refused:
    case Mishap::refusal:
    case Mishap::sign_refused:
    case Mishap::no_right:
    case Mishap::no_path: return false;
    default: return true;
  }
}

}  // namespace

std::string_view to_text(Mishap mishap) {
  constexpr std::string_view k_names[] = {
      "none",          "accepted",       "system_error",    "gateway",      "throttle",
      "clock_refused", "refusal",        "silence",         "reset",        "cut_off",
      "bad_signature", "no_signature",   "stale_signature", "probe",        "wrong_card",
      "not_json",      "says_effective", "distrusted",      "sign_refused", "no_right",
      "no_path",       "teapot"};
  return k_names[static_cast<std::size_t>(mishap)];
}

std::string_view to_text(Poison poison) {
  constexpr std::string_view k_names[] = {"none",         "frozen",       "unreadable",    "other_card",
                                          "other_member", "redirect",     "bad_signature", "probe",
                                          "firewall",     "unauthorized", "no_path",       "system_error",
                                          "gateway",      "accepted",     "throttled",     "reset"};
  return k_names[static_cast<std::size_t>(poison)];
}

Card& Platform::add(model::Card card, Nature nature) {
  auto& added = cards_.emplace_back();
  added.card = std::move(card);
  added.nature = nature;
  return added;
}

Card& Platform::card(const model::Card& wanted) {
  const auto found = std::find_if(cards_.begin(), cards_.end(), [&](const Card& each) {
    return each.card.code == wanted.code && each.card.card_id == wanted.card_id &&
           each.card.brand_id == wanted.brand_id;
  });
  if (found == cards_.end()) throw Violation{"a request for a card that is not in the plan"};
  return *found;
}

void Platform::take_over(Card& card) {
  if (card.is_invalid()) return;
  world_.tell("somebody else invalidates {}", card.card.code);
  apply(card, false);
}

void Platform::apply(Card& card, bool by_us) {
  auto time = clock();
  if (habits_.whole_seconds) time = std::chrono::floor<std::chrono::seconds>(time);
  if (!card.is_invalid()) {
    card.invalid_since = world_.instant();
    card.invalidated_by_us = by_us;
    card.invalid_time = format_rfc3339(time);
  } else if (habits_.again == Habits::new_time) {
    card.invalid_time = format_rfc3339(time);
  }
  if (by_us) ++card.posts_applied;
}

bool Platform::is_above_limit() {
  const auto most = static_cast<std::size_t>(std::ceil(habits_.limit));
  const auto window = nanoseconds{static_cast<std::int64_t>(static_cast<double>(most) / habits_.limit * 1e9)};
  while (!arrivals_.empty() && world_.instant() - arrivals_.front() >= window) arrivals_.pop_front();
  if (arrivals_.size() >= most) return true;
  arrivals_.push_back(world_.instant());
  return false;
}

Mishap Platform::draw(AttemptKind kind, const Card& card) {
  for (int i = 1; i < k_mishaps; ++i) {
    if (!world_.chance.happens(habits_.probability[static_cast<std::size_t>(i)])) continue;
    const auto mishap = static_cast<Mishap>(i);
    const bool denies = mishap == Mishap::refusal || mishap == Mishap::says_effective;
    // It errs, forgets and repeats itself, but a verified read-back does not lie.
    if (denies && (kind == AttemptKind::read_back || card.is_invalid())) continue;
    return mishap;
  }
  return Mishap::none;
}

run::Reply Platform::word(unsigned status, std::string body, Verdict verdict, milliseconds clock_error) {
  run::Reply reply;
  auto& exchange = reply.exchange;
  exchange.reach = net::Exchange::answered;
  exchange.status = status;
  exchange.body = std::move(body);
  exchange.headers.add("Request-ID", fmt::format("0{}-0", received_));
  exchange.headers.add("Date", format_http_date(clock()));
  if (verdict == Verdict::verified) {
    const auto timestamp = clock().time_since_epoch().count() / 1000;
    exchange.headers.add("Wechatpay-Timestamp", fmt::format("{}", timestamp));
    // The verifier's window, as it looks from a machine whose clock is wrong.
    const auto apart = clock_error - habits_.clock_ahead;
    if (apart >= k_signature_life || apart <= -k_signature_life) verdict = Verdict::stale;
  }
  reply.verdict = verdict;
  return reply;
}

run::Reply Platform::say(Card& card, std::string_view state, Verdict verdict, milliseconds clock_error) {
  const bool invalid = state == "INVALID";
  if (invalid && verdict == Verdict::verified) card.times_said.insert(card.invalid_time);
  return word(
      200,
      fmt::format(R"({{"user_card_code":"{}","card_id":"{}","openid":"{}","user_card_state":"{}"{}}})",
                  card.card.code, card.card.card_id, card.member, state,
                  invalid ? fmt::format(R"(,"invalid_time":"{}")", card.invalid_time) : ""),
      verdict, clock_error);
}

run::Reply Platform::error(unsigned status, std::string_view code, std::string_view message,
                           milliseconds clock_error) {
  // Errors are often not signed (docs/platform.md section 4.4).
  const auto verdict = world_.chance.happens(0.5) ? Verdict::verified : Verdict::no_signature;
  return word(status, fmt::format(R"({{"code":"{}","message":"{}"}})", code, message), verdict, clock_error);
}

// As on a good day.
run::Reply Platform::answer(AttemptKind kind, Card& card, milliseconds clock_error) {
  const bool visible = card.is_invalid() && world_.instant() - card.invalid_since >= habits_.lag;
  if (kind == AttemptKind::read_back) {
    if (!visible && card.nature == Nature::refused)
      return error(habits_.not_found_is_404 ? 404 : 400,
                   habits_.not_found_is_404 ? "RESOURCE_NOT_EXISTS" : "INVALID_REQUEST", "no such card",
                   clock_error);
    return say(card, visible ? "INVALID" : "EFFECTIVE", Verdict::verified, clock_error);
  }
  if (card.nature == Nature::refused)
    return error(400, "INVALID_REQUEST", "the card template is not the brand's", clock_error);
  if (card.nature == Nature::stubborn) return say(card, "EFFECTIVE", Verdict::verified, clock_error);
  if (card.is_invalid() && habits_.again == Habits::refuses)
    return error(400, "INVALID_REQUEST", "the card is invalid already", clock_error);
  const bool first = !card.is_invalid();
  apply(card, true);
  return say(card, first && habits_.says_effective_at_first ? "EFFECTIVE" : "INVALID", Verdict::verified,
             clock_error);
}

// Of a poisoned card.
run::Reply Platform::spoil(AttemptKind kind, Card& card, milliseconds clock_error) {
  ++spoilt_[card.spoilt.by];
  const bool applies = kind == AttemptKind::invalidate && card.spoilt.executes;
  if (applies) apply(card, true);
  world_.tell("  {}{}", to_text(card.spoilt.by), applies ? ", applied" : "");
  const auto state = card.is_invalid() ? "INVALID" : "EFFECTIVE";
  auto other = card;
  run::Reply reply;
  switch (card.spoilt.by) {
    case Poison::frozen: return error(400, "CARD_FROZEN", "the card is frozen", clock_error);
    case Poison::unreadable:
      return word(200, R"({"user_card_code":["not","text"]})", Verdict::verified, clock_error);
    case Poison::other_card:
      other.card.code = "99999";
      return say(other, state, Verdict::verified, clock_error);
    case Poison::other_member:
      other.member = "somebody else";
      return say(other, state, Verdict::verified, clock_error);
    case Poison::redirect: return word(302, "", Verdict::no_signature, clock_error);
    case Poison::bad_signature: return say(card, state, Verdict::bad_signature, clock_error);
    case Poison::probe: return say(card, state, Verdict::probe, clock_error);
    case Poison::firewall: return word(403, "<html>blocked</html>", Verdict::no_signature, clock_error);
    case Poison::unauthorized: return error(401, "ACCESS_DENIED", "not for this card", clock_error);
    case Poison::no_path: return word(404, "<html>", Verdict::no_signature, clock_error);
    case Poison::system_error: return error(500, "SYSTEM_ERROR", "try later", clock_error);
    case Poison::gateway: return word(503, "<html>", Verdict::no_signature, clock_error);
    case Poison::accepted: return word(202, "", Verdict::no_signature, clock_error);
    case Poison::throttled: return error(429, "RATELIMIT_EXCEEDED", "slow down", clock_error);
    case Poison::reset:
    case Poison::none: break;
  }
  reply.exchange.reach = net::Exchange::lost;
  reply.exchange.reason = "connection reset";
  return reply;
}

std::optional<run::Reply> Platform::receive(AttemptKind kind, Card& card, WallTime said_at,
                                            milliseconds clock_error) {
  ++received_;
  const auto apart = said_at - clock();
  if (apart >= k_signature_life || apart <= -k_signature_life)
    return error(401, "SIGN_ERROR", "timestamp is too far from ours", clock_error);
  if (is_above_limit()) return error(429, "FREQUENCY_LIMITED", "too fast", clock_error);

  if (card.spoilt.has(kind)) return spoil(kind, card, clock_error);
  const auto mishap = draw(kind, card);
  if (mishap == Mishap::none) return answer(kind, card, clock_error);
  ++mishaps_[mishap];
  const bool applies = kind == AttemptKind::invalidate && may_apply(mishap) &&
                       card.nature != Nature::refused && card.nature != Nature::stubborn &&
                       (!card.is_invalid() || habits_.again != Habits::refuses) && world_.chance.happens(0.5);
  if (applies) apply(card, true);
  world_.tell("  {}{}", to_text(mishap), applies ? ", applied" : "");

  const auto state = card.is_invalid() ? "INVALID" : "EFFECTIVE";
  run::Reply reply;
  switch (mishap) {
    case Mishap::accepted: return word(202, "", Verdict::no_signature, clock_error);
    case Mishap::system_error: return error(500, "SYSTEM_ERROR", "try later", clock_error);
    case Mishap::gateway:
      return word(world_.chance.one_of(std::array{502u, 503u, 504u, 500u}), "<html>", Verdict::no_signature,
                  clock_error);
    case Mishap::throttle: {
      auto said = error(429, "FREQUENCY_LIMITED", "too fast", clock_error);
      if (world_.chance.happens(0.3)) said.exchange.headers.add("Retry-After", "2");
      return said;
    }
    case Mishap::clock_refused: return error(401, "SIGN_ERROR", "timestamp expired", clock_error);
    case Mishap::refusal: return error(400, "INVALID_REQUEST", "not now", clock_error);
    case Mishap::silence: return std::nullopt;
    case Mishap::reset:
    case Mishap::cut_off:
      reply.exchange.reach = net::Exchange::lost;
      reply.exchange.reason = mishap == Mishap::reset ? "connection reset" : "the answer was cut off";
      return reply;
    case Mishap::bad_signature: return say(card, state, Verdict::bad_signature, clock_error);
    case Mishap::no_signature: return say(card, state, Verdict::no_signature, clock_error);
    case Mishap::stale_signature: return say(card, state, Verdict::stale, clock_error);
    case Mishap::probe: return say(card, state, Verdict::probe, clock_error);
    case Mishap::wrong_card: {
      auto other = card;
      (received_ % 2 == 0 ? other.card.code : other.member) = "99999";
      if (other.invalid_time.empty()) other.invalid_time = format_rfc3339(clock());
      return say(other, "INVALID", Verdict::verified, clock_error);
    }
    case Mishap::not_json: return word(200, "ok", Verdict::verified, clock_error);
    case Mishap::says_effective: return say(card, "EFFECTIVE", Verdict::verified, clock_error);
    case Mishap::distrusted:
      reply = error(400, "INVALID_REQUEST", "not from the platform", clock_error);
      reply.verdict = Verdict::bad_signature;
      return reply;
    case Mishap::sign_refused: return error(401, "SIGN_ERROR", "the signature is wrong", clock_error);
    case Mishap::no_right: return error(403, "NO_AUTH", "no right to call", clock_error);
    case Mishap::no_path: return word(404, "", Verdict::no_signature, clock_error);
    case Mishap::teapot: return error(418, "TEAPOT", "not in any table", clock_error);
    case Mishap::none: break;
  }
  return std::nullopt;
}

}  // namespace cardvoid::simulation
