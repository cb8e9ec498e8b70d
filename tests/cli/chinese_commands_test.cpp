// Every command in Chinese: its help, what it answers when all is well, and what it says when it is not.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cardvoid/sqlite/connection.hpp>
#include <csignal>
#include <ostream>

#include "chinese.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  const std::vector<std::string> k_commands{
      "init",    "check",  "plan",    "rehearse",   "run",   "reconcile", "retry", "accept",
      "protect", "forget", "show",    "status",     "pause", "resume",    "rate",  "stop",
      "export",  "report", "sandbox", "completion", "help",  "version"};

  // `cardvoid COMMAND sandbox.toml FLAGS…` in a Chinese locale.
  std::vector<std::string> on_job(const std::string& command, std::vector<std::string> flags = {}) {
    std::vector<std::string> words{command, "sandbox.toml"};
    words.insert(words.end(), flags.begin(), flags.end());
    return words;
  }

  // What a person sees of it has no English sentence, and is not empty.
  void check_is_chinese(const Ended& ended, const std::vector<std::string>& words) {
    std::string line;
    for (const auto& word : words) line += " " + word;
    CAPTURE(line);
    CAPTURE(ended.out);
    CAPTURE(ended.err);
    CHECK(english_in(ended.out) == "");
    CHECK(english_in(ended.err) == "");
    CHECK(has_chinese(ended.out + ended.err));
  }

  Ended check(const Stage& stage, const std::vector<std::string>& words, int exit_code) {
    auto ended = say(stage, words);
    check_is_chinese(ended, words);
    CHECK_MESSAGE(ended.exit_code == exit_code, words.front(), " ", words.back(), ended.out, ended.err);
    return ended;
  }

  std::string members(int unknown, int known) {
    const auto header = plain_members(0);
    auto list = header;
    for (int i = 0; i < unknown; ++i)
      list += fmt::format("nocard{},pbLatjvWOibDc5-TBnbUk1pD12o0,oUnknown{}uMuAJO_M2pxb1Q,\r\n", 1000 + i,
                          1000 + i);
    return list + plain_members(known).substr(header.size());
  }

  // What a page says, without its marks, codes and commands.
  std::string prose_of(const std::string& page) {
    static const std::regex k_mark{"<code[^>]*>[^<]*</code>|<style>[^<]*</style>|<[^>]*>"};
    return std::regex_replace(page.substr(page.find("<body")), k_mark, "\n");
  }

  // Its first cards are not the platform's.
  Stage stage_of_unknown(int unknown, int known, sandbox::Settings settings = sandbox::plain_settings()) {
    return Stage{settings,
                 {{"members.csv", plain_members(known)}, {"list.csv", members(unknown, known)}},
                 Stage::as_given};
  }

  }  // namespace

  TEST_CASE("chinese: the help of every command has no English sentence and the manual no Chinese") {
    const auto stage = stage_of(1);
    check(stage, {"--help"}, 0);
    for (const auto& command : k_commands) {
      check(stage, {"help", command}, 0);
      CHECK(say(stage, {command, "--help"}).out == say(stage, {"help", command}).out);
      CHECK_FALSE(has_chinese(say(stage, {command, "--help", "--lang", "en"}).out.substr(0, 200)));
    }
    CHECK(say(stage, {"help", "--man"}).out == say(stage, {"help", "--man"}, {}).out);
    CHECK(say(stage, {"completion", "fish"}).out == say(stage, {"completion", "fish"}, {}).out);
  }

  TEST_CASE("chinese: a wrong flag and a job without results are told in Chinese by every command") {
    const auto stage = stage_of(2);
    for (const auto& command : k_commands) check(stage, {command, "--nonsense"}, 64);
    for (const auto* command : {"reconcile", "show", "status", "export", "report"})
      check(stage,
            on_job(command, command == std::string{"show"}     ? std::vector<std::string>{"--line", "2"}
                            : command == std::string{"report"} ? std::vector<std::string>{"-o", "r.html"}
                                                               : std::vector<std::string>{}),
            66);
    check(stage, on_job("retry", {"--status", "rejected"}), 66);
    check(stage, on_job("accept", {"--status", "rejected", "--note", "无此卡"}), 66);
    check(stage, on_job("protect", {"--code", "card0000", "--note", "持卡人异议"}), 66);
    check(stage, on_job("forget", {"--older-than", "1d", "--dry-run"}), 66);
    for (const auto* command : {"pause", "resume", "stop"}) check(stage, on_job(command), 75);
    check(stage, on_job("rate", {"2"}), 75);
    check(stage, on_job("rate", {"0"}), 64);
    check(stage, on_job("rate", {"fast"}), 64);
    check(stage, on_job("retry"), 64);
    check(stage, on_job("accept"), 64);
    check(stage, on_job("accept", {"--status", "rejected"}), 64);
    check(stage, on_job("protect", {"--note", "x"}), 64);
    check(stage, on_job("protect", {"--code", "１２３", "--note", "x"}), 64);
    check(stage, on_job("forget", {"--older-than", "1d"}), 64);
    check(stage, on_job("rehearse", {"--speed", "1000"}), 64);
    check(stage, on_job("rehearse", {"--limit", "no"}), 64);
    check(stage, on_job("rehearse", {"-o", "-"}), 64);
    check(stage, {"completion", "tcsh"}, 64);
  }

  TEST_CASE("chinese: what is done with single cards after a run is told in Chinese") {
    const auto stage = stage_of_unknown(3, 4);
    check(stage, on_job("run", {"--yes", "--set", "input.csv=list.csv", "--set", "safety.canary=0"}), 1);
    for (const auto& words :
         std::vector<std::vector<std::string>>{{"--status", "rejected"},
                                               {"--code", "nocard1000"},
                                               {"--line", "2"},
                                               {"--openid", "oUnknown1001uMuAJO_M2pxb1Q"}})
      if (words.front() != "--status") check(stage, on_job("show", words), 0);
    check(stage, on_job("show", {"--code", "nosuchcard"}), 65);
    check(stage, on_job("show", {"--line", "99"}), 65);
    check(stage, on_job("accept", {"--code", "nosuchcard", "--note", "无此卡"}), 65);
    check(stage, on_job("accept", {"--code", "card0000", "--note", "无此卡"}), 65);
    check(stage, on_job("accept", {"--code", "nocard1000", "--note", "无此卡"}), 0);
    check(stage, on_job("accept", {"--status", "rejected", "--note", "无此卡"}), 0);
    check(stage, on_job("show", {"--code", "nocard1000"}), 0);
    check(stage, on_job("retry", {"--status", "rejected"}), 65);
    check(stage, on_job("retry", {"--code", "nosuchcard"}), 65);
    check(stage, on_job("retry", {"--code", "nocard1000"}), 0);
    check(stage, on_job("protect", {"--code", "nocard1000", "--note", "持卡人异议"}), 0);
    check(stage, on_job("protect", {"--code", "nocard1000", "--note", "持卡人异议"}), 0);
    check(stage, on_job("show", {"--code", "nocard1000"}), 0);
    check(stage, on_job("protect", {"--code", "card0001", "--note", "持卡人异议"}), 1);
    check(stage, on_job("protect", {"--code", "later", "--note", "持卡人异议"}), 0);
    check(stage, on_job("protect", {"--code", "later", "--remove"}), 0);
    check(stage, on_job("protect", {"--code", "nocard1000", "--remove"}), 0);
    check(stage, on_job("protect", {"--code", "nocard1000", "--remove"}), 65);
    check(stage, on_job("status"), 0);
    check(stage, on_job("status", {"--handover"}), 0);
    check(stage, on_job("forget", {"--older-than", "0s", "--dry-run"}), 0);
    check(stage, on_job("forget", {"--older-than", "0s", "--yes"}), 0);
    check(stage, on_job("show", {"--code", "card0002"}), 0);
    CHECK(say(stage, on_job("report", {"-o", "report.html"})).exit_code == 0);
    CHECK(english_in(prose_of(stage.read("report.html"))) == "");
    CHECK(say(stage, on_job("plan", {"--page", "approve.html"})).exit_code == 0);
    CHECK(english_in(prose_of(stage.read("approve.html"))) == "");
  }

  TEST_CASE("chinese: why a run stopped is told in Chinese and is on record in English") {
    struct Case {
      const char* what;
      int unknown, known, exit_code;
      std::map<sandbox::Fault, double> faults;
      std::vector<std::string> flags;
      const char* on_screen;
    };
    using enum sandbox::Fault;
    const std::vector<Case> cases{
        {"canary", 1, 5, 76, {}, {"--set", "safety.canary=3"}, "试发在第 2 行（卡号 "},
        {"breaker", 25, 5, 76, {}, {"--set", "safety.canary=0"}, "超过 safety.max_failure_rate = "},
        {"signature",
         0,
         5,
         77,
         {{bad_signature, 1}},
         {},
         "本次运行没有任何应答验签通过（HTTP 200：验签不通过"},
        {"wrong card", 0, 5, 76, {{wrong_card, 1}}, {"--set", "safety.canary=0"}, "另一张卡"},
        {"certificate", 0, 5, 69, {}, {"--set", "endpoints.ca_file=other.pem"}, "主备域名的证书均不可信："},
        {"our key",
         0,
         5,
         77,
         {},
         {"--set", "merchant.private_key_file=other_key.pem"},
         "平台拒绝凭证：HTTP 401 SIGN_ERROR"},
        {"limit",
         0,
         5,
         75,
         {},
         {"--limit", "2", "--set", "safety.canary=0"},
         "已停止：已达到本次运行 2 张的上限；剩余 3"},
        {"window",
         0,
         5,
         75,
         {},
         {"--set", "safety.window=00:00-00:01", "--set", "safety.timezone=Asia/Shanghai"},
         "发送时段"},
    };
    for (const auto& each : cases) {
      CAPTURE(each.what);
      auto settings = sandbox::plain_settings();
      settings.faults = each.faults;
      settings.fault_read_backs = !each.faults.empty();
      const auto stage = stage_of_unknown(each.unknown, each.known, settings);
      stage.write("other_key.pem", sandbox::spare_key("another merchant"));
      stage.write("other.pem", stage.read("apiclient_cert.pem"));
      auto words = on_job("run", {"--yes", "--set", "input.csv=list.csv", "--set", "limits.max_in_flight=1"});
      words.insert(words.end(), each.flags.begin(), each.flags.end());
      const auto ended = check(stage, words, each.exit_code);
      CHECK_MESSAGE((ended.out + ended.err).find(each.on_screen) != std::string::npos, ended.out, ended.err);
      for (const auto& line : stage.ask_results("SELECT coalesce(ending, '') FROM runs"))
        CHECK(line.at(0).find(each.on_screen) == std::string::npos);
      if (each.exit_code != 75) check(stage, on_job("status"), 0);
    }
  }

  TEST_CASE("chinese: on a terminal a run speaks Chinese from its begin to its soft end") {
    const auto stage = stage_of(200);
    Circumstances terminal;
    terminal.on_terminal = true;
    terminal.folder = stage.dir;
    terminal.environment = {{"LANG", "zh_CN.UTF-8"}, {"TERM", "xterm"}};
    const auto words = on_job("run", {"--yes", "--set", "safety.canary=1"});
    Program program{words, terminal};
    program.wait_for_words("试发完成：1/1");
    program.send_signal(SIGINT);
    auto ended = program.wait();
    CHECK(ended.exit_code == 75);
    ended.out = std::regex_replace(ended.out, std::regex{"\x1B\\[[0-9;?]*[A-Za-z]"}, " ");
    check_is_chinese(ended, words);
    for (const auto* said :
         {"的运行开始：待发送 200", "正在停止：不再发送", "第 1 次运行结束：退出码 75", "已停止："})
      CHECK_MESSAGE(ended.out.find(said) != std::string::npos, said);
  }

  TEST_CASE("chinese: what is said to a run under way is answered in Chinese") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 50ms;
    const auto stage = stage_of(400, settings);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=40"});
    stage.wait_until("status = 'invalidated'", 1);
    check(stage, on_job("pause"), 0);
    check(stage, on_job("pause"), 0);
    check(stage, on_job("status"), 0);
    check(stage, on_job("rate", {"30"}), 0);
    check(stage, on_job("rate", {"50"}), 0);
    check(stage, on_job("protect", {"--code", "card0399", "--note", "持卡人异议"}), 0);
    check(stage, on_job("protect", {"--code", "card0000", "--note", "持卡人异议"}), 1);
    check(stage, on_job("protect", {"--code", "card0399", "--remove"}), 0);
    for (const auto& words :
         {on_job("run", {"--yes"}), on_job("plan"), on_job("retry", {"--status", "rejected"}),
          on_job("accept", {"--status", "rejected", "--note", "无此卡"}),
          on_job("forget", {"--older-than", "1d", "--yes"})})
      check(stage, words, 75);
    check(stage, on_job("resume"), 0);
    check(stage, on_job("resume"), 0);
    check(stage, on_job("show", {"--line", "300"}), 0);
    check(stage, on_job("stop"), 0);
    CHECK(program->wait().exit_code == 75);
    check(stage, on_job("stop"), 75);
    check(stage, on_job("status"), 0);
  }

  TEST_CASE(
      "chinese: what is on record of a stop is told with its parts in Chinese and the platform's words as "
      "they are") {
    const std::vector<std::pair<std::string, std::string>> endings{
        {"the canary failed at line 2 (code ab****cd), 1 of 3 cards had passed; unresolved: HTTP 200 "
         "UNVERIFIED, \"HTTP "
         "200: its signature does not verify (bad_signature)\" (Request-ID 08F3); check "
         "platform.public_key_id and "
         "platform.public_key_file, or platform.certificates_dir",
         "试发在第 2 行（卡号 ab****cd）未通过，此前已通过 1/3；未决：HTTP 200 UNVERIFIED，“HTTP "
         "200：验签不通过（bad_signature）”（Request-ID 08F3）；请检查 platform.public_key_id"},
        {"the canary failed at line 4 (code 12****89), 0 of 3 cards had passed; unresolved: no answer LOST, "
         "\"no answer "
         "before the deadline\"",
         "未决：无应答 LOST，“时限内没有应答”"},
        {"12 of the last 50 settled rows were rejected or left unresolved, which is more than "
         "safety.max_failure_rate = "
         "0.05; all with NO_SUCH_CARD, such as line 7 (code 12****89)",
         "最近有结果的 50 行中有 12 行被拒绝或未决，超过 safety.max_failure_rate = 0.05；均为 "
         "NO_SUCH_CARD，例如第 7 行"},
        {"12 of the last 50 settled rows were rejected or left unresolved, which is more than "
         "safety.max_failure_rate = "
         "0.05; 9 with no error code, such as line 7 (code 12****89)",
         "其中 9 行无错误码"},
        {"the platform refuses our credentials: HTTP 401 SIGN_ERROR, \"the sign of the request is wrong\" "
         "(Request-ID "
         "08F3)",
         "平台拒绝凭证：HTTP 401 SIGN_ERROR，“the sign of the request is wrong”（Request-ID 08F3）"},
        {"the platform refuses the time of our signatures (its own is 7m 30s ahead of ours); set this "
         "machine's clock: "
         "HTTP 401 SIGN_ERROR",
         "平台不接受签名的时间（平台时钟"},
        {"the platform is in trouble: a canary card gets no answer that counts since 10m 00s; run again "
         "later: HTTP 502 "
         "HTTP_502, \"HTTP 502 with an HTML page, \"Bad Gateway\"\"",
         "平台故障：试发卡已有 10 分 00 秒"},
        {"the platform's answers about 2 different cards are odd in the same way, last about line 9: an "
         "answer that is "
         "not in our table (docs/answers.md): HTTP 418 TEAPOT, \"short and stout\"",
         "最近一次为第 9 行：应答不在已知之列（docs/answers.md）：HTTP 418 TEAPOT，“short and stout”"},
        {"the verified answers about 3 of the last 20 cards are about another card or cannot be read (the "
         "answer is about "
         "another card: code 12****89 of template pcard1)",
         "应答是另一张卡的：卡号 12****89，卡模板 pcard1"},
        {"neither endpoint's certificate can be trusted: pay.example:443: certificate not accepted: "
         "certificate has "
         "expired (is this machine's clock right?)",
         "主备域名的证书均不可信：pay.example:443：证书不被接受：证书已过期（本机时钟是否正确？）"},
        {"neither endpoint has been reachable for 20s", "域名"},
        {"20 cards were INVALID before us and none was invalidated by us; is this the right list, or was the "
         "results "
         "database lost? If that is normal for this list, set safety.expect_already = true",
         "20 张卡在首次请求之前已作废"}};
    const auto stage = stage_of(1);
    REQUIRE(stage.run("run", {"--yes", "--set", "safety.canary=0"}).exit_code == 0);
    sqlite::Connection books{stage.database(), sqlite::Mode::read_write};
    for (const auto& [english, chinese] : endings) {
      sqlite::Statement add{
          books,
          "INSERT INTO run (command, started_at, ended_at, host, pid, version, acknowledge, "
          "fingerprint, by_confirm, last_row, exit_code, ending) SELECT 'run', started_at, started_at, "
          "'h', 1, '1', '', '', 0, 1, 76, ?1 FROM run WHERE id = 1"};
      add.bind(english).step();
    }
    auto page = say(stage, on_job("report", {"-o", "-"})).out;
    for (const auto& [entity, sign] : {std::pair{"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}})
      for (std::size_t at = 0; (at = page.find(entity, at)) != std::string::npos;)
        page.replace(at, std::string_view{entity}.size(), sign);
    for (const auto& [english, chinese] : endings) {
      CAPTURE(english);
      CHECK(page.find(chinese) != std::string::npos);
      CHECK(page.find(english) == std::string::npos);
    }
  }
}
