// Every ending of a run names the next command, with the job and the flags as they were given.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  // What stands behind "…: " in the line with these words.
  std::string command_behind(const Ended& ended, const std::string& words) {
    const auto at = ended.err.find(words + ": cardvoid ");
    REQUIRE_MESSAGE(at != std::string::npos, words, " is missing in: ", ended.err);
    const auto start = at + words.size() + 2;
    return ended.err.substr(start, ended.err.find('\n', start) - start);
  }

  std::vector<std::string> set(std::vector<std::string> flags, const std::string& key_and_value) {
    flags.insert(flags.end(), {"--set", key_and_value});
    return flags;
  }

  const std::vector<std::string> k_yes{"--yes"};

  }  // namespace

  TEST_CASE("next steps: a key that is refused and one that cannot be used say check") {
    const auto stage = stage_of(3);
    stage.write("no_key.pem", "this is no key");
    const auto unusable = stage.run("run", set(k_yes, "merchant.private_key_file=no_key.pem"));
    CHECK(unusable.exit_code == 77);
    CHECK(command_behind(unusable, "find out what is wrong, without sending")
              .ends_with("--set merchant.private_key_file=no_key.pem"));
    const auto refused = stage.run("run", set(k_yes, "merchant.mchid=\"1900009999\""));
    CAPTURE(refused.err);
    CHECK(refused.exit_code == 77);
    CHECK(command_behind(refused, "find out what is wrong, without sending").starts_with("cardvoid check "));
    CHECK(command_behind(refused, "after correcting it").starts_with("cardvoid run "));
  }

  TEST_CASE("next steps: the login of a proxy is in no command that is proposed") {
    const auto stage = stage_of(3);
    const auto flags = set(k_yes, "endpoints.proxy=\"http://me:s3cret@127.0.0.1:9\"");
    for (const auto& ended :
         {stage.run("run", set(flags, "merchant.private_key_file=no_key.pem")), stage.run("run", flags),
          stage.run("status", {"--handover", "--set", "endpoints.proxy=\"http://me:s3cret@127.0.0.1:9\""})}) {
      const auto told = ended.err + ended.out;
      CAPTURE(told);
      CHECK(told.find("s3cr") == std::string::npos);
      CHECK(told.find("http://LOGIN@127.0.0.1:9") != std::string::npos);
    }
  }

  TEST_CASE("next steps: what is wrong before anything is sent says what to look at") {
    const auto stage = stage_of(3);
    const auto unread = stage.run("run", set(k_yes, "input.csv=\"no.csv\""));
    CHECK(unread.exit_code == 66);
    CHECK(command_behind(unread, "once the file is there").starts_with("cardvoid run "));
    const auto another = stage.run("run", {"--confirm", "000000000000"});
    CHECK(another.exit_code == 65);
    CHECK(command_behind(another, "see what has changed, and its fingerprint")
              .starts_with("cardvoid plan " + stage.job()));
    const auto wrong = stage.run("plan", {"--set", "limits.max_attempts=0"});
    CHECK(wrong.exit_code == 78);
    const auto again = command_behind(wrong, "correct the --set, or leave it out");
    CHECK(again.starts_with("cardvoid plan "));
    CHECK(again.find("max_attempts") == std::string::npos);
    CHECK(again.find("--set") != std::string::npos);  // the others stay
    CHECK(command_behind(stage.run("plan", {"--set", "limits.requests_per_secnd=2"}),
                         "correct the --set, or leave it out")
              .find("secnd") == std::string::npos);
    CHECK(command_behind(stage.run("plan", {"--set", "nothing"}), "correct the --set, or leave it out")
              .find("nothing") == std::string::npos);
    const auto folder = support::run({"plan", stage.dir.string()});
    CHECK(folder.exit_code == 66);
    CHECK(folder.err.find("cardvoid init") == std::string::npos);
    CHECK(wrong.err.find("cardvoid check") == std::string::npos);  // it would say the same
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("next steps: the command that carries on can be pasted into a shell") {
    const auto stage = stage_of(4);
    const auto first = stage.run("run", {"--yes", "--limit", "1", "-q"});
    CHECK(first.exit_code == 75);
    const auto command = command_behind(first, "carry on");
    const auto folder = stage.dir / "with spaces";
    std::filesystem::create_directory(folder);
    std::filesystem::create_symlink(CARDVOID_BINARY, folder / "cardvoid");
    const auto pasted = fmt::format("PATH='{}:'\"$PATH\"; {}", folder.string(), command);
    CHECK(std::system((pasted + " >/dev/null 2>&1").c_str()) == 75 << 8);  // --limit stands in it too
    CHECK(stage.count("status = 'invalidated'") == 2);
    CHECK(stage.run("run", k_yes).exit_code == 0);
  }

  TEST_CASE("next steps: the finish hook gets reason and commands apart and a success says nothing") {
    const auto stage = stage_of(2);
    stage.write("notify.sh", "#!/bin/sh\ncat >got.json\n");
    std::filesystem::permissions(stage.dir / "notify.sh", std::filesystem::perms::owner_all);
    const auto ended =
        stage.run("run", set(set(k_yes, "results.on_finish=./notify.sh"), "input.csv=\"no.csv\""));
    CHECK(ended.exit_code == 66);
    const auto got = boost::json::parse(stage.read("got.json"));
    CHECK(got.at("stopped").as_string().find("cardvoid run") == std::string_view::npos);
    CHECK(got.at("next").as_array().back().as_string().starts_with("once the file is there: cardvoid run "));
    const auto done = stage.run("run", k_yes);
    CHECK(done.exit_code == 0);
    CHECK(done.err.find(": cardvoid ") == std::string::npos);
  }
}
