// Stories as the results database has them, told in words.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/report/story.hpp>
#include <cstdlib>
#include <ostream>
#include <sstream>

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using ledger::Story;
  using model::AttemptKind;
  using model::SettledBy;
  using model::Status;

  namespace {

  WallTime at(const char* text) { return *parse_rfc3339(text); }

  struct Shanghai {
    Shanghai() {
      if (const char* set = std::getenv("TZ")) before = set;
      set_time_zone("Asia/Shanghai");
    }
    ~Shanghai() { set_time_zone(before); }
    std::string before = "UTC";
  };

  constexpr int k_pid = 4711;

  report::Telling telling(bool is_under_way = false) {
    report::Telling telling;
    telling.job = "gold";
    telling.merchant = "mchid 1900000001";
    if (is_under_way) telling.run_under_way = k_pid, telling.is_sending = true;
    telling.command = [](std::string_view name, std::string_view flags) {
      return fmt::format("cardvoid {} gold.toml{}{}", name, flags.empty() ? "" : " ", flags);
    };
    return telling;
  }

  ledger::RequestRecord request(int n, AttemptKind kind, const std::string& outcome,
                                const std::string& error = "") {
    ledger::RequestRecord request;
    request.n = n, request.run = 3, request.kind = kind;
    request.started_at = at("2026-11-01T18:47:10Z") + n * 2s;
    request.outcome = outcome, request.error_code = error;
    if (outcome.empty()) return request;
    request.finished_at = request.started_at + 120ms;
    request.latency = 119'600us;
    request.http_status = error.empty() ? 200 : 400;
    request.request_id = fmt::format("08F5A4B3D{}", n);
    return request;
  }

  Story pending() {
    Story story;
    story.id = 11;
    story.card = {"1004", "pbLatjvWOibDc5-TBnbUk1pD12o0", "478515832665", "oXbLatjvWOibDc5M2pxb1Q9zN01",
                  "会员计划已结束"};
    story.line = 12;
    story.list = ledger::ListRecord{1,
                                    at("2026-11-01T14:10:03Z"),
                                    "CSV, UTF-8, comma",
                                    "paula",
                                    {"members.csv", at("2026-11-01T13:00:00Z"), "e3b0c4"}};
    return story;
  }

  Story sent(Status status, std::vector<ledger::RequestRecord> requests) {
    auto story = pending();
    story.status = status;
    story.requests = std::move(requests);
    story.first_sent_at = story.requests.front().started_at;
    ledger::RunOfCard run;
    run.id = 3, run.command = "run", run.user = "alice", run.host = "web1", run.version = "0.1.0";
    run.acknowledge = "OPS-1234: members told and agreed";
    run.fingerprint = "3f9c2a1e0b5d77aa0000000000000000000000000000000000000000000000ff";
    run.started_at = at("2026-11-01T18:47:00Z"), run.pid = k_pid;
    run.ended_at = at("2026-11-01T19:47:00Z"), run.exit_code = 0;
    run.consent = "confirm";
    run.plan =
        ledger::PlanRecord{at("2026-11-01T14:10:04Z"), "paula", "alice", 12'400, at("2026-11-01T18:46:59Z")};
    story.runs = {run};
    return story;
  }

  Story settled(SettledBy how, std::vector<ledger::RequestRecord> requests) {
    auto story = sent(Status::invalidated, std::move(requests));
    story.settled_by = how;
    story.card_state = "INVALID", story.invalid_time = "2026-11-02T02:47:12+08:00";
    story.finished_at = story.requests.back().finished_at;
    story.request_id = story.requests.back().request_id;
    story.answer_signed = true;
    return story;
  }

  Story rejected() {
    auto story = sent(Status::rejected, {request(1, AttemptKind::invalidate, "refused", "INVALID_REQUEST"),
                                         request(2, AttemptKind::read_back, "not_invalid")});
    story.error_code = "INVALID_REQUEST";
    story.error_message = "card 478515832665 of oXbLatjvWOibDc5M2pxb1Q9zN01 is frozen";
    story.finished_at = story.requests.back().finished_at;
    story.request_id = story.requests.front().request_id;
    story.card_state = "EFFECTIVE", story.answer_signed = false;
    return story;
  }

  ledger::Stories only(Story story) {
    ledger::Stories stories;
    stories.matches = 1;
    stories.cards = {std::move(story)};
    return stories;
  }

  // What is shown; never too wide, and without personal data.
  std::string told(const ledger::Stories& stories, bool is_under_way = false) {
    const Shanghai zone;
    const auto text = report::story_text(stories, telling(is_under_way));
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(display_width(line) <= 79, line);
    for (const auto& story : stories.cards) {
      CHECK(text.find(story.card.openid) == std::string::npos);
      CHECK(text.find(story.card.code) == std::string::npos);
    }
    return text;
  }

  // The same without its line breaks, for sentences.
  std::string sentences(const std::string& text) {
    std::string one;
    for (const char c : text)
      if (const char plain = c == '\n' ? ' ' : c; plain != ' ' || !one.ends_with(' ')) one += plain;
    return one;
  }

  bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

  }  // namespace

  TEST_CASE("story: a card that our answer settled says who did it and who authorised it") {
    const auto story = settled(SettledBy::answer, {request(1, AttemptKind::invalidate, "confirmed")});
    CHECK(told(only(story)) ==
          "Card ****2665, template pbLatjvWOibDc5-TBnbUk1pD12o0, brand 1004\n"
          "\n"
          "INVALID since 2026-11-02 02:47:12 +0800: this job invalidated it.\n"
          "\n"
          "Tell the customer  The card ended on 2026-11-02 at 02:47 +0800. The reason that\n"
          "                   was given: 会员计划已结束. It cannot be made valid again.\n"
          "What to do         Nothing is left to do.\n"
          "                   If the customer disputes that: give WeChat Pay's support\n"
          "                   what stands under \"For the support\".\n"
          "How we know        WeChat Pay answered our request with a signed message that\n"
          "                   says INVALID.\n"
          "WeChat Pay says    INVALID, since 2026-11-02T02:47:12+08:00\n"
          "Reason             会员计划已结束\n"
          "On the list        line 12 of members.csv, read on 2026-11-01 22:10 +0800 by\n"
          "                   paula\n"
          "Protected          no\n"
          "For the support    mchid 1900000001\n"
          "                   sent on 2026-11-02 02:47:12 +0800\n"
          "                   Request-ID 08F5A4B3D1\n"
          "\n"
          "What happened\n"
          "Sun 2026-11-01 +0800\n"
          "  22:10:03  read from members.csv, line 12, by paula\n"
          "Mon 2026-11-02 +0800\n"
          "  02:47:00  run 3 begins: `cardvoid run`, by alice on web1\n"
          "  02:47:12  asked WeChat Pay to make the card INVALID\n"
          "            after 120ms: done: the card is INVALID; signed by WeChat Pay\n"
          "            Request-ID 08F5A4B3D1\n"
          "\n"
          "Who authorised it\n"
          "Run 3              alice, on web1, on 2026-11-02 02:47 +0800\n"
          "Acknowledged       OPS-1234: members told and agreed\n"
          "Plan               3f9c2a1e0b5d77aa, 12,400 cards, made on 2026-11-01 22:10\n"
          "                   +0800 by paula; agreed to on 2026-11-02 02:46 +0800 by\n"
          "                   alice, by its fingerprint\n");
  }

  TEST_CASE("story: a lost answer and a card that was INVALID before are told apart from our own doing") {
    const auto lost =
        told(only(settled(SettledBy::read_back, {request(1, AttemptKind::invalidate, "lost", "LOST"),
                                                 request(2, AttemptKind::read_back, "confirmed")})));
    CHECK(has(lost, "INVALID since 2026-11-02 02:47:12 +0800: most likely this job invalidated it."));
    CHECK(has(sentences(lost), "after 120ms: no answer came; it may have been done Request-ID"));
    CHECK(has(lost,
              "asked WeChat Pay how the card stands\n            after 120ms: the card is INVALID; signed"));
    auto story = settled(SettledBy::already, {request(1, AttemptKind::invalidate, "confirmed")});
    story.invalid_time = "2026-06-01T12:00:00+08:00";
    const auto already = told(only(story));
    CHECK(has(sentences(already),
              "INVALID since 2026-06-01 12:00:00 +0800: before this job, which changed nothing."));
    CHECK(has(sentences(already), "We have not changed it now."));
    CHECK(has(already, "the card is INVALID, and was so before"));
    CHECK_FALSE(has(already, "cannot be made valid"));
  }

  TEST_CASE("story: a refused card has the platform's words masked and the two ways to go on") {
    auto story = rejected();
    auto text = told(only(story));
    CHECK(has(text, "NOT INVALIDATED: WeChat Pay refused on 2026-11-02 02:47:14 +0800."));
    CHECK(has(sentences(text),
              "INVALID_REQUEST, \"card ****2665 of ****zN01 is frozen\" (in an answer without a "
              "signature). Asked after that"));
    CHECK(has(text, "\n                     cardvoid retry gold.toml --code CODE\n"));
    CHECK(has(text, "\n                     cardvoid accept gold.toml --code CODE --note WHY\n"));
    CHECK(has(text, "WeChat Pay says    EFFECTIVE\n"));
    CHECK(has(text, "Request-ID 08F5A4B3D1\n\nWhat happened"));  // of the refusal
    story.accepted = ledger::Word{"bob", at("2026-11-03T01:00:00Z"), "OPS-7: card 478515832665 is frozen"};
    text = told(only(story));
    CHECK(has(text, "Settled by a word  of bob on 2026-11-03 09:00 +0800: OPS-7: card ****2665 is\n"));
    CHECK(has(text, "\n  09:00:00  settled by the word of bob: OPS-7: card ****2665 is frozen\n"));
    CHECK_FALSE(has(text, "cardvoid accept"));
    CHECK(has(text, "Nothing: a person has decided that it stays so."));
  }

  TEST_CASE("story: doubt promises nothing and says what to do about it") {
    auto story = sent(Status::in_flight, {request(1, AttemptKind::invalidate, "")});
    auto text = told(only(story));
    CHECK(has(text, "NOT KNOWN YET: the card may be INVALID or not.\n"));
    CHECK(has(text, "cardvoid reconcile gold.toml\n"));
    CHECK(has(text, "the program died before an answer was on record"));
    CHECK_FALSE(has(text, "For the support "));

    story.runs[0].ended_at.reset();
    text = told(only(story), true);
    CHECK(has(text, "BEING DECIDED at this moment"));
    CHECK(has(text, "            no answer yet\n"));
    story.runs[0].pid = 1;  // of an earlier run, that died
    text = told(only(story), true);
    CHECK(has(text, "NOT KNOWN YET"));
    CHECK(has(sentences(text), "A run is under way, which asks WeChat Pay how the card stands"));

    story.status = Status::unresolved, story.held = true;
    story.error_code = "WRONG_CARD";
    text = told(only(story));
    CHECK(has(text, "It is held.\n"));
    CHECK(has(sentences(text), "the answers do not say so: WRONG_CARD."));
    CHECK(has(text, "cardvoid retry gold.toml --code CODE\n"));
    story.accepted = ledger::Word{"bob", at("2026-11-03T01:00:00Z"), "seen INVALID"};
    text = told(only(story));
    CHECK_FALSE(has(text, "reconcile"));
    CHECK(
        has(sentences(text), "NOT KNOWN: the card may be INVALID or not, and a person has decided that it"));
    CHECK(has(sentences(text), "Nothing finds out any more."));
    CHECK_FALSE(has(sentences(text), "come back to you"));
  }

  TEST_CASE("story: a code of an error is told in the words that the report has for it") {
    auto story = rejected();
    story.error_code = "RESOURCE_NOT_EXISTS", story.error_message = "用户会员卡不存在";
    CHECK(has(sentences(told(only(story))),
              "What to do The card does not exist under this template and openid. Check code"));
    story = sent(Status::unresolved, {request(1, AttemptKind::invalidate, "lost", "LOST")});
    story.error_code = "LOST", story.error_message = "no answer before the deadline";
    const auto lost = sentences(told(only(story)));
    CHECK(has(lost, "and the answers do not say so: no answer came in time"));
    CHECK_FALSE(has(lost, "LOST"));
  }

  TEST_CASE("story: a card that is not sent says why and by whom it is kept") {
    auto story = pending();
    auto text = told(only(story));
    CHECK(has(text, "NOT SENT: this job has not changed the card. The next run sends it.\n"));
    CHECK(has(text, "cardvoid protect gold.toml --code CODE --note WHY\n"));
    CHECK_FALSE(has(text, "Who authorised it"));
    CHECK(has(told(only(story), true), "The run under way may send it.\n"));

    story.has_left_list = true, story.held_back = "left_list";
    text = told(only(story));
    CHECK(has(text, "It is not sent until a list names it again."));
    CHECK(has(sentences(text), "; the latest list no longer names it"));
    story.in_conflict = true, story.held_back = "conflict";
    CHECK(has(sentences(told(only(story))), "correct the list."));

    story.is_protected = true, story.held_back = "protected";
    story.protections = {{true, {"carol", at("2026-11-02T01:00:00Z"), "staff"}, {}},
                         {false,
                          {"dave", at("2026-11-02T02:00:00Z"), "owner"},
                          ledger::Word{"erin", at("2026-11-02T03:00:00Z"), {}}}};
    text = told(only(story));
    CHECK(has(text, "NOT SENT, and protected: this job does not change the card.\n"));
    CHECK(has(sentences(text),
              "Protected yes, by carol since 2026-11-02 09:00 +0800 (all cards of the member): staff"));
    CHECK(has(text,
              "  10:00:00  protected by dave: owner\n  11:00:00  no longer protected: taken back by erin\n"));
    CHECK(has(text, "\n                     cardvoid protect gold.toml --openid OPENID --remove\n"));
    CHECK_FALSE(has(text, "--code CODE --remove"));
    story.protections.clear();
    CHECK(has(told(only(story)), "Protected          yes, by the job's list safety.protect\n"));
  }

  TEST_CASE("story: what later lists changed and what retry put back stand in their order") {
    auto story = rejected();
    story.status = Status::pending;
    story.retried_at = at("2026-11-04T00:00:00Z"), story.retried_by = "erin";
    story.corrections = {{at("2026-11-01T15:00:00Z"), true, "closed", ""},
                         {at("2026-11-01T16:00:00Z"), false, "", "会员计划已结束"}};
    const auto text = told(only(story));
    CHECK(has(sentences(text),
              " 23:00:00 a new list names another member and gives the reason none instead of \"closed\" "));
    CHECK(has(text, "  00:00:00  a new list gives the reason \"会员计划已结束\" instead of none\n"));
    CHECK(has(text, "Wed 2026-11-04 +0800\n  08:00:00  put back by erin, to be sent again\n"));
    CHECK(has(sentences(text), "The requests that were made for it have not changed it: see below."));
    story.corrections.clear();
    story.is_list_certain = false;
    const auto uncertain = told(only(story));
    CHECK(has(sentences(uncertain), "+0800 by paula, or of a later list that has changed it"));
    CHECK_FALSE(has(uncertain, "read from members.csv"));
  }

  TEST_CASE("story: a page is as wide as it is asked to be and a command stays in one line") {
    auto how = telling();
    how.columns = 50;
    const auto text = report::story_text(only(rejected()), how);
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);)
      CHECK_MESSAGE((display_width(line) <= 50 || has(line, "cardvoid ")), line);
    CHECK(has(text, "\n                     cardvoid accept gold.toml --code CODE --note WHY\n"));
  }

  TEST_CASE("story: how a plan was agreed to is told as far as it is on record") {
    auto story = settled(SettledBy::answer, {request(1, AttemptKind::invalidate, "confirmed")});
    auto& run = story.runs[0];
    const auto plan = [&] {
      const auto text = sentences(told(only(story)));
      return text.substr(text.find("Plan 3f9c"));
    };
    run.consent = "yes";
    CHECK(has(plan(), "; agreed to on 2026-11-02 02:46 +0800 by alice, with --yes"));
    run.consent = "typed";
    CHECK(has(plan(), " by alice, by typing the number of cards"));
    run.consent.clear(), run.by_confirm = true, run.plan->confirmed_by.clear();  // of an older version
    CHECK(has(plan(), "; agreed to on 2026-11-02 02:46 +0800 by alice, by its fingerprint"));
    run.plan->confirmed_at.reset();
    CHECK(has(plan(), "; the rest of a plan that was agreed to by its fingerprint"));
    run.plan.reset(), run.by_confirm = false, run.user.clear();
    CHECK(plan() == "Plan 3f9c2a1e0b5d77aa; agreed to when the run began by a user that is not on record ");
  }

  TEST_CASE("story: of very many requests the first and the last are shown and how many are not") {
    std::vector<ledger::RequestRecord> many;
    for (int n = 1; n <= 100; ++n)
      many.push_back(request(n, AttemptKind::invalidate, "throttled", "RATE_LIMITED"));
    const auto text = told(only(sent(Status::pending, many)));
    CHECK(has(sentences(text), "… and 60 more requests from here on: cardvoid show --json has all of them "));
    CHECK(has(text, "08F5A4B3D10\n"));
    CHECK_FALSE(has(text, "08F5A4B3D11\n"));
    CHECK_FALSE(has(text, "08F5A4B3D70\n"));
    CHECK(has(text, "08F5A4B3D71\n"));
    const auto all = report::story_json(only(sent(Status::pending, many)),
                                        {.code = "x", .openid = {}, .line = {}}, telling());
    CHECK(all.at("cards").at(0).at("requests").as_array().size() == 100);
  }

  TEST_CASE("story: further cards are named in short and the rest is counted") {
    ledger::Stories stories;
    stories.matches = 30;
    stories.cards = {rejected(), pending()};
    stories.others = {{7, "478515832999", Status::invalidated}};
    const auto text = told(stories);
    CHECK(has(text, "Card 1 of 30: ****2665,"));
    CHECK(has(text, "\nCard 2 of 30: ****2665,"));
    CHECK(has(text,
              "\n28 more cards that match; one by one with --line\n"
              "  line 7          ****2999   invalidated\n"
              "  … all of them: cardvoid export gold.toml\n"));
  }

  TEST_CASE("story: when no card matches the message says what is known all the same") {
    ledger::Stories none;
    CHECK(report::words_for_no_card(none, {"478515832665", "", {}})
              .starts_with("no card of this job has this code\n"));
    CHECK(
        report::words_for_no_card(none, {"", "oX", {}}).starts_with("no card of this job has this openid\n"));
    none.refused = {{17, "openid: empty"}};
    none.protections = {{false, {"carol", at("2026-11-02T01:00:00Z"), "owner 478515832665"}, {}}};
    const Shanghai zone;
    const auto text = report::words_for_no_card(none, {"", "", 17});
    CHECK(
        text.starts_with("no card of this job was read from line 17\n"
                         "line 17 of the latest list was refused: openid: empty\n"
                         "it is protected by carol since 2026-11-02 09:00 +0800"));
    const auto json = report::story_json(none, {"478515832665", "", {}}, telling());
    CHECK(json.at("matches") == 0);
    CHECK(json.at("asked_by") == "code");
    CHECK(json.at("refused_lines").at(0).at("source_line") == 17);
    CHECK(json.at("protections").at(0).at("note") == "owner ****2665");
  }

  TEST_CASE("story: as JSON it has every fact with null for what is not on record and no personal data") {
    auto story = rejected();
    story.runs[0].user.clear();
    story.runs[0].plan.reset();
    story.requests.push_back(request(3, AttemptKind::read_back, ""));
    const auto json = report::story_json(only(story), {"478515832665", "", {}}, telling());
    const auto& card = json.at("cards").at(0);
    CHECK(card.at("code") == "****2665");
    CHECK(card.at("status") == "rejected");
    CHECK(card.at("settled_by").is_null());
    CHECK(card.at("answer_signed") == false);
    CHECK(card.at("error_message") == "card ****2665 of ****zN01 is frozen");
    CHECK(card.at("in_words").at("what_to_do").at(1).at("command") == "cardvoid retry gold.toml --code CODE");
    CHECK(card.at("requests").at(0).at("latency_ms") == 119.6);
    CHECK(card.at("requests").at(0).at("started_at") == "2026-11-01T18:47:12.000Z");
    CHECK(card.at("requests").at(2).at("outcome").is_null());
    CHECK(card.at("requests").at(2).at("http_status").is_null());
    CHECK(card.at("runs").at(0).at("user").is_null());
    CHECK(card.at("runs").at(0).at("plan_confirmed_at").is_null());
    CHECK(card.at("runs").at(0).at("asked_to_invalidate") == true);
    const auto text = to_json(json);
    CHECK_FALSE(has(text, story.card.openid));
    CHECK_FALSE(has(text, story.card.code));
  }

  TEST_CASE("story: every kind of answer has words of its own for both kinds of request") {
    for (const auto kind : {AttemptKind::invalidate, AttemptKind::read_back}) {
      for (const auto outcome : model::all_outcomes()) {
        const auto text =
            told(only(sent(Status::unresolved, {request(1, kind, std::string{to_text(outcome)})})));
        const auto from = text.find("after 120ms: ") + 13;
        CHECK_MESSAGE(text.find_first_of(" ", from) > from, to_text(outcome));
        CHECK_MESSAGE(!has(text, fmt::format("after 120ms: {}\n", to_text(outcome))), to_text(outcome));
      }
    }
    CHECK(has(told(only(sent(Status::pending, {request(1, AttemptKind::invalidate, "withdrawn")}))),
              "taken back before it was sent"));
  }
}
