// Mistakes of people: the right exit code, one clear message, nothing half-done.

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <ostream>

#include "support/stage.hpp"
#include "support/unfolded.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  struct Mistake {
    int exit_code;
    std::vector<std::string_view> words;  // all of which the message must have
  };

  void check_message(const Ended& ended, const Mistake& expected) {
    CAPTURE(ended.err);
    CHECK(ended.exit_code == expected.exit_code);
    CHECK(ended.out.empty());
    for (const auto word : expected.words)
      CHECK_MESSAGE(ended.err.find(word) != std::string::npos, std::string{word});
  }

  Stage small_stage() { return Stage{sandbox::plain_settings(), {{"members.csv", plain_members(5)}}}; }

  }  // namespace

  TEST_CASE("mistakes in the job file end with 78 and name file and line and key") {
    const auto stage = small_stage();
    const auto try_job = [&](std::string_view from, std::string_view to,
                             std::vector<std::string_view> words) {
      words.emplace_back("other.toml:");
      for (const std::string command : {"check", "plan", "run"}) {
        std::vector<std::string> line{command, stage.job_with(from, to)};
        if (command == "run") line.emplace_back("--yes");
        check_message(support::run(line), {78, words});
      }
      CHECK_FALSE(std::filesystem::exists(stage.database()));
    };
    try_job("serial_no =", "serial_number =", {"serial_number", "serial_no"});
    try_job("requests_per_second =", "request_per_second =", {"request_per_second", "requests_per_second"});
    try_job("[limits]", "[limit]", {"limit", "limits"});
    try_job("brand_id = \"1004\"", "brand_id = \"keys/wxp_pub.pem\"", {"defaults.brand_id", "digits"});
    try_job("mchid = \"1900000001\"", "mchid = \"keys/1900000001\"", {"merchant.mchid", "digits"});
    try_job("public_key_file = \"", "public_key_file = \"PUB_KEY_ID_0119\" # ",
            {"platform.public_key_file", "PUB_KEY_ID_…, belongs in public_key_id"});
    try_job("primary = \"https:", "primary = \"http:", {"endpoints.primary", "https"});
    try_job("name = \"sandbox\"", "name = sandbox", {"other.toml:2"});
    try_job("requests_per_second = ", "requests_per_second = \"5\" # ",
            {"limits.requests_per_second", "number"});
    try_job("acknowledge = \"sandbox: no real customers\"", "", {"safety.acknowledge"});
    try_job("[input]", "[input]\nencoding = \"big5\"", {"input.encoding", "gb18030"});
  }

  TEST_CASE("a file that is named and not there ends with 66") {
    const auto stage = small_stage();
    check_message(support::run({"run", (stage.dir / "nowhere.toml").string()}), {66, {"nowhere.toml"}});
    check_message(support::run({"plan", (stage.dir / "nowhere.toml").string()}), {66, {"nowhere.toml"}});
    check_message(stage.run("status"), {66, {"sandbox.db", "cardvoid plan"}});
    check_message(stage.run("export"), {66, {"sandbox.db"}});
    check_message(stage.run("plan", {"--set", "input.csv=nowhere.csv"}), {66, {"input.csv", "nowhere.csv"}});
    const auto job = stage.job_with("apiclient_key.pem", "nowhere.pem");
    check_message(support::run({"run", job, "--yes"}), {66, {"merchant.private_key_file", "nowhere.pem"}});
  }

  TEST_CASE("a list or a database in the place of the job file is named and init is offered") {
    const auto stage = small_stage();
    stage.write("名单.csv", "会员卡号,OpenID\r\n1,o1\r\n");
    for (const std::string command : {"check", "plan", "status"}) {
      check_message(support::run({command, (stage.dir / "名单.csv").string()}),
                    {78, {"a list (CSV), not a job file", "cardvoid init --list"}});
    }
    const auto list = support::run({"plan", (stage.dir / "名单.csv").string()});
    CHECK(list.err.find("cardvoid plan /") == std::string::npos);  // the same again would be no help
    CHECK(stage.run("plan").exit_code == 0);
    check_message(support::run({"plan", stage.database().string()}),
                  {78, {"an SQLite database, not a job file"}});
    // Larger than any job file.
    stage.write("large.csv", "code,openid\n" + std::string(2'000'000, 'x'));
    check_message(support::run({"plan", (stage.dir / "large.csv").string()}),
                  {78, {"a list (CSV), not a job file"}});
  }

  TEST_CASE("a job file before the command is told which way round it goes") {
    const auto stage = small_stage();
    check_message(support::run({stage.job(), "run"}),
                  {64, {"put the command first: cardvoid run ", "sandbox.toml"}});
    check_message(support::run({"-q", stage.job(), "plan", "--json"}), {64, {"cardvoid plan "}});
    check_message(support::run({stage.job()}), {64, {"is a file, not a command", "cardvoid plan "}});
    const auto list = (stage.dir / "members.csv").string();
    check_message(support::run({list, "run"}), {64, {"is a list, not a job file", "`cardvoid init --list "}});
    check_message(support::run({list}), {64, {"is a list, not a command", "`cardvoid init --list "}});
    check_message(support::run({"run", "--yes", stage.job(), "more.toml"}),
                  {64, {"unexpected argument more.toml"}});
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("a list without our columns is told the line for the job file and then it is taken") {
    const auto stage = small_stage();
    stage.write("odd.csv", "会员卡号,OpenID\r\ncard0000,open0000\r\n");
    const auto line = "columns = { code = \"会员卡号\", openid = \"OpenID\" }";
    check_message(stage.run("plan", {"--set", "input.csv=odd.csv"}),
                  {65, {"odd.csv:1: ", "write in [input]: ", line}});
    CHECK(support::run(
              {"plan", stage.job_with("csv = \"members.csv\"", std::string{"csv = \"odd.csv\"\n"} + line)})
              .exit_code == 0);
  }

  // The job's list under another brand_id, while a row of the old brand is in the state that `sql` makes.
  void check_other_brand(const std::string& sql, const std::string& states) {
    CAPTURE(states);
    const auto stage = small_stage();
    CHECK(stage.run("plan").err.find("another brand") == std::string::npos);
    if (!sql.empty()) sqlite::Connection{stage.database(), sqlite::Mode::read_write}.execute(sql);
    const auto job = stage.job_with("brand_id = \"1004\"", "brand_id = \"1005\"");
    const auto words =
        "another brand than before: 5 cards of brand 1005 would be sent, and the list no longer has any of "
        "the "
        "job's 5 cards of brand 1004 (" +
        states + ")";
    const auto planned = support::run({"plan", job, "--page", (stage.dir / "page.html").string()});
    CHECK(planned.exit_code == 0);
    CHECK(unfolded(planned.err).find(words) != std::string::npos);
    CHECK(unfolded(planned.out).find(words) != std::string::npos);
    CHECK(stage.read("page.html").find("another brand than before: 5 cards of brand 1005") !=
          std::string::npos);
    check_message(support::run({"run", job, "--yes"}),
                  {65, {words, "--yes does not go on with another brand", "--confirm FINGERPRINT"}});
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
    CHECK(stage.sandbox->counters().read_back_requests == 0);
  }

  TEST_CASE("another brand in the same job is told no matter how the cards of the old one stand") {
    check_other_brand("", "5 held back");
    check_other_brand("UPDATE row SET status = 'in_flight' WHERE id = 1",
                      "1 in doubt, 4 held back, 1 still to be sent or settled");
    check_other_brand("UPDATE row SET status = 'unresolved', held = 1", "5 in doubt");
    check_other_brand("UPDATE row SET status = 'invalidated', settled_by = 'answer'", "5 invalidated");
    check_other_brand("UPDATE row SET status = 'rejected' WHERE id < 3", "2 rejected, 3 held back");
    check_other_brand("UPDATE row SET conflict = 1", "5 held back");
  }

  TEST_CASE("another brand is sent once its fingerprint is confirmed and then --yes goes on") {
    auto settings = sandbox::plain_settings();
    const auto stage = support::stage_of(2, settings);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    const auto job = stage.job_with("brand_id = \"1004\"", "brand_id = \"1005\"");
    const auto plan = boost::json::parse(support::run({"plan", job, "--json"}).out);
    const auto fingerprint = std::string{plan.at("fingerprint").as_string()};
    CHECK(support::run({"run", job, "--confirm", fingerprint, "--limit", "1"}).exit_code != 65);
    CHECK(stage.count("brand_id = '1005' AND attempts > 0") == 1);
    CHECK(support::run({"run", job, "--yes"}).err.find("--yes does not go on") == std::string::npos);
  }

  TEST_CASE("a mistyped brand that was corrected before anything was sent is no other brand") {
    const auto stage = small_stage();
    CHECK(stage.run("plan").exit_code == 0);
    CHECK(support::run({"plan", stage.job_with("brand_id = \"1004\"", "brand_id = \"1005\"")}).exit_code ==
          0);
    const auto corrected = stage.run("plan");
    CHECK(corrected.err.find("another brand") == std::string::npos);
    CHECK(stage.run("run", {"--yes"}).exit_code != 65);
  }

  TEST_CASE("a list that names two brands and one of them no more is no mistake") {
    const auto stage = small_stage();
    stage.write("two.csv", "code,openid,brand_id\r\ncard0000,open0000,1004\r\ncard0001,open0001,1005\r\n");
    const std::vector<std::string> two{"--set", "input.csv=two.csv"};
    CHECK(stage.run("plan", two).exit_code == 0);
    stage.write("two.csv", "code,openid,brand_id\r\ncard0001,open0001,1005\r\n");
    CHECK(stage.run("plan", two).err.find("another brand") == std::string::npos);
  }

  TEST_CASE("another merchant than the last one is told and --yes does not send for it") {
    const auto stage = support::stage_of(3);
    CHECK(stage.run("run", {"--yes", "--limit", "1"}).exit_code == 75);
    const auto job = stage.job_with("mchid = \"1900000001\"", "mchid = \"1900000002\"");
    const std::string words =
        "another merchant than before: mchid 1900000002 signs now, and mchid 1900000001 signed";
    CHECK(unfolded(support::run({"plan", job}).err).find(words) != std::string::npos);
    check_message(support::run({"run", job, "--yes"}), {65, {words, "--yes does not go on"}});
    CHECK(unfolded(support::run({"reconcile", job}).err).find(words) != std::string::npos);
    CHECK(stage.run("plan").err.find("another merchant") == std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests == 1);
  }

  TEST_CASE("an unusable private key ends with 77 and says which file and why") {
    const auto stage = small_stage();
    stage.write("empty.pem", "");
    stage.write("garbage.pem", "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n");
    for (const std::string file : {"empty.pem", "garbage.pem", "wxp_pub.pem", "."}) {
      CAPTURE(file);
      const auto job = stage.job_with("apiclient_key.pem", file);
      check_message(support::run({"run", job, "--yes"}),
                    {77, {"merchant.private_key_file", file == "." ? "directory" : file}});
    }
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("an input that cannot be trusted as a whole ends with 65 and imports nothing") {
    const auto stage = small_stage();
    const auto try_input = [&](std::string_view csv, std::vector<std::string_view> words) {
      stage.write("odd.csv", csv);
      words.emplace_back("odd.csv");
      check_message(stage.run("run", {"--yes", "--set", "input.csv=odd.csv"}), {65, words});
      CHECK(stage.ask_results("SELECT count(*) FROM row")[0][0] == "0");
    };
    try_input("kode,openid\r\na,o1\r\n", {"code"});
    try_input("", {"empty"});
    try_input("code,openid\r\na,o1\r\nb,\"o2\r\n", {"odd.csv:3: ", "quotation mark"});
    try_input("code,openid\r\na,o1\r\nb\xFF,o2\r\n", {"odd.csv:3: ", "UTF-8", "offset 20"});
    try_input("code,openid,code\r\na,o1,b\r\n", {"code"});
    try_input(std::string_view{"PK\x03\x04\x14\x00\x06", 7}, {"Excel"});
  }

  TEST_CASE("a results database that is not ours ends with 73 and is left as it is") {
    const auto stage = small_stage();
    stage.write("notes.txt",
                "these are my notes, not a database, and long enough to look like a page of one");
    check_message(stage.run("run", {"--yes", "--results", (stage.dir / "notes.txt").string()}),
                  {73, {"notes.txt"}});
    CHECK(stage.read("notes.txt").starts_with("these are my notes"));
    // A path that cannot be a folder for any user.
    check_message(stage.run("run", {"--yes", "--results", (stage.dir / "notes.txt/results.db").string()}),
                  {73, {"notes.txt"}});
    if (::geteuid() != 0) {
      std::filesystem::create_directory(stage.dir / "locked");
      ::chmod((stage.dir / "locked").c_str(), 0500);
      check_message(stage.run("run", {"--yes", "--results", (stage.dir / "locked/results.db").string()}),
                    {73, {"permission"}});
    }
    CHECK(stage.run("plan").exit_code == 0);
    const auto other_job = stage.job_with("name = \"sandbox\"", "name = \"another\"");
    check_message(support::run({"plan", other_job}), {73, {"sandbox", "another"}});
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("max_rows refuses to start above it") {
    const auto stage = small_stage();
    const auto ended = stage.run("run", {"--yes", "--set", "safety.max_rows=4"});
    CAPTURE(ended.err);
    CHECK(ended.exit_code == 65);
    CHECK(ended.err.find("safety.max_rows") != std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("check says which thing is wrong and has the exit code of the first fault") {
    const auto stage = small_stage();
    const auto fine = stage.run("check");
    CHECK(fine.exit_code == 0);
    CHECK(fine.out.find("FAIL") == std::string::npos);
    const auto key = support::run({"check", stage.job_with("apiclient_key.pem", "wxp_pub.pem")});
    CHECK(key.exit_code == 77);
    CHECK(key.out.find("FAIL  merchant key") != std::string::npos);
    stage.sandbox->set_outage(model::Endpoint::backup, sandbox::Outage::refuse);
    const auto down = stage.run("check");
    CHECK(down.exit_code == 69);
    CHECK(down.out.find("FAIL  backup") != std::string::npos);
    CHECK(down.out.find("ok    primary ") != std::string::npos);
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }
}
