// docs/json.md against what the commands print: each member is on the page with its type, and each on the
// page is printed.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/time.hpp>
#include <csignal>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <ostream>
#include <regex>
#include <set>
#include <sstream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  // ---- the page ----

  std::string trimmed(std::string text) {
    text.erase(0, text.find_first_not_of(' '));
    text.erase(text.find_last_not_of(' ') + 1);
    return text;
  }

  bool take_end(std::string& text, std::string_view end) {
    if (!text.ends_with(end)) return false;
    text.resize(text.size() - end.size());
    return true;
  }

  struct Member {
    std::string type;  // a plain one, or the name of a shape
    bool is_array = false, may_be_null = false, is_always = true, is_seldom = false, is_seen = false;
  };

  // "array of [run](#run) or null, not always"
  Member member_of(std::string type) {
    Member member;
    member.is_seldom = take_end(type, ", seldom");
    member.is_always = !take_end(type, ", not always") && !member.is_seldom;
    member.may_be_null = take_end(type, " or null");
    member.is_array = type.starts_with("array of ");
    if (member.is_array) type.erase(0, std::string_view{"array of "}.size());
    if (const auto end = type.find(']'); type.starts_with('[') && end != std::string::npos)
      type = type.substr(1, end - 1);
    member.type = type;
    return member;
  }

  class Page {
   public:
    explicit Page(const std::string& text) {
      std::istringstream lines{text};
      std::string shape;
      for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("## ")) shape = line.substr(3);
        if (line.starts_with("### ")) shape = line.substr(4);
        if (line.starts_with("All of [standing](#standing)")) has_standing_.insert(shape);
        if (!line.starts_with("| `") || shape.empty()) continue;
        const auto name_end = line.find("` | "), type_end = line.find(" | ", name_end + 4);
        REQUIRE_MESSAGE(type_end != std::string::npos, line);
        const bool is_new =
            shapes_[shape]
                .emplace(line.substr(3, name_end - 3),
                         member_of(trimmed(line.substr(name_end + 4, type_end - name_end - 4))))
                .second;
        if (!is_new) faults_.insert(fmt::format("{}: twice on the page", line));
      }
    }

    void check(const std::string& shape, const boost::json::value& value, const std::string& where = "") {
      const auto here = where.empty() ? shape : where;
      if (!shapes_.contains(shape)) return fault(here, "no such table on the page");
      if (!value.is_object()) return fault(here, "no object");
      std::set<std::string> left;
      for (const auto& [key, each] : value.get_object()) {
        const std::string name{key};
        left.insert(name);
        auto* const member = find(shape, name);
        if (member)
          check_member(*member, each, here + "." + name);
        else
          fault(here + "." + name, "not on the page");
      }
      for (const auto& [name, member] : members_of(shape))
        if (member->is_always && !left.contains(name)) fault(here + "." + name, "not printed");
    }

    // What is wrong, with what was never seen.
    std::set<std::string> faults() const {
      auto all = faults_;
      for (const auto& [shape, members] : shapes_)
        for (const auto& [name, member] : members)
          if (!member.is_seen && !member.is_seldom) all.insert(shape + "." + name + ": never seen");
      return all;
    }

   private:
    void fault(const std::string& where, const std::string& what) { faults_.insert(where + ": " + what); }

    Member* find(const std::string& shape, const std::string& name) {
      for (const auto& [each, member] : members_of(shape))
        if (each == name) return member;
      return nullptr;
    }

    std::vector<std::pair<std::string, Member*>> members_of(const std::string& shape) {
      std::vector<std::pair<std::string, Member*>> all;
      for (auto& [name, member] : shapes_[shape]) all.emplace_back(name, &member);
      if (has_standing_.contains(shape))
        for (auto& [name, member] : shapes_["standing"]) all.emplace_back(name, &member);
      return all;
    }

    void check_member(Member& member, const boost::json::value& value, const std::string& where) {
      if (value.is_null()) {
        if (!member.may_be_null) fault(where, "null");
        return;
      }
      if (!member.is_array) return check_one(member, value, where);
      if (!value.is_array()) return fault(where, "no array");
      for (const auto& each : value.get_array()) check_one(member, each, where + "[]");
    }

    void check_one(Member& member, const boost::json::value& value, const std::string& where) {
      member.is_seen = true;
      const auto& type = member.type;
      const bool is_integer = value.is_int64() || value.is_uint64();
      if (type == "string") return value.is_string() ? void() : fault(where, "no string");
      if (type == "masked")
        return value.is_string() && value.get_string().starts_with("****") ? void()
                                                                           : fault(where, "not masked");
      if (type == "boolean") return value.is_bool() ? void() : fault(where, "no boolean");
      if (type == "number") return value.is_number() ? void() : fault(where, "no number");
      if (type == "integer") return is_integer ? void() : fault(where, "no integer");
      if (type == "time") {
        const auto text = value.is_string() ? std::string{value.get_string()} : "";
        return text.ends_with("Z") && parse_rfc3339(text) ? void() : fault(where, "no time");
      }
      check(type, value, type);
    }

    std::map<std::string, std::map<std::string, Member>> shapes_;
    std::set<std::string> has_standing_;
    std::set<std::string> faults_;
  };

  // ---- what is printed ----

  // From several threads.
  class Commands {
   public:
    explicit Commands(Page& page) : page_{page} {}

    boost::json::value check_text(const std::string& shape, const std::string& text) {
      boost::system::error_code error;
      auto value = boost::json::parse(text, error);
      INFO(shape << ": " << text);
      REQUIRE(!error);
      const std::lock_guard lock{mutex_};
      page_.check(shape, value);
      return value;
    }

    boost::json::value ask(const Stage& stage, const std::string& shape, const std::string& command,
                           std::vector<std::string> flags = {}) {
      flags.emplace_back("--json");
      const auto ended = stage.run(command, flags);
      INFO(command << ": " << ended.err);
      return check_text(shape, ended.out);
    }

    // Of standard error: log lines and progress events.
    void check_messages(const std::string& text) {
      std::istringstream lines{text};
      for (std::string line; std::getline(lines, line);)
        check_text(line.starts_with(R"({"type":)") ? "progress event" : "log line", line);
    }

   private:
    std::mutex mutex_;  // guards the page
    Page& page_;
  };

  constexpr auto k_card_id = "pbLatjvWOibDc5-TBnbUk1pD12o0";
  std::string code(int i) { return fmt::format("4785158326{:02}", i); }
  // Cards 40 and up are one member's.
  std::string openid(int i) { return fmt::format("oPlain{:04}uMuAJO_M2pxb1Q9zN", std::min(i, 40)); }
  std::string line(int i, const std::string& reason = "closed") {
    return fmt::format("{},{},{},{}\r\n", code(i), k_card_id, openid(i), reason);
  }
  std::string known(int i, const std::string& state = "EFFECTIVE,") {
    return fmt::format("1004,{},{},{},{}\r\n", k_card_id, code(i), openid(i), state);
  }

  // The platform does not know card 4; card 3 was INVALID before.
  std::string platform_cards() {
    std::string csv = "brand_id,card_id,code,openid,state,invalid_time\r\n";
    for (int i = 2; i < 60; ++i)
      if (i != 4) csv += i == 3 ? known(i, "INVALID,2026-06-01T12:00:00+08:00") : known(i);
    return csv;
  }

  const std::vector<std::string> k_told{"--log-format", "json", "--log-level", "debug", "--progress", "json"};

  std::vector<std::string> with(std::vector<std::string> flags, std::vector<std::string> more) {
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  }

  std::string first_list() {
    std::string members = "code,card_id,openid,reason\r\n";
    for (const int i : {2, 3, 4, 5, 6, 7}) members += line(i);
    members += line(2) + code(8) + "," + k_card_id + ",,\r\n";  // once more, and one without an openid
    for (int i = 40; i < 52; ++i) members += line(i);
    return members;
  }

  sandbox::Settings with_faulty_read_backs() {
    auto settings = sandbox::plain_settings();
    settings.fault_read_backs = true;
    return settings;
  }

  struct Told : Stage {
    Told()
        : Stage{with_faulty_read_backs(), {{"members.csv", first_list()}, {"cards.csv", platform_cards()}}} {
      write("protect.csv",
            "code,openid,card_id,brand_id\r\n" + code(7) + ",,,\r\n999999999,,,\r\n,oNobodyAtAll,,\r\n");
      write("notify.sh", "#!/bin/sh\ncat >got.json\n");
      REQUIRE(::chmod((dir / "notify.sh").c_str(), 0700) == 0);
      job_with("[safety]\n", "[safety]\nprotect = \"protect.csv\"\n", "sandbox.toml");
      job_with("[results]\n", "[results]\non_finish = \"./notify.sh\"\n", "sandbox.toml");
    }
  };

  // A list, its plan, runs that go wrong and right, what people decide, another list.
  void live_a_life(Commands& commands) {
    const Told stage;
    commands.ask(stage, "check", "check");
    commands.ask(stage, "plan", "plan",
                 {"--diff", "--set", "safety.max_rows=1000", "--set", "safety.window=00:00-24:00"});
    commands.ask(stage, "protect", "protect", {"--code", code(6), "--note", "objected"});
    commands.ask(stage, "show", "show", {"--code", code(6)});
    commands.ask(stage, "unprotect", "protect", {"--code", code(6), "--remove"});

    // Card 2 is held: an answer and a read-back that speak of other cards.
    stage.sandbox->set_faults({{sandbox::Fault::wrong_card, 1.0}});
    commands.ask(stage, "summary", "run", {"--yes", "--limit", "1"});
    commands.ask(stage, "show", "show", {"--code", code(2)});
    stage.sandbox->set_faults({});
    const auto ended = stage.run("run", with(k_told, {"--yes", "--json"}));
    commands.check_text("summary", ended.out);
    commands.check_text("summary", stage.read("got.json"));
    commands.check_messages(ended.err);
    commands.ask(stage, "show", "show", {"--code", code(2)});
    commands.ask(stage, "show", "show", {"--code", code(3)});
    commands.ask(stage, "show", "show", {"--openid", openid(40)});
    commands.ask(stage, "show", "show", {"--code", code(8)});
    commands.ask(stage, "status", "status");
    commands.ask(stage, "status", "status", {"--handover"});
    commands.ask(stage, "status", "status", {"--handover", "--set", "contacts=Li Lei"});
    commands.ask(stage, "accept", "accept", {"--code", code(4), "--note", "unknown there"});
    commands.ask(stage, "show", "show", {"--code", code(4)});
    commands.ask(stage, "retry", "retry", {"--code", code(4)});
    commands.ask(stage, "show", "show", {"--code", code(4)});
    commands.ask(stage, "protect", "protect", {"--code", code(5), "--note", "objected"});
    commands.ask(stage, "summary", "reconcile");
    commands.ask(stage, "show", "show", {"--code", code(6)});
    commands.ask(stage, "protect", "protect", {"--code", "nobody0", "--note", "objected"});
    commands.ask(stage, "show", "show", {"--code", "nobody0"});
    commands.ask(stage, "summary", "run", {"--yes"});
    commands.ask(stage, "accept", "accept", {"--code", code(4), "--note", "unknown there"});

    commands.ask(stage, "plan", "plan", {"--diff"});
    std::istringstream rows{stage.run("export", {"--json"}).out};
    for (std::string row; std::getline(rows, row);) commands.check_text("result", row);

    stage.job_with("protect.csv", "nowhere.csv", "sandbox.toml");
    (void)stage.run("run", {"--yes"});
    commands.check_text("no summary", stage.read("got.json"));
  }

  void forget_rows(Commands& commands) {
    const auto stage = stage_of(2);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    commands.ask(stage, "forget", "forget", {"--older-than", "0", "--yes"});
    commands.ask(stage, "show", "show", {"--code", "card0000"});
    std::istringstream rows{stage.run("export", {"--json"}).out};
    for (std::string row; std::getline(rows, row);) commands.check_text("result", row);
  }

  void merge_shards(Commands& commands) {
    const auto stage = stage_of(6);
    for (const auto* shard : {"1/2", "2/2"}) {
      commands.ask(stage, "plan", "plan", {"--shard", shard});
      commands.ask(stage, "status", "status", {"--shard", shard});
    }
    const auto merged = support::run({"merge", "--json", "-o", stage.database().string(),
                                      (stage.dir / "sandbox.1-of-2.db").string(),
                                      (stage.dir / "sandbox.2-of-2.db").string()});
    commands.check_text("merge", merged.out);
  }

  // A list in GBK, then another: card 3 has another reason, 4 has gone and 5 is new.
  void plan_two_lists(Commands& commands) {
    const auto stage = stage_of(1);
    const std::string head = "code,card_id,openid,reason\r\n", in_gbk = "\xBB\xE1\xD4\xB1";
    stage.write("members.csv", head + line(2, in_gbk) + line(3, in_gbk) + line(4, in_gbk));
    commands.ask(stage, "plan", "plan", {"--diff"});
    stage.write("members.csv", head + line(2, in_gbk) + line(3) + line(5, in_gbk));
    commands.ask(stage, "plan", "plan", {"--diff"});
    commands.ask(stage, "show", "show", {"--code", code(3)});
  }

  bool has_end(const boost::json::value& status) {
    if (status.at("now").is_null()) return false;
    const auto& reasons = status.at("now").at("reasons_to_wait").as_array();
    return std::any_of(reasons.begin(), reasons.end(),
                       [](const auto& each) { return !each.at("until").is_null(); });
  }

  void steer_a_run(Commands& commands) {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 50ms;
    settings.retry_after = 5s;  // longer than a slow machine takes to ask
    const auto stage = stage_of(400, settings);
    const auto program =
        stage.start("run", with(k_told, {"--yes", "--set", "limits.requests_per_second=20"}));
    stage.wait_until("status = 'invalidated'", 3);
    stage.sandbox->set_faults({{sandbox::Fault::throttle, 1.0}});
    stage.wait_until([&] { return has_end(commands.ask(stage, "status", "status")); }, "a pause after 429");
    stage.sandbox->set_faults({});
    commands.ask(stage, "steering", "pause");
    stage.wait_until(
        [&] {
          return !stage.ask_results("SELECT 1 FROM pulse WHERE reasons_to_wait LIKE '%paused%'").empty();
        },
        "a pulse that says so");
    commands.ask(stage, "status", "status");
    commands.ask(stage, "protect", "protect", {"--code", "card0000", "--note", "objected"});
    commands.ask(stage, "steering", "rate", {"10.5"});
    commands.ask(stage, "steering", "resume");
    commands.ask(stage, "steering", "stop");
    const auto ended = program->wait();
    CHECK(ended.exit_code == 75);
    commands.check_messages(ended.err);
  }

  bool has_found_rate(const boost::json::value& status) {
    if (status.at("now").is_null()) return false;
    const auto& reasons = status.at("now").at("reasons_to_wait").as_array();
    return std::any_of(reasons.begin(), reasons.end(),
                       [](const auto& each) { return !each.at("found_rate").is_null(); });
  }

  void find_a_limit(Commands& commands) {
    auto settings = sandbox::plain_settings();
    settings.requests_per_second = 10;
    const auto stage = stage_of(400, settings);
    const auto program =
        stage.start("run", with(k_told, {"--yes", "--set", "limits.requests_per_second=40"}));
    stage.wait_until("status = 'invalidated'", 1);
    stage.wait_until([&] { return has_found_rate(commands.ask(stage, "status", "status")); },
                     "a limit that was found");
    commands.ask(stage, "steering", "stop");
    CHECK(program->wait().exit_code == 75);
  }

  void trip_a_run(Commands& commands) {
    auto settings = sandbox::plain_settings();
    const Stage stage{settings,
                      {{"members.csv", "code,card_id,openid,reason\r\n" + line(4) + line(2)},
                       {"cards.csv", platform_cards()}},
                      Stage::as_given};
    const auto told = commands.ask(stage, "summary", "run", {"--yes"});
    CHECK(told.at("tripped_by") == "canary");
    commands.ask(stage, "status", "status");
  }

  void rehearse(Commands& commands) {
    const auto stage = stage_of(10);
    stage.job_with("serial_no", "# serial_no", "sandbox.toml");
    // One of the two windows is closed now.
    commands.ask(stage, "rehearse", "rehearse", {"--speed", "50", "--set", "safety.window=00:00-12:00"});
    commands.ask(stage, "rehearse", "rehearse",
                 {"--speed", "50", "--set", "safety.window=12:00-00:00", "--faults", "bad-day"});
  }

  void write_jobs(Commands& commands) {
    const auto stage = stage_of(1);
    stage.write("list.csv", "会员卡号,OpenID,会员卡模板ID,品牌ID,作废原因\n1,o1,t,1004,bye\n");
    const auto init = [&](const std::string& file, const std::string& key, std::vector<std::string> more) {
      const auto path = [&](const std::string& name) { return (stage.dir / name).string(); };
      std::vector<std::string> words{"init",
                                     path(file),
                                     "--list",
                                     path("list.csv"),
                                     "--private-key",
                                     path(key),
                                     "--public-key",
                                     path("wxp_pub.pem"),
                                     "--public-key-id",
                                     "PUB_KEY_ID_1",
                                     "--json"};
      words.insert(words.end(), more.begin(), more.end());
      const auto ended = support::run(words);
      INFO(ended.err);
      commands.check_text("init", ended.out);
    };
    init("a.toml", "apiclient_key.pem", {});
    init("b.toml", "later/key.pem", {"--serial-no", "ab:cd", "--mchid", "1900000001"});
  }

  void simulate(Commands& commands) {
    commands.check_text("version", run({"version", "--json"}).out);
    CHECK(run({"--version", "--json"}).out == run({"version", "--json"}).out);
    const auto stage = stage_of(1);
    Program program{{"sandbox", "--dir", stage.dir.string(), "--json"}};
    program.wait_for_words("127.0.0.1");
    program.send_signal(SIGINT);
    const auto out = program.wait().out;
    commands.check_text("sandbox", out.substr(out.rfind('{')));
  }

  std::string json_page() {
    return read_file(std::filesystem::path{CARDVOID_DATA} / "../../docs/json.md", 1 << 20, Errc::no_input)
        .value();
  }

  }  // namespace

  TEST_CASE("json: docs/json.md has every member that is printed and no other") {
    Page page{json_page()};
    Commands commands{page};
    std::vector<std::future<void>> at_work;  // most of their time is waiting
    for (auto* const each : {live_a_life, forget_rows, merge_shards, plan_two_lists, steer_a_run,
                             find_a_limit, trip_a_run, rehearse, write_jobs, simulate})
      at_work.push_back(std::async(std::launch::async, each, std::ref(commands)));
    for (auto& each : at_work) each.get();
    for (const auto& fault : page.faults()) FAIL_CHECK(fault);
  }

  TEST_CASE("json: docs/json.md says of every command what it prints") {
    const auto page = json_page(), table = page.substr(0, page.find("\n## "));
    std::istringstream lines{run({"help"}).out};
    int commands = 0;
    for (std::string line; std::getline(lines, line);) {
      std::smatch found;
      static const std::regex command{"^  ([a-z]+)  +[A-Z].*"};
      if (!std::regex_match(line, found, command)) continue;
      ++commands;
      CHECK_MESSAGE(table.find("`" + found[1].str() + "`") != std::string::npos, line);
    }
    CHECK(commands >= 16);
  }

  TEST_CASE("json: the comparison with the page can fail in each of its ways") {
    const std::string text =
        "## thing\n| member | type | meaning |\n|---|---|---|\n| `job` | string | |\n"
        "| `at` | time or null | |\n| `parts` | array of [part](#part), not always | |\n"
        "| `odd` | number, seldom | |\n### part\n| `n` | integer | |\n";
    const auto faults = [&](const char* json) {
      Page page{text};
      page.check("thing", boost::json::parse(json));
      return fmt::format("{}", fmt::join(page.faults(), "; "));
    };
    CHECK(faults(R"({"job":"x","at":"2026-11-28T18:47:03.120Z","parts":[{"n":1}]})") == "");
    CHECK(faults(R"({"job":1,"at":"2026-11-28T18:47:03.120Z","parts":[{"n":1}]})") == "thing.job: no string");
    CHECK(faults(R"({"job":"x","at":"28.11.2026","parts":[{"n":1.5}]})") ==
          "part.n: no integer; thing.at: no time");
    CHECK(faults(R"({"job":null,"at":null,"parts":[{"n":1,"m":2}]})") ==
          "part.m: not on the page; thing.at: never seen; thing.job: never seen; thing.job: null");
    CHECK(faults(R"({"at":"2026-11-28T18:47:03.120Z","parts":[]})") ==
          "part.n: never seen; thing.job: never seen; thing.job: not printed; thing.parts: never seen");
  }
}
