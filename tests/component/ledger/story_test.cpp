// What the results database has on record about a card.

#include <cardvoid/ledger/story.hpp>

#include "rig.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  ledger::Stories ask_for_code(Ledger& ledger, const std::string& code) {
    return must(ledger::stories(ledger, {code, "", {}}, 5, 20));
  }
  ledger::Stories ask_for_line(Ledger& ledger, std::int64_t line) {
    return must(ledger::stories(ledger, {"", "", line}, 5, 20));
  }
  ledger::Stories ask_for_member(Ledger& ledger, const std::string& openid, std::size_t most_cards = 5,
                                 std::size_t most_others = 20) {
    return must(ledger::stories(ledger, {"", openid, {}}, most_cards, most_others));
  }

  void run_of(Ledger& ledger) {
    ledger::RunStart start;
    start.command = "run", start.started_at = k_now, start.host = "web1", start.pid = 12;
    start.version = "0.1.0", start.acknowledge = "OPS-1", start.user = "alice", start.confirmed = true,
    start.consent = "confirm";
    start.fingerprint = must(ledger::fingerprint(ledger));
    remember_plan(ledger, start.fingerprint, k_now, "paula");
    must(ledger::confirm_plan(ledger, start.fingerprint, k_now + milliseconds{7}, "alice"));
    REQUIRE(must(ledger::begin_run(ledger, start)) == 1);
  }

  // Another import, as if later.
  void import_later(Ledger& ledger, const std::vector<model::Card>& cards, milliseconds later) {
    auto under_way = must(Import::begin(ledger, k_now + later, as_line));
    std::int64_t line = 1;
    for (const auto& one : cards) must(under_way.add({one, ++line}));
    must(under_way.finish("list of " + std::to_string(later.count()), k_now + later,
                          {"later.csv", k_now, "abc"}, "paula"));
  }

  }  // namespace

  TEST_CASE("story: a card has its requests and its run and the plan that was confirmed") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    run_of(ledger);
    settle(ledger, "1", Status::invalidated);
    const auto found = ask_for_code(ledger, "1");
    REQUIRE(found.matches == 1);
    const auto& story = found.cards.at(0);
    CHECK(story.line == 2);
    CHECK(story.status == Status::invalidated);
    CHECK(story.settled_by == model::SettledBy::answer);
    CHECK(story.list->source == "a list");
    CHECK(story.is_list_certain);
    REQUIRE(story.requests.size() == 1);
    CHECK(story.requests[0].outcome == "confirmed");
    CHECK(story.requests[0].http_status == 200);
    CHECK(story.requests[0].latency == std::chrono::microseconds{249'500});
    REQUIRE(story.runs.size() == 1);
    CHECK(story.runs[0].user == "alice");
    CHECK(story.runs[0].by_confirm);
    CHECK(story.runs[0].consent == "confirm");
    CHECK(story.runs[0].plan->made_by == "paula");
    CHECK(story.runs[0].plan->confirmed_by == "alice");
    CHECK(story.runs[0].plan->to_send == 2);
    CHECK(story.runs[0].plan->confirmed_at == k_now + milliseconds{7});
    CHECK(ask_for_code(ledger, "2").cards.at(0).runs.empty());
  }

  TEST_CASE("story: of a member's cards the one with the latest request comes first and others in short") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oB"), card("2", "oA"), card("3", "oA"), card("4", "oA"), card("5", "oA")});
    run_of(ledger);
    settle(ledger, "4", Status::rejected);
    const auto found = ask_for_member(ledger, "oA", 2, 1);
    CHECK(found.matches == 4);
    REQUIRE(found.cards.size() == 2);
    CHECK(found.cards[0].card.code == "4");
    CHECK(found.cards[1].card.code == "2");
    REQUIRE(found.others.size() == 1);
    CHECK(found.others[0].code == "3");
    CHECK(found.others[0].line == 4);
    CHECK(ask_for_member(ledger, "oC").matches == 0);
  }

  TEST_CASE("story: a code with several templates and a line of several lists find each of them") {
    const Books books;
    auto ledger = books.open();
    auto other = card("1");
    other.card_id = "pU";
    import(ledger, {card("1"), card("2")});
    import_later(ledger, {other, card("1"), card("2")}, milliseconds{1'000});
    CHECK(ask_for_code(ledger, "1").matches == 2);
    const auto found = ask_for_line(ledger, 2);
    REQUIRE(found.cards.size() == 2);
    CHECK(found.cards[0].card.card_id == "pU");  // of the later list
    CHECK(found.cards[0].list->source == "list of 1000");
    CHECK(found.cards[0].list->file.name == "later.csv");
    CHECK(found.cards[0].list->file.changed_at == k_now);
    CHECK(found.cards[0].list->file.sha256 == "abc");
    CHECK(found.cards[0].list->read_by == "paula");
    CHECK(found.cards[1].list->read_by.empty());
    CHECK(found.cards[1].card.card_id == "pT");
    CHECK(found.cards[1].list->source == "a list");
    CHECK(found.latest_list->source == "list of 1000");
  }

  TEST_CASE("story: a card that a later list changed has the line and the words of that list") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA", "first")});
    import_later(ledger, {card("9"), card("1", "oB", "first")}, milliseconds{1'000});
    import_later(ledger, {card("9"), card("8"), card("1", "oB", "second")}, milliseconds{2'000});
    const auto found = ask_for_code(ledger, "1");
    const auto& story = found.cards.at(0);
    CHECK(story.line == 4);
    CHECK(story.list->source == "list of 2000");
    REQUIRE(story.corrections.size() == 2);
    CHECK(story.corrections[0].other_member);
    CHECK(story.corrections[0].reason_before == story.corrections[0].reason_after);
    CHECK_FALSE(story.corrections[1].other_member);
    CHECK(story.corrections[1].reason_before == "first");
    CHECK(story.corrections[1].reason_after == "second");

    // Once a plan needs them no more they are forgotten, all but the last; then the list is not certain.
    remember_plan(ledger, must(ledger::fingerprint(ledger)), k_now);
    import_later(ledger, {card("9", "oZ"), card("8"), card("1", "oB", "second")}, milliseconds{3'000});
    remember_plan(ledger, "0", k_now);
    for (int i = 0; i < 9; ++i) remember_plan(ledger, std::to_string(i), k_now);
    REQUIRE(books.ask("SELECT row_id FROM correction") == "2");
    CHECK_FALSE(ask_for_code(ledger, "1").cards.at(0).is_list_certain);
    CHECK(ask_for_code(ledger, "9").cards.at(0).is_list_certain);
  }

  TEST_CASE("story: people who protect and take back and accept and put back are on record") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1", "oA"), card("2", "oB")});
    settle(ledger, "1", Status::rejected);
    const auto protect = [&](const ledger::Protectee& who, bool is_added) {
      const ledger::Word word{"carol", k_now, "owner"};
      must(ledger::begin_changes(ledger));
      if (is_added)
        must(ledger::add_protection(ledger, who, word, std::nullopt, [](const auto&) {}));
      else
        must(ledger::remove_protection(ledger, who, word));
      must(ledger::commit_changes(ledger));
    };
    protect({"1", ""}, true);
    protect({"", "oA"}, true);
    protect({"1", ""}, false);
    ledger::Choice choice;
    choice.codes = {"1"}, choice.at = k_now, choice.by = "erin";
    must(ledger::accept(ledger, choice, {"bob", k_now, "seen"}));
    auto found = ask_for_code(ledger, "1");
    const auto* story = &found.cards.at(0);
    REQUIRE(story->protections.size() == 2);
    CHECK(story->protections[0].removed->by == "carol");
    CHECK_FALSE(story->protections[1].removed.has_value());
    CHECK(story->protections[1].by_member);
    CHECK(story->accepted->by == "bob");
    CHECK(story->accepted->note == "seen");
    must(ledger::put_back(ledger, choice));
    found = ask_for_code(ledger, "1");
    story = &found.cards.at(0);
    CHECK(story->retried_at == k_now);
    CHECK(story->retried_by == "erin");
    CHECK_FALSE(story->accepted.has_value());
    CHECK(story->withdrawn_acceptance->by == "bob");
    CHECK(story->requests.size() == 1);
    CHECK(ask_for_code(ledger, "2").cards.at(0).protections.empty());
  }

  TEST_CASE("story: a line that was refused is told by its number and by the code that is in it") {
    const Books books;
    auto ledger = books.open();
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    must(under_way.add({card("478515832665"), 2}));
    must(under_way.refuse(3, "openid: empty", "478515832670,,"));
    must(under_way.finish("a list", k_now));
    const auto by_line = ask_for_line(ledger, 3);
    CHECK(by_line.matches == 0);
    CHECK(by_line.refused.at(0).cause == "openid: empty");
    CHECK(ask_for_code(ledger, "478515832670").refused.at(0).line == 3);
    CHECK(ask_for_code(ledger, "4785").refused.empty());  // could be anything
    CHECK(ask_for_code(ledger, "478515832665").refused.empty());
    CHECK(ask_for_line(ledger, 4).refused.empty());
  }

  TEST_CASE("story: it answers from older databases and while an import is under way") {
    for (const std::string name : {"v1-finished", "v2-tripped", "v2-killed", "v3-finished"}) {
      CAPTURE(name);
      const TempFolder folder;
      const auto file = folder.path / "results.db";
      std::filesystem::copy_file(std::filesystem::path{CARDVOID_DATA} / "results" / (name + ".db"), file);
      auto ledger = must(Ledger::open(file, "v1", Access::read_only));
      const auto code = ask(file, "SELECT code FROM row WHERE id = (SELECT min(row_id) FROM attempt)");
      const auto found = ask_for_code(ledger, code);
      REQUIRE(found.matches == 1);
      CHECK(found.cards[0].requests.size() > 0);
      CHECK(found.cards[0].runs.at(0).user.empty() == (name != "v3-finished"));
      CHECK(found.cards[0].runs.at(0).consent.empty());
      CHECK(found.cards[0].list->file.name.empty());
      CHECK(found.cards[0].list.has_value());
      CHECK(found.cards[0].answer_signed.has_value() == (name == "v3-finished"));
    }
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    must(under_way.add({card("2"), 3}));
    auto reader = books.open(Access::read_only);
    CHECK(ask_for_code(reader, "1").matches == 1);
    CHECK(ask_for_code(reader, "2").matches == 0);
    give_up(std::move(under_way));
  }
}
