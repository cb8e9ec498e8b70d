// What a merchant in China reads, from the first command to the report, and where something is wrong.

#include <doctest/doctest.h>

#include <ostream>

#include "chinese.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  Stage stage_with_list(const std::string& list) {
    return Stage{sandbox::plain_settings(), {{"members.csv", plain_members(5)}, {"list.csv", list}}};
  }

  std::vector<std::string> init_words() {
    return {"init",
            "gold.toml",
            "--list",
            "members.csv",
            "--private-key",
            "apiclient_key.pem",
            "--public-key",
            "wxp_pub.pem",
            "--public-key-id",
            "PUB_KEY_ID_0119000000012026110200000000000001",
            "--brand-id",
            "1004",
            "--acknowledge",
            "客服部于 2026-11-01 以模板消息告知并取得同意"};
  }

  // Where init's job finds the sandbox.
  void point_at_sandbox(const Stage& stage) {
    auto job = stage.read("gold.toml");
    job += "\n[endpoints]\n";
    const auto own = stage.read("sandbox.toml");
    for (const std::string key : {"\nprimary = ", "\nbackup = ", "\nca_file = "}) {
      const auto at = own.find(key) + 1;
      job += own.substr(at, own.find('\n', at) + 1 - at);
    }
    stage.write("gold.toml", job);
  }

  }  // namespace

  TEST_CASE("chinese: from init to the report there is no English sentence in what people read") {
    const auto stage = stage_of(5);
    const auto made = say(stage, init_words());
    CAPTURE(made.err);
    REQUIRE(made.exit_code == 0);
    const auto job = stage.read("gold.toml");
    CHECK(english_in(made.out) == "");
    CHECK(english_in(job) == "");
    CHECK(has_chinese(made.out));
    CHECK(has_chinese(job));
    point_at_sandbox(stage);
    CHECK(say(stage, {"rehearse", "gold.toml"}).exit_code == 0);
    const std::vector<std::vector<std::string>> walk{{"check", "gold.toml"},
                                                     {"plan", "gold.toml", "--page", "approve.html"},
                                                     {"run", "gold.toml", "--yes"},
                                                     {"show", "gold.toml", "--line", "2"},
                                                     {"report", "gold.toml", "-o", "report.html"}};
    for (const auto& words : walk) {
      const auto ended = say(stage, words);
      CAPTURE(words.front());
      CAPTURE(ended.out);
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 0);
      CHECK(english_in(ended.out) == "");
      CHECK(english_in(ended.err) == "");
    }
    CHECK(stage.read("approve.html").find("lang=\"zh") != std::string::npos);
    // The record of what was read and of how it ended is English.
    CHECK(ask_database(stage.dir / "gold.db", "SELECT ending FROM runs").at(0).at(0) == "done");
  }

  TEST_CASE("chinese: the same walk in English has no Chinese") {
    const auto stage = stage_of(5);
    auto words = init_words();
    words.back() = "Customer Care told them by message and they agreed, 2026-11-01";
    REQUIRE(say(stage, words, {}).exit_code == 0);
    point_at_sandbox(stage);
    const auto checked = say(stage, {"check", "gold.toml"}, {});
    CAPTURE(checked.out);
    CHECK(checked.exit_code == 0);
    CHECK_FALSE(has_chinese(checked.out));
    CHECK(say(stage, {"plan", "gold.toml"}, {}).out.starts_with("job gold: 5 cards to become invalid"));
    CHECK(say(stage, {"run", "gold.toml", "--yes"}, {}).exit_code == 0);
  }

  TEST_CASE("chinese: mistakes are told in Chinese with the same exit code as in English") {
    const auto stage = stage_with_list("会员,电话\n王,13800000000\n");
    stage.write("empty.csv", "");
    stage.write("excel.csv", "PK\x03\x04 and more");
    stage.write("quotes.toml", "name = “gold”\n");
    stage.write("path.toml", "name = \"a\"\n[input]\ncsv = \"C:\\keys\\list.csv\"\n");
    stage.write("short.toml", "name = \"gold\"\n[limits]\nrequests_per_second = 5000\nrate = 3\n");
    const std::vector<std::vector<std::string>> mistakes{
        {"check", "quotes.toml"},
        {"check", "path.toml"},
        {"check", "short.toml"},
        {"check", "nowhere.toml"},
        {"plan", "members.csv"},
        {"plan"},
        {"plan", "sandbox.toml", "--page"},
        {"plan", "sandbox.toml", "--pages", "x"},
        {"sandbox.toml", "run"},
        {"sandbox.toml"},
        {"frobnicate"},
        {"run", "sandbox.toml"},
        {"run", "sandbox.toml", "--confirm", "12"},
        {"run", "sandbox.toml", "--yes", "--confirm", "12345678"},
        {"run", "sandbox.toml", "--yes", "--limit", "none"},
        {"run", "sandbox.toml", "--yes", "--set", "safety.max_rows=1"},
        {"run", "sandbox.toml", "--yes", "--set", "safety.acknowledge="},
        {"run", "sandbox.toml", "--confirm", "0123456789abcdef"},
        {"run", "sandbox.toml", "--yes", "--set", "merchant.private_key_file=wxp_pub.pem"},
        {"plan", "sandbox.toml", "--set", "input.csv=list.csv"},
        {"plan", "sandbox.toml", "--set", "input.csv=empty.csv"},
        {"plan", "sandbox.toml", "--set", "input.csv=excel.csv"},
        {"plan", "sandbox.toml", "--set", "input.csv=missing.csv"},
        {"plan", "sandbox.toml", "--results", "members.csv"},
        {"check", "sandbox.toml", "--set", "safety.acknowledge=TODO"},
        {"init", "gold.toml", "--list", "list.csv"},
        {"init", "sandbox.toml"}};
    for (const auto& words : mistakes) {
      const auto chinese = say(stage, words), english = say(stage, words, {});
      std::string line;
      for (const auto& word : words) line += " " + word;
      CAPTURE(line);
      CAPTURE(chinese.out);
      CAPTURE(chinese.err);
      CHECK(chinese.exit_code == english.exit_code);
      CHECK(english_in(chinese.out) == "");
      CHECK(english_in(chinese.err) == "");
      CHECK(has_chinese(chinese.out + chinese.err));
    }
  }

  TEST_CASE("chinese: programs read English in a Chinese locale") {
    const auto stage = stage_of(3);
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"check", "sandbox.toml", "--json"},
          {"check", "nowhere.toml", "--log-format", "json"},
          {"plan", "sandbox.toml", "--json", "--set", "input.csv=missing.csv"}}) {
      const auto ended = say(stage, words);
      CAPTURE(ended.out);
      CAPTURE(ended.err);
      CHECK_FALSE(has_chinese(ended.out + ended.err));
    }
  }
}
