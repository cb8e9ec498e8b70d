// The page that somebody approves, and what goes with it.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/host.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <ostream>

#include "support/stage.hpp"
#include "support/unfolded.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

  mode_t mode_of(const std::filesystem::path& file) {
    struct stat facts {};
    REQUIRE(::stat(file.c_str(), &facts) == 0);
    return facts.st_mode & 0777;
  }

  // The text of a page, with one blank between words; what is quoted reads as it was before.
  std::string text_of(const std::string& html) {
    std::string text;
    bool is_tag = false;
    for (const char c : html.substr(html.find("<body>"))) {
      if (c == '<') is_tag = true;
      const char shown = is_tag || c == '\n' ? ' ' : c;
      if (shown != ' ' || !text.ends_with(' ')) text += shown;
      if (c == '>') is_tag = false;
    }
    for (auto at = text.find("&quot;"); at != std::string::npos; at = text.find("&quot;"))
      text.replace(at, 6, "\"");
    return text;
  }

  // A number stands for itself, and not for a part of another one.
  bool has_figure(const std::string& text, const std::string& figure) {
    const auto is_of_figure = [](char c) { return (c >= '0' && c <= '9') || c == ',' || c == '.'; };
    for (auto at = text.find(figure); at != std::string::npos; at = text.find(figure, at + 1)) {
      const auto end = at + figure.size();
      const bool goes_on = is_of_figure(text[end]) && end + 1 < text.size() && is_of_figure(text[end + 1]);
      if ((at == 0 || !is_of_figure(text[at - 1])) && !goes_on && !(text[end] >= '0' && text[end] <= '9'))
        return true;
    }
    return false;
  }

  // How the page to approve shows a member of `plan --json`; empty: in words of its own, or it is nothing.
  std::string on_page(const std::string& name, const boost::json::value& value) {
    if (value.is_string()) {
      const std::string text{value.get_string()};
      if (name == "at_stake.list.file") return std::filesystem::path{text}.filename().string();
      if (const auto time = parse_rfc3339(text)) return format_local(*time);
      return text;
    }
    const bool is_whole = value.is_int64() || value.is_uint64();
    if (name == "at_stake.max_failure_rate") return fmt::format("{:g}%", value.to_number<double>() * 100);
    if (name.ends_with(".lines[]")) return std::to_string(value.as_int64());
    if (!is_whole) return value.is_double() ? fmt::format("{:g}", value.get_double()) : "";
    return value.to_number<std::int64_t>() == 0 ? "" : grouped(value.to_number<std::int64_t>());
  }

  void check_on_page(const std::string& name, const boost::json::value& value, const std::string& text) {
    if (const auto* object = value.if_object()) {
      for (const auto& [key, member] : *object)
        check_on_page(name.empty() ? std::string{key} : name + "." + std::string{key}, member, text);
    } else if (const auto* array = value.if_array()) {
      for (const auto& each : *array) check_on_page(name + "[]", each, text);
    } else if (const auto shown = on_page(name, value); !shown.empty()) {
      CHECK_MESSAGE((value.is_string() ? has(text, shown) : has_figure(text, shown)), name, " ", shown);
    }
  }

  // "change line what" of each difference.
  std::vector<std::string> differences(const Ended& plan) {
    std::vector<std::string> found;
    const auto answer = boost::json::parse(plan.out);
    for (const auto& each : answer.at("differences").as_array()) {
      const auto& object = each.as_object();
      CHECK(object.at("code").as_string().starts_with("****"));
      auto text = std::string{object.at("change").as_string()} + " " +
                  std::to_string(object.at("source_line").as_int64());
      if (const auto* what = object.if_contains("what")) text += std::string{" "} + what->as_string().c_str();
      found.push_back(text);
    }
    return found;
  }

  }  // namespace

  TEST_CASE("plan: its head says what is at stake and its foot the command to type next") {
    const auto stage = stage_of(4);
    auto list = plain_members(4);
    list.replace(list.find("会员计划已结束", list.find("card0002")), std::string{"会员计划已结束"}.size(),
                 "停业");
    stage.write("members.csv", list);
    stage.write("staff.csv", "code\ncard0000\n");
    CHECK(stage.run("plan").exit_code == 0);
    CHECK(stage.run("protect", {"--openid", "oPlain0001uMuAJO_M2pxb1Q9zN", "--note", "objected"}).exit_code ==
          0);
    const std::vector<std::string> flags{"--set", "safety.protect=staff.csv",   "--set", "safety.canary=3",
                                         "--set", "safety.max_failure_rate=0.3"};
    const auto plan = stage.run("plan", flags);
    CHECK(plan.exit_code == 0);
    const auto text = unfolded(plan.out);
    for (const auto* said :
         {": 2 cards to become invalid, which cannot be undone ", " list         members.csv, changed 20",
          " SHA-256      ", " signs (partner API) ", " host         127.0.0.1:", " brand        1004 ",
          " members read 会员计划已结束 (1 card) 停业 (1 card) ", " acknowledged sandbox: no real customers ",
          " canary       the first 3 cards one by one, each read back ",
          " breaker      stops when more than 30% of the last 50 cards fail ",
          " protected    1 card by safety.protect (staff.csv), 1 card by `cardvoid protect` ",
          " window       at any hour "})
      CHECK_MESSAGE(has(text, said), said);
    CHECK(has(text, " planned      by " + user_name() + ", 20"));
    const auto digits = plan.out.substr(plan.out.find("\nfingerprint ") + 13, 12);
    const auto command = "cardvoid run " + stage.job() + " ";
    const auto next = plan.out.substr(plan.out.find(command));
    CHECK(
        has(next, "--set safety.protect=staff.csv --set safety.canary=3 --set safety.max_failure_rate=0.3 "));
    CHECK(next.ends_with("--confirm " + digits + "\n"));

    const auto answer = boost::json::parse(stage.run("plan", {"--json", flags[0], flags[1]}).out);
    const auto& stake = answer.at("at_stake");
    CHECK(std::string{stake.at("list").at("file").as_string()}.ends_with("/members.csv"));
    CHECK(stake.at("list").at("sha256").as_string().size() == 64);
    CHECK(stake.at("protected_by_list") == 1);
    CHECK(stake.at("protected_by_command") == 1);
    CHECK(std::string{stake.at("planned_by").as_string()} == user_name());
    CHECK(has(std::string{answer.at("run_command").as_string()}, " --confirm " + digits));
  }

  TEST_CASE("plan: it names no command when a run would refuse the plan or nothing is to send") {
    const auto stage = stage_of(2);
    const auto large = stage.run("plan", {"--set", "safety.max_rows=1"});
    CHECK(has(large.out, "run will refuse: safety.max_rows allows 1\n"));
    CHECK_FALSE(has(large.out, "cardvoid run"));
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    const auto done = stage.run("plan");
    CHECK(has(done.out, "nothing to send\n"));
    CHECK_FALSE(has(done.out, "cardvoid run"));
    CHECK(boost::json::parse(stage.run("plan", {"--json"}).out).at("run_command").is_null());
  }

  TEST_CASE("plan: more different reasons than are counted are told as at least so many") {
    const auto stage = stage_of(1);
    std::string list = "code,openid,card_id,reason\r\n";
    for (int i = 0; i < 3000; ++i)
      list += "c" + std::to_string(i) + ",o" + std::to_string(i) + ",pA," +
              (i % 2 ? "same" : "r" + std::to_string(i)) + "\r\n";
    stage.write("members.csv", list);
    CHECK(has(unfolded(stage.run("plan").out), " members read same (at least "));
    const auto answer = boost::json::parse(stage.run("plan", {"--json"}).out);
    CHECK(answer.at("at_stake").at("reasons_are_exact") == false);
    CHECK(answer.at("at_stake").at("reasons").at(0).at("reason") == "same");
  }

  TEST_CASE("plan: the page to approve names every reason that members will read") {
    const auto stage = stage_of(1);
    std::string list = "code,openid,card_id,reason\r\n";
    for (int i = 10; i < 22; ++i) list += fmt::format("c{0},o{0},pA,because{0}\r\n", i);
    stage.write("members.csv", list);
    const auto plan = stage.run("plan", {"--page", (stage.dir / "page.html").string()});
    CHECK(has(unfolded(plan.out), "and 7 other reasons (fewer cards each; `plan --page` names them)"));
    const auto page = stage.read("page.html");
    for (int i = 10; i < 22; ++i) CHECK(has(page, fmt::format("because{}", i)));
    CHECK_FALSE(has(page, "other reasons"));
  }

  TEST_CASE("plan: --page writes one page to read and sign with everything masked") {
    const auto stage = stage_of(30);
    stage.write("few.csv", plain_members(1));
    const auto page = (stage.dir / "page.html").string();
    CHECK(stage.run("plan", {"--set", "input.csv=few.csv", "--page", page}).exit_code == 0);
    CHECK(mode_of(page) == 0600);
    CHECK(has(stage.read("page.html"), "<p>nothing to compare: this is the first list</p>"));
    stage.write("members.csv", plain_members(30) + "１,pA,o,<b>bold</b>\r\n");

    const auto plan = stage.run("plan", {"--page", page, "--json", "--set", "safety.acknowledge=<i>yes</i>"});
    CHECK(plan.exit_code == 0);
    const auto answer = boost::json::parse(plan.out);
    const auto html = stage.read("page.html");
    CHECK(html.starts_with("<!DOCTYPE html>"));
    CHECK(has(html, "</html>"));
    for (const auto* said :
         {"<strong>30 membership cards will become invalid for good. This cannot be undone.",
          "&lt;i&gt;yes&lt;/i&gt;", "会员计划已结束", "<dt>Name</dt>", "<dt>Date</dt>", "<dt>Signature</dt>",
          "full-width", "<h3>29 added (+)</h3>", "<p class=\"quiet\">and 9 more</p>"})
      CHECK_MESSAGE(has(html, said), said);
    CHECK(has(html, std::string{answer.at("fingerprint").as_string()}));
    CHECK(has(html, std::string{answer.at("at_stake").at("list").at("sha256").as_string()}));
    CHECK(has(html, " --confirm " + std::string{answer.at("fingerprint").as_string()}.substr(0, 12)));
    for (const auto* hidden : {"card0001", "oPlain0001", "<script", "http://", "https://", "<i>"})
      CHECK_FALSE_MESSAGE(has(html, hidden), hidden);

    for (const auto* name : {"members.csv", "sandbox.toml", "sandbox.db"})
      CHECK(stage.run("plan", {"--page", (stage.dir / name).string()}).exit_code == 64);
    CHECK(stage.run("plan", {"--page", "-"}).exit_code == 64);
    CHECK(stage.run("plan", {"--page", (stage.dir / "no/such/page.html").string()}).exit_code == 74);
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    CHECK(stage.run("plan", {"--page", page}).exit_code == 0);
    CHECK(has(stage.read("page.html"), "There is nothing to send, and nothing to approve."));
    CHECK_FALSE(has(stage.read("page.html"), "Signature"));
  }

  TEST_CASE("plan: every fact of --json is on the page to approve") {
    const auto stage = stage_of(40);
    const std::string card = ",pbLatjvWOibDc5-TBnbUk1pD12o0,";
    const auto members = [&](const std::string& code, int from, int to, const std::string& reason) {
      std::string lines;
      for (int i = from; i < to; ++i)
        lines += fmt::format("{}{:04}{}oPlain{:04}uMuAJO_M2pxb1Q9zN,{}\r\n", code, i, card, i, reason);
      return lines;
    };
    const std::string head = "code,card_id,openid,reason\r\n";
    // First 13 that the platform does not know, and 23 of the others; then a list that leaves 7 out, adds
    // 1,713 cards of which 619 are of one member, names 5 again, and has 11 lines that are no cards.
    const auto unknown = members("unknown", 100, 113, "");
    stage.write("members.csv", head + unknown + members("card", 0, 37, "会员计划已结束"));
    REQUIRE(stage.run("run", {"--yes", "--limit", "36"}).exit_code == 75);
    std::string list =
        head + members("card", 0, 30, "会员计划已结束") + members("card", 0, 5, "会员计划已结束") + unknown;
    list += members("newcard", 1000, 2094, "停业");
    for (int i = 0; i < 619; ++i) list += fmt::format("one{:05}{}oFilledDown0001,\r\n", i, card);
    for (int i = 0; i < 11; ++i) list += fmt::format("１{:05}{}oFullWidth,\r\n", i, card);
    list += members("card", 29, 30, "另一个原因");
    stage.write("members.csv", list);
    stage.write("staff.csv", "code\r\nnewcard1000\r\nnewcard1001\r\nnewcard1002\r\nnobody000001\r\n");
    const auto page = (stage.dir / "page.html").string();
    const auto plan =
        stage.run("plan", {"--json", "--page", page, "--set", "safety.protect=staff.csv", "--set",
                           "safety.canary=9", "--set", "safety.max_failure_rate=0.35", "--set",
                           "safety.max_rows=4321", "--set", "limits.requests_per_second=17"});
    INFO(plan.err);
    REQUIRE(plan.exit_code == 0);
    auto answer = boost::json::parse(plan.out);
    auto& facts = answer.as_object();
    const auto text = text_of(stage.read("page.html"));
    // Lines are told apart there: protected ones are no fault of the list.
    CHECK(facts.at("refused_protected").as_int64() == 3);
    CHECK(has_figure(text, grouped(facts.at("refused").as_int64() - 3)));
    facts.erase("refused");
    const auto seconds = std::chrono::seconds{facts.at("seconds_needed").as_int64()};
    CHECK((has(text, humanize_duration(seconds)) ||
           has(text, humanize_duration(seconds + std::chrono::seconds{1}))));
    facts.erase("seconds_needed");
    REQUIRE(facts.at("frequent_openids").as_array().size() == 1);
    CHECK(facts.at("left_list").as_int64() == 7);
    facts.at("at_stake").as_object().erase("different_reasons");  // the page lists them all
    CHECK(facts.at("rejected").as_int64() == 13);
    CHECK(facts.at("invalidated").as_int64() == 23);
    CHECK(facts.at("templates").at(0).at("rejected").as_int64() == 13);
    check_on_page("", answer, text);
  }

  TEST_CASE("plan: two outputs in one file are refused before the list is read") {
    const auto stage = stage_of(2);
    const auto one = (stage.dir / "one.csv").string();
    std::filesystem::create_symlink(one, stage.dir / "link.html");
    const std::vector<std::vector<std::string>> refused{
        {"--refused", one, "--diff", one},
        {"--page", one, "--diff", one},
        {"--refused", one, "--page", (stage.dir / "." / "one.csv").string()},
        {"--diff", one, "--page", (stage.dir / "link.html").string()}};
    for (const auto& flags : refused) {
      const auto plan = stage.run("plan", flags);
      CHECK(plan.exit_code == 64);
      CHECK(has(plan.err, " name the same file, " + flags[3] + "; name two different ones\n"));
    }
    CHECK(has(stage.run("plan", refused[1]).err, "--diff and --page name the same file"));
    CHECK_FALSE(std::filesystem::exists(one));
    CHECK_FALSE(std::filesystem::exists(stage.database()));
    const auto metrics = (stage.dir / "m.prom").string();
    CHECK(stage.run("plan", {"--page", metrics, "--set", "results.metrics_file=" + metrics}).exit_code == 64);
    CHECK(stage.run("export", {"-o", metrics, "--set", "results.report_file=" + metrics}).exit_code == 64);
  }

  TEST_CASE("plan: an output that cannot be written is told before the list is read") {
    const auto stage = stage_of(2);
    for (const auto* flag : {"--refused", "--diff", "--page"}) {
      const auto plan = stage.run("plan", {flag, (stage.dir / "no/such/file").string()});
      CHECK(plan.exit_code == 74);
      CHECK(has(plan.err, "cannot create it: No such file or directory"));
      CHECK(has(plan.err, "once it can be written: cardvoid plan "));
      CHECK_FALSE(has(plan.err, "cardvoid status"));
    }
    CHECK_FALSE(std::filesystem::exists(stage.database()));
    for (const auto& entry : std::filesystem::directory_iterator{stage.dir})
      CHECK(entry.path().extension() != ".tmp");
  }

  TEST_CASE("plan: --diff lists what was added and changed and left since the last import") {
    const auto stage = stage_of(4);
    CHECK(has(stage.run("plan", {"--diff"}).out, "\nnothing to compare: this is the first list\n"));

    // 0 is gone from the list, 1 has another openid, 2 another reason, 3 stays, 4 and 5 are new.
    auto list = plain_members(6);
    list.erase(list.find("card0000"), list.find("card0001") - list.find("card0000"));
    list.replace(list.find("oPlain0001"), 10, "oOther0001");
    list.replace(list.find("会员计划已结束", list.find("card0002")), std::string{"会员计划已结束"}.size(),
                 "停业");
    stage.write("members.csv", list);
    const auto plan = stage.run("plan", {"--diff", (stage.dir / "diff.csv").string()});
    CHECK(plan.exit_code == 0);
    const auto at = plan.out.find("since the last import: 2 added (+), 2 changed (~), 1 left the list (-)\n");
    REQUIRE(at != std::string::npos);
    const std::string card = " code **** brand_id 1004 card_id pbLatjvWOibDc5-TBnbUk1pD12o0";
    CHECK(plan.out.substr(plan.out.find('\n', at) + 1)
              .starts_with("+ line 5" + card + "\n+ line 6" + card + "\n~ line 2" + card +
                           ": another openid than before\n~ line 3" + card +
                           ": another reason than before\n- once line 2" + card + ": held back\n\nto send "));
    CHECK_FALSE(has(plan.out, "oPlain"));
    CHECK_FALSE(has(plan.out, "card0"));
    const auto file = stage.read("diff.csv");
    CHECK(
        file.starts_with("change,what,source_line,brand_id,card_id,code,openid,reason,status,held_back\r\n"));
    CHECK(has(file,
              "\r\nchanged,openid,2,1004,pbLatjvWOibDc5-TBnbUk1pD12o0,card0001,"
              "oOther0001uMuAJO_M2pxb1Q9zN,会员计划已结束,pending,\r\n"));
    CHECK(has(file, "\r\nleft,,2,1004,"));

    // The same again: nothing has changed since.
    CHECK(differences(stage.run("plan", {"--diff", "--json"})).empty());

    // The first list again: one is back, two are as they were, and two have left.
    stage.write("members.csv", plain_members(4));
    CHECK(differences(stage.run("plan", {"--diff", "--json"})) ==
          std::vector<std::string>{"returned 2", "changed 3 openid", "changed 4 reason", "left 5", "left 6"});
    CHECK(has(stage.run("plan", {"--diff"}).out,
              "since the last import: 0 added (+), 0 changed (~), 0 left the list (-)\n"));
  }

  TEST_CASE("plan: --diff compares with the plan that was confirmed last also after it was refused") {
    const auto stage = stage_of(4);
    const auto plan = stage.run("plan").out;
    const auto digits = plan.substr(plan.find("fingerprint ") + 12, 12);
    auto list = plain_members(4);
    list.erase(list.find("card0000"), list.find("card0001") - list.find("card0000"));
    stage.write("members.csv", list);
    CHECK(stage.run("run", {"--confirm", digits}).exit_code == 65);
    for (int again = 0; again < 2; ++again) {
      const auto diff = stage.run("plan", {"--diff"}).out;
      CHECK(has(diff, "since the plan " + digits));
      CHECK(has(diff, ": 0 added (+), 0 changed (~), 1 left the list (-)\n- once line 2 code **** "));
    }
    const auto answer = boost::json::parse(stage.run("plan", {"--diff", "--json"}).out);
    CHECK(std::string{answer.at("differences_since").at("plan").as_string()}.starts_with(digits));
  }

  TEST_CASE("plan: --diff lists what retry put back and what is held back since the confirmed plan") {
    const auto stage = stage_of(3);
    const auto unknown = [](const std::string& code) {
      return code + ",pbLatjvWOibDc5-TBnbUk1pD12o0,oPlainUnknown_M2pxb1Q9zN,\r\n";
    };
    stage.write("members.csv", plain_members(3) + unknown("unknown00017") + unknown("unknown00018"));
    CHECK(stage.run("run", {"--yes"}).exit_code == 1);
    CHECK(stage.run("accept", {"--code", "unknown00017", "--note", "seen"}).exit_code == 0);
    CHECK(stage.run("retry", {"--code", "unknown00018"}).exit_code == 0);
    const auto plan = stage.run("plan", {"--diff", (stage.dir / "diff.csv").string()});
    CHECK(
        has(unfolded(plan.out),
            ": 0 added (+), 0 changed (~), 0 left the list (-), 1 put back by retry (+), 1 held back (-)\n"));
    CHECK(has(plan.out,
              "\n+ once line 6 code ****0018 brand_id 1004 card_id pbLatjvWOibDc5-TBnbUk1pD12o0: put back by "
              "retry\n"));
    CHECK(has(plan.out,
              "\n- once line 5 code ****0017 brand_id 1004 card_id pbLatjvWOibDc5-TBnbUk1pD12o0: accepted "
              "(rejected)\n"));
    const auto file = stage.read("diff.csv");
    CHECK(has(file, "\r\nput_back,,6,1004,"));
    CHECK(has(file, ",rejected,accepted\r\n"));
    CHECK(differences(stage.run("plan", {"--diff", "--json"})) ==
          std::vector<std::string>{"held_back 5", "put_back 6"});
    const auto answer = boost::json::parse(stage.run("plan", {"--diff", "--json"}).out);
    CHECK(answer.at("differences").at(0).at("held_back") == "accepted");
  }

  TEST_CASE("plan: --diff shows twenty lines of a kind and writes all of them to a file") {
    const auto stage = stage_of(30);
    stage.write("few.csv", plain_members(1));
    CHECK(stage.run("plan", {"--set", "input.csv=few.csv"}).exit_code == 0);
    const auto file = (stage.dir / "diff.csv").string();
    // Behind a flag whose value may be left out stands the job.
    const auto ended = support::run({"plan", "--diff", stage.job()});
    CHECK(ended.exit_code == 0);
    CHECK(has(ended.out, "  and 9 more added (+): `plan --diff FILE` writes all of them\n"));
    CHECK(support::run({"plan", "--diff", file, stage.job(), "--set", "input.csv=few.csv"}).exit_code == 0);
    CHECK(mode_of(file) == 0600);
    const auto text = stage.read("diff.csv");
    CHECK(std::count(text.begin(), text.end(), '\n') == 1 + 29);
    CHECK(stage.run("plan", {"--diff", stage.database().string()}).exit_code == 64);
    CHECK(stage.run("plan", {"--diff", "-"}).exit_code == 64);
    CHECK(support::run({"plan", "--diff"}).exit_code == 64);
  }

  TEST_CASE("plan: as JSON it holds the same page and the differences") {
    const auto stage = stage_of(3);
    const auto plan = stage.run("plan", {"--diff", "--json"});
    CHECK(differences(plan).empty());  // the first list
    CHECK(boost::json::parse(plan.out).at("differences_since").at("kind").as_string() == "nothing");
    const auto answer = boost::json::parse(plan.out);
    CHECK(answer.at("added").as_int64() == 3);
    CHECK(answer.at("changed").as_int64() == 0);
    const auto& templates = answer.at("templates").as_array();
    REQUIRE(templates.size() == 1);
    CHECK(templates[0].at("brand_id").as_string() == "1004");
    CHECK(templates[0].at("rows").as_int64() == 3);
    CHECK(templates[0].at("to_send").as_int64() == 3);
    CHECK(parse_rfc3339(std::string_view{answer.at("would_end_at").as_string()}).has_value());
    const auto fast = stage.run("plan", {"--json", "--set", "limits.requests_per_second=20"});
    CHECK(fast.out.find("\"requests_per_second\":20,") != std::string::npos);  // not 2E1
    CHECK(boost::json::parse(stage.run("plan", {"--json"}).out).as_object().if_contains("differences") ==
          nullptr);
  }

  TEST_CASE("plan: rows are counted by brand and card template") {
    const auto stage = stage_of(2);
    stage.write("members.csv",
                "code,openid,card_id,brand_id\r\na,o1,pB,1004\r\nb,o1,pA,1004\r\nc,o1,pA,1004\r\nd,o1,pA,"
                "1003\r\n");
    const auto plan = stage.run("plan");
    CHECK(plan.exit_code == 0);
    const auto table = plan.out.substr(plan.out.find("  brand  card template"));
    CHECK(
        table.starts_with("  brand  card template        rows     to send\n"
                          "  1003   pA                      1           1\n"
                          "  1004   pA                      2           2\n"
                          "  1004   pB                      1           1\n"
                          "to send 4 at "));
  }

  TEST_CASE("plan: an openid that holds many cards is shown") {
    const auto stage = stage_of(1);
    std::string list = "code,openid,card_id\r\n";
    for (int i = 0; i < 3000; ++i)
      list += "c" + std::to_string(i) + "," + (i % 5 ? "o" + std::to_string(i) : std::string{"oFilledDown"}) +
              ",pA\r\n";
    stage.write("members.csv", list);
    CHECK(has(stage.run("plan").out, "  openid ****Down has at least 5"));
    const auto answer = boost::json::parse(stage.run("plan", {"--json"}).out);
    const auto& openids = answer.at("frequent_openids").as_array();
    REQUIRE(openids.size() == 1);
    CHECK(openids[0].at("openid").as_string() == "****Down");
    CHECK(openids[0].at("at_least").as_int64() > 500);
    CHECK(openids[0].at("at_least").as_int64() <= 600);
  }

  TEST_CASE("plan: with a pace for each brand the largest brand says how long it takes and status agrees") {
    const auto stage = stage_of(2);
    stage.write("members.csv",
                "code,openid,card_id,brand_id\r\na,o1,pB,1004\r\nb,o1,pA,1004\r\nc,o1,pC,1005\r\n");
    const std::vector<std::string> slowly{"--json", "--set", "limits.requests_per_second=0.1"};
    const auto check_both = [&](const std::vector<std::string>& flags, std::int64_t seconds) {
      CHECK(boost::json::parse(stage.run("plan", flags).out).at("seconds_needed").as_int64() == seconds);
      CHECK(boost::json::parse(stage.run("status", flags).out).at("seconds_left").as_int64() == seconds);
    };
    check_both(slowly, 30);
    auto by_brand = slowly;
    by_brand.insert(by_brand.end(), {"--set", "limits.per=brand"});
    check_both(by_brand, 20);
  }

  TEST_CASE("plan: --refused writes the refused lines in the input's own columns plus the cause") {
    const auto stage = stage_of(2);
    stage.write("members.csv",
                "\xEF\xBB\xBF姓名;code;card_id;openid\r\n"
                "\"张;三\";１２３;pA;o1\r\n"
                "李;card0000;pbLatjvWOibDc5-TBnbUk1pD12o0;oPlain0000uMuAJO_M2pxb1Q9zN\r\n"
                "王;two;pA\r\n"
                "赵;twice;pA;oA\r\n\r\n"
                "\"two\nlines\";twice;pA;oB\r\n");
    const auto plan = stage.run("plan", {"--refused", (stage.dir / "refused.csv").string()});
    CHECK(plan.exit_code == 0);
    CHECK(has(plan.out, "refused                    4\n"));
    const std::string both = "the same card is named with two different openids; neither line is sent";
    CHECK(stage.read("refused.csv") ==
          "\xEF\xBB\xBF姓名;code;card_id;openid;cause\r\n"
          "\"张;三\";１２３;pA;o1;\"code: full-width characters; half-width ones are needed\"\r\n"
          "王;two;pA;3 fields, the header has 4\r\n"
          ";twice;pA;oA;\"" +
              both +
              "\"\r\n"
              "\"two\nlines\";twice;pA;oB;\"" +
              both + "\"\r\n");
    CHECK(mode_of(stage.dir / "refused.csv") == 0600);
  }

  TEST_CASE("plan: refused lines that were mended are fed back as they are") {
    const auto stage = stage_of(3);
    auto list = plain_members(3);
    list.replace(list.find("card0001"), 8, "card０００1");
    stage.write("members.csv", list);
    CHECK(stage.run("plan", {"--refused", (stage.dir / "refused.csv").string()}).exit_code == 0);
    auto mended = stage.read("refused.csv");
    mended.replace(mended.find("card０００1"), std::string{"card０００1"}.size(), "card0001");
    stage.write("members.csv", mended);
    const auto ended = stage.run("run", {"--yes", "--set", "input.vanished=send"});  // the rest of the list
    CHECK(ended.exit_code == 0);
    CHECK(stage.count("status = 'invalidated'") == 3);
  }

  TEST_CASE("plan: --refused of an input without any leaves a file with the header alone") {
    const auto stage = stage_of(1);
    stage.write("refused.csv", "of yesterday");
    CHECK(stage.run("plan", {"--refused", (stage.dir / "refused.csv").string()}).exit_code == 0);
    CHECK(stage.read("refused.csv") == "code,card_id,openid,reason,cause\r\n");
  }

  TEST_CASE("plan: --refused keeps a line with a field too few as one when it is fed back") {
    const auto stage = stage_of(1);
    stage.write("members.csv", "code,openid,card_id\r\none,o1\r\ntwo,o2,pA\r\n");
    CHECK(stage.run("plan", {"--refused", (stage.dir / "refused.csv").string()}).exit_code == 0);
    stage.write("refused.csv", stage.read("refused.csv") + "two,o2,pA,corrected\r\n");
    const auto again = stage.run("plan", {"--set", "input.csv=refused.csv"});
    CHECK(has(again.out, "3 fields, the header has 4"));
    CHECK(has(again.out, "to send 1 "));
  }

  TEST_CASE("plan: --refused launders nothing that it cannot write as it stood") {
    using namespace std::string_literals;
    const auto stage = stage_of(1);
    stage.write("members.csv", "code,openid,card_id\r\nA\0B,o1,pA\r\ntwo,o2,pA\r\n"s);
    sqlite::Connection{stage.dir / "crm.db", sqlite::Mode::create}.execute(
        "CREATE TABLE m (code, openid, card_id); INSERT INTO m VALUES (123, 'o', 'pA'), (x'4142', 'o', "
        "'pA'), "
        "('1' || char(0), 'o', 'pA'), ('two', 'o2', 'pA')");
    for (const bool is_database : {false, true}) {
      const auto job = is_database ? stage.job_with("csv = \"members.csv\"",
                                                    "sqlite = \"crm.db\"\nquery = \"SELECT * FROM m\"")
                                   : stage.job();
      CHECK(support::run({"plan", job, "--refused", (stage.dir / "refused.csv").string()}).exit_code == 0);
      stage.write("refused.csv", stage.read("refused.csv") + "two,o2,pA,corrected\r\n");
      const auto again = stage.run("plan", {"--set", "input.csv=refused.csv", "--json"});
      CHECK(boost::json::parse(again.out).at("to_send").as_int64() == 1);
      CHECK(boost::json::parse(again.out).at("refused").as_int64() == (is_database ? 3 : 1));
    }
  }

  TEST_CASE("plan: --refused is in the encoding of the input and can come back again and again") {
    const auto stage = stage_of(1);
    stage.write("members.csv",
                "code,openid,card_id,reason\r\n\xA3\xB1,o,pA,\xBB\xE1\xD4\xB1\r\n2,o,pA,\r\n");  // １ … 会员
    const auto gbk = [&](const std::string& from, const std::string& to) {
      return stage.run("plan", {"--set", "input.encoding=gbk", "--set", "input.csv=" + from, "--refused",
                                (stage.dir / to).string()});
    };
    CHECK(gbk("members.csv", "one.csv").exit_code == 0);
    CHECK(has(stage.read("one.csv"), "\xA3\xB1,o,pA,\xBB\xE1\xD4\xB1,code: full-width"));
    stage.write("one.csv", stage.read("one.csv") + "2,o,pA,,corrected\r\n");
    const auto again = gbk("one.csv", "two.csv");
    CHECK(again.exit_code == 0);
    CHECK(has(unfolded(again.out), "ignored: \"cause\""));
    CHECK(has(stage.read("two.csv"), "code,openid,card_id,reason,cause,cause 2\r\n"));
  }

  TEST_CASE("plan: --refused names no file of the job and none that cannot be written") {
    const auto stage = stage_of(1);
    for (const auto* name : {"members.csv", "sandbox.toml", "sandbox.db"}) {
      const auto ended = stage.run("plan", {"--refused", (stage.dir / name).string()});
      CHECK(ended.exit_code == 64);
      CHECK(has(ended.err, "--refused"));
    }
    CHECK(stage.read("members.csv") == plain_members(1));
    CHECK(stage.run("plan", {"--refused", "-"}).exit_code == 64);
    CHECK(stage.run("plan", {"--refused", (stage.dir / "no/such/folder.csv").string()}).exit_code == 74);
  }

  TEST_CASE("plan: an input in GB18030 is shown by samples and what was assumed") {
    const auto stage = stage_of(1);
    stage.write("members.csv",
                std::string{"code;card_id;openid;reason\r\n"} +
                    "card0000;pbLatjvWOibDc5-TBnbUk1pD12o0;oPlain0000uMuAJO_M2pxb1Q9zN;\xBB\xE1\xD4\xB1\r\n");
    const auto plan = stage.run("plan");
    CHECK(plan.exit_code == 0);
    CHECK(has(unfolded(plan.out),
              "input CSV, GB18030 (assumed: it is not UTF-8, and all of it decodes), semicolon, columns "));
    CHECK(
        has(plan.out,
            "line 2: code ****, card_id \"pbLatjvWOibDc5-TBnbUk1pD12o0\", openid ****Q9zN, reason \"会员\""));
    const auto ended = stage.run("run", {"--yes"});
    CHECK(ended.exit_code == 0);
    CHECK(has(ended.err, "input: taken for GB18030, since it is not UTF-8"));
    CHECK(stage.count("reason = '会员'") == 1);
    CHECK(boost::json::parse(stage.run("plan", {"--json"}).out).at("samples").as_array().size() == 1);
  }
}
