// SQLite as input, and input and results that are one file.

#include <doctest/doctest.h>
#include <unistd.h>

#include <cardvoid/sqlite/connection.hpp>
#include <csignal>
#include <fstream>
#include <iterator>
#include <ostream>

#include "support/stage.hpp"
#include "support/unfolded.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  namespace fs = std::filesystem;
  using sqlite::Connection;
  using sqlite::Mode;

  namespace {

  const std::vector<std::vector<std::string>> k_commands{{"check"},        {"plan"},
                                                         {"run", "--yes"}, {"run", "--dry-run"},
                                                         {"reconcile"},    {"retry", "--status", "rejected"},
                                                         {"status"},       {"export"}};

  // A stage whose job asks `table` of crm.db for everything.
  struct Crm {
    explicit Crm(const std::string& query = "SELECT code, openid FROM members ORDER BY code")
        : job{stage.job_with("csv = \"members.csv\"", "sqlite = \"crm.db\"\nquery = \"" + query + "\"")} {}
    fs::path file() const { return stage.dir / "crm.db"; }
    void fill(int rows) const {
      Connection{file(), Mode::create}.execute(
          "CREATE TABLE members (code TEXT, openid TEXT); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
          "i + 1 FROM n LIMIT " +
          std::to_string(rows) + ") INSERT INTO members SELECT 'x' || i, 'o' || i FROM n");
    }
    Stage stage = stage_of(2);
    std::string job;
  };

  std::size_t files_in(const fs::path& folder) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator{folder}, fs::directory_iterator{}));
  }

  // No command makes or changes anything.
  void check_refused(const Stage& stage, const std::string& job, const std::vector<std::string>& flags,
                     const std::vector<std::string>& words) {
    const auto before = files_in(stage.dir);
    for (auto command : k_commands) {
      command.insert(command.begin() + 1, job);
      command.insert(command.end(), flags.begin(), flags.end());
      const auto ended = support::run(command);
      CAPTURE(command[0]);
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 78);
      CHECK(ended.out.empty());
      for (const auto& word : words) CHECK_MESSAGE(ended.err.find(word) != std::string::npos, word);
    }
    CHECK(files_in(stage.dir) == before);
  }

  }  // namespace

  TEST_CASE("sqlite: an input that is the results database is refused before anything is made") {
    const Crm crm;
    const auto& dir = crm.stage.dir;
    // Neither is there yet.
    check_refused(crm.stage, crm.job, {"--set", "results.database=crm.db"},
                  {"other.toml:", ": input.sqlite: ",
                   "is the results database (results.database \"" + crm.file().string()});
    check_refused(crm.stage, crm.job, {"--results", crm.file().string()},
                  {": input.sqlite: ", "(--results \"" + crm.file().string()});
    check_refused(crm.stage, crm.job, {"--set", "input.sqlite=sandbox.db"},
                  {"--set input.sqlite: ", "(results.database \"" + crm.stage.database().string()});
    fs::create_symlink("crm.db", dir / "to_be.db");
    check_refused(crm.stage, crm.job, {"--results", (dir / "to_be.db").string()},
                  {": input.sqlite: ", "--results"});
    check_refused(crm.stage, crm.job, {"--results", (dir / ".." / dir.filename() / "crm.db").string()},
                  {": input.sqlite: "});
    // The input is there.
    crm.fill(3);
    fs::create_hard_link(crm.file(), dir / "hard.db");
    for (const auto* name : {"to_be.db", "hard.db", "crm.db"})
      check_refused(crm.stage, crm.job, {"--results", (dir / name).string()},
                    {": input.sqlite: ", "--results"});
    check_refused(crm.stage, crm.job, {"--results", crm.file().string() + "-wal"},
                  {": input.sqlite: ", "crm.db-wal\", part of the input, is the results database"});
    CHECK(ask_database(crm.file(), "SELECT count(*) FROM members") == std::vector<Line>{{"3"}});
    CHECK(ask_database(crm.file(), "SELECT count(*) FROM sqlite_schema") == std::vector<Line>{{"1"}});
  }

  TEST_CASE("sqlite: a list that is the results database is refused before anything is made") {
    const Crm crm;
    const auto& stage = crm.stage;
    check_refused(stage, stage.job(), {"--set", "input.csv=sandbox.db"},
                  {"--set input.csv: ", "is the results database (results.database"});
    for (const std::string suffix : {"-wal", "-shm", "-journal", ".lock"})
      check_refused(stage, stage.job(), {"--set", "input.csv=sandbox.db" + suffix},
                    {"--set input.csv: ", "is a part of the results database"});
    REQUIRE(stage.run("plan").exit_code == 0);
    fs::create_hard_link(stage.database(), stage.dir / "hard.csv");
    check_refused(stage, stage.job(), {"--set", "input.csv=hard.csv"},
                  {"--set input.csv: ", "is the results database"});
    fs::remove(stage.dir / "hard.csv");
    CHECK(stage.count("status = 'pending'") == 2);
    CHECK(stage.run("plan").exit_code == 0);
  }

  TEST_CASE("sqlite: a signal ends a query that goes on and on") {
    for (const int signal : {SIGINT, SIGTERM}) {
      const Crm crm{
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'c' AS code, 'o' AS openid "
          "FROM n WHERE i < 0"};
      crm.fill(1);
      Program program{{"plan", crm.job}};
      crm.stage.wait_until("TRUE", 0);  // the database is there, so signals are handled
      program.send_signal(signal);
      const auto ended = program.wait(std::chrono::seconds{5});
      CHECK(ended.exit_code == 75);
      CHECK(ended.err.find("interrupted while reading the input; nothing of it is kept, nothing was sent") !=
            std::string::npos);
      CHECK(crm.stage.count("TRUE") == 0);
    }
  }

  TEST_CASE("sqlite: nothing is kept of a database that turns out damaged half-way") {
    const Crm crm{"SELECT code, openid FROM members"};
    crm.fill(200'000);
    const auto size = fs::file_size(crm.file());
    std::fstream{crm.file(), std::ios::binary | std::ios::in | std::ios::out}
        .seekp(static_cast<std::streamoff>(size / 4096 / 2 * 4096))
        .write(std::string(4096, '\x55').data(), 4096);
    for (const auto& command : {std::vector<std::string>{"plan", crm.job}, {"run", crm.job, "--yes"}}) {
      const auto ended = support::run(command);
      CHECK(ended.exit_code == 65);
      CHECK(ended.out.empty());
      CHECK(ended.err.find(
                "crm.db: damaged or incomplete (database disk image is malformed); get a complete copy") !=
            std::string::npos);
    }
    CHECK(crm.stage.count("TRUE") == 0);
    CHECK(crm.stage.ask_results("SELECT count(*) FROM row")[0][0] == "0");
    CHECK(crm.stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("sqlite: lines with blobs and numbers and zero bytes are refused by cause") {
    const Crm crm{"SELECT * FROM members ORDER BY rowid"};
    Connection{crm.file(), Mode::create}.execute(
        "CREATE TABLE members (code, openid, reason); INSERT INTO members VALUES ('card0000', "
        "'oPlain0000uMuAJO_M2pxb1Q9zN', ''), (1, 'o', ''), (x'31', 'o', ''), ('2', 'o', 'a' || char(0)), "
        "(2.5, 'o', '')");
    const auto plan = support::run({"plan", crm.job});
    CHECK(plan.exit_code == 0);
    for (const auto* words :
         {"code: stored as INTEGER, not as TEXT, so leading zeros or digits may be lost (line 2)",
          "code: stored as BLOB, not as TEXT (line 3)",
          "reason: a zero byte inside, at which many programs end the text (line 4)",
          "code: stored as REAL, not as TEXT, so leading zeros or digits may be lost (line 5)", "to send 1 "})
      CHECK_MESSAGE(unfolded(plan.out).find(words) != std::string::npos, plan.out);
    CHECK(crm.stage.ask_results("SELECT raw FROM refused WHERE source_line = 4") ==
          std::vector<Line>{{"2,o,a\\x00,(not as it stood)"}});
  }

  TEST_CASE("sqlite: plan says that a log may be missing and leaves nothing beside the database") {
    const Crm crm;
    crm.fill(3);
    Connection{crm.file(), Mode::read_write}.execute("PRAGMA journal_mode = WAL");
    const auto plan = support::run({"plan", crm.job});
    CHECK(plan.exit_code == 0);
    CHECK(unfolded(plan.out).find("in write-ahead-log mode, and there is no crm.db-wal beside it") !=
          std::string::npos);
    CHECK(plan.out.find("to send 3 ") != std::string::npos);
    for (const auto* suffix : {"-wal", "-shm"}) CHECK_FALSE(fs::exists(crm.file().string() + suffix));
  }
}
