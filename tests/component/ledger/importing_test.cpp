#include <algorithm>

#include "component/ledger/rig.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  const std::string k_two_openids = "the same card is named with two different openids; neither line is sent";
  const std::string k_other_reason =
      "the same card again with another reason; the line that came first counts";

  }  // namespace

  TEST_CASE("import: cards are new once and known from then on") {
    const Books books;
    auto ledger = books.open();
    const std::vector<model::Card> cards{card("1"), card("2"), card("2"), card("2"),
                                         card("3", "oB", "closed")};
    CHECK(counts(import(ledger, cards)) ==
          "lines 5 added 3 known 0 duplicates 2 refused 0 conflicts 0 vanished 0/0");
    CHECK(counts(import(ledger, cards)) ==
          "lines 5 added 0 known 3 duplicates 2 refused 0 conflicts 0 vanished 0/0");
    CHECK(must(ledger::totals(ledger)).pending == 3);
  }

  TEST_CASE("import: brand and template and code together make the card") {
    const Books books;
    auto ledger = books.open();
    CHECK(counts(import(ledger, {{"1", "p", "7", "o", ""},
                                 {"2", "p", "7", "o", ""},
                                 {"1", "q", "7", "o", ""},
                                 {"1", "p", "8", "o", ""},
                                 {"1", "p", "7", "o", ""}})) ==
          "lines 5 added 4 known 0 duplicates 1 refused 0 conflicts 0 vanished 0/0");
  }

  TEST_CASE("import: rows are known in any order and company when they come again") {
    const Books books;
    auto ledger = books.open();
    std::vector<model::Card> cards;
    for (int i = 0; i < 200; ++i) cards.push_back(card(std::to_string(i)));
    import(ledger, cards);
    std::reverse(cards.begin(), cards.end());
    CHECK(import(ledger, cards).known == 200);
    std::rotate(cards.begin(), cards.begin() + 70, cards.end());
    CHECK(import(ledger, cards).known == 200);
    for (int i = 0; i < 20; ++i) cards.insert(cards.begin() + 9 * i, card("new" + std::to_string(i)));
    CHECK(counts(import(ledger, cards)) ==
          "lines 220 added 20 known 200 duplicates 0 refused 0 conflicts 0 vanished 0/0");
    cards.erase(cards.begin() + 20, cards.begin() + 30);
    cards.insert(cards.end(), cards.begin() + 50, cards.begin() + 60);
    cards[100].openid = "oB";
    CHECK(counts(import(ledger, cards)) ==
          "lines 220 added 0 known 209 duplicates 10 refused 0 conflicts 0 vanished 10/0");
    CHECK(books.codes() == books.ask("SELECT DISTINCT code FROM row ORDER BY code"));
  }

  TEST_CASE("import: a row keeps the line of the input that brought it") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    import(ledger, {card("2"), card("1"), card("3")});
    CHECK(books.ask("SELECT code || '@' || source_line FROM results") == "1@2 2@3 3@4");
  }

  TEST_CASE("import: what was read and when is on record") {
    const Books books;
    auto ledger = books.open();
    auto under_way = must(Import::begin(ledger, k_now - milliseconds{1500}, as_line));
    must(under_way.add({card("1"), 2}));
    const auto summary = must(under_way.finish("members.csv, columns \"code\"", k_now));
    CHECK(summary.source == "members.csv, columns \"code\"");
    CHECK(summary.finished_at == k_now);
    CHECK(books.ask("SELECT source FROM import") == summary.source);
    CHECK(books.ask("SELECT finished_at - started_at FROM import") == "1500");
    CHECK(books.ask("SELECT lines || added || known || last_row FROM import") == "1101");
  }

  TEST_CASE("import: an empty input is one too") {
    const Books books;
    auto ledger = books.open();
    CHECK(counts(import(ledger, {})) ==
          "lines 0 added 0 known 0 duplicates 0 refused 0 conflicts 0 vanished 0/0");
    CHECK(must(ledger::totals(ledger)).rows() == 0);
    CHECK(must(ledger::brands(ledger)).empty());
  }

  TEST_CASE("import: two openids for one card send neither and name both lines") {
    const Books books;
    auto ledger = books.open();
    const std::vector<model::Card> cards{card("1", "oA"), card("2"), card("1", "oB"), card("1", "oA")};
    const std::string expected = "lines 4 added 1 known 0 duplicates 0 refused 3 conflicts 0 vanished 0/0";
    CHECK(counts(import(ledger, cards)) == expected);
    CHECK(books.refused_lines() == "2 4 5");
    CHECK(books.codes() == "2");
    CHECK(books.ask("SELECT raw FROM refused WHERE source_line = 2") ==
          "earlier code=1 card_id=pT brand_id=1004 openid=oA reason=");
    CHECK(books.ask("SELECT raw FROM refused WHERE source_line = 4") ==
          "code=1 card_id=pT brand_id=1004 openid=oB reason=");
    CHECK(books.ask("SELECT DISTINCT cause FROM refused") == k_two_openids);
    CHECK(id_of(ledger, "2") > 0);
    CHECK(must(ledger::totals(ledger)).to_send() == 1);
  }

  TEST_CASE("import: two openids for one card give the same result when the input is imported again") {
    const Books books;
    auto ledger = books.open();
    const std::vector<model::Card> cards{card("1", "oA"), card("1", "oB"), card("2")};
    import(ledger, cards);
    const auto refused = books.refused_lines(), plan = must(ledger::fingerprint(ledger));
    for (int again = 0; again < 3; ++again) {
      CHECK(counts(import(ledger, cards)) ==
            "lines 3 added 0 known 1 duplicates 0 refused 2 conflicts 0 vanished 0/0");
      CHECK(books.refused_lines() == refused);
      CHECK(books.codes() == "2");
      CHECK(must(ledger::fingerprint(ledger)) == plan);
    }
  }

  TEST_CASE("import: a card that once had two openids is taken as soon as the input is of one mind") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA"), card("1", "oB")});
    CHECK(import(ledger, {card("1", "oB")}).added == 1);
    CHECK(books.ask("SELECT openid FROM results") == "oB");
    CHECK(books.refused_lines() == "");
  }

  TEST_CASE("import: another reason for the same card is refused and the first one counts") {
    const Books books;
    auto ledger = books.open();
    CHECK(counts(import(ledger, {card("1", "oA", "closed"), card("1", "oA", "moved"), card("1", "oA")})) ==
          "lines 3 added 1 known 0 duplicates 0 refused 2 conflicts 0 vanished 0/0");
    CHECK(books.refused_lines() == "3 4");
    CHECK(books.ask("SELECT DISTINCT cause FROM refused") == k_other_reason);
    CHECK(books.ask("SELECT reason FROM results") == "closed");
    CHECK(must(ledger::totals(ledger)).to_send() == 1);
  }

  TEST_CASE("import: another openid after another reason still sends neither") {
    const Books books;
    auto ledger = books.open();
    CHECK(import(ledger, {card("1", "oA", "closed"), card("1", "oA", "moved"), card("1", "oB", "closed")})
              .added == 0);
    CHECK(books.refused_lines() == "2 3 4");
    CHECK(books.codes() == "");
  }

  TEST_CASE("import: refused lines are kept with their cause for the latest import alone") {
    const Books books;
    auto ledger = books.open();
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    for (const std::int64_t line : {9, 3, 5, 7}) must(under_way.refuse(line, "code: empty", "raw"));
    must(under_way.refuse(4, "openid: empty", "会员,\"x\""));
    must(under_way.add({card("1"), 6}));
    CHECK(counts(must(under_way.finish("a list", k_now))) ==
          "lines 6 added 1 known 0 duplicates 0 refused 5 conflicts 0 vanished 0/0");
    const auto causes = must(ledger::refused_causes(ledger));
    REQUIRE(causes.size() == 2);
    CHECK(causes[0].cause == "code: empty");
    CHECK(causes[0].count == 4);
    CHECK(causes[0].example_lines == std::vector<std::int64_t>{9, 3, 5});  // in the order of the input
    CHECK(causes[1].count == 1);
    CHECK(books.ask("SELECT raw FROM refused WHERE source_line = 4") == "会员,\"x\"");
    CHECK(must(ledger::totals(ledger)).refused == 5);

    import(ledger, {card("1")});
    CHECK(must(ledger::refused_causes(ledger)).empty());
    CHECK(must(ledger::totals(ledger)).refused == 0);
  }

  TEST_CASE("import: 150 thousand refused lines are counted like a few and the log of writes stays bounded") {
    const Books books;
    auto ledger = books.open();
    const std::string raw(100, 'x');
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    for (std::int64_t line = 2; line < 150'002; ++line) must(under_way.refuse(line, "code: empty", raw));
    CHECK(books.ask("SELECT count(*) > 0 FROM refused_line") == "1");  // committed on the way
    const auto summary = must(under_way.finish("a list", k_now));
    CHECK(summary.lines == 150'000);
    CHECK(summary.refused == 150'000);
    CHECK(must(ledger::totals(ledger)).refused == 150'000);
    CHECK(std::filesystem::file_size(books.file.string() + "-wal") == 0);
  }

  TEST_CASE("import: rows that the input no longer has stay and are counted") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), card("4"), card("5")});
    settle(ledger, "2", Status::invalidated);
    settle(ledger, "3", Status::rejected);
    settle(ledger, "4", Status::unresolved, true);
    const auto summary = import(ledger, {card("5"), card("6")});
    CHECK(counts(summary) == "lines 2 added 1 known 1 duplicates 0 refused 0 conflicts 0 vanished 4/0");
    CHECK(summary.newly_left == 1);  // 1: no request was made for it
    CHECK(books.codes() == "1 2 3 4 5 6");
    CHECK(must(ledger::totals(ledger)).to_send() == 2);
  }

  TEST_CASE("import: rows of the database vanish for an empty input too") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    send(ledger, intent(id_of(ledger, "1")));
    settle(ledger, "2", Status::invalidated);
    CHECK(counts(import(ledger, {})) ==
          "lines 0 added 0 known 0 duplicates 0 refused 0 conflicts 0 vanished 2/1");
  }

  TEST_CASE("difference: each import tells what it added and changed and lost and brought back") {
    const Books books;
    auto ledger = books.open();
    const auto differences = [&] {
      std::string found;
      const auto basis = must(ledger::basis_of_differences(ledger));
      must(ledger::each_difference(ledger, basis, [&](const ledger::Difference& d) {
        found += fmt::format("{}{}{}{} ", "+~-*"[d.kind], d.card.code, d.other_openid ? "o" : "",
                             d.other_reason ? "r" : "");
      }));
      return found;
    };
    import(ledger, {card("1"), card("2"), card("3")});
    CHECK(differences() == "");  // the first: there is nothing to compare it with
    settle(ledger, "1", Status::invalidated);
    const auto second =
        import(ledger, {card("1", "oB"), card("2", "oB", "else"), card("4"), card("4", "oB")});
    CHECK(differences() == "~1o ~2or -3 ");
    CHECK(second.changed == 2);
    CHECK(second.newly_vanished == 1);
    const auto third = import(ledger, {card("3"), card("2", "oA", "else"), card("5")});
    CHECK(differences() == "-1 ~2o *3 +5 ");
    CHECK(third.returned == 1);
    CHECK(third.vanished == 1);
    const auto fourth = import(ledger, {card("3"), card("2"), card("5")});
    CHECK(differences() == "~2r ");
    CHECK(fourth.vanished == 1);
    CHECK(fourth.newly_vanished == 0);
  }
}
