#include "simulator.hpp"

#include <cmath>

#include "parties.hpp"
#include "reply.hpp"

namespace cardvoid::sandbox {

namespace {

using namespace std::chrono_literals;
using model::Api;
using model::AttemptKind;

Reaction empty_answer(unsigned status) {
  Reaction reaction;
  reaction.status = status;
  reaction.json = false;
  reaction.internal = k_unspecified;
  return reaction;
}

Reaction refuse(const Refusal& refusal) {
  Reaction reaction;
  reaction.status = refusal.status;
  reaction.body = error_body(refusal);
  reaction.internal = refusal.internal;
  return reaction;
}

Reaction refuse(unsigned status, std::string_view code, std::string_view message, std::uint32_t internal) {
  Refusal refusal;
  refusal.status = status;
  refusal.code = code;
  refusal.message = message;
  refusal.internal = internal;
  return refuse(refusal);
}

Reaction system_error() { return refuse(500, "SYSTEM_ERROR", "系统异常，请稍后重试", k_unspecified); }
Reaction too_frequent() {
  return refuse(429, "RATELIMIT_EXCEEDED", "请求频率超过限制，请稍后重试", k_too_frequent);
}

Reaction of_kind(Reaction::Kind kind) {
  Reaction reaction;
  reaction.kind = kind;
  return reaction;
}

// The worst that platforms and gateways do: the error's message or page repeats the request.
void repeat(const Call& call, Reaction& reaction) {
  reaction.repeated = " openid=" + call.openid + " code=" + call.code;
  if (reaction.status < 300) return;
  constexpr std::string_view message = "\"message\":\"";
  const auto at = reaction.body.find(message);
  reaction.body.insert(at == std::string::npos ? 0 : at + message.size(), reaction.repeated);
}

// The faults that keep a request from the platform.
std::optional<Reaction> before_applying(Fault fault) {
  switch (fault) {
    case Fault::system_error: return system_error();
    case Fault::throttle: return too_frequent();
    case Fault::reset: return of_kind(Reaction::reset);
    case Fault::no_answer: return of_kind(Reaction::swallow);
    case Fault::gateway: {
      auto reaction = empty_answer(502);
      reaction.body = gateway_page();
      reaction.from_gateway = true;
      return reaction;
    }
    case Fault::system_error_applied:
    case Fault::reset_applied:
    case Fault::no_answer_applied:
    case Fault::bad_signature:
    case Fault::probe_signature:
    case Fault::stale_timestamp:
    case Fault::wrong_card:
    case Fault::wrong_openid:
    case Fault::other_brand:
    case Fault::not_invalid:
    case Fault::truncated:
    case Fault::slow: return std::nullopt;
  }
  return std::nullopt;
}

// The faults that spoil the answer to what was applied. False where this answer cannot show the fault.
bool spoil(Fault fault, Reaction& reaction) {
  const bool signed_answer = reaction.signing == Signing::good;
  switch (fault) {
    case Fault::system_error_applied: reaction = system_error(); return true;
    case Fault::reset_applied: reaction.kind = Reaction::reset; return true;
    case Fault::no_answer_applied: reaction.kind = Reaction::swallow; return true;
    case Fault::truncated: reaction.kind = Reaction::truncate; return true;
    case Fault::slow: reaction.delay = 1s; return true;
    case Fault::bad_signature:
      reaction.signing = signed_answer ? Signing::wrong : Signing::none;
      return signed_answer;
    case Fault::probe_signature:
      reaction.signing = signed_answer ? Signing::probe : Signing::none;
      return signed_answer;
    case Fault::stale_timestamp:
      reaction.signing = signed_answer ? Signing::stale : Signing::none;
      return signed_answer;
    case Fault::wrong_card:
    case Fault::wrong_openid:
    case Fault::other_brand:
    case Fault::not_invalid: return signed_answer;  // card_answer wrote it
    case Fault::system_error:
    case Fault::throttle:
    case Fault::gateway:
    case Fault::reset:
    case Fault::no_answer: return false;
  }
  return false;
}

}  // namespace

Simulator::Simulator(const Settings& settings, std::shared_ptr<EVP_PKEY> merchant_key, std::string serial_no,
                     std::unique_ptr<World> world)
    : latency_min_{settings.latency_min},
      latency_max_{settings.latency_max},
      latency_p99_{settings.latency_p99},
      retry_after_{settings.retry_after},
      already_invalid_{settings.already_invalid},
      fault_read_backs_{settings.fault_read_backs},
      read_back_lag_{settings.read_back_lag},
      repeats_requests_{settings.repeats_requests},
      brand_id_{settings.brand_id},
      on_request_{settings.on_request},
      gate_{std::move(merchant_key), std::move(serial_no), settings.brand_id},
      world_{std::move(world)},
      draw_{settings.seed},
      limit_changes_{settings.limit_changes.begin(), settings.limit_changes.end()},
      latency_draws_{mix(settings.seed)} {
  set_faults(settings.faults);
  set_rate(settings.requests_per_second);
}

Reaction Simulator::react(const Incoming& in, const Now& now) {
  const std::lock_guard lock{mutex_};
  change_limit(now.steady);
  auto reaction = decide(in, now);
  if (reaction.status == 429) reaction.retry_after = retry_after_;
  reaction.delay += latency();
  return reaction;
}

Reaction Simulator::decide(const Incoming& in, const Now& now) {
  const auto route = find_route(in.method, in.target);
  if (route.match != Route::found) {
    ++counters_.malformed;
    return empty_answer(route.match == Route::wrong_method ? 405 : 404);
  }
  if (const auto refusal = check_headers(in, route.kind)) {
    ++counters_.malformed;
    return refuse(*refusal);
  }
  const auto verdict = gate_.admit(in, route.api, now);
  if (verdict.refusal) {
    ++(verdict.replayed ? counters_.replayed_nonces : counters_.bad_signatures);
    return refuse(*verdict.refusal);
  }

  const bool invalidates = route.kind == AttemptKind::invalidate;
  ++(invalidates ? counters_.invalidate_requests : counters_.read_back_requests);
  auto& quota = quotas_[static_cast<std::size_t>(route.api)];
  quota.meter.count(now.steady);
  const auto call = read_call(route, in.body, route.api == Api::brand ? brand_id_ : std::string_view{});
  if (call) {
    const auto found = world_->find(call->brand_id, call->card_id, call->code, call->openid);
    const bool was_invalid =
        found.finding == World::Finding::found && world_->at(found.card).state == CardState::invalid;
    if (invalidates && was_invalid) ++counters_.after_invalid;
    if (on_request_) on_request_({call->kind, call->brand_id, call->card_id, call->code, was_invalid});
  }
  if (!quota.by_kind[invalidates ? 0 : 1].allow(now.steady)) {
    ++counters_.throttled;
    return too_frequent();
  }
  if (in.wechatpay_serial != k_public_key_id) {
    ++counters_.malformed;
    return refuse(400, "PARAM_ERROR", "平台证书序列号Wechatpay-Serial错误", k_illegal);
  }
  if (!call) {
    ++counters_.malformed;
    return refuse(call.error());
  }
  auto reaction = serve(*call, now.wall);
  if (repeats_requests_ && reaction.kind == Reaction::answer) repeat(*call, reaction);
  reaction.api = route.api;
  return reaction;
}

Reaction Simulator::serve(const Call& call, WallTime now) {
  std::optional<Fault> fault;
  if (call.kind == AttemptKind::invalidate || fault_read_backs_) fault = draw_.next(call.kind, call.code);
  if (fault) {
    if (auto reaction = before_applying(*fault)) {
      ++counters_.faults;
      return *reaction;
    }
  }
  const auto found = world_->find(call.brand_id, call.card_id, call.code, call.openid);
  auto reaction = business(call, found, fault, now);
  if (fault && spoil(*fault, reaction)) ++counters_.faults;
  return reaction;
}

Reaction Simulator::business(const Call& call, World::Match found, std::optional<Fault> fault, WallTime now) {
  switch (found.finding) {
    case World::Finding::wrong_brand:
      return refuse(400, "INVALID_REQUEST", "会员卡模版ID不属于该品牌", k_no_such_object);
    case World::Finding::unknown_card:
      return refuse(404, "RESOURCE_NOT_EXISTS", "用户会员卡不存在", k_no_such_object);
    case World::Finding::wrong_openid:
      return refuse(400, "INVALID_REQUEST", "openid与用户会员卡不匹配", k_bad_openid);
    case World::Finding::found: break;
  }
  if (call.kind == AttemptKind::read_back) return card_answer(as_read_back(found.card, now), fault);
  switch (world_->at(found.card).state) {
    case CardState::effective: world_->invalidate(found.card, call.reason, now); break;
    case CardState::invalid:
      if (already_invalid_ == AlreadyInvalid::error_400)
        return refuse(400, "INVALID_REQUEST", "用户会员卡已作废", k_bad_state);
      if (already_invalid_ == AlreadyInvalid::ok_new_time)
        world_->invalidate_again(found.card, call.reason, now);
      break;
    // What the platform does with these two is unknown (docs/platform.md section 8); refusing them leaves a
    // card that is not INVALID, which is harder for a client.
    case CardState::unactivated:
    case CardState::expired: return refuse(400, "INVALID_REQUEST", "用户会员卡状态不允许作废", k_bad_state);
  }
  return card_answer(world_->at(found.card), fault);
}

// A read-back may be answered by a replica that lags.
World::Card Simulator::as_read_back(World::CardNumber number, WallTime now) const {
  auto card = world_->at(number);
  if (card.state != CardState::invalid || now - card.invalid_time >= read_back_lag_) return card;
  card.state = CardState::effective;
  card.reason = {};
  card.invalid_time = {};
  return card;
}

Reaction Simulator::card_answer(World::Card card, std::optional<Fault> fault) const {
  std::string other;  // what the card's views see
  const auto change_end = [&](std::string_view& text) {
    other = text;
    other.back() = other.back() == '0' ? '1' : '0';
    text = other;
  };
  if (fault == Fault::wrong_card) change_end(card.code);
  if (fault == Fault::wrong_openid) change_end(card.openid);
  if (fault == Fault::other_brand) change_end(card.brand_id);
  if (fault == Fault::not_invalid) card.state = CardState::effective;
  Reaction reaction;
  reaction.body = card_body(card);
  reaction.signing = Signing::good;
  return reaction;
}

void Simulator::change_limit(Instant now) {
  if (!began_) began_ = now;
  while (!limit_changes_.empty() && now - *began_ >= limit_changes_.front().at) {
    const double rate = limit_changes_.front().requests_per_second;
    limit_changes_.pop_front();
    for (auto& quota : quotas_)
      for (auto& window : quota.by_kind) rate == 0 ? window.close() : window.set_rate(rate);
  }
}

milliseconds Simulator::latency() {
  if (latency_p99_) {
    constexpr double k_deviations = 2.3263;  // of the 99th percentile
    const double spread =
        std::log(static_cast<double>(latency_p99_->count()) / static_cast<double>(latency_min_.count())) /
        k_deviations;
    // Box and Muller, from two draws in (0, 1].
    const auto draw = [&] {
      return (static_cast<double>(mix(latency_draws_++) >> 11) + 1) / 9007199254740992.0;
    };
    const double normal = std::sqrt(-2 * std::log(draw())) * std::cos(2 * 3.14159265358979 * draw());
    return milliseconds{std::llround(static_cast<double>(latency_min_.count()) * std::exp(spread * normal))};
  }
  const auto spread = static_cast<std::uint64_t>((latency_max_ - latency_min_).count()) + 1;
  return latency_min_ + milliseconds{mix(latency_draws_++) % spread};
}

void Simulator::set_faults(std::map<Fault, double> faults) {
  const std::lock_guard lock{mutex_};
  draw_.set(std::move(faults));
}

void Simulator::set_rate(double requests_per_second) {
  const std::lock_guard lock{mutex_};
  for (auto& quota : quotas_)
    for (auto& window : quota.by_kind) window.set_rate(requests_per_second);
}

Counters Simulator::counters() const {
  const std::lock_guard lock{mutex_};
  auto counters = counters_;
  for (const auto& quota : quotas_)
    counters.most_in_any_second = std::max(counters.most_in_any_second, quota.meter.peak());
  return counters;
}

std::vector<Applied> Simulator::applied() const {
  const std::lock_guard lock{mutex_};
  return world_->applied();
}

std::string Simulator::applied_as_csv() const {
  const std::lock_guard lock{mutex_};
  return world_->applied_as_csv();
}

}  // namespace cardvoid::sandbox
