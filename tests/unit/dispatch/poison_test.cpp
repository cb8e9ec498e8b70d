// One odd card among good ones, night after night: it never keeps another card from being settled. Every kind
// of answer that never changes, at the first card, in the middle and at the end, with a canary and without.

#include <doctest/doctest.h>

#include <ostream>

#include "virtual_run.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::dispatch;
  using namespace cardvoid::dispatch::test;
  using namespace std::chrono_literals;
  using enum model::OutcomeKind;

  namespace {

  constexpr int k_rows = 34;

  Settings settings(int canary) {
    Settings s;
    s.requests_per_second = 50;
    s.safety.canary = canary;
    return s;
  }

  // The rows of a run as the results database hands them to the next one.
  void carry_on(VirtualRun& next, const VirtualRun& last) {
    for (const auto& [id, before] : last.rows) {
      if (before.status == Status::invalidated && !next.dispatcher.witness()) next.given_witness(before);
      if (before.status == Status::invalidated || before.status == Status::rejected) continue;
      Row row;
      row.candidate = before.candidate;
      row.candidate.status = row.status = before.status;
      if (!before.rulings.empty()) {
        row.candidate.held = before.last().held;
        row.candidate.strange = before.last().strange;
      }
      row.must_be_read_back = row.status != Status::pending;
      next.given_row(std::move(row));
    }
    next.cards = last.cards;
  }

  using Answering = std::function<std::optional<Fault>(const Request&)>;
  Answering always(std::set<RowId> poisoned, OutcomeKind kind, bool executed = false) {
    return [=](const Request& request) -> std::optional<Fault> {
      if (!poisoned.contains(request.row)) return std::nullopt;
      return Fault{kind, executed};
    };
  }
  // Only the invalidation fares so; reading the card back works.
  Answering on_invalidation(std::set<RowId> poisoned, OutcomeKind kind) {
    return [=](const Request& request) -> std::optional<Fault> {
      if (!poisoned.contains(request.row) || request.kind == AttemptKind::read_back) return std::nullopt;
      return Fault{kind};
    };
  }

  struct Nights {
    std::set<RowId> open;              // not settled after the last night
    std::vector<std::string> endings;  // of each night; empty: none
    Row poisoned;                      // after the last night that had it
    std::size_t sends_last_night = 0;
  };

  Nights nights(int count, int canary, RowId poisoned, const Answering& answering) {
    Nights result;
    auto run = std::make_unique<VirtualRun>(settings(canary));
    run->given_rows(k_rows);
    for (int night = 0; night < count; ++night) {
      if (night > 0) {
        auto next = std::make_unique<VirtualRun>(settings(canary), static_cast<std::uint64_t>(night) + 1);
        carry_on(*next, *run);
        run = std::move(next);
      }
      run->answering = answering;
      const auto finished = run->run();
      result.endings.push_back(finished.stopped ? finished.stopped->what : "");
    }
    for (const auto& [id, row] : run->rows)
      if (row.status != Status::invalidated && row.status != Status::rejected) result.open.insert(id);
    if (run->rows.contains(poisoned)) result.poisoned = run->rows.at(poisoned);
    result.sends_last_night = run->sends.size();
    return result;
  }

  }  // namespace

  TEST_CASE("poison: one card with a strange answer never keeps another from being settled") {
    for (const auto kind : model::all_outcomes()) {
      if (!model::is_strange(kind)) continue;
      for (const RowId poisoned : {1, 17, k_rows})
        for (const int canary : {0, 3})
          for (const auto& answering : {always({poisoned}, kind), on_invalidation({poisoned}, kind)}) {
            CAPTURE(model::to_text(kind));
            CAPTURE(poisoned);
            CAPTURE(canary);
            const auto result = nights(4, canary, poisoned, answering);
            CAPTURE(result.endings[0]);
            CAPTURE(result.endings[1]);
            CHECK((result.open.empty() || result.open == std::set<RowId>{poisoned}));
            CHECK(result.endings[2] == "");
            CHECK(result.endings[3] == "");
          }
    }
  }

  TEST_CASE("poison: a strange card in the middle stops no run at all and is held") {
    for (const auto kind : model::all_outcomes()) {
      if (!model::is_strange(kind)) continue;
      CAPTURE(model::to_text(kind));
      const auto result = nights(2, 3, 17, always({17}, kind));
      CHECK(result.endings == std::vector<std::string>{"", ""});
      CHECK(result.open == std::set<RowId>{17});
      CHECK(result.poisoned.status == Status::unresolved);
      CHECK(result.poisoned.last().held);
    }
  }

  TEST_CASE("poison: a card that is never answered well keeps no other from being settled") {
    for (const auto kind :
         {system_error, accepted, gateway_error, lost, stale_connection, not_invalid, throttled})
      for (const RowId poisoned : {1, 17, k_rows})
        for (const int canary : {0, 3}) {
          CAPTURE(model::to_text(kind));
          CAPTURE(poisoned);
          CAPTURE(canary);
          const auto result = nights(3, canary, poisoned, always({poisoned}, kind));
          CAPTURE(result.endings[0]);
          CHECK((result.open.empty() || result.open == std::set<RowId>{poisoned}));
          CHECK(result.endings[2] == "");
        }
  }

  TEST_CASE("poison: a bad first card fails the canary and the next run takes another card for it") {
    const auto result = nights(2, 3, 1, always({1}, unknown_answer));
    CHECK(result.endings[0].find("the canary failed") != std::string::npos);
    CHECK(result.endings[1] == "");
    CHECK(result.open == std::set<RowId>{1});
  }

  TEST_CASE("poison: clusters stop the run and every night settles more") {
    const std::set<RowId> cluster{3, 4, 5, 20, 21, 33};
    for (const auto kind : {unknown_answer, unreadable, wrong_card, unverified}) {
      CAPTURE(model::to_text(kind));
      const auto result = nights(8, 2, 3, always(cluster, kind));
      CHECK(result.open == cluster);
      CHECK(result.endings.front() != "");
      CHECK(result.endings.back() == "");
    }
  }

  TEST_CASE("poison: cards that a firewall refuses are held one by one while a witness vouches") {
    const std::set<RowId> cluster{8, 9, 20};
    const auto result = nights(1, 2, 8, always(cluster, credentials_refused));
    CHECK(result.endings[0] == "");
    CHECK(result.open == cluster);
    CHECK(result.poisoned.last().held);
  }

  TEST_CASE("poison: credentials that break in mid-run stop it after the witness was asked") {
    VirtualRun run{settings(2)};
    run.given_rows(500);
    std::optional<Instant> broken_at;
    int refused_requests = 0;
    run.answering = [&](const Request& request) -> std::optional<Fault> {
      if (run.now.steady - run.start.steady < 3s) return std::nullopt;
      ++refused_requests;
      CHECK(request.row != 0);
      return Fault{credentials_refused};
    };
    const auto finished = run.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::bad_credentials);
    CHECK(refused_requests <= settings(2).max_in_flight + 3);
    for (const auto& [id, row] : run.rows) CHECK_FALSE((!row.rulings.empty() && row.last().held));
  }

  TEST_CASE("poison: credentials that never worked stop the run at the first card and hold none") {
    for (const auto kind : {credentials_refused, setup_refused, clock_refused}) {
      CAPTURE(model::to_text(kind));
      VirtualRun run{settings(3)};
      run.given_rows(10);
      run.answering = [&](const Request&) { return std::optional<Fault>{Fault{kind}}; };
      const auto finished = run.run();
      REQUIRE(finished.stopped);
      CHECK(finished.stopped->code == (kind == setup_refused ? Errc::bad_job : Errc::bad_credentials));
      CHECK(run.sends.size() <= 2);
      CHECK(run.rows.at(1).last().strange);
      CHECK_FALSE(run.rows.at(1).last().held);
    }
  }

  TEST_CASE("poison: wrong keys say so every night and hold nothing until an answer has verified") {
    const auto wrong_key = [](const Request&) { return std::optional<Fault>{Fault{unverified, true}}; };
    VirtualRun one{settings(0)};
    one.given_rows(1);
    one.answering = wrong_key;
    const auto finished = one.run();
    REQUIRE(finished.stopped);
    CHECK(finished.stopped->code == Errc::bad_credentials);
    CHECK_FALSE(one.rows.at(1).last().held);

    const auto result = nights(3, 3, 1, wrong_key);
    for (const auto& ending : result.endings) CHECK(ending.find("could be verified") != std::string::npos);
  }

  TEST_CASE("poison: an outage during the canary ends it with a wait and never with a failed canary") {
    for (const auto kind : {system_error, accepted, gateway_error, lost, stale_connection}) {
      CAPTURE(model::to_text(kind));
      VirtualRun run{settings(3)};
      run.given_rows(10);
      run.answering = [&](const Request&) -> std::optional<Fault> {
        if (run.now.steady - run.start.steady > 5min) return std::nullopt;
        return Fault{kind};
      };
      CHECK_FALSE(run.run().stopped);
      CHECK(run.count(Status::invalidated) == 10);

      VirtualRun endless{settings(3)};
      endless.given_rows(10);
      endless.answering = [&](const Request&) { return std::optional<Fault>{Fault{kind}}; };
      const auto finished = endless.run();
      REQUIRE(finished.stopped);
      CHECK(finished.stopped->code == Errc::unavailable);
      CHECK_FALSE(endless.dispatcher.trip());
    }
  }

  TEST_CASE("poison: a card that gets SYSTEM_ERROR again and again is tried on the other endpoint too") {
    for (const auto kind : {system_error, accepted}) {
      VirtualRun run{settings(0)};
      run.given_rows(10);
      run.answering = [&](const Request& request) -> std::optional<Fault> {
        if (request.row != 5 || request.endpoint == Endpoint::backup) return std::nullopt;
        return Fault{kind};
      };
      CHECK_FALSE(run.run().stopped);
      CHECK(run.rows.at(5).status == Status::invalidated);
      CHECK(run.sends_of(5).size() == 3);
    }
  }

  TEST_CASE("poison: a card that alone is throttled for ever holds up the others for a minute at most") {
    for (const auto& answering : {always({100}, throttled), on_invalidation({100}, throttled)}) {
      VirtualRun run{settings(3)};
      run.given_rows(2000);  // 40 s at the pace of the job
      run.answering = answering;
      CHECK_FALSE(run.run().stopped);
      Instant last_other{};
      for (const auto& sent : run.sends)
        if (sent.request.row != 100) last_other = std::max(last_other, sent.arrived);
      CHECK(last_other - run.start.steady < 100s);
      CHECK(run.count(Status::invalidated) == 1999);
      CHECK(run.rows.at(100).last().strange);
    }
  }

  TEST_CASE("poison: read-backs of a card with a strange answer back off") {
    VirtualRun run{settings(0)};
    run.given_rows(3);
    run.answering = always({2}, probe_signature);
    CHECK_FALSE(run.run().stopped);
    CHECK(run.rows.at(2).last().held);
    CHECK(run.elapsed() > 10s);
  }
}
