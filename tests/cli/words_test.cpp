// Messages about the machine around a job: they name the cause and the next step.

#include <doctest/doctest.h>

#include <chrono>
#include <ostream>
#include <regex>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  Ended ask(std::vector<std::string> words, std::map<std::string, std::string> environment) {
    Circumstances shell;
    shell.environment = std::move(environment);
    return support::run(std::move(words), shell);
  }

  // Three English words in a row, but for commands and file names.
  std::string english_in(const std::string& text) {
    const auto rest = std::regex_replace(
        text, std::regex{"cardvoid [^\n；。）]*|--[a-z-]+ [a-z_]+|docs/[a-z/.]+|sandbox: no real customers"},
        "");
    std::smatch found;
    return std::regex_search(rest, found, std::regex{"[A-Za-z]{2,},? [a-z]{2,},? [a-z]{2,}"}) ? found.str()
                                                                                              : "";
  }

  bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

  }  // namespace

  TEST_CASE("words: OpenSSL without its default provider is named and no key is called damaged") {
    const auto stage = stage_of(3);
    stage.write("legacy.cnf", "openssl_conf = a\n[a]\nproviders = b\n[b]\nlegacy = c\n[c]\nactivate = 1\n");
    const std::map<std::string, std::string> broken{{"OPENSSL_CONF", (stage.dir / "legacy.cnf").string()}};
    for (const auto* command : {"run", "plan", "check"}) {
      CAPTURE(command);
      std::vector<std::string> words{command, stage.job()};
      if (words[0] == "run") words.push_back("--yes");
      const auto ended = ask(words, broken);
      INFO(ended.out << ended.err);
      CHECK(ended.exit_code == 77);
      CHECK(
          says(ended.out + ended.err, "OpenSSL has no SHA-256 or RSA, so no key can be used: OPENSSL_CONF="));
      CHECK(says(ended.out + ended.err, "legacy.cnf does not activate its default provider"));
      CHECK_FALSE(says(ended.out + ended.err, "damaged"));
      CHECK_FALSE(says(ended.out + ended.err, "internal error"));
    }
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("words: a machine without trust roots is told which package has them") {
    const auto stage = stage_of(3);
    const auto job = stage.job_with("ca_file", "#ca_file", "bare.toml");
    const auto ended =
        ask({"check", job}, {{"SSL_CERT_FILE", "/nowhere/cert.pem"}, {"SSL_CERT_DIR", "/nowhere/certs"}});
    INFO(ended.out);
    CHECK(says(ended.out,
               "this machine has no trust roots, neither in /nowhere/cert.pem nor in /nowhere/certs: "
               "install the package ca-certificates"));
    const auto with_roots = ask({"check", job}, {{"SSL_CERT_FILE", (stage.dir / "members.csv").string()}});
    CHECK(says(with_roots.out, "unknown issuer: "));
    CHECK_FALSE(says(with_roots.out, "ca-certificates"));
  }

  TEST_CASE("words: answers that were signed long ago are not blamed on the platform key") {
    auto settings = sandbox::plain_settings();
    settings.faults = {{sandbox::Fault::stale_timestamp, 1.0}};
    settings.fault_read_backs = true;
    const auto stage = stage_of(8, settings);
    const auto ended = stage.run("run", {"--yes", "--set", "limits.max_attempts=2"});
    INFO(ended.err);
    CHECK(ended.exit_code != 0);
    CHECK(says(ended.err, "behind ours by its Wechatpay-Timestamp, and 5 minutes are too much (stale)"));
    CHECK_FALSE(says(ended.err, "public_key_file"));
  }

  TEST_CASE("words: in Chinese a run under way and its steering and a rehearsal have no English sentence") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 100ms;
    const auto stage = stage_of(400, settings);
    const std::vector<std::string> zh{"--lang", "zh"};
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=20"});
    stage.wait_until("status = 'invalidated'", 8);
    const auto rate = stage.run("rate", {"10", "--lang", "zh"});
    CHECK(says(rate.out, "从现在起到运行结束，速率为 10 次/秒（任务文件为 20）"));
    const auto paused = stage.run("pause", zh);
    CHECK(says(paused.out, "已暂停；"));
    const auto waiting = stage.run("status", zh);
    CHECK(says(waiting.out, "run 正在进行：进程 "));
    CHECK(says(waiting.out, "暂不发送：由 "));
    CHECK(says(waiting.out, "主域名正常，备用域名正常"));
    const auto json = stage.run("status", {"--json", "--lang", "zh"});
    CHECK(says(json.out, "\"words\":\"paused by "));
    const auto stopped = stage.run("stop", zh);
    CHECK(says(stopped.out, "正在停止："));
    CHECK(program->wait().exit_code == 75);
    const auto after = stage.run("status", zh);
    CHECK(says(after.out, "没有正在进行的运行"));
    CHECK(says(after.out, "执行 cardvoid stop 停止"));
    CHECK(says(after.out, "剩余 "));
    const auto rehearsal = stage.run("rehearse", {"--lang", "zh", "--limit", "30", "--faults", "bad-day"});
    CHECK(says(rehearsal.out, "演练情况\n"));
    const auto plan = stage.run("plan", zh);
    CHECK(says(plan.out, "CSV，UTF-8"));
    for (const auto& text :
         {rate.out, paused.out, waiting.out, stopped.out, after.out, rehearsal.out, plan.out}) {
      INFO(text);
      CHECK(english_in(text) == "");
    }
  }
}
