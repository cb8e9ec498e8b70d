#include "plan_digest.hpp"

#include <algorithm>
#include <cardvoid/base/sha256.hpp>
#include <cardvoid/ledger/interruptible.hpp>

#include "component/ledger/rig.hpp"

// The plan's fingerprint, and what a confirmation of it covers.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  std::string fingerprint_of(const std::vector<model::Card>& cards) {
    const Books books;
    auto ledger = books.open();
    import(ledger, cards);
    return must(ledger::fingerprint(ledger));
  }

  ledger::RunId begin_run(Ledger& ledger, bool confirmed) {
    ledger::RunStart start;
    start.command = "run", start.started_at = k_now, start.host = "here", start.pid = 7,
    start.version = "0.1.0";
    start.fingerprint = must(ledger::fingerprint(ledger));
    start.confirmed = confirmed;
    return must(ledger::begin_run(ledger, start));
  }

  // Rows of the plan then that are not to be sent now.
  std::int64_t gone(const ledger::PlanChange& change) {
    return change.left + change.invalidated + change.rejected + change.held + change.conflicts +
           change.is_protected;
  }

  }  // namespace

  TEST_CASE(
      "fingerprint: it is SHA-256 over the sorted SHA-256 of each row with each field behind its length") {
    // printf '\x01\0\0\0\0\0\0\0b\x01\0\0\0\0\0\0\0p\x01\0\0\0\0\0\0\0c\x01\0\0\0\0\0\0\0o\0\0\0\0\0\0\0\0' |
    // openssl dgst -sha256 -binary | sha256sum
    CHECK(fingerprint_of({{"b", "p", "c", "o", ""}}) ==
          "84081d42a3048b3e89f8e75d1ddfc04073d6107884588d63f6ff8730a3165811");
    CHECK(fingerprint_of({}) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  }

  TEST_CASE("fingerprint: the order of the input makes no difference") {
    std::vector<model::Card> cards{card("1"),
                                   card("2", "oB"),
                                   card("3"),
                                   {"1003", "pZ", "1", "oA", "closed"},
                                   {"1005", "pA", "0", "oA", ""}};
    const auto expected = fingerprint_of(cards);
    for (int turn = 0; turn < 4; ++turn) {
      std::rotate(cards.begin(), cards.begin() + 1, cards.end());
      CHECK(fingerprint_of(cards) == expected);
    }
  }

  TEST_CASE("fingerprint: of more rows than memory holds it is the same") {
    constexpr std::size_t k_part = ledger::Fingerprint::k_part;
    for (const auto count : {2 * k_part, 2 * k_part + 1, 9 * k_part - 3}) {
      sqlite::Connection db{":memory:", sqlite::Mode::create};
      ledger::Fingerprint in_runs{db, 2 * k_part}, in_memory{db};
      for (std::size_t i = 0; i < count; ++i) {
        const auto code = std::to_string(i);
        const ledger::Fingerprint::Fields row{"b", "p", code, "o", ""};
        in_runs.add(row), in_memory.add(row);
      }
      CAPTURE(count);
      CHECK(in_runs.finish() == in_memory.finish());
    }
  }

  TEST_CASE("fingerprint: working it out ends soon when it is given up") {
    const Books books;
    auto ledger = books.open();
    std::vector<model::Card> cards;
    for (int i = 0; i < 3000; ++i) cards.push_back(card(std::to_string(i)));
    import(ledger, cards);
    int questions = 0;
    const ledger::Interruptible scope{ledger, [&] { return ++questions == 2; }};
    const auto plan = ledger::digest_plan(ledger);
    REQUIRE(plan.has_error());
    CHECK(plan.error().code == Errc::stopped);
    CHECK(questions == 2);
  }

  TEST_CASE("fingerprint: every field of a card and every card make a difference") {
    const model::Card one{"b", "p", "c", "o", "r"};
    std::vector<std::string> found{fingerprint_of({one}), fingerprint_of({one, card("2")})};
    for (auto field : {&model::Card::brand_id, &model::Card::card_id, &model::Card::code,
                       &model::Card::openid, &model::Card::reason}) {
      auto other = one;
      other.*field += 'x';
      found.push_back(fingerprint_of({other}));
    }
    found.push_back(fingerprint_of({{"bp", "c", "o", "r", ""}}));  // the same bytes in other fields
    found.push_back(fingerprint_of({{"b", "pc", "o", "r", ""}}));
    std::sort(found.begin(), found.end());
    CHECK(std::adjacent_find(found.begin(), found.end()) == found.end());
  }

  TEST_CASE("fingerprint: it covers what is still to send and nothing else") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), card("4"), card("5")});
    const auto before = must(ledger::fingerprint(ledger));
    send(ledger, intent(id_of(ledger, "1")));
    CHECK(must(ledger::fingerprint(ledger)) == before);  // in flight
    settle(ledger, "2", Status::unresolved);
    CHECK(must(ledger::fingerprint(ledger)) == before);
    settle(ledger, "3", Status::unresolved, true);
    settle(ledger, "4", Status::invalidated);
    settle(ledger, "5", Status::rejected);
    CHECK(must(ledger::fingerprint(ledger)) == fingerprint_of({card("1"), card("2")}));
  }

  TEST_CASE("confirmed plan: its rest needs no other word once some rows are settled") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3")});
    const auto plan = must(ledger::fingerprint(ledger));
    CHECK_FALSE(must(ledger::is_rest_of_confirmed(ledger, plan)));  // no run began with it yet
    begin_run(ledger, true);
    settle(ledger, "1", Status::invalidated);
    settle(ledger, "3", Status::rejected);
    CHECK(must(ledger::fingerprint(ledger)) != plan);
    CHECK(must(ledger::is_rest_of_confirmed(ledger, plan)));
    CHECK(must(ledger::is_rest_of_confirmed(ledger, plan.substr(0, 8))));
    import(ledger, {card("1"), card("2"), card("3")});  // as each run does
    CHECK(must(ledger::is_rest_of_confirmed(ledger, plan)));
  }

  TEST_CASE("confirmed plan: another fingerprint is none of its") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    begin_run(ledger, true);
    auto other = must(ledger::fingerprint(ledger));
    other.back() = other.back() == '0' ? '1' : '0';
    CHECK_FALSE(must(ledger::is_rest_of_confirmed(ledger, other)));
    CHECK_FALSE(must(ledger::is_rest_of_confirmed(ledger, other.substr(1))));  // not its beginning
  }

  TEST_CASE("confirmed plan: a run without a confirmed fingerprint does not count") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    const auto plan = must(ledger::fingerprint(ledger));
    begin_run(ledger, false);
    settle(ledger, "1", Status::invalidated);
    CHECK_FALSE(must(ledger::is_rest_of_confirmed(ledger, plan)));
  }

  TEST_CASE("confirmed plan: rows that came later need their own confirmation") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    const auto plan = must(ledger::fingerprint(ledger));
    begin_run(ledger, true);
    import(ledger, {card("1"), card("2"), card("3")});
    CHECK_FALSE(must(ledger::is_rest_of_confirmed(ledger, plan)));
    settle(ledger, "3", Status::invalidated);  // by another run: what is left is a part of the plan again
    CHECK(must(ledger::is_rest_of_confirmed(ledger, plan)));
  }

  TEST_CASE("confirmed plan: any run that was confirmed with it counts and not only the last") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3")});
    const auto first = must(ledger::fingerprint(ledger));
    begin_run(ledger, true);
    settle(ledger, "1", Status::invalidated);
    const auto second = must(ledger::fingerprint(ledger));
    begin_run(ledger, true);
    settle(ledger, "2", Status::invalidated);
    begin_run(ledger, false);
    CHECK(must(ledger::is_rest_of_confirmed(ledger, first)));
    CHECK(must(ledger::is_rest_of_confirmed(ledger, second)));
  }

  TEST_CASE("shown plan: what changed since is told row by row") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), card("4"), card("5"), card("6"), card("8"), card("9")});
    settle(ledger, "6", Status::rejected);
    send_in_vain(ledger, "4");
    const auto plan = must(ledger::fingerprint(ledger));
    remember_plan(ledger, plan, k_now);
    const auto none = must(ledger::change_since(ledger, plan.substr(0, 8)));
    REQUIRE(none);
    CHECK(none->to_send == 7);
    CHECK(none->made_at == k_now);
    CHECK(none->added + none->retried + none->returned + none->corrected + gone(*none) == 0);

    settle(ledger, "1", Status::invalidated);
    settle(ledger, "2", Status::rejected);
    settle(ledger, "3", Status::unresolved, true);
    ledger::Choice six;
    six.codes = {"6"}, six.at = k_now;
    REQUIRE(must(ledger::put_back(ledger, six)).retried == 1);
    import(ledger, {card("1"), card("2"), card("3"), card("4", "oB"), card("5"), card("6"), card("7"),
                    card("8", "oB")});
    const auto change = must(ledger::change_since(ledger, plan));
    REQUIRE(change);
    CHECK(change->fingerprint == plan);
    CHECK(change->added == 1);
    CHECK(change->rows_added.at(0).code == "7");
    CHECK(change->rows_added.at(0).source_line == 8);
    CHECK(change->retried == 1);
    CHECK(change->rows_retried.at(0).code == "6");
    CHECK(change->returned == 0);
    CHECK(change->corrected == 1);
    CHECK(change->rows_corrected.at(0).code == "8");
    CHECK(change->rows_corrected.at(0).source_line == 9);
    CHECK(change->left == 1);
    CHECK(change->rows_left.at(0).code == "9");
    CHECK(change->invalidated == 1);
    CHECK(change->rejected == 1);
    CHECK(change->held == 1);
    CHECK(change->conflicts == 1);
    CHECK(change->rows_in_conflict.at(0).code == "4");
    CHECK(change->to_send + change->added + change->retried_more + change->returned - gone(*change) ==
          must(ledger::totals(ledger)).to_send());
  }

  TEST_CASE("shown plan: rows with gaps between them are remembered exactly and eight plans are kept") {
    const Books books;
    auto ledger = books.open();
    std::vector<model::Card> cards;
    for (int i = 1; i <= 30; ++i) cards.push_back(card(std::to_string(i)));
    import(ledger, cards);
    for (const char* code : {"1", "7", "8", "15", "30"}) settle(ledger, code, Status::invalidated);
    const auto first = must(ledger::fingerprint(ledger));
    remember_plan(ledger, first, k_now);
    CHECK(books.ask("SELECT row_ids FROM shown_plan") == "2-6 9-14 16-29");
    for (const char* code : {"2", "14", "20"}) settle(ledger, code, Status::invalidated);
    auto change = must(ledger::change_since(ledger, first));
    REQUIRE(change);
    CHECK(change->invalidated == 3);
    CHECK(change->added + change->returned == 0);
    remember_plan(ledger, must(ledger::fingerprint(ledger)), k_now);
    CHECK(books.ask("SELECT row_ids FROM shown_plan WHERE id = 2") == "3-6 9-13 16-19 21-29");

    remember_plan(ledger, first, k_now + milliseconds{1});  // again: the latest counts
    CHECK(books.ask("SELECT count(*) FROM shown_plan") == "2");
    for (int i = 0; i < 7; ++i) remember_plan(ledger, fmt::format("{:08}", i), k_now);
    CHECK(books.ask("SELECT count(*) FROM shown_plan") == "8");
    CHECK(must(ledger::change_since(ledger, first)));
    remember_plan(ledger, "0000000a", k_now);
    CHECK_FALSE(must(ledger::change_since(ledger, first)));
    CHECK_FALSE(must(ledger::change_since(ledger, "ffffffff")));
  }

  TEST_CASE("shown plan: one of very many ranges is remembered without them") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("3")});
    ledger::RangeWriter ranges;
    for (model::RowId id = 1; id < 10'000'000; id += 2) ranges.add(id);
    auto plan = must(ledger::digest_plan(ledger));
    remember_plan(ledger, "0000aaaa", k_now);
    must(ledger::confirm_plan(ledger, "0000aaaa", k_now));
    CHECK(must(ledger::basis_of_differences(ledger)).kind == ledger::Basis::plan);
    plan.row_ids = ranges.finish();
    must(ledger::remember_plan(ledger, plan, k_now, "somebody"));
    CHECK(books.ask("SELECT row_ids FROM shown_plan ORDER BY id DESC LIMIT 1") == "-");
    const auto change = must(ledger::change_since(ledger, plan.fingerprint));
    REQUIRE(change);
    CHECK_FALSE(change->is_listed);
    // Confirmed last, so nothing is compared with an earlier plan.
    must(ledger::confirm_plan(ledger, plan.fingerprint, k_now + milliseconds{1}));
    import(ledger, {card("1"), card("3")});
    CHECK(must(ledger::basis_of_differences(ledger)).kind == ledger::Basis::import);
  }

  TEST_CASE("shown plan: of no rows at all") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {});
    remember_plan(ledger, "00000000", k_now);
    import(ledger, {card("1")});
    const auto change = must(ledger::change_since(ledger, "00000000"));
    REQUIRE(change);
    CHECK(change->to_send == 0);
    CHECK(change->added == 1);
  }

  TEST_CASE("confirmed plan: a row that was in conflict then is no part of the rest") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA"), card("2")});
    send_in_vain(ledger, "1");
    import(ledger, {card("1", "oB"), card("2")});
    REQUIRE(must(ledger::totals(ledger)).to_send() == 1);
    const auto plan = must(ledger::fingerprint(ledger));
    ledger::RunStart start;
    start.command = "run", start.fingerprint = plan, start.confirmed = true;
    must(ledger::begin_run(ledger, start));
    CHECK(must(ledger::is_rest_of_confirmed(ledger, plan)));
    import(ledger, {card("1", "oA"), card("2")});
    REQUIRE(must(ledger::totals(ledger)).to_send() == 2);
    CHECK_FALSE(must(ledger::is_rest_of_confirmed(ledger, plan)));
  }
}
