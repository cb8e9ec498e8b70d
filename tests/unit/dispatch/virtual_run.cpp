#include "virtual_run.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <utility>
#include <variant>

namespace cardvoid::dispatch::test {

using namespace std::chrono_literals;
using enum model::OutcomeKind;

namespace {

constexpr Instant k_start{std::chrono::hours{100}};
constexpr WallTime k_wall_start{std::chrono::hours{500'000}};
constexpr int k_most_calls_at_once = 5'000;
constexpr auto k_longest_run = 200h;

// After these an invalidation must not be repeated before a read-back; SYSTEM_ERROR, 202 and 5xx may.
bool asks_for_read_back(OutcomeKind kind) {
  return model::leaves_doubt(kind) && kind != accepted && kind != system_error && kind != gateway_error;
}

}  // namespace

model::Outcome outcome(OutcomeKind kind) {
  model::Outcome o;
  o.kind = kind;
  o.error_code = model::to_text(kind);
  switch (kind) {
    case confirmed: o.http_status = 200, o.card_state = "INVALID", o.error_code.clear(); break;
    case not_invalid: o.http_status = 200, o.card_state = "EFFECTIVE", o.error_code.clear(); break;
    case wrong_card:
    case unverified:
    case probe_signature:
    case unreadable: o.http_status = 200; break;
    case accepted: o.http_status = 202; break;
    case system_error: o.http_status = 500; break;
    case gateway_error: o.http_status = 502; break;
    case throttled: o.http_status = 429; break;
    case clock_refused:
    case credentials_refused: o.http_status = 401; break;
    case setup_refused: o.http_status = 404; break;
    case refused: o.http_status = 400, o.error_code = "INVALID_REQUEST"; break;
    case distrusted: o.http_status = 400; break;
    case unknown_answer: o.http_status = 418; break;
    case lost:
    case stale_connection:
    case connection_closed:
    case not_sent:
    case bad_certificate: break;
  }
  return o;
}

VirtualRun::VirtualRun(Settings settings, std::uint64_t seed)
    : dispatcher{settings},
      now{k_start, k_wall_start},
      start{now},
      settings_{std::move(settings)},
      random_{seed} {}

void VirtualRun::given_rows(int count, Status status, int attempts, LaneId lane) {
  for (int i = 0; i < count; ++i) {
    Row row;
    row.candidate.id = static_cast<RowId>(rows.size()) + 1;
    row.candidate.source_line = row.candidate.id + 1;
    row.candidate.status = row.status = status;
    row.candidate.attempts = attempts;
    row.lane = lane;
    row.must_be_read_back = status != Status::pending;
    not_offered_[lane].insert(row.candidate.id);
    rows.emplace(row.candidate.id, std::move(row));
  }
}

void VirtualRun::given_row(Row row) {
  const auto id = row.candidate.id;
  not_offered_[row.lane].insert(id);
  rows.insert_or_assign(id, std::move(row));
}

void VirtualRun::given_witness(Row row) {
  dispatcher.know_witness(row.lane, row.candidate, now);
  row.finished = true;
  row.phase = Row::idle;
  rows.insert_or_assign(row.candidate.id, std::move(row));
}

std::function<std::optional<Fault>(const Request&)> VirtualRun::script(
    std::map<RowId, std::vector<Fault>> faults) {
  const auto next = std::make_shared<std::map<RowId, std::size_t>>();
  return [faults = std::move(faults), next](const Request& request) -> std::optional<Fault> {
    const auto found = faults.find(request.row);
    if (found == faults.end() || (*next)[request.row] >= found->second.size()) return std::nullopt;
    return found->second[(*next)[request.row]++];
  };
}

action::Finished VirtualRun::run() {
  for (int calls = 0;;) {
    must(++calls < k_most_calls_at_once, "next() keeps asking without time passing");
    must(now.steady - start.steady < k_longest_run, "the run does not end");
    const auto action = dispatcher.next(now.steady);
    for (auto& notice : dispatcher.take_notices()) notices.push_back(std::move(notice));
    if (const auto* finished = std::get_if<action::Finished>(&action)) {
      check_end();
      check_pace();
      return *finished;
    }
    if (const auto* wait = std::get_if<action::Wait>(&action)) {
      must(wait->until > now.steady, "asked to wait for the past");
      const auto timer =
          wait->until == Instant::max() ? wait->until : wait->until + up_to(most_timer_lateness);
      must(timer != Instant::max() || !events_.empty(), "waits for ever");
      const auto before = now.steady;
      if (!events_.empty() && events_.top().at <= timer) {
        const auto event = events_.top();
        events_.pop();
        advance_to(event.at);
        event.what();
      } else {
        advance_to(timer);
      }
      if (now.steady > before) calls = 0;
      continue;
    }
    std::visit(
        [&](const auto& what) {
          if constexpr (requires { (*this)(what); }) (*this)(what);
        },
        action);
  }
}

void VirtualRun::operator()(const action::Fetch& fetch) {
  must(fetch.count > 0, "fetches nothing");
  ++fetching_;
  after(1ms, [this, fetch] {
    --fetching_;
    auto& left = not_offered_[fetch.lane];
    std::vector<model::Candidate> found;
    const auto place = [this](RowId id) {
      const auto& candidate = rows.at(id).candidate;
      return candidate.held || candidate.strange ? 2 : candidate.status == Status::pending ? 1 : 0;
    };
    const auto is_wanted = [&](RowId id) {
      return !fetch.set_apart_only || (place(id) == 2 && rows.at(id).candidate.status != Status::pending);
    };
    for (const int wanted : {0, 1, 2})
      for (const auto id : left)
        if (place(id) == wanted && is_wanted(id) && std::ssize(found) < fetch.count)
          found.push_back(rows.at(id).candidate);
    for (const auto& candidate : found) {
      left.erase(candidate.id);
      rows.at(candidate.id).phase = Row::idle;
    }
    if (!fetch.set_apart_only) taken_up_ += static_cast<int>(found.size());
    must(!settings_.row_limit || taken_up_ <= *settings_.row_limit, "more rows than the limit of this run");
    dispatcher.offer(fetch.lane, found, fetch.set_apart_only ? std::ssize(found) < fetch.count : left.empty(),
                     now);
  });
}

void VirtualRun::operator()(const action::Prepare& prepare) {
  auto& row = rows.at(prepare.row);
  must(row.phase == Row::idle, "prepared a row that is under way or not ours", prepare.row);
  must(!row.finished || (prepare.row == dispatcher.witness() && prepare.kind == AttemptKind::read_back),
       "prepared a settled row", prepare.row);
  must(!dispatcher.stopped(), "prepared a row while stopping", prepare.row);
  must(prepare.attempt == row.candidate.attempts + 1, "attempts are not numbered one by one", prepare.row);
  must(prepare.kind == AttemptKind::read_back || !row.candidate.is_protected, "sends a protected row",
       prepare.row);
  must(prepare.kind == AttemptKind::read_back || !settings_.safety.read_back_only,
       "invalidates in a reconcile run", prepare.row);
  check_canary(prepare);
  row.candidate.attempts = prepare.attempt;
  row.phase = Row::preparing;
  row.under_way = prepare.kind;
  const Request request{
      prepare.row, prepare.kind, prepare.endpoint, prepare.attempt, prepare.fresh_connection, now};
  const auto failure = connecting ? connecting(request) : std::nullopt;
  const auto takes = (prepare.kind == AttemptKind::invalidate ? commit : 0ms) + connect;
  after(takes + up_to(1ms), [this, request, failure] {
    auto& prepared = rows.at(request.row);
    if (prepared.phase == Row::let_go) return;
    if (failure) return ended(request, outcome(*failure));
    prepared.phase = Row::ready;
    if (request.kind == AttemptKind::invalidate) prepared.status = Status::in_flight;
    prepared_.insert_or_assign(request.row, request);
    dispatcher.prepared(request.row, now.steady);
  });
}

void VirtualRun::operator()(const action::Send& send) {
  must(!rows.at(send.row).candidate.is_protected || prepared_.at(send.row).kind == AttemptKind::read_back,
       "sent a protected card", send.row);
  auto& row = rows.at(send.row);
  const auto request = prepared_.at(send.row);
  must(row.phase == Row::ready, "sent a row that is not prepared", send.row);
  must(!dispatcher.stopped(), "sent a row while stopping", send.row);
  must(request.kind == AttemptKind::read_back || !row.must_be_read_back,
       "sent a row in doubt without a read-back", send.row);
  must(++in_flight_ <= settings_.max_in_flight, "too many in flight", send.row);
  row.phase = Row::in_flight;
  prepared_.erase(send.row);
  after(up_to(most_signing), [this, request] { write(request); });
}

void VirtualRun::write(Request request) {
  request.now = now;
  const auto fault = answering ? answering(request) : std::nullopt;
  if (fault && fault->kind == connection_closed) {
    sends.push_back({request, rows.at(request.row).lane, now.steady, connection_closed});
    return after(0ms, [this, request] { ended(request, outcome(connection_closed)); });
  }
  dispatcher.written(request.row, now);
  const auto arrival = 10ms + up_to(one_way_jitter);
  const auto takes = fault && fault->latency        ? *fault->latency
                     : fault && fault->kind == lost ? milliseconds{10'000}
                                                    : latency;
  const auto answered_at = std::chrono::time_point_cast<milliseconds>(now.wall + cards.clock_ahead + takes);
  const auto end = answer(request, fault, answered_at);
  sends.push_back({request, rows.at(request.row).lane, now.steady + arrival, end.kind});
  after(arrival + takes, [this, request, end] { ended(request, end); });
}

model::Outcome VirtualRun::answer(const Request& request, const std::optional<Fault>& fault, WallTime at) {
  const auto known = cards.invalid_at.find(request.row);
  const bool was_invalid = known != cards.invalid_at.end();
  const bool visible = was_invalid && at - known->second >= cards.read_lag;
  const bool refuses = cards.refused.contains(request.row) || (was_invalid && cards.refuses_second_time);
  const bool executes = request.kind == AttemptKind::invalidate && !refuses && !was_invalid;
  if (executes && (!fault || fault->executed)) cards.invalid_at.emplace(request.row, at);

  model::Outcome said;
  if (fault) {
    said = outcome(fault->kind);
    said.retry_after = fault->retry_after;
  } else if (request.kind == AttemptKind::invalidate) {
    said = outcome(refuses ? refused : confirmed);
  } else {
    said = outcome(cards.refused.contains(request.row) ? refused : visible ? confirmed : not_invalid);
  }
  if (said.http_status != 0) said.server_time = at;
  if (said.kind == confirmed && cards.invalid_at.contains(request.row))
    said.invalid_time = format_rfc3339(cards.invalid_at.at(request.row));
  return said;
}

void VirtualRun::ended(const Request& request, const model::Outcome& outcome) {
  auto& row = rows.at(request.row);
  if (row.phase == Row::in_flight) --in_flight_;
  const bool was_sent = row.phase == Row::in_flight;
  row.phase = Row::idle;
  if (was_sent && request.kind == AttemptKind::invalidate) {
    if (!row.candidate.first_sent_at) row.candidate.first_sent_at = request.now.wall;
    if (model::leaves_doubt(outcome.kind)) row.last_doubt = now.steady;
    if (outcome.kind == refused) row.was_refused = true;
    if (asks_for_read_back(outcome.kind)) row.must_be_read_back = true;
  } else if (outcome.kind == not_invalid || outcome.kind == refused) {
    row.must_be_read_back = false;
  }
  const auto ruling = dispatcher.ended(request.row, outcome, now, static_cast<std::uint32_t>(random_()));
  if (ruling.leaves_row) {
    must(row.finished && request.row == dispatcher.witness(), "leaves a row that is not settled",
         request.row);
    return;
  }
  check_ruling(row, request, outcome, ruling);
  row.status = ruling.status;
  row.finished = ruling.finished;
  const bool is_read_back = request.kind == AttemptKind::read_back && outcome.kind == confirmed;
  if (is_begun(row) && is_read_back && ruling.settled_by != SettledBy::already) ++proven_;
  row.rulings.push_back({now.steady, request.kind, outcome.kind, ruling});
}

void VirtualRun::check_ruling(const Row& row, const Request& request, const model::Outcome& outcome,
                              const Ruling& ruling) {
  const auto id = request.row;
  must((ruling.status == Status::invalidated) == ruling.settled_by.has_value(),
       "settled without saying by what", id);
  must(ruling.status != Status::invalidated || cards.invalid_at.contains(id),
       "invalidated, says only the ruling", id);
  const bool stands = row.status == Status::invalidated;  // one of the canary, answered and not read back yet
  must(ruling.status != Status::invalidated || outcome.kind == confirmed || stands,
       "invalidated without a proof", id);
  must(!stands || ruling.status == Status::invalidated || ruling.held, "takes a verified answer back", id);
  const bool is_canary =
      settings_.safety.canary_passed + proven_ < settings_.safety.canary && !settings_.safety.read_back_only;
  must(outcome.kind != confirmed || ruling.finished || (is_canary && request.kind == AttemptKind::invalidate),
       "proven and not finished", id);
  if (ruling.status == Status::rejected) {
    must(request.kind == AttemptKind::read_back, "rejected without a read-back", id);
    must(ruling.shown.kind == refused, "rejected without a refusal", id);
    must(!row.last_doubt || now.steady - *row.last_doubt >= 5s, "rejected too soon after a doubt", id);
    must(!cards.invalid_at.contains(id), "rejected an INVALID card", id);
  }
  const bool settled = ruling.status != Status::pending && ruling.status != Status::in_flight;
  must(!settled || ruling.finished || ruling.held || ruling.status == Status::invalidated,
       "settled and not finished", id);
  must(!row.candidate.held || ruling.held || ruling.settled_by, "a held row is let go", id);
  const bool in_doubt = row.last_doubt || row.was_refused || row.candidate.status != Status::pending;
  if (!settled && !settings_.safety.read_back_only && !row.candidate.is_protected)
    must((ruling.status == Status::in_flight) == in_doubt, "the standing hides a doubt or invents one", id);
}

void VirtualRun::operator()(const action::Withdraw& withdraw) {
  auto& row = rows.at(withdraw.row);
  must(row.phase == Row::ready || (row.phase == Row::preparing && dispatcher.stopped()),
       "withdrew what was not prepared", withdraw.row);
  must(withdraw.attempt == row.candidate.attempts && withdraw.kind == row.under_way,
       "withdrew another attempt", withdraw.row);
  prepared_.erase(withdraw.row);
  must(row.candidate.is_protected || withdraw.is_kept != dispatcher.stopped().has_value(),
       "keeps a row while stopping, or lets go of one before", withdraw.row);
  if (!withdraw.is_kept) --row.candidate.attempts;
  row.phase = withdraw.is_kept ? Row::idle : Row::let_go;
  row.status = withdraw.status;
}

void VirtualRun::operator()(const action::Release& release) {
  auto& row = rows.at(release.row);
  must(row.phase == Row::idle, "released what is under way", release.row);
  if (release.row == dispatcher.witness()) return;
  must(!row.finished, "released what is settled", release.row);
  row.phase = Row::let_go;
}

// Was an invalidation asked for, in this run?
bool VirtualRun::is_begun(const Row& row) {
  return (row.under_way == AttemptKind::invalidate && row.phase != Row::not_offered) ||
         std::any_of(row.rulings.begin(), row.rulings.end(),
                     [](const Ruled& ruled) { return ruled.kind == AttemptKind::invalidate; });
}

// Until enough rows are proven: beside a row that was begun nothing is under way for any other.
void VirtualRun::check_canary(const action::Prepare& prepare) const {
  if (settings_.safety.read_back_only || settings_.safety.canary_passed + proven_ >= settings_.safety.canary)
    return;
  for (const auto& [id, other] : rows) {
    if (id == prepare.row) continue;
    must(!is_begun(other) || other.finished || other.phase == Row::let_go,
         "began a row beside one of the canary", prepare.row);
    const bool is_under_way =
        other.phase == Row::preparing || other.phase == Row::ready || other.phase == Row::in_flight;
    must(!is_under_way || prepare.kind == AttemptKind::read_back, "one of the canary is not alone",
         prepare.row);
  }
}

// At most ceil(R) requests reach the platform in any second, for each lane.
void VirtualRun::check_pace() const {
  const auto most =
      static_cast<std::size_t>(std::ceil(std::max(settings_.requests_per_second, highest_rate)));
  std::map<LaneId, std::vector<Instant>> arrivals;
  for (const auto& sent : sends)
    if (sent.outcome != connection_closed) arrivals[sent.lane].push_back(sent.arrived);
  for (auto& [lane, at] : arrivals) {
    std::sort(at.begin(), at.end());
    for (std::size_t i = most; i < at.size(); ++i) must(at[i] - at[i - most] >= 1s, "above the limit");
  }
}

void VirtualRun::check_end() const {
  must(in_flight_ == 0 && prepared_.empty() && fetching_ == 0, "ended with something under way");
  const auto snapshot = dispatcher.snapshot(now.steady);
  must(snapshot.in_flight == 0 && snapshot.preparing == 0 && snapshot.waiting == 0,
       "the snapshot does not add up");
  for (const auto& [id, row] : rows) {
    must(row.finished || row.phase == Row::not_offered || row.phase == Row::let_go, "lost a row", id);
    must(row.finished || dispatcher.stopped() || row.candidate.is_protected,
         "left a row although nothing stopped the run", id);
    if (row.phase == Row::let_go) {
      const bool in_doubt = row.last_doubt || row.was_refused || row.candidate.status != Status::pending;
      must((row.status != Status::pending) == in_doubt || row.status == Status::invalidated,
           "left a row with the wrong standing", id);
    }
  }
}

std::int64_t VirtualRun::count(Status status) const {
  return std::count_if(rows.begin(), rows.end(),
                       [&](const auto& each) { return each.second.status == status; });
}

std::vector<Sent> VirtualRun::sends_of(RowId row) const {
  std::vector<Sent> found;
  std::copy_if(sends.begin(), sends.end(), std::back_inserter(found),
               [&](const Sent& sent) { return sent.request.row == row; });
  return found;
}

std::string VirtualRun::story(RowId row) const {
  std::string text;
  for (const auto& sent : sends_of(row)) {
    if (!text.empty()) text += "; ";
    text += std::string{model::to_text(sent.request.kind)} + " " + std::string{model::to_text(sent.outcome)};
  }
  return text;
}

void VirtualRun::at(std::chrono::nanoseconds after_start, std::function<void()> what) {
  events_.push({start.steady + after_start, event_number_++, std::move(what)});
}

void VirtualRun::after(std::chrono::nanoseconds delay, std::function<void()> what) {
  events_.push({now.steady + delay, event_number_++, std::move(what)});
}

void VirtualRun::advance_to(Instant instant) {
  now.steady = std::max(now.steady, instant);
  now.wall = start.wall + std::chrono::duration_cast<milliseconds>(now.steady - start.steady);
}

std::chrono::nanoseconds VirtualRun::up_to(milliseconds most) {
  const auto range = std::chrono::nanoseconds{most}.count();
  return std::chrono::nanoseconds{
      range == 0 ? 0 : static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(range))};
}

void VirtualRun::must(bool holds, const char* what, RowId row) const {
  if (holds) return;
  throw std::logic_error{std::string{what} +
                         (row == 0 ? "" : " (row " + std::to_string(row) + ": " + story(row) + ")") + ", " +
                         std::to_string(elapsed().count()) + " s after the start"};
}

}  // namespace cardvoid::dispatch::test
