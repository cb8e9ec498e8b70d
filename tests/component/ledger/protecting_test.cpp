#include "component/ledger/rig.hpp"

// Cards that must never be sent, by a list that may change between runs.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  using Codes = std::vector<std::string>;
  using Lines = std::vector<model::Protection>;

  Codes fetched(Ledger& ledger) {
    ledger::Cursor cursor;
    Codes codes;
    for (const auto& row : must(ledger::fetch(ledger, cursor, 100))) codes.push_back(row.card.code);
    return codes;
  }

  void protect(Ledger& ledger, const Lines& lines) {
    std::size_t at = 0;
    const auto next = [&]() -> Result<std::optional<model::Protection>> {
      if (at == lines.size()) return std::optional<model::Protection>{};
      return std::optional{lines[at++]};
    };
    CHECK(must(ledger::protect(ledger, next)) == static_cast<std::int64_t>(lines.size()));
  }

  model::Protection by_openid(std::string openid) { return {{}, {}, std::move(openid), {}}; }
  model::Protection by_code(std::string code) { return {std::move(code), {}, {}, {}}; }

  void begin_run(Ledger& ledger, const std::string& fingerprint) {
    must(ledger::begin_run(ledger, {"run", k_now, "host", 1, "0", "agreed", fingerprint, true}));
  }

  }  // namespace

  TEST_CASE("protect: a row that the list names is no part of the plan and its line is refused") {
    const Books plain_books, books;
    auto plain = plain_books.open();
    import(plain, {card("1"), card("3")});
    auto ledger = books.open();
    protect(ledger, {by_openid("oStaff")});
    CHECK(counts(import(ledger, {card("1"), card("2", "oStaff"), card("3")})) ==
          "lines 3 added 2 known 0 duplicates 0 refused 1 conflicts 0 vanished 0/0");
    const auto totals = must(ledger::totals(ledger));
    CHECK(counts(totals) ==
          "pending 3 in_flight 0 invalidated 0 rejected 0 unresolved 0 held 0 conflicts 0 refused 1");
    CHECK(totals.protected_pending == 1);
    CHECK(totals.to_send() == 2);
    CHECK(fetched(ledger) == Codes{"1", "3"});
    CHECK(must(ledger::fingerprint(ledger)) == must(ledger::fingerprint(plain)));
    CHECK(books.ask("SELECT source_line || ' ' || cause || ' ' || raw FROM refused") ==
          "3 protected: never sent earlier code=2 card_id=pT brand_id=1004 openid=oStaff "
          "reason=");
    CHECK(books.ask("SELECT status FROM results WHERE code = '2'") == "pending");

    // The same again: known rows and the line as it stands now.
    CHECK(counts(import(ledger, {card("2", "oStaff"), card("1"), card("3"), card("2", "oStaff")})) ==
          "lines 4 added 0 known 2 duplicates 1 refused 1 conflicts 0 vanished 0/0");
    CHECK(books.refused_lines() == "2");
    CHECK(fetched(ledger) == Codes{"1", "3"});
  }

  TEST_CASE("protect: a line protects its card and its member on the template that it names") {
    const auto cards = std::vector<model::Card>{{"1", "pA", "10", "oA", ""},
                                                {"1", "pB", "10", "oB", ""},
                                                {"2", "pA", "20", "oA", ""},
                                                {"2", "pC", "30", "oC", ""}};
    const auto left = [&](const Lines& lines) {
      const Books books;
      auto ledger = books.open();
      protect(ledger, lines);
      import(ledger, cards);
      std::string rows;
      ledger::Cursor cursor;
      for (const auto& row : must(ledger::fetch(ledger, cursor, 100))) rows += std::to_string(row.id) + " ";
      CHECK(must(ledger::totals(ledger)).protected_pending + static_cast<std::int64_t>(rows.size() / 2) == 4);
      return rows;
    };
    CHECK(left({}) == "1 2 3 4 ");
    CHECK(left({{"10", "", "", ""}}) == "3 4 ");
    CHECK(left({{"10", "pB", "", ""}}) == "1 3 4 ");
    CHECK(left({{"", "", "oA", ""}}) == "2 4 ");
    CHECK(left({{"", "", "oA", "2"}}) == "1 2 4 ");
    CHECK(left({{"", "pA", "", ""}}) == "2 4 ");
    CHECK(left({{"", "", "", "2"}}) == "1 2 ");
    CHECK(left({{"10", "", "oC", ""}}) == "3 ");
    CHECK(left({{"20", "", "oB", ""}}) == "1 4 ");
    CHECK(left({{"10", "pA", "oB", ""}}) == "2 3 4 ");
    CHECK(left({{"10", "pA", "oA", "1"}, {"", "", "oC", ""}, {"", "", "oC", ""}, {"x", "", "", ""}}) ==
          "2 3 ");
  }

  TEST_CASE("protect: lines that name a row in any state are told from those that name none") {
    const Books books;
    auto ledger = books.open();
    const auto match = [&](Lines lines) {
      for (std::size_t i = 0; i < lines.size(); ++i) lines[i].source_line = static_cast<std::int64_t>(i) + 2;
      protect(ledger, lines);
      import(ledger, {card("1"), card("2", "oStaff"), card("3", "oStaff")});
      const auto found = must(ledger::match_protections(ledger));
      std::string text = std::to_string(found.matched) + "/" + std::to_string(found.lines);
      for (const auto& p : found.unmatched)
        text += " " + std::to_string(p.source_line) + ":" + p.code + "," + p.openid;
      return text;
    };
    CHECK(match({}) == "0/0");
    CHECK(match({by_openid("oStaff")}) == "1/1");
    CHECK(match({by_openid("oStaff"), by_openid("oStaff"), by_code("2")}) == "3/3");
    CHECK(match({by_code("9"), by_code("1"), by_openid("oX")}) == "1/3 2:9, 4:,oX");
    CHECK(match({{"1", "", "oX", ""}, {"9", "", "oStaff", ""}, {"9", "", "oX", ""}}) == "2/3 4:9,oX");
    CHECK(match({{"1", "pOther", "", ""}, {"", "pT", "", ""}, {"", "", "", "1004"}}) == "2/3 2:1,");
    CHECK(match({by_code("a"), by_code("b"), by_code("c"), by_code("d")}) == "0/4 2:a, 3:b, 4:c,");
    settle(ledger, "1", Status::invalidated);
    CHECK(match({by_code("1")}) == "1/1");
  }

  TEST_CASE("protect: rows of an earlier import are taken out and come back with the list") {
    const Books books;
    auto ledger = books.open();
    const std::vector<model::Card> cards{card("1"), card("2", "oStaff"), card("3")};
    import(ledger, cards);
    const auto all = must(ledger::fingerprint(ledger));
    protect(ledger, {by_openid("oStaff")});
    import(ledger, cards);
    CHECK(fetched(ledger) == Codes{"1", "3"});
    CHECK(must(ledger::fingerprint(ledger)) != all);
    CHECK(books.refused_lines() == "3");

    // It holds for a row that the input does not name any more, too.
    CHECK(must(ledger::totals(ledger)).left == 0);
    CHECK(import(ledger, {card("1"), card("3")}).vanished_to_send == 0);
    CHECK(must(ledger::totals(ledger)).left == 0);
    CHECK(fetched(ledger) == Codes{"1", "3"});
    CHECK(must(ledger::totals(ledger)).protected_pending == 1);
    CHECK(books.refused_lines().empty());

    protect(ledger, {by_code("1")});
    import(ledger, cards);
    CHECK(fetched(ledger) == Codes{"2", "3"});
    must(ledger::protect(ledger, nullptr));
    import(ledger, cards);
    CHECK(fetched(ledger) == Codes{"1", "2", "3"});
    CHECK(must(ledger::fingerprint(ledger)) == all);
    CHECK(must(ledger::totals(ledger)).refused == 0);
  }

  TEST_CASE("protect: an earlier confirmation does not cover a row that comes back") {
    const Books books;
    auto ledger = books.open();
    const std::vector<model::Card> cards{card("1"), card("2", "oStaff"), card("3")};
    protect(ledger, {by_openid("oStaff")});
    import(ledger, cards);
    const auto confirmed = must(ledger::fingerprint(ledger));
    begin_run(ledger, confirmed);
    settle(ledger, "1", Status::invalidated);
    import(ledger, cards);
    CHECK(must(ledger::is_rest_of_confirmed(ledger, confirmed)));

    must(ledger::protect(ledger, nullptr));
    import(ledger, cards);
    CHECK(fetched(ledger) == Codes{"2", "3"});
    CHECK_FALSE(must(ledger::is_rest_of_confirmed(ledger, confirmed)));
    // Nor when it goes again.
    protect(ledger, {by_openid("oStaff")});
    import(ledger, cards);
    CHECK_FALSE(must(ledger::is_rest_of_confirmed(ledger, confirmed)));
  }

  TEST_CASE("protect: what a confirmed plan loses to the list leaves the confirmation as it is") {
    const Books books;
    auto ledger = books.open();
    const std::vector<model::Card> cards{card("1"), card("2", "oStaff"), card("3")};
    import(ledger, cards);
    const auto confirmed = must(ledger::fingerprint(ledger));
    begin_run(ledger, confirmed);
    protect(ledger, {by_openid("oStaff")});
    import(ledger, cards);
    CHECK(must(ledger::is_rest_of_confirmed(ledger, confirmed)));
    CHECK(fetched(ledger) == Codes{"1", "3"});
  }

  TEST_CASE("protect: a row in doubt is handed out to be read back and is no part of the plan") {
    const Books books;
    auto ledger = books.open();
    const std::vector<model::Card> cards{card("1"), card("2", "oStaff")};
    import(ledger, cards);
    send(ledger, intent(id_of(ledger, "2")));
    const auto plan_of_1 = [&] {
      const Books others;
      auto other = others.open();
      import(other, {card("1")});
      return must(ledger::fingerprint(other));
    }();
    protect(ledger, {by_openid("oStaff")});
    CHECK(import(ledger, cards).refused == 0);  // not refused: it may have been sent
    const auto totals = must(ledger::totals(ledger));
    CHECK(totals.protected_in_doubt == 1);
    CHECK(totals.in_doubt() == 1);
    CHECK(totals.to_send() == 1);
    CHECK(must(ledger::fingerprint(ledger)) == plan_of_1);
    ledger::Cursor cursor;
    const auto rows = must(ledger::fetch(ledger, cursor, 100));
    REQUIRE(rows.size() == 2);
    CHECK(rows[0].card.code == "2");
    CHECK(rows[0].is_protected);
    CHECK_FALSE(rows[1].is_protected);
  }

  TEST_CASE("protect: retry does not lift it and a card that is INVALID already is told") {
    const Books books;
    auto ledger = books.open();
    const std::vector<model::Card> cards{card("1", "oStaff"), card("2", "oStaff"), card("3")};
    import(ledger, cards);
    settle(ledger, "1", Status::rejected);
    settle(ledger, "2", Status::invalidated);
    protect(ledger, {by_openid("oStaff")});
    import(ledger, cards);
    CHECK(must(ledger::totals(ledger)).protected_invalidated == 1);
    ledger::Choice choice;
    choice.status = Status::rejected;
    const auto put_back = must(ledger::put_back(ledger, choice));
    CHECK(put_back.retried == 1);
    CHECK(put_back.is_protected == 1);
    CHECK(fetched(ledger) == Codes{"3"});
  }

  TEST_CASE("protect: a card that comes twice or in conflict is refused once") {
    const Books books;
    auto ledger = books.open();
    protect(ledger, {by_openid("oA"), by_openid("oB")});
    CHECK(counts(import(ledger, {card("1", "oA"), card("1", "oB"), card("2", "oA"), card("2", "oA"),
                                 card("3", "oC")})) ==
          "lines 5 added 1 known 0 duplicates 1 refused 3 conflicts 0 vanished 0/0");
    CHECK(books.refused_lines() == "2 3 4");
    CHECK(fetched(ledger) == Codes{"3"});
  }

  TEST_CASE("protect: an import that is given up changes nothing and the next one protects") {
    const Books books;
    auto ledger = books.open();
    const std::vector<model::Card> cards{card("1", "oStaff"), card("2")};
    import(ledger, cards);
    protect(ledger, {by_openid("oStaff")});
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    must(under_way.add({card("1", "oStaff"), 2}));
    give_up(std::move(under_way));
    import(ledger, cards);
    CHECK(fetched(ledger) == Codes{"2"});
  }

  TEST_CASE("protect: a list that cannot be read protects nothing and says so") {
    const Books books;
    auto ledger = books.open();
    int read = 0;
    const auto named = ledger::protect(ledger, [&]() -> Result<std::optional<model::Protection>> {
      if (read++ < 3) return std::optional{by_code("1")};
      return Error{Errc::bad_input, "broken"};
    });
    REQUIRE(named.has_error());
    CHECK(named.error().what == "broken");
    import(ledger, {card("1")});
    CHECK(fetched(ledger) == Codes{"1"});
  }
}
