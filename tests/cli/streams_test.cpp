// Standard output carries the answer only, as JSON where that was asked for.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <cardvoid/base/text.hpp>
#include <ostream>
#include <regex>
#include <sstream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {
  boost::json::object parsed(const Ended& ended) {
    CAPTURE(ended.out);
    boost::system::error_code error;
    auto value = boost::json::parse(ended.out, error);
    REQUIRE(!error);
    return value.as_object();
  }
  }  // namespace

  TEST_CASE("streams: every answer as JSON has the types its names promise") {
    const auto stage = stage_of(6);
    stage.write("members.csv", plain_members(6) + "card0000,t,,\r\n");
    const auto plan = parsed(stage.run("plan", {"--json"}));
    CHECK(plan.at("to_send").as_int64() == 6);
    CHECK(plan.at("refused").as_int64() == 1);
    CHECK(plan.at("fingerprint").as_string().size() == 64);
    CHECK(plan.at("refused_causes").as_array().at(0).at("lines").as_array().at(0).as_int64() == 8);

    const auto checked = parsed(stage.run("check", {"--json"}));
    CHECK(checked.at("exit_code").as_int64() == 0);
    CHECK(checked.at("checks").as_array().size() >= 7);

    const auto run = parsed(stage.run("run", {"--yes", "--json"}));
    CHECK(run.at("invalidated").as_int64() == 6);
    CHECK(run.at("exit_code").as_int64() == 1);
    CHECK(run.at("stopped").is_null());
    CHECK(run.at("run").at("sent").as_int64() == 6);

    const auto status = parsed(stage.run("status", {"--json"}));
    CHECK(status.at("running").is_null());
    const auto& last = status.at("runs").as_array().at(0);
    CHECK(last.at("exit_code").as_int64() == 1);
    CHECK(last.at("ended_at").as_string().ends_with("Z"));
    CHECK(status.at("in_doubt").as_int64() == 0);

    const auto stopped = stage_of(3);
    const auto early = parsed(stopped.run("run", {"--yes", "--json", "--limit", "1"}));
    CHECK(early.at("stopped").as_string().find("limit") != std::string::npos);
  }

  TEST_CASE(
      "streams: a reason with characters that show nothing is sent as it is and never to the terminal") {
    const std::string shy = "\u00AD", mark = "\u061C", blank = "\u200B", joiner = "\u200D", line = "\u2028",
                      turned = "\u202E", filler = "\u3164", begin = "\uFEFF";
    std::string list = "code,card_id,openid,reason\r\n";
    int row = 0;
    for (const auto& character : {shy, mark, blank, joiner, line, turned, filler, begin})
      list += fmt::format("card{:04},pbLatjvWOibDc5-TBnbUk1pD12o0,oPlain{:04}uMuAJO_M2pxb1Q9zN,a{}b\r\n", row,
                          row, character),
          ++row;
    const auto stage = stage_of(row);
    stage.write("members.csv", list);
    const auto run = stage.run("run", {"--yes"});
    CHECK_MESSAGE(run.exit_code == 0, run.err);
    CHECK(stage.run("export").out.find("a\u202Eb") != std::string::npos);
    Circumstances terminal;
    terminal.on_terminal = true;
    for (const auto& [command, flags] : std::vector<std::pair<std::string, std::vector<std::string>>>{
             {"export", {}}, {"export", {"--format", "jsonl"}}, {"show", {"--line", "7"}}, {"plan", {}}}) {
      const auto shown = Program{stage.words(command, flags), terminal}.wait().out;
      for (const auto& character : {mark, blank, line, turned, filler})
        CHECK_MESSAGE(shown.find(character) == std::string::npos, shown);
    }
  }

  TEST_CASE("streams: progress and messages go to standard error in the form that was asked for") {
    const auto stage = stage_of(5);
    stage.sandbox->set_outage(model::Endpoint::primary, sandbox::Outage::refuse);
    const auto ended = stage.run("run", {"--yes", "--json", "--log-format", "json"});
    parsed(ended);
    CHECK(ended.err.find("\"level\":\"warning\"") != std::string::npos);
    std::size_t lines = 0;
    for (std::string_view rest = ended.err; !rest.empty(); ++lines) {
      const auto line = rest.substr(0, rest.find('\n'));
      boost::system::error_code error;
      boost::json::parse({line.data(), line.size()}, error);
      CHECK(!error);
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
    CHECK(lines >= 1);
    const auto wrong = support::run({"run", "--no-such-flag", "--log-format", "json"});
    CHECK(wrong.exit_code == 64);
    CHECK(boost::json::parse(wrong.err).as_object().at("level") == "error");
  }

  TEST_CASE("streams: a file of JSON lines stays one when somebody follows on a terminal") {
    const auto stage = stage_of(3);
    Circumstances terminal;
    terminal.on_terminal = true;
    terminal.error_to = stage.dir / "log.jsonl";
    stage.write("log.jsonl", "");
    CHECK(Program{stage.words("run", {"--yes", "--log-format", "json"}), terminal}.wait().exit_code == 0);
    std::istringstream lines{stage.read("log.jsonl")};
    int progress = 0;
    for (std::string line; std::getline(lines, line);) {
      boost::system::error_code error;
      const auto value = boost::json::parse(line, error);
      REQUIRE_MESSAGE(!error, line);
      progress += value.as_object().contains("type");
    }
    CHECK(progress > 0);
  }

  TEST_CASE("streams: -q is silent when all is well") {
    const auto stage = stage_of(5);
    const auto ended = stage.run("run", {"--yes", "-q"});
    CHECK(ended.exit_code == 0);
    CHECK(ended.out.empty());
    CHECK(ended.err.empty());
  }

  TEST_CASE("streams: without a terminal a success is one line and trouble is told in full") {
    const auto stage = stage_of(5);
    const auto early = stage.run("run", {"--yes", "--limit", "2"});
    CHECK(early.exit_code == 75);
    CHECK(early.out.find("5 rows in the job\n") != std::string::npos);
    CHECK(early.out.find("\nstopped: ") != std::string::npos);
    CHECK(early.err.find(", fingerprint ") != std::string::npos);
    const auto ended = stage.run("run", {"--yes"});
    CHECK(ended.exit_code == 0);
    CHECK(
        ended.out.starts_with("cardvoid run sandbox: exit 0, 5 of 5 cards invalidated; this run sent 3 in "));
    CHECK(ended.out.find('\n') == ended.out.size() - 1);
    // What happened is in the log, each line with its time.
    CHECK(ended.err.find(" run of sandbox begins: 3 cards to send, brand 1004, 127.0.0.1:") !=
          std::string::npos);
    CHECK(ended.err.find(" run 2 ended: exit 0 after ") != std::string::npos);
    std::istringstream lines{ended.err};
    for (std::string line; std::getline(lines, line);)
      CHECK_MESSAGE(
          std::regex_search(line, std::regex{"^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d [+-]\\d{4} "}),
          line);
  }

  TEST_CASE("streams: journald stamps the lines itself") {
    const auto stage = stage_of(2);
    stage.write("log", "");
    struct stat state {};
    REQUIRE(::stat((stage.dir / "log").c_str(), &state) == 0);
    Circumstances journal;
    journal.error_to = stage.dir / "log";
    journal.environment = {
        {"JOURNAL_STREAM", std::to_string(state.st_dev) + ":" + std::to_string(state.st_ino)}};
    CHECK(Program{stage.words("run", {"--yes"}), journal}.wait().exit_code == 0);
    CHECK(stage.read("log").starts_with("run of sandbox begins: "));
  }

  TEST_CASE("streams: why a run failed is said once") {
    const auto stage = stage_of(3);
    const auto ended = stage.run("run", {"--yes", "--set", "merchant.serial_no=ABCDEF0123"});
    CHECK(ended.exit_code == 77);
    const std::string why = "the platform refuses our credentials";
    const auto said = ended.err + ended.out;
    const auto at = said.find(why);
    CHECK(at != std::string::npos);
    CHECK(said.find(why, at + 1) == std::string::npos);
  }

  TEST_CASE("streams: on a terminal the progress is drawn in place and in the colours that are wanted") {
    const auto stage = stage_of(3);
    Circumstances terminal;
    terminal.on_terminal = true;
    terminal.environment = {{"TERM", "xterm"}, {"LC_ALL", "C.UTF-8"}, {"NO_COLOR", ""}};
    const auto coloured = Program{stage.words("run", {"--yes"}), terminal}.wait().out;
    CHECK(coloured.find("\x1B[1msandbox\x1B[0m  brand 1004") != std::string::npos);
    CHECK((coloured.find("░") != std::string::npos || coloured.find("█") != std::string::npos));
    const auto other = stage_of(3);
    terminal.environment["LC_ALL"] = "C";
    const auto plain = Program{other.words("run", {"--yes", "--no-color"}), terminal}.wait().out;
    CHECK(plain.find("\x1B[1m") == std::string::npos);
    CHECK(plain.find("sandbox  brand 1004") != std::string::npos);
    CHECK((plain.find("[....") != std::string::npos || plain.find("[####") != std::string::npos));
  }

  TEST_CASE("streams: on every terminal the end of a run has its time") {
    for (const std::string name : {"xterm", "dumb"}) {
      CAPTURE(name);
      const auto stage = stage_of(3);
      Circumstances terminal;
      terminal.on_terminal = true;
      terminal.environment = {{"TERM", name}};
      const auto shown = Program{stage.words("run", {"--yes"}), terminal}.wait().out;
      CAPTURE(shown);
      CHECK(std::regex_search(shown, std::regex{"[0-9]{2}:[0-9]{2}:[0-9]{2} ([+-][0-9]{4} )?run 1 ended: "}));
    }
  }

  TEST_CASE("streams: on a terminal a success shows the whole summary") {
    const auto stage = stage_of(3);
    Circumstances terminal;
    terminal.on_terminal = true;
    const auto ended = Program{stage.words("run", {"--yes"}), terminal}.wait();
    CHECK(ended.out.find("3 rows in the job") != std::string::npos);
    CHECK(ended.out.find("this run: 3 invalidations sent") != std::string::npos);
  }

  TEST_CASE("streams: -q keeps warnings back until there is trouble and tells that in a line") {
    const auto stage = stage_of(5);
    stage.sandbox->set_outage(model::Endpoint::primary, sandbox::Outage::refuse);
    const auto well = stage.run("run", {"--yes", "-q"});  // on the backup alone
    CHECK(well.exit_code == 0);
    CHECK(well.out.empty());
    CHECK(well.err.empty());

    stage.write("members.csv",
                plain_members(5) + "unknown1,pbLatjvWOibDc5-TBnbUk1pD12o0,oX,\r\ncard0000,t,,\r\n");
    const auto ended = stage.run("run", {"--yes", "-q"});
    CHECK(ended.exit_code == 1);
    CHECK(ended.out.empty());
    const auto warning = ended.err.find("cardvoid: warning: 1 input line refused");
    const auto line = ended.err.find(
        "cardvoid: run sandbox: exit 1, 5 of 6 cards invalidated, 1 rejected, 1 input line "
        "refused; ");
    CHECK(warning != std::string::npos);
    CHECK(line != std::string::npos);
    CHECK(warning < line);

    const auto refused = stage.run("run", {"--yes", "-q", "--results", (stage.dir / "other.db").string(),
                                           "--set", "merchant.serial_no=ABCDEF0123"});
    CHECK(refused.exit_code == 77);
    CHECK(refused.err.find("cardvoid: run sandbox: exit 77, 0 of 6 cards invalidated") != std::string::npos);
    const auto why = refused.err.find("the platform refuses our credentials");
    CHECK(why != std::string::npos);
    CHECK(refused.err.find("the platform refuses our credentials", why + 1) == std::string::npos);

    const auto stopped = stage.run("run", {"--yes", "-q", "--set", "merchant.private_key_file=no.pem"});
    CHECK(stopped.exit_code == 66);
    CHECK(stopped.err.find("no.pem") != std::string::npos);
  }

  TEST_CASE("streams: the summary adds up to the rows of the job") {
    const auto stage = stage_of(9);
    stage.write("members.csv", plain_members(9) + "unknown1,pbLatjvWOibDc5-TBnbUk1pD12o0,oX,\r\n");
    stage.run("run", {"--yes", "--limit", "4"});
    const auto ended = stage.run("run", {"--yes"});
    CHECK(ended.exit_code == 1);
    CHECK(ended.out.find("10 rows in the job") != std::string::npos);
    CHECK(ended.out.find("invalidated              9") != std::string::npos);
    CHECK(ended.out.find("rejected                 1") != std::string::npos);
  }

  TEST_CASE("streams: no file of ours gets the number of a stream that is closed") {
    const auto stage = stage_of(3);
    const auto run_without = [&](std::vector<int> closed, const std::string& command,
                                 std::vector<std::string> flags = {}) {
      Circumstances circumstances;
      circumstances.closed_streams = std::move(closed);
      return Program{stage.words(command, std::move(flags)), circumstances}.wait();
    };
    const auto check_lock_file = [&] {
      const auto text = stage.read("sandbox.db.lock");
      CAPTURE(text);
      CHECK(text.starts_with("{\"pid\":"));
      CHECK(text.ends_with("\"}"));
      CHECK(text.find("cardvoid:") == std::string::npos);
    };
    const auto planned = run_without({1}, "plan");
    CHECK(planned.exit_code == 74);
    CHECK(planned.err == "cardvoid: standard output: cannot write to it: Bad file descriptor\n");
    check_lock_file();
    CHECK(run_without({0, 1, 2}, "plan").exit_code == 74);
    check_lock_file();
    const auto no_list = run_without({0}, "plan", {"--set", "input.csv=-"});
    CHECK(no_list.exit_code == 66);
    CHECK(no_list.err.find("standard input: cannot read it") != std::string::npos);
    check_lock_file();
    CHECK(run_without({2}, "run", {"--yes", "--log-level", "debug", "--progress", "plain"}).exit_code == 0);
    check_lock_file();
    stage.check_against_truth();
    for (const auto* command : {"run", "status", "check", "export", "plan"})
      CHECK(run_without({1}, command,
                        command == std::string{"run"} ? std::vector<std::string>{"--yes"}
                                                      : std::vector<std::string>{})
                .exit_code == 74);
    check_lock_file();
    for (const std::string word : {"--version", "--help", "help"}) {
      Circumstances circumstances;
      circumstances.closed_streams = {1};
      CHECK(Program{{word}, circumstances}.wait().exit_code == 74);
    }
  }

  TEST_CASE("streams: what is written as JSON is valid where paths are no UTF-8") {
    const auto stage = stage_of(2);
    const auto folder = stage.dir / "caf\xE9";
    std::filesystem::create_directory(folder);
    const auto database = (folder / "r\xFF.db").string();
    for (const auto* command : {"plan", "check", "run", "status"}) {
      std::vector<std::string> flags{"--json", "--log-format", "json", "--results", database};
      if (command == std::string{"run"}) flags.insert(flags.end(), {"--yes", "--log-level", "debug"});
      const auto ended = stage.run(command, flags);
      CHECK(ended.exit_code == 0);
      CHECK(!find_invalid_utf8(ended.out));
      CHECK(!find_invalid_utf8(ended.err));
      parsed(ended);
    }
    const auto wrong = support::run({"status", (folder / "job.toml").string(), "--log-format", "json"});
    CHECK(wrong.exit_code == 66);
    CHECK(!find_invalid_utf8(wrong.err));
    CHECK(boost::json::parse(wrong.err).as_object().at("level") == "error");
  }

  namespace {

  // Of a program whose standard output is a pipe without a reader. 128 + the signal's number where
  // one has ended it, as a shell has it.
  struct Piped {
    int exit_code;
    std::string err;
  };
  Piped run_without_reader(const Stage& stage, const std::string& command, const std::string& flags = {}) {
    stage.write("script", "cd '" + stage.dir.string() +
                              "' && rm -f pipe && mkfifo pipe && exec 3<>pipe 4>pipe 3<&-\n'" CARDVOID_BINARY
                              "' " +
                              command + " " + stage.job() + " " + flags + " >&4 2>err\necho $? >code\n");
    CHECK(std::system(("sh '" + (stage.dir / "script").string() + "'").c_str()) == 0);
    return {std::stoi(stage.read("code")), stage.read("err")};
  }

  }  // namespace

  TEST_CASE(
      "streams: a reader that goes away ends a command that only prints by SIGPIPE and without a word") {
    const auto stage = stage_of(3);
    CHECK(stage.run("plan").exit_code == 0);
    for (const std::string command : {"export", "export --excel", "status", "status --json", "report -o -",
                                      "show --code card0000", "status --watch"}) {
      CAPTURE(command);
      const auto ended = run_without_reader(stage, command);
      CHECK(ended.exit_code == 141);
      CHECK(ended.err.empty());
    }
  }

  TEST_CASE("streams: a command that has done something keeps its exit code when its reader goes away") {
    const auto stage = stage_of(3);
    const auto check = [&](const std::string& command, const std::string& flags, int expected) {
      CAPTURE(command);
      const auto ended = run_without_reader(stage, command, flags);
      CHECK(ended.exit_code == expected);
      CHECK(ended.err.find("standard output") == std::string::npos);
      CHECK(ended.err.find("Broken pipe") == std::string::npos);
    };
    stage.write("members.csv", plain_members(3) + "unknown1,pbLatjvWOibDc5-TBnbUk1pD12o0,oX,\r\n");
    check("plan", "", 0);
    check("check", "", 0);
    check("run", "--yes -q", 1);
    check("run", "--yes", 1);
    check("retry", "--status rejected", 0);
    CHECK(stage.count("status = 'pending'") == 1);
    check("protect", "--code card0000 --note told", 1);  // too late
    check("status", "--set no.such=1", 78);
  }

  TEST_CASE("streams: an output that cannot be written ends the command with an error") {
    const auto stage = stage_of(3);
    stage.run("plan");
    Program program{stage.words("export", {"-o", "/dev/full"})};
    const auto ended = program.wait();
    CHECK(ended.exit_code == 74);
    CHECK(ended.err.find("/dev/full") != std::string::npos);
  }
}
