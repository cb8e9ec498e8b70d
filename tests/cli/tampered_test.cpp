// A results database or an input that somebody has prepared, in the hands of the program.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <boost/algorithm/string/erase.hpp>
#include <chrono>
#include <fstream>

#include "support/stage.hpp"
#include "support/tamper.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  TEST_CASE("tampered: a trigger that brings cards sends nothing and every command says so with 73") {
    const auto stage = stage_of(4);
    CHECK(stage.run("plan").exit_code == 0);
    tamper(stage.database(),
           "CREATE TRIGGER evil AFTER INSERT ON run BEGIN INSERT INTO row (brand_id, card_id, code, openid, "
           "reason, source_line) SELECT brand_id, card_id, 'victim', openid, '', 9 FROM row LIMIT 1; UPDATE "
           "import SET last_row = (SELECT max(id) FROM row); END");
    const auto page = (stage.dir / "page.html").string();
    const std::vector<std::pair<std::string, std::vector<std::string>>> commands{
        {"run", {"--yes"}},        {"plan", {}},
        {"reconcile", {}},         {"status", {}},
        {"report", {"-o", page}},  {"export", {}},
        {"show", {"--line", "2"}}, {"retry", {"--status", "rejected"}}};
    for (const auto& [command, flags] : commands) {
      CAPTURE(command);
      const auto ended = stage.run(command, flags);
      CHECK(ended.exit_code == 73);
      CHECK(ended.err.find("holds the trigger \"evil\", which is not cardvoid's; it is left as it is") !=
            std::string::npos);
    }
    CHECK(stage.sandbox->applied().empty());
  }

  TEST_CASE("tampered: a text of the database never moves the terminal") {
    const auto stage = stage_of(4);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    tamper(stage.database(),
           "UPDATE run SET ending = char(27) || '[2Jending' || char(0x202e), user = char(27) || ']0;x' || "
           "char(7), "
           "tripped_by = char(27) || '[2J', acknowledge = char(0x9b) || '2J'; UPDATE row SET status = "
           "'rejected', "
           "settled_by = NULL, error_code = char(27) || '[2JCODE', error_message = char(27) || '[2J', "
           "accepted_by = "
           "char(27) || '[1A', accepted_note = char(13) || 'note', accepted_at = 1, invalid_time = char(27) "
           "|| 'c', "
           "request_id = char(27) || '[5m'; UPDATE attempt SET error_code = char(27) || '[2J', request_id = "
           "char(8); "
           "UPDATE import SET source = char(27) || '[2J', file = char(27) || '[2J', read_by = char(27) || "
           "'[2J'; "
           "UPDATE shown_plan SET made_by = char(27) || 'c', confirmed_by = char(27) || 'c'");
    const auto page = (stage.dir / "page.html").string();
    const std::vector<std::pair<std::string, std::vector<std::string>>> commands{
        {"status", {}},
        {"status", {"--json"}},
        {"show", {"--line", "2"}},
        {"show", {"--line", "2", "--json"}},
        {"report", {"-o", page}},
        {"plan", {}},
        {"plan", {"--diff"}},
        {"run", {"--yes"}}};
    const auto is_safe = [](std::string_view text) {
      for (const std::string_view bytes : {"\x1b", "\x07", "\x08", "\r", "\xc2\x9b", "\xe2\x80\xae"}) {
        INFO(text);
        CHECK(text.find(bytes) == std::string::npos);
      }
    };
    for (const auto& [command, flags] : commands) {
      CAPTURE(command);
      const auto ended = stage.run(command, flags);
      is_safe(ended.out), is_safe(ended.err);
    }
    // In a file or a pipe the bytes are what the platform said.
    CHECK(stage.run("export").out.find("\x1b[2JCODE") != std::string::npos);
    Circumstances terminal;
    terminal.on_terminal = true;
    for (const auto& flags : std::vector<std::vector<std::string>>{{}, {"--excel"}, {"--format", "jsonl"}}) {
      auto shown = Program{stage.words("export", flags), terminal}.wait().out;
      boost::algorithm::erase_all(shown, "\r\n");  // the terminal's own ends of lines
      CHECK(shown.find("CODE") != std::string::npos);
      is_safe(shown);
    }
  }

  namespace {

  // Of this and of all programs before it.
  void check_memory(const Ended& ended) {
    rusage used{};
    REQUIRE(::getrusage(RUSAGE_CHILDREN, &used) == 0);
    CHECK(used.ru_maxrss > 0);
    if (k_has_usual_memory) CHECK(used.ru_maxrss < 64 << 10);
    CHECK(ended.signal == 0);
    CHECK(ended.exit_code != 70);
  }

  }  // namespace

  TEST_CASE("tampered: a long text in the database takes no memory") {
    const auto stage = stage_of(4);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    tamper(
        stage.database(),
        "UPDATE row SET error_message = printf('%*c', 100000000, 'x') WHERE id = 2; UPDATE run SET ending = "
        "printf('%*c', 100000000, 'x')");
    const auto page = (stage.dir / "page.html").string();
    const std::vector<std::pair<std::string, std::vector<std::string>>> commands{
        {"run", {"--yes"}},       {"plan", {}},   {"status", {}},
        {"report", {"-o", page}}, {"export", {}}, {"show", {"--line", "3"}}};
    for (const auto& [command, flags] : commands) {
      CAPTURE(command);
      const auto ended = stage.run(command, flags);
      INFO(ended.err);
      CHECK((ended.exit_code == 73 || command == "run" || command == "plan"));
      check_memory(ended);
    }
  }

  TEST_CASE("tampered: a long value of an SQLite input takes no memory") {
    const auto stage = stage_of(4);
    std::ofstream{stage.dir / "cards.db"} << "";
    tamper(stage.dir / "cards.db",
           "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; CREATE TABLE m (code, openid); "
           "INSERT INTO m VALUES ('a', 'b'), ('c', zeroblob(300000000))");
    const auto job = stage.job_with("csv = \"members.csv\"",
                                    "sqlite = \"cards.db\"\nquery = \"SELECT code, openid FROM m\"");
    for (const std::string command : {"plan", "check", "run"}) {
      CAPTURE(command);
      std::vector<std::string> words{command, job};
      if (command == "run") words.emplace_back("--yes");
      const auto ended = support::run(words);
      INFO(ended.err);
      CHECK(ended.exit_code == 65);
      check_memory(ended);
    }
  }

  TEST_CASE("tampered: a file of a gigabyte in place of a small one takes no memory and no time") {
    const auto stage = stage_of(4);
    Circumstances there;
    there.environment = {{"XDG_STATE_HOME", (stage.dir / "state").string()}};
    const auto run_one = [&](std::vector<std::string> flags = {}) {
      flags.insert(flags.end(), {"--yes", "--limit", "1"});
      return support::run(stage.words("run", flags), there);
    };
    CHECK(run_one().exit_code == 75);
    std::vector<std::filesystem::path> files{stage.database().string() + ".lock", stage.dir / "protect.csv"};
    for (const auto& entry : std::filesystem::directory_iterator{stage.dir / "state" / "cardvoid"})
      files.push_back(entry.path());  // of the pace
    REQUIRE(files.size() == 3);
    for (const auto& file : files) {
      CAPTURE(file);
      if (!std::filesystem::exists(file)) std::ofstream{file} << "";
      std::filesystem::resize_file(file, 1 << 30);
      const bool is_list = file.extension() == ".csv";
      const auto begun = std::chrono::steady_clock::now();
      const auto ended = run_one(is_list ? std::vector<std::string>{"--set", "safety.protect=protect.csv"}
                                         : std::vector<std::string>{});
      INFO(ended.err);
      CHECK(ended.exit_code == (is_list ? 65 : 75));
      CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds{10});
      check_memory(ended);
      std::filesystem::remove(file);
    }
    stage.check_against_truth(false);
  }
}
