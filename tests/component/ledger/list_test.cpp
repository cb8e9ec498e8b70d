// What a list means: a row that no request was made for is what the newest complete import says.
#include <cardvoid/ledger/protection.hpp>

#include "component/ledger/rig.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  using Codes = std::vector<std::string>;

  Codes fetched(Ledger& ledger) {
    ledger::Cursor cursor;
    Codes codes;
    for (const auto& row : must(ledger::fetch(ledger, cursor, 100)))
      codes.push_back(row.card.code + "/" + row.card.openid + row.card.reason);
    return codes;
  }

  // The fingerprint that a database with exactly these rows would have.
  std::string fingerprint_of(const std::vector<model::Card>& cards) {
    const Books books;
    auto ledger = books.open();
    import(ledger, cards);
    return must(ledger::fingerprint(ledger));
  }

  ImportSummary import_and_send(Ledger& ledger, const std::vector<model::Card>& cards) {
    auto under_way = must(Import::begin(ledger, k_now, as_line, model::Vanished::send));
    std::int64_t line = 1;
    for (const auto& one : cards) must(under_way.add({one, ++line}));
    return must(under_way.finish("a list", k_now));
  }

  std::string confirm_and_begin(Ledger& ledger) {
    ledger::RunStart start;
    start.command = "run", start.fingerprint = must(ledger::fingerprint(ledger)), start.confirmed = true;
    must(ledger::begin_run(ledger, start));
    return start.fingerprint;
  }

  std::string held_back(const Books& books) {
    return books.ask(
        "SELECT code || ':' || held_back FROM results WHERE held_back IS NOT NULL ORDER BY code");
  }

  using Protections = std::vector<model::Protection>;

  void name_protected(Ledger& ledger, const Protections& lines) {
    std::size_t read = 0;
    (void)must(ledger::protect(ledger, [&]() -> Result<std::optional<model::Protection>> {
      return read < lines.size() ? std::optional{lines[read++]} : std::nullopt;
    }));
  }

  constexpr int k_more_than_one_transaction = 100'500;

  }  // namespace

  TEST_CASE("list: a row that left it is held back and comes back with it") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3")});
    const auto all = must(ledger::fingerprint(ledger));
    const auto summary = import(ledger, {card("1"), card("3")});
    CHECK(counts(summary) == "lines 2 added 0 known 2 duplicates 0 refused 0 conflicts 0 vanished 1/0");
    CHECK(summary.newly_left == 1);
    CHECK(fetched(ledger) == Codes{"1/oA", "3/oA"});
    CHECK(must(ledger::fingerprint(ledger)) == fingerprint_of({card("1"), card("3")}));
    CHECK(held_back(books) == "2:left_list");
    const auto totals = must(ledger::totals(ledger));
    CHECK(totals.left == 1);
    CHECK(totals.to_send() == 2);
    CHECK(import(ledger, {card("1"), card("3")}).newly_left == 0);  // it has left before

    CHECK(import(ledger, {card("3"), card("2"), card("1")}).returned == 1);
    CHECK(must(ledger::fingerprint(ledger)) == all);
    CHECK(held_back(books).empty());
  }

  TEST_CASE("list: a row that a request was made for is settled though it left the list") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), card("4"), card("5")});
    send(ledger, intent(id_of(ledger, "1")));
    settle(ledger, "2", Status::unresolved);
    send_in_vain(ledger, "3");
    const auto summary = import(ledger, {card("5")});
    CHECK(summary.vanished_to_send == 3);
    CHECK(summary.newly_left == 1);
    CHECK(held_back(books) == "4:left_list");
    CHECK(must(ledger::totals(ledger)).to_send() == 4);
  }

  TEST_CASE("list: a request that surely did not leave is none") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    const auto row = id_of(ledger, "1");
    send(ledger, intent(row));
    must(ledger::begin_changes(ledger));
    must(ledger::withdraw_attempt(ledger, row, 1, Status::pending));
    must(ledger::commit_changes(ledger));
    import(ledger, {card("1", "oB"), card("2")});
    CHECK(fetched(ledger) == Codes{"1/oB", "2/oA"});
    import(ledger, {card("2")});
    CHECK(held_back(books) == "1:left_list");
  }

  TEST_CASE("list: with vanished set to send a row that left it is sent and hold takes it back") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    const auto all = must(ledger::fingerprint(ledger));
    CHECK(import_and_send(ledger, {card("1")}).vanished_to_send == 1);
    CHECK(must(ledger::fingerprint(ledger)) == all);
    CHECK(import_and_send(ledger, {}).vanished_to_send == 2);  // lists that come in parts may be empty
    CHECK(import(ledger, {card("1")}).newly_left == 1);
    CHECK(fetched(ledger) == Codes{"1/oA"});
    import_and_send(ledger, {card("1")});
    CHECK(must(ledger::fingerprint(ledger)) == all);
  }

  TEST_CASE("list: openid and reason are changed in place until the first request") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA", "tpyo"), card("2", "oA", "tpyo"), card("3", "oA", "tpyo")});
    settle(ledger, "3", Status::invalidated);
    const std::vector<model::Card> right{card("2", "oA", "typo"), card("1", "oB", "typo"),
                                         card("3", "oA", "typo")};
    const auto summary = import(ledger, right);
    CHECK(counts(summary) == "lines 3 added 0 known 1 duplicates 0 refused 0 conflicts 0 vanished 0/0");
    CHECK(summary.corrected == 2);
    CHECK(fetched(ledger) == Codes{"1/oBtypo", "2/oAtypo"});
    CHECK(must(ledger::fingerprint(ledger)) ==
          fingerprint_of({card("1", "oB", "typo"), card("2", "oA", "typo")}));
    CHECK(books.ask("SELECT code || '@' || source_line || reason FROM results") == "1@3typo 2@2typo 3@4tpyo");
    CHECK(books.ask("SELECT row_id || openid || reason FROM correction") == "1oAtpyo 2oAtpyo");
    CHECK(import(ledger, right).corrected == 0);
    CHECK(books.ask("SELECT count(*) FROM correction") == "2");
  }

  TEST_CASE("list: a wrong template that is corrected leaves only the right rows to send") {
    const Books books;
    auto ledger = books.open();
    const auto with_template = [](const std::string& card_id) {
      std::vector<model::Card> cards;
      for (int i = 0; i < 20; ++i) cards.push_back({"1004", card_id, std::to_string(i), "oA", ""});
      return cards;
    };
    import(ledger, with_template("pWrong"));
    const auto summary = import(ledger, with_template("pRight"));
    CHECK(summary.added == 20);
    CHECK(summary.newly_left == 20);
    CHECK(must(ledger::fingerprint(ledger)) == fingerprint_of(with_template("pRight")));
    CHECK(must(ledger::totals(ledger)).left == 20);
  }

  TEST_CASE("list: it changes nothing before it is complete and nothing when it is given up or dies") {
    for (const bool dies : {false, true}) {
      CAPTURE(dies);
      const Books books;
      std::string plan, rows;
      Remains remains;
      {
        auto ledger = books.open();
        import(ledger, {card("1", "oA"), card("2"), card("3")});
        plan = must(ledger::fingerprint(ledger));
        rows = books.ask("SELECT code || openid || reason || absent FROM row");
        auto under_way = must(Import::begin(ledger, k_now, as_line));
        must(under_way.add({card("1", "oB", "else"), 2}));
        must(under_way.add({card("2", "oA"), 3}));
        must(under_way.add({card("2", "oC"), 4}));
        for (int i = 0; i < k_more_than_one_transaction; ++i)
          must(under_way.refuse(i + 5, "code: empty", ""));
        REQUIRE(books.ask("SELECT count(*) > 1000 FROM refused_line") == "1");  // committed
        CHECK(books.ask("SELECT code || openid || reason || absent FROM row") == rows);
        remains = books.remains();
      }
      if (dies) books.restore(remains);
      auto ledger = books.open(Access::read_write);
      CHECK(must(ledger::fingerprint(ledger)) == plan);
      CHECK(books.ask("SELECT code || openid || reason || absent FROM row") == rows);
      CHECK(books.ask("SELECT count(*) FROM correction") == "0");
      CHECK(held_back(books).empty());
    }
  }

  TEST_CASE("list: two openids for a row without a request send neither and the row stays what it was") {
    for (const auto& openids : {Codes{"oA", "oB"}, Codes{"oB", "oA"}, Codes{"oB", "oC"}}) {
      CAPTURE(openids[0] + openids[1]);
      const Books books;
      auto ledger = books.open();
      import(ledger, {card("1", "oA"), card("2")});
      const std::vector<model::Card> cards{card("1", openids[0]), card("2"), card("1", openids[1]),
                                           card("1", openids[0])};
      const auto first = import(ledger, cards);
      CHECK(first.conflicts == 1);
      CHECK(first.corrected == 0);
      CHECK(first.known == 1);
      CHECK(fetched(ledger) == Codes{"2/oA"});
      CHECK(held_back(books) == "1:conflict");
      CHECK(books.ask("SELECT openid FROM results WHERE code = '1'") == "oA");
      CHECK(books.ask("SELECT DISTINCT cause FROM refused") ==
            "the same card is named with two different openids; neither line is sent");
      const auto plan = must(ledger::fingerprint(ledger));
      CHECK(counts(import(ledger, cards)) == counts(first));
      CHECK(must(ledger::fingerprint(ledger)) == plan);
      import(ledger, {card("1", "oC"), card("2")});  // of one mind
      CHECK(fetched(ledger) == Codes{"1/oC", "2/oA"});
    }
  }

  TEST_CASE("list: of two reasons for a row without a request the first one counts") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA", "old")});
    const auto summary =
        import(ledger, {card("1", "oA", "new"), card("1", "oA", "old"), card("1", "oA", "new")});
    CHECK(counts(summary) == "lines 3 added 0 known 0 duplicates 1 refused 1 conflicts 0 vanished 0/0");
    CHECK(summary.corrected == 1);
    CHECK(fetched(ledger) == Codes{"1/oAnew"});
    CHECK(books.refused_lines() == "3");
  }

  TEST_CASE("list: a row that a protection names stays as it was whichever member a later list gives it") {
    const model::Protection by_member{.code = "", .card_id = "", .openid = "oWrong", .brand_id = ""},
        by_card{.code = "1", .card_id = "", .openid = "", .brand_id = ""};
    for (const auto& protection : {by_member, by_card}) {
      CAPTURE(protection.code);
      const Books books;
      auto ledger = books.open();
      import(ledger, {card("1", "oWrong", "old"), card("2", "oB")});
      name_protected(ledger, {protection});
      const std::vector<model::Card> right{card("1", "oRight", "new"), card("2", "oB")};
      for (int night = 0; night < 2; ++night) {
        const auto summary = import(ledger, right);
        CHECK(summary.corrected == 0);
        CHECK(summary.changed == 0);
        CHECK(summary.refused == 1);
        CHECK(fetched(ledger) == Codes{"2/oB"});
        CHECK(held_back(books) == "1:protected");
        CHECK(books.ask("SELECT openid || reason FROM results WHERE code = '1'") == "oWrongold");
        CHECK(books.ask("SELECT source_line || substr(cause, 1, 23) FROM refused") ==
              "2protected: never sent; ");
      }
      // Also when it comes twice, or with the openid that it has.
      for (const auto& openids : {Codes{"oRight", "oRight"}, Codes{"oWrong", "oRight"}, Codes{"oX", "oY"}}) {
        const auto twice = import(ledger, {card("1", openids[0]), card("1", openids[1]), card("2", "oB")});
        CHECK(twice.refused == 2);
        CHECK(held_back(books) == "1:protected");
      }
      name_protected(ledger, {});
      CHECK(import(ledger, right).corrected == 1);
      CHECK(fetched(ledger) == Codes{"1/oRightnew", "2/oB"});
      CHECK(books.refused_lines().empty());
    }
  }

  TEST_CASE("list: what a list has corrected in vain is never sent as it was") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oWrong"), card("2", "oB")});
    name_protected(ledger, {{.code = "1", .card_id = "", .openid = "", .brand_id = ""}});
    CHECK(import(ledger, {card("1", "oRight"), card("2", "oB")}).conflicts == 0);
    CHECK(must(ledger::totals(ledger)).conflicts == 0);
    name_protected(ledger, {});
    import_and_send(ledger, {card("2", "oB")});  // lists that come in parts
    CHECK(fetched(ledger) == Codes{"2/oB"});
    CHECK(held_back(books) == "1:conflict");
    import_and_send(ledger, {card("1", "oRight")});
    CHECK(fetched(ledger) == Codes{"1/oRight", "2/oB"});
  }

  TEST_CASE("list: what the command protects before a correction is held until it is taken back") {
    for (const bool by_member : {false, true}) {
      CAPTURE(by_member);
      const Books books;
      auto ledger = books.open();
      const ledger::Protectee who = by_member ? ledger::Protectee{"", "oWrong"} : ledger::Protectee{"1", ""};
      import(ledger, {card("1", "oWrong"), card("2", "oB")});
      std::int64_t held = 0;
      must(ledger::begin_changes(ledger));
      (void)must(ledger::add_protection(ledger, who, {"alice", k_now, "objects"}, std::nullopt,
                                        [&](const ledger::NamedRow&) { ++held; }));
      must(ledger::commit_changes(ledger));
      CHECK(held == 1);
      const std::vector<model::Card> right{card("1", "oRight"), card("2", "oB")};
      name_protected(ledger, {});
      import(ledger, right);
      CHECK(fetched(ledger) == Codes{"2/oB"});
      must(ledger::begin_changes(ledger));
      CHECK(must(ledger::remove_protection(ledger, who, {"alice", k_now, ""})).rows == 1);
      must(ledger::commit_changes(ledger));
      name_protected(ledger, {});
      import(ledger, right);
      CHECK(fetched(ledger) == Codes{"1/oRight", "2/oB"});
    }
  }

  TEST_CASE("list: a row that came in protected is no freer than one that was protected later") {
    const Books books;
    auto ledger = books.open();
    const Protections staff{{.code = "", .card_id = "", .openid = "oStaff", .brand_id = ""}};
    name_protected(ledger, staff);
    import(ledger, {card("1", "oStaff"), card("2", "oB")});
    name_protected(ledger, staff);
    import(ledger, {card("1", "oA"), card("2", "oB")});
    CHECK(fetched(ledger) == Codes{"2/oB"});
    CHECK(held_back(books) == "1:protected");
  }

  TEST_CASE("list: a member that a correction names is protected") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA"), card("2", "oB")});
    name_protected(ledger, {{.code = "", .card_id = "", .openid = "oStaff", .brand_id = ""}});
    const auto summary = import(ledger, {card("1", "oA"), card("2", "oStaff")});
    CHECK(fetched(ledger) == Codes{"1/oA"});
    CHECK(held_back(books) == "2:protected");
    CHECK(summary.corrected == 1);
    CHECK(summary.refused == 1);
    CHECK(books.refused_lines() == "3");
  }

  TEST_CASE("list: one that names no card is refused while rows wait and taken when none does") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    settle(ledger, "1", Status::invalidated);
    const auto plan = must(ledger::fingerprint(ledger));
    for (const bool has_lines : {false, true}) {
      auto under_way = must(Import::begin(ledger, k_now, as_line));
      if (has_lines) must(under_way.refuse(2, "code: empty", ""));
      const auto ended = under_way.finish("members.csv", k_now);
      REQUIRE(ended.has_error());
      CHECK(ended.error().code == Errc::bad_input);
      CHECK(ended.error().what.find("members.csv") == 0);
      CHECK(ended.error().what.find("1 card") != std::string::npos);
    }
    CHECK(must(ledger::fingerprint(ledger)) == plan);
    CHECK(must(ledger::totals(ledger)).refused == 0);
    settle(ledger, "2", Status::invalidated);
    CHECK(import(ledger, {}).vanished == 2);
  }

  TEST_CASE("list: an earlier confirmation does not cover what left and what changed and what came back") {
    const Books books;
    auto ledger = books.open();
    const std::vector<model::Card> cards{card("1"), card("2"), card("3")};
    import(ledger, cards);
    auto plan = confirm_and_begin(ledger);
    settle(ledger, "1", Status::invalidated);
    import(ledger, {card("2"), card("3")});  // what is done may leave the list
    CHECK(must(ledger::is_rest_of_confirmed(ledger, plan)));
    import(ledger, {card("2")});
    CHECK_FALSE(must(ledger::is_rest_of_confirmed(ledger, plan)));
    plan = confirm_and_begin(ledger);
    import(ledger, {card("2"), card("3")});
    CHECK_FALSE(must(ledger::is_rest_of_confirmed(ledger, plan)));
    plan = confirm_and_begin(ledger);
    import(ledger, {card("2"), card("3", "oB")});
    CHECK_FALSE(must(ledger::is_rest_of_confirmed(ledger, plan)));
  }

  TEST_CASE("list: the plan that was confirmed last is what differences are told from") {
    const Books books;
    auto ledger = books.open();
    const auto differences = [&] {
      std::string found;
      const auto basis = must(ledger::basis_of_differences(ledger));
      must(ledger::each_difference(ledger, basis, [&](const ledger::Difference& d) {
        found += fmt::format("{}{}{}{}{}", "+~-*"[d.kind], d.card.code, d.other_openid ? "o" : "",
                             d.other_reason ? "r" : "", d.kind == d.changed && !d.in_place ? "! " : " ");
      }));
      return found;
    };
    import(ledger, {card("1"), card("2"), card("3"), card("4")});
    CHECK(must(ledger::basis_of_differences(ledger)).kind == ledger::Basis::nothing);
    CHECK(differences().empty());
    send_in_vain(ledger, "4");
    const auto plan = must(ledger::fingerprint(ledger));
    remember_plan(ledger, plan, k_now);
    must(ledger::confirm_plan(ledger, plan.substr(0, 8), k_now));
    settle(ledger, "1", Status::invalidated);

    import(ledger, {card("2", "oB"), card("5"), card("4", "oA", "else")});
    const auto expected = "~2o -3 ~4r! +5 ";
    CHECK(differences() == expected);
    for (int i = 0; i < 12; ++i) remember_plan(ledger, fmt::format("{:08}", i), k_now);
    import(ledger, {card("2", "oB"), card("5"), card("4", "oA", "else")});  // again: still since that plan
    CHECK(must(ledger::basis_of_differences(ledger)).fingerprint == plan);
    CHECK(differences() == expected);
    import(ledger, {card("2"), card("3"), card("4")});  // as it was confirmed, and one more leaves
    CHECK(differences().empty());
  }

  TEST_CASE("list: since the confirmed plan it is said what was put back and kept back and goes on unnamed") {
    const Books books;
    auto ledger = books.open();
    std::vector<model::Card> cards;
    for (const auto* code : {"1", "2", "3", "4", "5", "6", "7", "8"}) cards.push_back(card(code));
    import(ledger, cards);
    const auto plan = must(ledger::fingerprint(ledger));
    remember_plan(ledger, plan, k_now);
    must(ledger::confirm_plan(ledger, plan, k_now));
    settle(ledger, "1", Status::rejected);
    settle(ledger, "2", Status::rejected);
    settle(ledger, "3", Status::unresolved, true);
    settle(ledger, "4", Status::unresolved);
    settle(ledger, "6", Status::invalidated);
    settle(ledger, "7", Status::rejected);
    ledger::Choice one{std::nullopt, {"1"}, {}};
    one.at = k_now + milliseconds{1};
    CHECK(must(ledger::put_back(ledger, one)).retried == 1);
    CHECK(must(ledger::accept(ledger, {std::nullopt, {"2"}, {}}, {"alice", k_now, "seen"})).rows() == 1);
    name_protected(ledger, {{.code = "5", .card_id = "", .openid = "", .brand_id = ""}});
    cards.erase(cards.begin() + 3);  // 4 is in doubt, and settled all the same
    cards.pop_back();                // 8 is held back
    import(ledger, cards);
    std::string found;
    const auto basis = must(ledger::basis_of_differences(ledger));
    must(ledger::each_difference(ledger, basis, [&](const ledger::Difference& d) {
      found += fmt::format("{}{}{} ", d.card.code, "+~-*rh"[d.kind], "-lpcha"[d.held_back]);
    }));
    CHECK(found == "1r- 2ha 3hh 4-- 5hp 8-l ");
    // The words for a plan that is not the confirmed one count alike.
    const auto change = must(ledger::change_since(ledger, plan));
    REQUIRE(change.has_value());
    CHECK(change->retried == 1);
    CHECK(change->accepted == 1);
    CHECK(change->held == 1);
    CHECK(change->is_protected == 1);
    CHECK(change->left == 1);
    CHECK(change->invalidated == 1);
    CHECK(change->rejected == 1);
    CHECK(change->added + change->returned + change->corrected + change->conflicts == 0);
  }

  TEST_CASE("list: rows that retry put back are told also where the plan is the confirmed one again") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    const auto plan = must(ledger::fingerprint(ledger));
    remember_plan(ledger, plan, k_now);
    must(ledger::confirm_plan(ledger, plan, k_now));
    settle(ledger, "1", Status::rejected);
    ledger::Choice all{Status::rejected, {}, {}};
    all.at = k_now + milliseconds{1};
    CHECK(must(ledger::put_back(ledger, all)).retried == 1);
    import(ledger, {card("1")});
    REQUIRE(must(ledger::fingerprint(ledger)) == plan);
    remember_plan(ledger, plan, k_now + milliseconds{2});
    int put_back = 0;
    must(ledger::each_difference(
        ledger, must(ledger::basis_of_differences(ledger)),
        [&](const ledger::Difference& d) { put_back += d.kind == ledger::Difference::put_back; }));
    CHECK(put_back == 1);
  }

  TEST_CASE("list: a conflict that the newest list no longer names is told apart from one that it names") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3")});
    send_in_vain(ledger, "1");
    name_protected(ledger, {{.code = "2", .card_id = "", .openid = "", .brand_id = ""}});
    import(ledger, {card("1", "oB"), card("2"), card("3")});
    CHECK(must(ledger::totals(ledger)).kept_back() == 2);
    import(ledger, {card("3")});
    const auto totals = must(ledger::totals(ledger));
    CHECK(totals.conflicts == 1);
    CHECK(totals.conflicts_dropped == 1);
    CHECK(totals.protected_pending == 1);
    CHECK(totals.protected_dropped == 1);
    CHECK(totals.kept_back() == 0);
    CHECK(totals.to_send() == 1);
  }

  TEST_CASE("list: what rows said is forgotten with the last plan that may need it") {
    const Books books;
    auto ledger = books.open();
    for (int i = 0; i < 30; ++i) {
      import(ledger, {card("1", "o" + std::to_string(i))});
      remember_plan(ledger, must(ledger::fingerprint(ledger)), k_now);
    }
    CHECK(std::stoi(books.ask("SELECT count(*) FROM correction")) <= 8);
    CHECK(books.ask("SELECT count(*) FROM shown_plan") == "8");
  }

  TEST_CASE("list: a correction after all earlier ones are forgotten still shows as a change of the plan") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA")});
    import(ledger, {card("1", "oB")});
    const auto plan = must(ledger::fingerprint(ledger));
    remember_plan(ledger, plan, k_now);  // no plan on record needs the correction before it
    import(ledger, {card("1", "oC")});
    const auto change = must(ledger::change_since(ledger, plan));
    REQUIRE(change.has_value());
    CHECK(change->corrected == 1);
  }
}
