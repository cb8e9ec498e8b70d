#include "process.hpp"

#include <cardvoid/ledger/records.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace cardvoid::simulation {

using model::AttemptKind;
using model::RowId;

namespace {

run::Reply without_answer(net::Exchange::Reach reach, const char* reason) {
  run::Reply reply;
  reply.exchange.reach = reach;
  reply.exchange.reason = reason;
  return reply;
}

}  // namespace

const Weather::Outage* Weather::outage(model::Endpoint endpoint, Instant now) const {
  if (is_calm) return nullptr;
  for (const auto& each : outages)
    if (each.endpoint == endpoint && now >= each.from && now < each.until) return &each;
  return nullptr;
}

void Network::connect(RowId row, model::Endpoint endpoint, bool fresh, Connected connected) {
  auto& call = calls_[row];
  if (call.connected || call.under_way) throw Violation{"two connections for one row"};
  call.endpoint = endpoint;
  call.kept = !fresh && world_.chance.happens(0.8);
  const auto* outage = weather_.outage(endpoint, world_.instant());
  std::optional<net::ConnectFailure> failure;
  if (!call.kept || outage) {
    if (outage && outage->kind == Weather::Outage::refuses_connections)
      failure = {world_.chance.one_of(std::array{net::ConnectFailure::resolve, net::ConnectFailure::connect,
                                                 net::ConnectFailure::handshake}),
                 "cannot be reached"};
    else if (outage && outage->kind == Weather::Outage::wrong_certificate)
      failure = {net::ConnectFailure::bad_certificate, "not its certificate"};
    else if (!weather_.is_calm && world_.chance.happens(weather_.connect_fails))
      failure = {net::ConnectFailure::handshake, "reset"};
  }
  const auto takes = call.kept ? milliseconds{0} : world_.chance.between(1ms, failure ? 5'000ms : 100ms);
  world_.after_in_process(takes, [this, row, failure, done = std::move(connected)] {
    const auto found = calls_.find(row);
    if (closed_ || found == calls_.end()) return;
    failure ? void(calls_.erase(found)) : void(found->second.connected = true);
    done(failure);
  });
}

void Network::release(RowId row) {
  const auto found = calls_.find(row);
  if (found == calls_.end()) return;  // its connection has failed
  if (found->second.under_way) throw Violation{"a request under way was released"};
  calls_.erase(found);
}

void Network::send(RowId row, AttemptKind kind, const model::Card& wanted, Written written,
                   Answered answered) {
  auto& call = calls_.at(row);
  if (!call.connected || call.under_way) throw Violation{"sent without a connection of its own"};
  call.under_way = true;
  auto& card = platform_.card(wanted);
  const auto signing = nanoseconds{world_.chance.between(100'000, 3'000'000)};
  world_.after_in_process(signing, [this, row, kind, &card, &wanted, left = std::move(written),
                                    done = std::move(answered)]() mutable {
    if (closed_) return;
    leave(row, kind, card, wanted, world_.now().wall, left, std::move(done));
  });
}

void Network::leave(RowId row, AttemptKind kind, Card& card, const model::Card& as_sent, WallTime signed_at,
                    const Written& written, Answered answered) {
  const auto call = calls_.at(row);
  // Every listener is told; the first word counts.
  const auto deliver = [this, &world = world_, process = world_.process(), row, kind, &card,
                        done = std::make_shared<Answered>(std::move(answered))](
                           nanoseconds delay, run::Reply what, bool began_in_doubt) {
    if (world.process() != process) return;
    world.after_in_process(delay, [this, row, kind, &card, done, began_in_doubt, what = std::move(what)] {
      if (closed_ || !*done) return;
      const auto tell = std::exchange(*done, nullptr);
      calls_.erase(row);
      if (what.exchange.reach != net::Exchange::not_sent) --in_flight_;
      note_answer(card, kind, what, began_in_doubt);
      tell(what);
    });
  };

  const auto fails = [&](double probability) {
    return !weather_.is_calm && world_.chance.happens(probability);
  };
  if (call.kept && fails(weather_.kept_connection_fails / 2)) {
    written();
    return deliver(0ms, without_answer(net::Exchange::not_sent, "found closed"), card.is_doubtful);
  }

  watch_.request_leaves(row, kind, card, as_sent);
  card.member = as_sent.openid;
  written();
  if (++in_flight_ > job_.limits.max_in_flight) throw Violation{"more requests in flight than allowed"};
  const bool began_in_doubt = card.is_doubtful;
  if (kind == AttemptKind::invalidate) {
    ++card.posts_left;
    if (!card.is_open) card.was_read_first = card.gets_left > card.gets_at_start;
    card.is_open = true;
    card.is_doubtful = true;
  } else {
    ++card.gets_left;
  }
  world_.tell("-> {} {} to {}", kind == AttemptKind::invalidate ? "POST" : "GET", card.card.code,
              model::to_text(call.endpoint));

  const auto* outage = weather_.outage(call.endpoint, world_.instant());
  const bool swallowed = outage && outage->kind == Weather::Outage::black_hole;
  const bool gateway = outage && outage->kind == Weather::Outage::gateway_errors;
  const bool resets = call.kept && fails(weather_.kept_connection_fails / 2);
  const bool slow = fails(weather_.slow);
  const auto time_out = job_.limits.request_timeout;
  auto there = world_.chance.between(weather_.one_way[0], weather_.one_way[1]);
  if (slow) there = world_.chance.between(100ms, weather_.arrives_late ? time_out + 4s : time_out / 2);
  const auto back = slow ? world_.chance.between(1ms, time_out)
                         : world_.chance.between(weather_.one_way[0], weather_.one_way[1]);

  deliver(time_out, without_answer(net::Exchange::lost, "no answer in time"), began_in_doubt);
  if (swallowed) return;
  if (resets) {
    deliver(there, without_answer(net::Exchange::stale, "closed before any answer"), began_in_doubt);
    if (world_.chance.happens(0.7)) return;  // mostly the server never looked at it
  }
  if (gateway && world_.chance.happens(0.6)) {
    run::Reply bad;
    bad.exchange.reach = net::Exchange::answered;
    bad.exchange.status = world_.chance.one_of(std::array{502u, 503u, 504u});
    bad.exchange.body = "<html>";
    return deliver(there + back, bad, began_in_doubt);
  }
  // From here on the request is on its own, even when the process dies.
  world_.after(there, [&platform = platform_, kind, &card, signed_at, deliver, back, began_in_doubt,
                       error = world_.clock_error()] {
    const auto said = platform.receive(kind, card, signed_at, error);
    const auto thinking = platform.think();
    if (said) deliver(thinking + back, *said, began_in_doubt);
  });
}

// What the process is told now, as far as the promises depend on it.
void Network::note_answer(Card& card, AttemptKind kind, const run::Reply& reply, bool began_in_doubt) {
  const auto& exchange = reply.exchange;
  const bool invalidates = kind == AttemptKind::invalidate;
  const auto tell = [&](std::string_view what) {
    world_.tell("<- {} {}: {}", invalidates ? "POST" : "GET", card.card.code, what);
  };
  if (exchange.reach == net::Exchange::not_sent) {
    tell(exchange.reason);
    return;
  }
  if (exchange.reach != net::Exchange::answered) {
    tell(exchange.reason);
    ++(invalidates ? card.posts_counted : card.gets_counted);
    return;
  }
  const auto status = exchange.status;
  const bool verified = reply.verdict == wechatpay::Verdict::verified;
  tell(fmt::format("{} {}{}", status, exchange.body, verified ? "" : ", not verified"));
  const bool believable = verified || (status >= 300 && reply.verdict == wechatpay::Verdict::no_signature);
  const auto says = [&](std::string_view word) {
    return exchange.body.find(fmt::format(R"("{}")", word)) != std::string::npos;
  };
  const bool about_this_card = says(card.card.code) && says(card.member);
  const bool says_invalid = says("INVALID");
  const bool is_state = status == 200 && verified && about_this_card;
  const bool is_refusal = (status == 400 || status == 404) && believable &&
                          (says("INVALID_REQUEST") || says("RESOURCE_NOT_EXISTS"));
  const bool is_unknown = status < 500 && status >= 300 && says("CARD_FROZEN");
  const bool is_trouble =
      status == 202 || status >= 500 || (believable && (status == 429 || says("SIGN_ERROR")));
  // A read-back of a card in doubt may well say EFFECTIVE.
  if (!is_trouble && !(is_state && (says_invalid || (!invalidates && !card.was_proven)))) card.was_odd = true;
  if (is_state && says_invalid) card.was_proven = true;
  const bool at_the_door = status == 401 || status == 403 || (status == 404 && !is_refusal);
  if (!believable || at_the_door) card.is_accused = true;
  const bool blames_clock = status == 401 && exchange.body.find("timestamp") != std::string::npos;
  card.throttled_in_a_row = status == 429 ? card.throttled_in_a_row + 1 : 0;
  card.most_throttled = std::max(card.most_throttled, card.throttled_in_a_row);
  const bool is_free = believable && (status == 429 || blames_clock);
  if (!is_free && !is_state && !(is_refusal && !invalidates))
    ++(invalidates ? card.posts_counted : card.gets_counted);
  if (!invalidates) {
    if (is_state || is_refusal) card.is_doubtful = false;
    if (is_state && says_invalid) {
      watch_.is_read_back(card);
      card.is_open = false;
    }
    return;
  }
  if (is_state && !says_invalid) ++card.posts_counted;
  const bool not_executed = believable && !is_unknown && (status == 429 || (status >= 400 && status <= 404));
  // SYSTEM_ERROR, 202 and a gateway's errors may be followed by the same call (docs/platform.md section 5.3).
  const bool asks_again = status == 202 || (status >= 500 && believable);
  if (not_executed || asks_again) card.is_doubtful = began_in_doubt;
  if (is_refusal) card.was_refused = true;
}

void Store::submit(Work work, std::function<void()> committed) {
  queue_.push_back({std::move(work), std::move(committed)});
  if (std::exchange(is_scheduled_, true)) return;
  const auto delay =
      world_.chance.happens(0.02) ? world_.chance.between(100ms, 3'000ms) : world_.chance.between(0ms, 12ms);
  world_.after_in_process(delay, [this] { commit(); });
}

void Store::commit() {
  is_scheduled_ = false;
  auto batch = std::make_shared<std::vector<Entry>>(std::exchange(queue_, {}));
  if (failure_) return;
  const auto written = write(*batch);
  if (is_dead_()) throw Crash{};
  if (!written) {
    failure_ = written.error();
    world_.tell("cannot write results: {}", failure_->what);
    world_.after_in_process(0ms, [this] { failed_(*failure_); });
    return;
  }
  world_.after_in_process(0ms, [batch] {
    for (const auto& entry : *batch)
      if (entry.committed) entry.committed();
  });
}

Result<void> Store::write(const std::vector<Entry>& batch) {
  if (const auto begun = ledger::begin_changes(ledger_); !begun) return begun;
  for (const auto& entry : batch)
    if (const auto done = entry.work(ledger_); !done) return done;
  return ledger::commit_changes(ledger_);
}

Result<void> Store::close() {
  if (!failure_ && !queue_.empty()) {
    const auto written = write(std::exchange(queue_, {}));
    if (is_dead_()) throw Crash{};
    if (!written) failure_ = written.error();
  }
  if (failure_) return *failure_;
  return {};
}

}  // namespace cardvoid::simulation
