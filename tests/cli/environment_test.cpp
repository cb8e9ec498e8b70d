// What the environment says: CARDVOID_… for every global flag, and the language.

#include <doctest/doctest.h>

#include <ostream>
#include <regex>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  Ended run_in(std::map<std::string, std::string> environment, std::vector<std::string> words) {
    Circumstances circumstances;
    circumstances.environment = std::move(environment);
    return Program{std::move(words), circumstances}.wait();
  }

  std::string variable_of(std::string flag) {
    flag.erase(0, 2);
    for (auto& c : flag) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
    return "CARDVOID_" + flag;
  }

  }  // namespace

  TEST_CASE("environment: every global flag has a variable and a wrong value of it names the variable") {
    const auto stage = stage_of(1);
    const auto help = support::run({"--help"}).out;
    const auto begin = help.find("\nGlobal flags"), end = help.find("\nExit codes:");
    REQUIRE(begin < end);
    const auto page = help.substr(begin, end - begin);
    const std::regex flag{"  (?:-., )?(--[a-z-]+)( [A-Z])?"};
    int count = 0;
    for (std::sregex_iterator it{page.begin(), page.end(), flag}, none; it != none; ++it, ++count) {
      const auto name = (*it)[1].str();
      if (name == "--help" || name == "--version" || name == "--results") continue;  // any text is a path
      CAPTURE(name);
      const auto ended = run_in({{variable_of(name), "gremlin"}}, {"plan", stage.job()});
      CHECK(ended.exit_code == 64);
      CHECK(ended.out.empty());
      CHECK(ended.err.starts_with("cardvoid: " + variable_of(name) + " gremlin: expected "));
    }
    CHECK(count >= 11);
    CHECK_FALSE(std::filesystem::exists(stage.database()));
  }

  TEST_CASE("environment: a variable stands for its flag and the flag wins") {
    const auto stage = stage_of(3);
    const auto other = (stage.dir / "other.db").string();
    CHECK(run_in({{"CARDVOID_RESULTS", other}}, {"plan", stage.job()}).exit_code == 0);
    CHECK(std::filesystem::exists(other));
    CHECK_FALSE(std::filesystem::exists(stage.database()));
    CHECK(run_in({{"CARDVOID_RESULTS", "/nowhere/x.db"}}, {"plan", stage.job(), "--results", other})
              .exit_code == 0);

    const auto json = run_in({{"CARDVOID_JSON", "1"}}, {"plan", stage.job()});
    CHECK(json.out.starts_with("{"));
    for (const auto* off : {"0", "false", "no", "off", ""})
      CHECK(run_in({{"CARDVOID_JSON", off}}, {"plan", stage.job()}).out.starts_with("job "));

    const auto log = run_in({{"CARDVOID_LOG_FORMAT", "json"}}, {"plan", "nowhere.toml"});
    CHECK(log.err.starts_with("{"));
    CHECK(run_in({{"CARDVOID_LOG_FORMAT", "json"}}, {"plna"}).err.starts_with("{"));
    CHECK(run_in({{"CARDVOID_LOG_FORMAT", "json"}}, {"plan", "nowhere.toml", "--log-format", "text"})
              .err.starts_with("cardvoid: "));
    CHECK(run_in({{"CARDVOID_QUIET", "1"}}, {"run", stage.job(), "--yes"}).out.empty());
  }

  TEST_CASE("environment: CARDVOID_SET has a key on each line and --set of the same key wins") {
    const auto stage = stage_of(3);
    const auto canary = [&](const std::string& variable, std::vector<std::string> flags) {
      std::vector<std::string> words{"plan", stage.job(), "--json"};
      words.insert(words.end(), flags.begin(), flags.end());
      return run_in({{"CARDVOID_SET", variable}}, words);
    };
    const auto wrong = canary("safety.max_rows=2\nlimits.max_attempts=0", {});
    CHECK(wrong.exit_code == 78);
    CHECK(wrong.err.find("CARDVOID_SET limits.max_attempts: expected a whole number") != std::string::npos);
    CHECK(canary("limits.max_attempts=0", {"--set", "limits.max_attempts=4"}).exit_code == 0);
    const auto flag = canary("limits.max_attempts=4", {"--set", "limits.max_attempts=0"});
    CHECK(flag.err.find("--set limits.max_attempts: expected") != std::string::npos);
    CHECK(canary("limits", {}).err.find("CARDVOID_SET limits: expected section.key=value") !=
          std::string::npos);
  }

  TEST_CASE("environment: -v shows each request and cannot stand beside -q") {
    const auto stage = stage_of(2);
    const auto plain = stage.run("run", {"--yes", "--limit", "1"});
    const auto verbose = stage.run("run", {"--yes", "-v"});
    CHECK(verbose.exit_code == 0);
    CHECK(plain.err.find("Request-ID ") == std::string::npos);
    CHECK(verbose.err.find("Request-ID ") != std::string::npos);
    CHECK(support::run({"run", "x.toml", "-v", "-q"})
              .err.find("--verbose and --quiet cannot be used together") != std::string::npos);
    CHECK(support::run({"run", "x.toml", "-v", "--log-level", "info"})
              .err.find("--log-level and --verbose cannot be used together") != std::string::npos);
    const std::map<std::string, std::string> loud{{"CARDVOID_VERBOSE", "1"}};
    CHECK(run_in(loud, {"run", stage.job(), "--yes", "-q"}).err.empty());  // the flag wins
    const auto both = run_in({{"CARDVOID_VERBOSE", "1"}, {"CARDVOID_QUIET", "1"}}, {"plan", stage.job()});
    CHECK(both.exit_code == 64);
    CHECK(both.err.find("CARDVOID_VERBOSE and CARDVOID_QUIET cannot be set together") != std::string::npos);
  }

  TEST_CASE("environment: a variable that is mistyped is told with the one that is meant and does nothing") {
    const auto warnings = [](const std::string& variable) { return run_in({{variable, "1"}}, {"help"}).err; };
    CHECK(warnings("CARDVOID_LANGUAGE")
              .find("CARDVOID_LANGUAGE: there is no such variable, and it does nothing; "
                    "did you mean CARDVOID_LANG?") != std::string::npos);
    CHECK(warnings("CARDVOID_RESULT").find("did you mean CARDVOID_RESULTS?") != std::string::npos);
    CHECK(warnings("CARDVOID_LOGLEVEL").find("did you mean CARDVOID_LOG_LEVEL?") != std::string::npos);
    for (const auto* of_others : {"CARDVOID_EXIT_CODE", "CARDVOID_JOB", "CARDVOID_BACKUP_HOST", "CARDVOIDX"})
      CHECK(warnings(of_others).empty());
  }

  TEST_CASE("environment: help and version come through a wrong variable") {
    const std::map<std::string, std::string> wrong{{"CARDVOID_LANG", "xx"}, {"CARDVOID_JSON", "maybe"}};
    for (const std::string word : {"--help", "--version"}) CHECK(run_in(wrong, {word}).exit_code == 0);
    CHECK(run_in({}, {"plan", "--log-level", "loud", "--help"}).exit_code == 0);
    CHECK(run_in(wrong, {"plan", "x.toml"}).err.starts_with("cardvoid: CARDVOID_LANG xx: expected auto"));
  }

  TEST_CASE("environment: the language comes from the flag or its variable or the locale") {
    const auto stage = stage_of(1);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    const auto is_chinese = [&](std::map<std::string, std::string> environment,
                                std::vector<std::string> flags) {
      for (const auto* name : {"LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE"})
        environment.try_emplace(name, "");
      std::vector<std::string> words{"report", stage.job(), "-o", "-"};
      words.insert(words.end(), flags.begin(), flags.end());
      const auto ended = run_in(environment, words);
      CHECK(ended.exit_code == 0);
      return ended.out.find("lang=\"zh") != std::string::npos;
    };
    CHECK_FALSE(is_chinese({}, {}));
    CHECK(is_chinese({{"LANG", "zh_CN.UTF-8"}}, {}));
    CHECK(is_chinese({{"LANG", "en_US.UTF-8"}, {"LANGUAGE", "zh_CN:en"}}, {}));
    CHECK_FALSE(is_chinese({{"LANG", "zh_CN.UTF-8"}, {"LC_ALL", "C"}}, {}));
    CHECK(is_chinese({{"CARDVOID_LANG", "zh"}}, {}));
    CHECK(is_chinese({{"CARDVOID_LANG", "en"}}, {"--lang", "zh"}));
    CHECK_FALSE(is_chinese({{"CARDVOID_LANG", "zh"}}, {"--lang", "auto"}));
    CHECK(support::run({"report", stage.job(), "-o", "-", "--lang", "de"}).exit_code == 64);
    // The system's words stand in logs.
    CHECK(support::run({"report", "nowhere.toml", "-o", "-", "--lang", "zh"}).err.find("文件或目录不存在") !=
          std::string::npos);
  }

  TEST_CASE("environment: in Chinese people read Chinese and programs and logs English") {
    const auto stage = stage_of(3);
    const std::vector<std::string> chinese{"--lang", "zh"};
    const auto plan = stage.run("plan", chinese);
    CHECK(plan.out.starts_with("任务 sandbox：将作废 3 张会员卡，无法恢复\n"));
    const auto run = stage.run("run", {"--yes", "--lang", "zh"});
    CHECK(run.exit_code == 0);
    CHECK(run.err.find(" run of sandbox begins: 3 cards to send") != std::string::npos);
    CHECK(stage.run("status", chinese).out.find("  已作废") != std::string::npos);
    CHECK(stage.run("show", {"--line", "2", "--lang", "zh"}).out.find("由本任务作废。\n") !=
          std::string::npos);
    CHECK(stage.run("show", {"--line", "2", "--json", "--lang", "zh"}).out ==
          stage.run("show", {"--line", "2", "--json"}).out);
  }
}
