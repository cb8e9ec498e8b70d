// Several processes send one job as its shards, as several machines would, and merge makes one job of it
// again.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <csignal>
#include <fstream>
#include <iterator>
#include <ostream>
#include <set>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;
  namespace fs = std::filesystem;

  namespace {

  constexpr int k_shards = 3;

  std::string of(int number, int count = k_shards) { return fmt::format("{}/{}", number, count); }

  std::vector<std::string> with(std::vector<std::string> flags, const std::vector<std::string>& more) {
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  }

  fs::path database_of(const Stage& stage, int number, int count = k_shards) {
    return stage.dir / fmt::format("sandbox.{}-of-{}.db", number, count);
  }

  // Each with a state folder of its own, as on a machine of its own: nothing but its part of the limit keeps
  // them together.
  std::unique_ptr<Program> start_alone(const Stage& stage, int number,
                                       const std::vector<std::string>& flags) {
    Circumstances circumstances;
    circumstances.environment["XDG_STATE_HOME"] = (stage.dir / fmt::format("machine{}", number)).string();
    return std::make_unique<Program>(stage.words("run", with({"--yes", "--shard", of(number)}, flags)),
                                     circumstances);
  }

  Ended merge(const Stage& stage, std::vector<fs::path> shards = {},
              const std::vector<std::string>& flags = {}) {
    std::vector<std::string> words{"merge", "-o", stage.database().string()};
    if (shards.empty())
      for (int number = 1; number <= k_shards; ++number) shards.push_back(database_of(stage, number));
    for (const auto& shard : shards) words.push_back(shard.string());
    return run(with(words, flags));
  }

  std::string content_of(const fs::path& file) {
    std::ifstream stream{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
  }

  // What does not depend on when and by which connection a card was sent.
  std::string results_of(const Stage& stage) {
    std::string text;
    for (const auto& line : stage.ask_results(
             "SELECT brand_id, card_id, code, openid, reason, status, card_state, error_code, http_status, "
             "attempts, source_line, settled_by, answer_signed, held_back FROM results"))
      text += fmt::format("{}\n", fmt::join(line, ","));
    for (const auto& line :
         stage.ask_results("SELECT source_line, cause, raw FROM refused ORDER BY source_line"))
      text += fmt::format("refused {}\n", fmt::join(line, ","));
    return text;
  }

  boost::json::object status_of(const Stage& stage) {
    auto answer = boost::json::parse(stage.run("status", {"--json"}).out).as_object();
    for (const auto* key : {"runs", "rate", "errors", "log_bytes"}) answer.erase(key);
    return answer;
  }

  // Cards that become invalid, some that the platform does not know, and lines that are refused.
  std::string mixed_members() {
    auto csv = plain_members(60);
    for (int i = 0; i < 6; ++i)
      csv += fmt::format("unknown{},pbLatjvWOibDc5-TBnbUk1pD12o0,oUnknown{}uMuAJO_M2pxb1Q9zN,\r\n", i, i);
    csv += ",pbLatjvWOibDc5-TBnbUk1pD12o0,oPlain0001uMuAJO_M2pxb1Q9zN,\r\n";          // no code
    csv += "card0001,pbLatjvWOibDc5-TBnbUk1pD12o0,oPlain0001uMuAJO_M2pxb1Q9zN,\r\n";  // twice
    csv += "card0002,pbLatjvWOibDc5-TBnbUk1pD12o0,oOther0002uMuAJO_M2pxb1Q9zN,\r\n";  // another member
    return csv;
  }

  const std::vector<std::string> k_fast{"--set", "limits.requests_per_second=300"};

  sandbox::Settings limited_to(double requests_per_second) {
    auto settings = sandbox::plain_settings();
    settings.requests_per_second = requests_per_second;
    settings.latency_min = 5ms, settings.latency_max = 20ms;
    return settings;
  }

  }  // namespace

  TEST_CASE(
      "shard: three machines send every card once and within the limit though one is killed and started "
      "again") {
    const Stage stage{limited_to(66), {{"members.csv", plain_members(120)}}};
    const std::vector<std::string> flags{"--set", "limits.requests_per_second=60"};
    std::vector<std::unique_ptr<Program>> machines;
    for (int number = 1; number <= k_shards; ++number) machines.push_back(start_alone(stage, number, flags));
    const auto has_sent = [&] {
      const auto file = database_of(stage, 2);
      return fs::exists(file) &&
             ask_database(file, "SELECT 1 FROM sqlite_schema WHERE name = 'attempt'").size() == 1 &&
             ask_database(file, "SELECT 1 FROM attempt WHERE outcome IS NOT NULL").size() > 3;
    };
    while (!has_sent()) REQUIRE_FALSE(machines[1]->ends_within(20ms));
    machines[1]->send_signal(SIGKILL);
    machines[1]->wait();
    machines[1] = start_alone(stage, 2, flags);
    for (auto& machine : machines) {
      const auto ended = machine->wait();
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 0);
    }
    const auto counters = stage.sandbox->counters();
    CHECK(counters.most_in_any_second <= 66);
    CHECK(counters.throttled == 0);
    CHECK(counters.after_invalid == 0);
    CHECK(stage.sandbox->applied().size() == 120);
    // No card was in two databases, and none was sent again that had an answer.
    std::set<std::string> codes;
    for (int number = 1; number <= k_shards; ++number) {
      const auto lines = ask_database(database_of(stage, number), "SELECT code, status FROM results");
      CHECK(lines.size() > 20);
      for (const auto& line : lines) CHECK((codes.insert(line[0]).second && line[1] == "invalidated"));
      CHECK(
          ask_database(
              database_of(stage, number),
              "SELECT count(*) FROM (SELECT 1 FROM attempt WHERE kind = 'invalidate' AND outcome IS NOT NULL "
              "GROUP BY row_id HAVING count(*) > 1)")[0][0] == "0");
    }
    CHECK(codes.size() == 120);
    const auto merged = merge(stage);
    CAPTURE(merged.err);
    CHECK(merged.exit_code == 0);
    stage.check_against_truth();
    CHECK(stage.run("status").exit_code == 0);
    CHECK(stage.ask_results("SELECT count(*) FROM runs")[0][0] == "4");
    CHECK(stage.run("show", {"--code", "card0007"}).out.find("What happened\n") != std::string::npos);
    CHECK(stage.run("report", {"-o", "-"}).exit_code == 0);
  }

  TEST_CASE("shard: merged results and their plan and their status are those of a run without shards") {
    const Stage whole{sandbox::plain_settings(), {{"members.csv", mixed_members()}}};
    const Stage parts{sandbox::plain_settings(), {{"members.csv", mixed_members()}}};
    CHECK(whole.run("run", with({"--yes"}, k_fast)).exit_code == 1);
    std::int64_t lines = 0;
    for (int number = 1; number <= k_shards; ++number) {
      const auto plan = parts.run("plan", {"--json", "--shard", of(number)});
      REQUIRE(plan.exit_code == 0);
      const auto answer = boost::json::parse(plan.out).as_object();
      lines += answer.at("lines").as_int64();
      CHECK(answer.at("lines").as_int64() + answer.at("lines_of_other_shards").as_int64() == 69);
      CHECK(answer.at("shard").as_string() == of(number));
      CHECK(answer.at("run_command").as_string().find(" --shard " + of(number)) != boost::json::string::npos);
      const auto fingerprint = std::string{answer.at("fingerprint").as_string()};
      const auto ended = parts.run("run", with({"--confirm", fingerprint, "--shard", of(number)}, k_fast));
      CAPTURE(ended.err);
      CHECK((ended.exit_code == 0 || ended.exit_code == 1));
    }
    CHECK(lines == 69);
    CHECK(merge(parts).exit_code == 0);
    CHECK(results_of(parts) == results_of(whole));
    CHECK(status_of(parts) == status_of(whole));
    const auto once = results_of(parts);
    CHECK(merge(parts).exit_code == 0);
    CHECK(results_of(parts) == once);
    // Everything is done, and a run of the whole job knows it.
    const auto again = parts.run("run", with({"--yes"}, k_fast));
    CAPTURE(again.err);
    CHECK(again.exit_code == 1);
    CHECK(results_of(parts) == results_of(whole));
    CHECK(parts.sandbox->applied().size() == whole.sandbox->applied().size());
  }

  TEST_CASE("shard: a run of the merged results carries on with what the shards have left") {
    const Stage stage{sandbox::plain_settings(), {{"members.csv", plain_members(60)}}};
    CHECK(stage.run("run", with({"--yes", "--shard", "1/3"}, k_fast)).exit_code == 0);
    CHECK(stage.run("run", with({"--yes", "--shard", "2/3", "--limit", "4"}, k_fast)).exit_code == 75);
    CHECK(stage.run("plan", {"--shard", "3/3"}).exit_code == 0);
    const auto note = std::vector<std::string>{"--note", "asked for it"};
    // Of shard 3, and told to another one.
    CHECK(stage.run("protect", with({"--shard", "1/3", "--code", "card0001"}, note)).exit_code == 0);
    std::vector<std::string> before;
    for (int number = 1; number <= k_shards; ++number)
      before.push_back(content_of(database_of(stage, number)));
    REQUIRE(merge(stage).exit_code == 0);
    for (int number = 1; number <= k_shards; ++number)
      CHECK(content_of(database_of(stage, number)) == before[static_cast<std::size_t>(number - 1)]);
    const auto left = stage.count("status = 'pending' AND held_back IS NULL");
    CHECK(left > 20);
    const auto rest = stage.run("run", with({"--yes"}, k_fast));
    CAPTURE(rest.err);
    CHECK(rest.exit_code == 1);  // for the protected card
    CHECK(stage.count("status = 'invalidated'") == 59);
    CHECK(stage.count("held_back = 'protected' AND code = 'card0001'") == 1);
    CHECK(stage.sandbox->applied().size() == 59);
    // It goes on from there: the shards may not come back over it.
    const auto late = merge(stage);
    CHECK(late.exit_code == 73);
    CHECK(late.err.find("another command wrote to it since") != std::string::npos);
  }

  TEST_CASE("shard: a run beside results of other parts that it does not know of sends nothing") {
    const Stage stage{sandbox::plain_settings(), {{"members.csv", plain_members(30)}}};
    const auto run_part = [&](const std::string& shard, std::vector<std::string> flags = {}) {
      if (!shard.empty()) flags.insert(flags.end(), {"--shard", shard});
      return stage.run("run", with(with({"--yes"}, k_fast), flags));
    };
    const auto is_refused = [&](const std::string& shard, std::string_view words) {
      const auto before = stage.sandbox->counters().invalidate_requests;
      const auto ended = run_part(shard);
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 73);
      CHECK(ended.err.find(words) != std::string::npos);
      CHECK(stage.sandbox->counters().invalidate_requests == before);
      std::vector<std::string> flags{"--json"};
      if (!shard.empty()) flags.insert(flags.end(), {"--shard", shard});
      const auto checked = stage.run("check", flags);
      CHECK(checked.exit_code == 73);
      CHECK(checked.out.find(words) != std::string::npos);
    };
    CHECK(run_part("1/3", {"--limit", "2"}).exit_code == 75);
    is_refused("", "sandbox.1-of-3.db: shard 1/3 of this job has run, and a run of the whole job would send");
    is_refused("2/2", "carry on with 3 shards");
    CHECK(run_part("2/3").exit_code == 0);
    CHECK(run_part("3/3", {"--limit", "2"}).exit_code == 75);
    REQUIRE(merge(stage).exit_code == 0);
    // The shards may go on beside results that were only looked at, and then these are old.
    CHECK(run_part("1/3").exit_code == 0);
    is_refused("", "sandbox.1-of-3.db: shard 1/3 of this job has run");
    REQUIRE(merge(stage).exit_code == 0);
    CHECK(run_part("").exit_code == 0);
    is_refused("3/3", "sandbox.db: the whole job has run, and shard 3/3 would send its cards again");
    stage.write("sandbox.1-of-2.db", std::string(2000, 'x'));
    is_refused("", "results of another part of this job: ");
    CHECK(stage.read("sandbox.1-of-2.db") == std::string(2000, 'x'));
    CHECK(stage.sandbox->applied().size() == 30);
    CHECK(stage.sandbox->counters().after_invalid == 0);
  }

  TEST_CASE("shard: a database of one shard is refused without it and for another one") {
    const Stage stage{sandbox::plain_settings(), {{"members.csv", plain_members(20)}}};
    REQUIRE(stage.run("plan", {"--shard", "2/3"}).exit_code == 0);
    const auto file = database_of(stage, 2).string();
    for (const auto* command : {"plan", "status", "export"}) {
      const auto whole = stage.run(command, {"--results", file});
      CHECK(whole.exit_code == 73);
      CHECK(whole.err.find("holds shard 2/3, and not the whole job; it is left as it is; give --shard 2/3") !=
            std::string::npos);
    }
    fs::copy_file(database_of(stage, 2), database_of(stage, 1));
    const auto other = stage.run("run", {"--yes", "--shard", "1/3"});
    CHECK(other.exit_code == 73);
    CHECK(other.err.find("holds shard 2/3, and not shard 1/3") != std::string::npos);
    REQUIRE(stage.run("plan").exit_code == 0);
    fs::copy_file(stage.database(), database_of(stage, 3));
    const auto of_whole = stage.run("plan", {"--shard", "3/3"});
    CHECK(of_whole.exit_code == 73);
    CHECK(of_whole.err.find("holds the whole job, and not shard 3/3") != std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("shard: what is no shard is refused before anything is read") {
    const Stage stage{sandbox::plain_settings(), {{"members.csv", plain_members(1)}}};
    for (const auto* word : {"0/3", "4/3", "a", "1/101", ""}) {
      CAPTURE(word);
      const auto ended = stage.run("run", {"--yes", fmt::format("--shard={}", word)});
      CHECK(ended.exit_code == 64);
      CHECK(ended.err.find("--shard") != std::string::npos);
    }
    const auto too_slow = stage.run("plan", {"--shard", "1/100", "--set", "limits.requests_per_second=0.01"});
    CHECK(too_slow.exit_code == 78);
    CHECK(too_slow.err.find("0.01 in 100 shards is 0.0001 each") != std::string::npos);
    CHECK_FALSE(fs::exists(stage.database()));
  }

  TEST_CASE("merge: shards that do not make one whole job are refused and nothing is written") {
    const Stage stage{sandbox::plain_settings(), {{"members.csv", plain_members(20)}}};
    for (const auto* shard : {"1/3", "2/3", "3/3", "1/2"})
      REQUIRE(stage.run("plan", {"--shard", shard}).exit_code == 0);
    const auto one = database_of(stage, 1), two = database_of(stage, 2), three = database_of(stage, 3);
    const auto refused = [&](const std::vector<fs::path>& shards, int exit_code, const std::string& words) {
      CAPTURE(words);
      const auto ended = merge(stage, shards);
      CAPTURE(ended.err);
      CHECK(ended.exit_code == exit_code);
      CHECK(ended.err.find(words) != std::string::npos);
      CHECK_FALSE(fs::exists(stage.database()));
    };
    refused({one, three}, 73, "these are missing: 2/3");
    refused({one, two, three, two}, 73, "holds shard 2/3, as ");
    refused({one, database_of(stage, 1, 2)}, 73, "is of shard 1/2, and ");
    refused({one, two, stage.dir / "none.db"}, 66, "none.db");
    refused({one, two, stage.dir / "members.csv"}, 73, "members.csv");
    const auto other_job = stage.job_with("name = \"sandbox\"", "name = \"other\"");
    const auto other = stage.dir / "other.3-of-3.db";
    REQUIRE(run({"plan", other_job, "--shard", "3/3", "--results", (stage.dir / "other.db").string()})
                .exit_code == 0);
    refused({one, two, other}, 73, "is of the job \"other\", and ");
    // A card of another shard, which somebody has put there.
    const auto tampered = stage.dir / "tampered.db";
    fs::copy_file(three, tampered);
    const auto stranger = ask_database(two, "SELECT code FROM results LIMIT 1")[0][0];
    sqlite::Connection{tampered, sqlite::Mode::read_write}.execute(
        fmt::format("UPDATE row SET code = '{}' WHERE id = 1", stranger));
    refused({one, two, tampered}, 73, "holds a card of shard 2/3");
    // A whole job, and one of the shards as the output.
    CHECK(run({"merge", "-o", one.string(), one.string(), two.string(), three.string()}).exit_code == 64);
    REQUIRE(stage.run("plan").exit_code == 0);
    const auto whole = content_of(stage.database());
    CHECK(merge(stage).exit_code == 73);
    CHECK(content_of(stage.database()) == whole);
    CHECK(merge(stage, {one, two, stage.database()}).exit_code == 64);
  }

  TEST_CASE("merge: what it finds is never made less") {
    const Stage stage{limited_to(0), {{"members.csv", plain_members(30)}}};
    for (const auto* shard : {"1/3", "2/3", "3/3"})
      REQUIRE(stage.run("plan", {"--shard", shard}).exit_code == 0);
    const auto older = stage.dir / "older.db";
    fs::copy_file(database_of(stage, 2), older);
    for (const auto* shard : {"1/3", "2/3", "3/3"})
      REQUIRE(stage.run("run", {"--yes", "--shard", shard}).exit_code == 0);
    REQUIRE(merge(stage).exit_code == 0);
    const auto merged = stage.run("export").out;
    const auto taken_back = merge(stage, {database_of(stage, 1), older, database_of(stage, 3)});
    CHECK(taken_back.exit_code == 73);
    CHECK(taken_back.err.find("they are older copies") != std::string::npos);
    CHECK(stage.run("export").out == merged);

    // A log whose database is gone may hold the last results.
    fs::remove(stage.database());
    const auto log = stage.database().string() + "-wal";
    std::ofstream{log} << std::string(5'000, 'w');
    CHECK(merge(stage).exit_code == 73);
    CHECK(fs::file_size(log) == 5'000);
  }

  TEST_CASE("protect: of a shard it says that the others do not know") {
    const Stage stage{sandbox::plain_settings(), {{"members.csv", plain_members(6)}}};
    REQUIRE(stage.run("plan", {"--shard", "1/3"}).exit_code == 0);
    const auto said = stage.run("protect", {"--shard", "1/3", "--code", "elsewhere", "--note", "objected"});
    CHECK(said.exit_code == 0);
    CHECK(said.err.find("only shard 1/3 knows of it") != std::string::npos);
    CHECK(said.out.find("no row of this shard matches") != std::string::npos);
  }

  TEST_CASE("merge: results that a run has at this moment are not merged") {
    const Stage stage{limited_to(0), {{"members.csv", plain_members(60)}}};
    for (const auto* shard : {"1/3", "2/3", "3/3"})
      REQUIRE(stage.run("plan", {"--shard", shard}).exit_code == 0);
    const auto running =
        stage.start("run", {"--yes", "--shard", "2/3", "--set", "limits.requests_per_second=3"});
    while (stage.sandbox->applied().empty()) REQUIRE_FALSE(running->ends_within(20ms));
    const auto ended = merge(stage);
    CHECK(ended.exit_code == 75);
    CHECK(ended.err.find("cardvoid run (pid ") != std::string::npos);
    CHECK_FALSE(fs::exists(stage.database()));
    running->send_signal(SIGTERM);
    running->wait();
  }
}
