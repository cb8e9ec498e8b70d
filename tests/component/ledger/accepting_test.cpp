#include "component/ledger/rig.hpp"

// Rows that a person settles.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;
  using ledger::Choice;
  using model::AttemptKind;
  using model::OutcomeKind;

  namespace {

  Choice of_status(Status status) { return {status, {}, {}}; }
  Choice of_codes(std::vector<std::string> codes) { return {std::nullopt, std::move(codes), {}}; }

  std::int64_t to_ms(WallTime time) { return time.time_since_epoch().count(); }

  const ledger::Acceptance k_word{"alice", k_now, "已核实"};

  std::string counts(const ledger::Accepted& a) {
    return fmt::format("rejected {} unresolved {} before {} in_doubt {} not_eligible {} not_found {}",
                       a.rejected, a.unresolved, a.before, a.in_doubt, a.not_eligible, a.not_found);
  }

  std::vector<std::string> fetched(Ledger& ledger, bool doubt_only) {
    ledger::Cursor cursor{.brand_id = {}, .doubt_only = doubt_only};
    std::vector<std::string> codes;
    for (const auto& row : must(ledger::fetch(ledger, cursor, 100))) codes.push_back(row.card.code);
    return codes;
  }

  // One row of each kind: 1 rejected, 2 unresolved, 3 held, 4 in flight, 5 pending, 6 invalidated.
  struct Kinds : Books {
    Ledger ledger = open();
    Kinds() {
      import(ledger, {card("1"), card("2"), card("3"), card("4"), card("5"), card("6")});
      settle(ledger, "1", Status::rejected);
      settle(ledger, "2", Status::unresolved);
      settle(ledger, "3", Status::unresolved, true);
      send(ledger, intent(id_of(ledger, "4")));
      settle(ledger, "6", Status::invalidated);
    }
  };

  }  // namespace

  TEST_CASE("accept: rejected and unresolved rows keep their status and are on record and counted apart") {
    Kinds kinds;
    auto& ledger = kinds.ledger;
    CHECK(counts(must(ledger::accept(ledger, of_codes({"1", "2", "3", "4", "5", "6", "7"}), k_word))) ==
          "rejected 1 unresolved 2 before 0 in_doubt 1 not_eligible 2 not_found 1");
    CHECK(kinds.ask("SELECT code || ':' || status || ':' || coalesce(accepted_by || accepted_note || "
                    "accepted_at, '-') FROM results ORDER BY code") ==
          "1:rejected:alice已核实2026-11-25T04:01:55.693Z 2:unresolved:alice已核实2026-11-25T04:01:55.693Z "
          "3:unresolved:alice已核实2026-11-25T04:01:55.693Z 4:in_flight:- 5:pending:- 6:invalidated:-");
    const auto totals = must(ledger::totals(ledger));
    CHECK(ledger_test::counts(totals) ==
          "pending 1 in_flight 1 invalidated 1 rejected 0 unresolved 0 held 0 conflicts 0 refused 0");
    CHECK(totals.accepted_rejected == 1);
    CHECK(totals.accepted_unresolved == 2);
    CHECK(totals.rows() == 6);
    CHECK(totals.in_doubt() == 1);
    CHECK(totals.to_send() == 2);
    CHECK(must(ledger::rows_in_doubt(ledger, 10)).size() == 1);
    CHECK(must(ledger::errors(ledger, 10)).empty());
  }

  TEST_CASE("accept: an accepted row is neither sent nor read back by any run") {
    Kinds kinds;
    CHECK(fetched(kinds.ledger, true) == std::vector<std::string>{"2", "4", "3"});
    (void)must(ledger::accept(kinds.ledger, of_status(Status::unresolved), k_word));
    CHECK(fetched(kinds.ledger, true) == std::vector<std::string>{"4"});
    CHECK(fetched(kinds.ledger, false) == std::vector<std::string>{"4", "5"});
  }

  TEST_CASE("accept: the first word stays on record") {
    Kinds kinds;
    (void)must(ledger::accept(kinds.ledger, of_status(Status::rejected), k_word));
    CHECK(counts(must(ledger::accept(kinds.ledger, of_status(Status::rejected), {"bob", k_now, "me too"}))) ==
          "rejected 0 unresolved 0 before 1 in_doubt 0 not_eligible 0 not_found 0");
    CHECK(kinds.ask("SELECT accepted_by FROM results WHERE code = '1'") == "alice");
  }

  TEST_CASE("accept: retry withdraws it also of a row that must be read back first") {
    Kinds kinds;
    auto& ledger = kinds.ledger;
    (void)must(ledger::accept(ledger, of_codes({"1", "2", "3"}), k_word));
    const auto back = must(ledger::put_back(ledger, of_codes({"1", "2"})));
    CHECK(back.retried == 1);
    CHECK(back.in_doubt == 1);
    CHECK(back.acceptances_withdrawn == 2);
    CHECK(kinds.ask(
              "SELECT code || status || coalesce(accepted_by, '-') || coalesce(accepted_note, '-') FROM "
              "results WHERE code < '4' ORDER BY code") == "1pending-- 2unresolved-- 3unresolvedalice已核实");
    CHECK(fetched(ledger, true) == std::vector<std::string>{"2", "4"});
  }

  TEST_CASE("accept: retry by status alone leaves what a person has accepted and counts it") {
    Kinds kinds;
    auto& ledger = kinds.ledger;
    (void)must(ledger::accept(ledger, of_codes({"1", "2"}), k_word));
    for (const auto status : {Status::rejected, Status::unresolved}) {
      const auto back = must(ledger::put_back(ledger, of_status(status)));
      CHECK(back.retried == 0);
      CHECK(back.accepted == 1);
      CHECK(back.acceptances_withdrawn == 0);
    }
    CHECK(kinds.ask("SELECT code || status || accepted_by FROM results WHERE accepted_at NOT NULL ORDER BY "
                    "code") == "1rejectedalice 2unresolvedalice");
    // A status and a code name the row.
    CHECK(must(ledger::put_back(ledger, {Status::rejected, {"1"}, {}})).acceptances_withdrawn == 1);
    CHECK(kinds.ask("SELECT status FROM results WHERE code = '1'") == "pending");
  }

  TEST_CASE("accept: a word that retry withdraws stays on record and counts no more") {
    for (const auto retried_at : {k_now + milliseconds{1}, k_now, k_now - std::chrono::hours{1}}) {
      CAPTURE(to_ms(retried_at));
      Kinds kinds;
      auto& ledger = kinds.ledger;
      (void)must(ledger::accept(ledger, of_codes({"1", "2"}), k_word));
      auto choice = of_codes({"1", "2"});
      choice.at = retried_at;  // the clock may have been set back since
      CHECK(must(ledger::put_back(ledger, choice)).acceptances_withdrawn == 2);
      CHECK(
          kinds.ask("SELECT accepted_by || accepted_note || accepted_at FROM row WHERE code IN ('1', '2')") ==
          fmt::format("alice已核实{0} alice已核实{0}", to_ms(k_now)));
      CHECK(must(ledger::totals(ledger)).accepted() == 0);
      CHECK(fetched(ledger, true) == std::vector<std::string>{"2", "4", "3"});
      CHECK(must(ledger::put_back(ledger, choice)).acceptances_withdrawn == 0);

      // Rejected once more, it needs another word.
      const auto again = attempt(1, 2, OutcomeKind::refused, 400, "INVALID_REQUEST");
      send(ledger, intent(1, 2));
      must(ledger::begin_changes(ledger));
      must(ledger::close_attempt(ledger, again, ruling(Status::rejected, again.outcome)));
      must(ledger::commit_changes(ledger));
      CHECK(must(ledger::totals(ledger)).rejected == 1);
      CHECK(kinds.ask("SELECT count(*) FROM results WHERE coalesce(accepted_at, accepted_by, accepted_note) "
                      "NOT NULL") == "0");
      const ledger::Acceptance earlier{"bob", retried_at - std::chrono::hours{2}, "seen"};
      CHECK(must(ledger::accept(ledger, of_codes({"1"}), earlier)).rejected == 1);
      CHECK(must(ledger::totals(ledger)).accepted_rejected == 1);
      CHECK(kinds.ask("SELECT accepted_by FROM results WHERE code = '1'") == "bob");
      CHECK(kinds.ask("SELECT count(*) FROM results WHERE accepted_at NOT NULL") == "1");
    }
  }

  TEST_CASE("accept: the plan that was confirmed says that rows have gone by a person's word") {
    Kinds kinds;
    auto& ledger = kinds.ledger;
    const auto before = must(ledger::fingerprint(ledger));
    remember_plan(ledger, before, k_now);
    (void)must(ledger::accept(ledger, of_codes({"2"}), k_word));
    CHECK(must(ledger::fingerprint(ledger)) != before);
    const auto change = must(ledger::change_since(ledger, before));
    REQUIRE(change.has_value());
    CHECK(change->accepted == 1);
  }

  TEST_CASE("signed answers: what settled a row says whether its signature verified") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), card("4")});
    const auto close = [&](RowId row, OutcomeKind kind, Status status, bool is_signed) {
      auto ended = attempt(row, 1, kind, 200);
      ended.outcome.is_signed = is_signed;
      send(ledger, intent(row));
      must(ledger::begin_changes(ledger));
      must(ledger::close_attempt(ledger, ended, ruling(status, ended.outcome)));
      must(ledger::commit_changes(ledger));
    };
    close(1, OutcomeKind::confirmed, Status::invalidated, true);
    close(2, OutcomeKind::refused, Status::rejected, true);
    close(3, OutcomeKind::refused, Status::rejected, false);
    close(4, OutcomeKind::unverified, Status::unresolved, false);
    CHECK(books.ask("SELECT answer_signed FROM results ORDER BY code") == "1 1 0 -");
    CHECK(must(ledger::totals(ledger)).rejected_unsigned == 1);
    (void)must(ledger::put_back(ledger, of_status(Status::rejected)));
    CHECK(books.ask("SELECT answer_signed FROM results ORDER BY code") == "1 - - -");
  }
}
