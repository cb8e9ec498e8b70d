// The results, out again.

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <ostream>

#include "csv.hpp"
#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  constexpr const char* k_members =
      "code,card_id,openid,reason\r\n"
      "001234567890123456789012,pbLatjvWOibDc5-TBnbUk1pD12o0,oOne,\"会员, 计划\"\r\n"
      "=1+1,pbLatjvWOibDc5-TBnbUk1pD12o0,oTwo,\"a \"\"b\"\"\"\r\n";

  struct FinishedStage : Stage {
    FinishedStage() : Stage{sandbox::plain_settings(), {{"members.csv", k_members}}} {
      CHECK(run("run", {"--yes"}).exit_code == 0);
    }
  };

  std::vector<std::vector<std::string>> read_csv(std::string_view text) {
    std::vector<std::vector<std::string>> records;
    sandbox::CsvReader reader{text};
    for (std::vector<std::string> cells; reader.next(cells).value();) records.push_back(cells);
    return records;
  }

  }  // namespace

  TEST_CASE("export: CSV holds the columns of the view in their order and every value as it is") {
    const FinishedStage stage;
    const auto records = read_csv(stage.run("export").out);
    REQUIRE(records.size() == 3);
    const std::vector<std::string> columns{
        "brand_id",      "card_id",      "code",        "openid",        "reason",        "status",
        "card_state",    "invalid_time", "error_code",  "error_message", "http_status",   "attempts",
        "request_id",    "endpoint",     "source_line", "first_sent_at", "finished_at",   "settled_by",
        "answer_signed", "held_back",    "accepted_at", "accepted_by",   "accepted_note", "forgotten_at"};
    CHECK(records[0] == columns);
    CHECK(records[1][2] == "001234567890123456789012");
    CHECK(records[1][4] == "会员, 计划");
    CHECK(records[2][2] == "=1+1");
    CHECK(records[2][4] == "a \"b\"");
    CHECK(records[1][5] == "invalidated");
    for (const auto& card : stage.sandbox->applied())
      if (card.code == records[1][2]) CHECK(records[1][7] == card.invalid_time);
    CHECK(records[1][17] == "answer");
    // The view has these columns too, no more and no less.
    const auto described = stage.ask_results("SELECT name FROM pragma_table_info('results')");
    REQUIRE(described.size() == columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) CHECK(described[i][0] == columns[i]);
  }

  TEST_CASE("export: --excel keeps codes text and formulas harmless") {
    const FinishedStage stage;
    const auto out = stage.run("export", {"--excel"}).out;
    CHECK(out.starts_with("\xEF\xBB\xBF"));
    CHECK(out.find("\"=\"\"001234567890123456789012\"\"\"") != std::string::npos);
    CHECK(out.find("\"=\"\"=1+1\"\"\"") != std::string::npos);
  }

  TEST_CASE("export: JSON Lines and --status and a private output file") {
    const FinishedStage stage;
    const auto file = stage.dir / "out.jsonl";
    const auto ended =
        stage.run("export", {"--format", "jsonl", "--status", "invalidated", "-o", file.string()});
    CHECK(ended.exit_code == 0);
    CHECK(ended.out.empty());
    struct stat facts {};
    ::stat(file.c_str(), &facts);
    CHECK((facts.st_mode & 0777) == 0600);
    const auto text = stage.read("out.jsonl");
    const auto first = boost::json::parse(text.substr(0, text.find('\n'))).as_object();
    CHECK(first.at("code").as_string() == "001234567890123456789012");
    CHECK(first.at("attempts").as_int64() == 1);
    CHECK(first.at("error_code").is_null());
    CHECK(stage.run("export", {"--status", "rejected"}).out.find('\n') + 1 ==
          stage.run("export", {"--status", "rejected"}).out.size());  // the header alone
  }

  TEST_CASE("export: the other views have the contract's columns") {
    const FinishedStage stage;
    const auto columns = [&](const std::string& view) {
      std::string names;
      for (const auto& line : stage.ask_results("SELECT name FROM pragma_table_info('" + view + "')"))
        names += (names.empty() ? "" : ", ") + line[0];
      return names;
    };
    CHECK(columns("attempts") ==
          "row_id, code, n, run_id, kind, endpoint, started_at, finished_at, latency_ms, http_status, "
          "error_code, "
          "request_id, outcome");
    CHECK(columns("refused") == "source_line, cause, raw");
    CHECK(
        columns("runs") ==
        "run_id, user, started_at, ended_at, host, pid, version, acknowledge, fingerprint, exit_code, sent, "
        "confirmed, "
        "rejected, unresolved, ending, tripped_by, culprits");
    const auto attempt =
        stage.ask_results("SELECT kind, endpoint, http_status, outcome, n FROM attempts LIMIT 1")[0];
    CHECK(attempt == Line{"invalidate", "primary", "200", "confirmed", "1"});
  }

  TEST_CASE("export: the files of the job are never written over") {
    const FinishedStage stage;
    const auto sizes = [&] {
      return stage.read("sandbox.db").size() + stage.read("members.csv").size() +
             stage.read("sandbox.toml").size() + stage.read("apiclient_key.pem").size();
    };
    const auto before = sizes();
    std::filesystem::create_symlink(stage.database(), stage.dir / "link.db");
    for (const char* file : {"sandbox.db", "sandbox.db-wal", "sandbox.db.lock", "link.db", "members.csv",
                             "sandbox.toml", "apiclient_key.pem", "./sandbox.db"}) {
      const auto ended = stage.run("export", {"-o", (stage.dir / file).string()});
      CAPTURE(file);
      CHECK(ended.exit_code == 64);
      CHECK(ended.err.find("that is the job's") != std::string::npos);
    }
    CHECK(sizes() == before);
  }

  TEST_CASE("export: a file that was there is replaced as a whole and becomes private") {
    const FinishedStage stage;
    stage.write("out.csv", "old");
    ::chmod((stage.dir / "out.csv").c_str(), 0644);
    CHECK(stage.run("export", {"-o", (stage.dir / "out.csv").string()}).exit_code == 0);
    struct stat facts {};
    ::stat((stage.dir / "out.csv").c_str(), &facts);
    CHECK((facts.st_mode & 0777) == 0600);
    CHECK(read_csv(stage.read("out.csv")).size() == 3);
    CHECK(stage.run("export", {"--format", "jsonl", "--excel"}).exit_code == 64);
    CHECK(stage.run("export", {"--json"}).out == stage.run("export", {"--format", "jsonl"}).out);
  }
}
