#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/dispatch/pacer.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/run/limits.hpp>
#include <cardvoid/run/probe.hpp>
#include <cardvoid/run/shared_pace.hpp>
#include <cardvoid/run/spoken.hpp>
#include <chrono>
#include <memory>
#include <thread>

#include "check.hpp"
#include "version.hpp"

namespace cardvoid::cli {

namespace {

using namespace std::chrono_literals;

constexpr milliseconds k_most_clock_offset = 60s;  // signatures die at 300 s (docs/platform.md section 3.4)
constexpr milliseconds k_longest_wait_for_the_pace = 5s;
constexpr std::size_t k_most_columns_of_words = 200;  // of the platform's

// ---- the endpoints ----

// The Date header tells whole seconds, so less than one apart is no difference.
std::string words_for_clock(milliseconds offset) {
  if (std::chrono::abs(offset) <= 1500ms) return tr("agrees with ours");
  const auto apart = spoken_duration(std::chrono::abs(offset));
  return offset < milliseconds{0} ? tr("{} behind ours", apart) : tr("{} ahead of ours", apart);
}

Finding name_line(const std::string& subject, const run::Probe& probe) {
  const auto& lookup = probe.lookup;
  const auto name = lookup.is_of_proxy ? tr("proxy {}", lookup.name) : lookup.name;
  if (!lookup.failure.empty())
    return fault(subject, {Errc::unavailable,
                           tr("the name {} does not resolve: {}", name, run::spoken(lookup.failure))});
  if (lookup.is_address) return fine(subject, tr("{} is an address: no name to resolve", name));
  const auto time = spoken_duration(probe.lookup_time);
  if (lookup.addresses.size() == 1)
    return fine(subject, tr("{} has 1 address ({}), found in {}", name, lookup.addresses.front(), time));
  return fine(subject, tr("{} has {} addresses ({}, …), found in {}", name, lookup.addresses.size(),
                          lookup.addresses.front(), time));
}

Finding connection_line(const std::string& subject, const run::Probe& probe) {
  if (!probe.lookup.failure.empty()) return skipped(subject, tr("not tried: its name does not resolve"));
  if (!probe.failure.empty()) return fault(subject, {Errc::unavailable, run::spoken(probe.failure)});
  const auto& peer = probe.peer;
  const auto time = spoken_duration(probe.round_trip);
  const auto issuer = escape_for_terminal(peer.issuer.empty() ? tr("an issuer without a name") : peer.issuer);
  const auto text =
      peer.valid_until
          ? tr("{} answers in {} over {}, its certificate is trusted (by {}, until {})", probe.address, time,
               peer.protocol, issuer, format_rfc3339(*peer.valid_until).substr(0, 10))
          : tr("{} answers in {} over {}, its certificate is trusted (by {})", probe.address, time,
               peer.protocol, issuer);
  // Theirs to renew; a proxy that makes certificates of its own is the operator's.
  const bool ends_soon = peer.valid_until && *peer.valid_until - read_clocks().wall < 24h;
  return ends_soon ? warning(subject, tr("{}; it expires within a day", text)) : fine(subject, text);
}

Finding clock_line(const std::string& subject, const run::Probe& probe) {
  if (!probe.is_reachable()) return skipped(subject, tr("not compared: no answer"));
  if (!probe.clock_offset) return skipped(subject, tr("not compared: no Date header"));
  const auto offset = *probe.clock_offset;
  if (std::chrono::abs(offset) <= k_most_clock_offset) return fine(subject, words_for_clock(offset));
  return fault(subject,
               {Errc::bad_credentials,
                tr("{}; more than 1m is too much, since signatures die at 5m: set this machine's clock",
                   words_for_clock(offset))});
}

// ---- one read-back ----

std::string said(const model::Outcome& outcome) {
  const auto status = outcome.http_status == 0 ? std::string{} : fmt::format("HTTP {} ", outcome.http_status);
  return fmt::format(
      "{}{}{}{}{}", status, outcome.error_code,
      outcome.error_message.empty()
          ? ""
          : fmt::format(" \"{}\"", fit_to_width(run::spoken(outcome.error_message), k_most_columns_of_words)),
      outcome.request_id.empty() ? "" : ", Request-ID ", outcome.request_id);
}

std::string endpoint_words(model::Endpoint endpoint) {
  return endpoint == model::Endpoint::primary ? tr("primary") : tr("backup");
}

struct Asked {
  const model::Card& card;
  model::Endpoint endpoint;
  run::ReadBack answer;
};

// nullopt: it proves too little, ask again – another endpoint or card.
std::optional<Finding> judge(const std::string& subject, const Asked& asked, bool expects_invalid) {
  using enum model::OutcomeKind;
  const auto& outcome = asked.answer.outcome;
  const auto refuse = [&](Errc code, const std::string& why) {
    return fault(subject, {code, outcome.advice.empty()
                                     ? tr("{}: {}: {}", endpoint_words(asked.endpoint), why, said(outcome))
                                     : tr("{}: {}: {}; {}", endpoint_words(asked.endpoint), why,
                                          said(outcome), run::spoken(outcome.advice))});
  };
  switch (outcome.kind) {
    case confirmed:
    case not_invalid: {
      const auto words = tr("{}: our signature is accepted and the answer's verifies; code {} is {}",
                            endpoint_words(asked.endpoint), mask(asked.card.code), outcome.card_state);
      if (outcome.kind == not_invalid || expects_invalid) return fine(subject, words);
      return warning(subject, tr("{} already, and it is still to be sent: is this the right list, for the "
                                 "right results database?",
                                 words));
    }
    case refused:
      if (asked.answer.verdict != wechatpay::Verdict::verified) return std::nullopt;
      return fine(subject, tr("{}: our signature is accepted and the answer's verifies; code {}: {}",
                              endpoint_words(asked.endpoint), mask(asked.card.code), said(outcome)));
    case wrong_card:
    case unreadable:
      return refuse(Errc::tripped, tr("a verified answer that is not about the card and member asked for"));
    case unverified:
    case distrusted: return refuse(Errc::bad_credentials, tr("the answer cannot be verified"));
    case clock_refused: return refuse(Errc::bad_credentials, tr("our signature is refused for its time"));
    case credentials_refused: return refuse(Errc::bad_credentials, tr("our credentials are refused"));
    case setup_refused:
      return refuse(Errc::bad_job,
                    tr("the platform does not know the query call; check endpoints and merchant.api"));
    case throttled:
      return refuse(Errc::unavailable, tr("the platform's limit is reached, nothing is proven"));
    case unknown_answer: return refuse(Errc::tripped, tr("an answer that no table knows"));
    case probe_signature:
    case accepted:
    case system_error:
    case gateway_error:
    case lost:
    case stale_connection:
    case connection_closed:
    case not_sent:
    case bad_certificate: return std::nullopt;
  }
  return std::nullopt;
}

// When several questions were asked and none proved enough.
Finding sum_up(const std::string& subject, const Asked& last, std::size_t asked) {
  const auto& outcome = last.answer.outcome;
  if (outcome.kind == model::OutcomeKind::refused)
    return warning(
        subject, asked == 1 ? tr("our signature is accepted, and the platform refuses the first card it was "
                                 "asked for, unsigned: {}; is it the right list, brand_id and card_id?",
                                 said(outcome))
                            : tr("our signature is accepted, and the platform refuses the first {} cards it "
                                 "was asked for, unsigned: {}; is it the right list, brand_id and card_id?",
                                 asked, said(outcome)));
  if (outcome.kind == model::OutcomeKind::probe_signature)
    return warning(subject, tr("our signature is accepted; the platform answers with its deliberate wrong "
                               "signatures, which prove nothing of its key: run check again"));
  return fault(subject, {Errc::unavailable,
                         tr("{}: nothing is proven: {}", endpoint_words(last.endpoint), said(outcome))});
}

// All our requests count against the platform's limit, of every kind and of every run on this machine.
class ReadBackPace {
 public:
  ReadBackPace(const model::Job& job, const model::Card& card, std::optional<WallTime> last_sent_at) {
    const auto now = read_clocks();
    const bool is_per_brand = job.limits.per == model::QuotaPer::brand;
    auto paces = run::shared_paces(job, {is_per_brand ? std::optional{card.brand_id} : std::nullopt},
                                   now.steady, [](const std::string&) {});
    is_shared_ = !paces.empty();
    pace_ = is_shared_ ? std::move(paces.front())
                       : std::make_unique<dispatch::Pacer>(job.limits.requests_per_second);
    if (const auto hold = run::hold_after_earlier_run(job.limits, last_sent_at, now)) pace_->hold(*hold);
  }
  milliseconds wait() const {
    return std::chrono::ceil<milliseconds>(
        std::max(pace_->next_at() - read_clocks().steady, Instant::duration{0}));
  }
  void take() {
    do std::this_thread::sleep_for(wait());
    while (!pace_->take(read_clocks().steady));
  }
  // A program that starts next and does not know of us must find a gap after our last request.
  void leave() const {
    if (!is_shared_) std::this_thread::sleep_for(std::min(wait(), k_longest_wait_for_the_pace));
  }

 private:
  std::unique_ptr<dispatch::Pace> pace_;
  bool is_shared_ = false;
};

Finding look_at_read_back(const model::Job& job, const ReadBackMatter& matter,
                          const std::vector<model::Endpoint>& reachable) {
  const std::string subject = "read-back";
  if (!matter.keys) return skipped(subject, tr("not asked for: a key cannot be used"));
  if (reachable.empty()) return skipped(subject, tr("not asked for: no endpoint answers"));
  if (matter.cards.empty())
    return skipped(subject, tr("not asked for: neither results nor input has a row yet"));
  const auto is_busy = [&] { return ledger::Lock::holder(job.results.database); };
  ReadBackPace pace{job, matter.cards.front(), matter.last_sent_at};
  std::optional<Asked> last;
  std::size_t asked = 0;
  for (const auto& card : matter.cards) {
    ++asked;
    for (const auto endpoint : reachable) {
      if (const auto holder = is_busy())
        return skipped(subject, tr("not asked for: {} is under way and has the platform's limit to itself",
                                   ledger::to_text(*holder)));
      if (const auto wait = pace.wait(); wait > k_longest_wait_for_the_pace)
        return skipped(subject, tr("not asked for: limits.requests_per_second allows the next request "
                                   "in {}",
                                   spoken_duration(wait)));
      auto answer = run::read_back(job, *matter.keys, card, endpoint, k_version, [&pace] { pace.take(); });
      if (!answer) return fault(subject, answer.error());
      last.emplace(Asked{card, endpoint, std::move(*answer)});
      if (auto finding = judge(subject, *last, !matter.are_to_send || job.safety.expect_already)) {
        pace.leave();
        return *std::move(finding);
      }
      // Its word on this card; another card may prove more.
      if (last->answer.outcome.kind == model::OutcomeKind::refused ||
          last->answer.outcome.kind == model::OutcomeKind::probe_signature)
        break;
    }
  }
  pace.leave();
  return sum_up(subject, *last, asked);
}

}  // namespace

void look_at_platform(const model::Job& job, const ReadBackMatter& matter, Findings& findings) {
  const auto probes = run::probe_endpoints(job, k_version);
  if (!probes) {
    findings.push_back(fault("endpoints", probes.error()));
    return;
  }
  std::vector<model::Endpoint> reachable;
  for (const auto& probe : *probes) {
    const std::string subject{model::to_text(probe.endpoint)};
    findings.push_back(name_line(subject + " name", probe));
    findings.push_back(connection_line(subject, probe));
    findings.push_back(clock_line(subject + " clock", probe));
    if (probe.is_reachable()) reachable.push_back(probe.endpoint);
  }
  findings.push_back(look_at_read_back(job, matter, reachable));
}

}  // namespace cardvoid::cli
