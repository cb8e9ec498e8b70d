// `init`: from nothing to a job file that the other commands take.

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  Stage stage_with_list(const std::string& list) {
    return Stage{sandbox::plain_settings(), {{"members.csv", plain_members(5)}, {"list.csv", list}}};
  }

  const std::string k_list = "会员卡号,OpenID,会员卡模板ID,姓名\ncard0000,open0000,template,王\n";

  // All answers of a merchant as flags; paths are those of the stage's folder, where init runs.
  std::vector<std::string> flags(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"init",
                                   "gold.toml",
                                   "--list",
                                   "list.csv",
                                   "--private-key",
                                   "apiclient_key.pem",
                                   "--public-key",
                                   "wxp_pub.pem",
                                   "--public-key-id",
                                   "PUB_KEY_ID_0119",
                                   "--brand-id",
                                   "1004"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  Ended init_in(const Stage& stage, std::vector<std::string> words) {
    Circumstances there;
    there.folder = stage.dir;
    return support::run(std::move(words), there);
  }

  bool has(const std::string& text, std::string_view words) { return text.find(words) != std::string::npos; }

  }  // namespace

  TEST_CASE(
      "init: flags give a job file with the columns of the list and the serial number of the certificate") {
    const auto stage = stage_with_list(k_list);
    const auto ended =
        init_in(stage, flags({"--acknowledge", "OPS-7: told by message and agreed, 2026-11-01"}));
    CAPTURE(ended.err);
    REQUIRE(ended.exit_code == 0);
    const auto job = stage.read("gold.toml");
    CAPTURE(job);
    CHECK(has(job, "columns = { code = \"会员卡号\", card_id = \"会员卡模板ID\", openid = \"OpenID\" }") !=
          has(job, "columns = { code = \"会员卡号\", openid = \"OpenID\", card_id = \"会员卡模板ID\" }"));
    CHECK(has(job, "mchid = \"1900000001\""));
    CHECK(has(job, "serial_no = \"5157F09EFDC096DE15EBE81A47057A7232F1B8E1\""));
    CHECK(has(job, "name = \"gold\""));
    CHECK_FALSE(has(job, "[defaults]\n# For rows that leave them out.\ncard_id"));
    CHECK(has(ended.out, "cardvoid rehearse gold.toml"));
    CHECK(has(ended.out, "cardvoid check gold.toml"));
    CHECK(has(ended.out, "cardvoid plan gold.toml --page approve.html"));
    CHECK(ended.err.empty());

    Circumstances there;
    there.folder = stage.dir;
    const auto planned = support::run({"plan", "gold.toml", "--json"}, there);
    CAPTURE(planned.err);
    CHECK(planned.exit_code == 0);
  }

  TEST_CASE("init: check goes as far as it can with what init has written") {
    const auto stage = stage_with_list(k_list);
    REQUIRE(init_in(stage, flags({"--acknowledge", "OPS-7: told and agreed, 2026-11-01"})).exit_code == 0);
    Circumstances there;
    there.folder = stage.dir;
    const auto checked = support::run({"check", "gold.toml"}, there);
    CAPTURE(checked.out);
    CHECK(has(checked.out, "ok    merchant key"));
    CHECK(has(checked.out, "ok    certificate"));
    CHECK(has(checked.out, "ok    input"));
    CHECK(has(checked.out, "ok    results"));
    CHECK_FALSE(has(checked.out, "WARN  consent"));
  }

  TEST_CASE("init: the zone of the machine's clock stands in the job file where it has a name") {
    const auto stage = stage_with_list(k_list);
    const auto line_in = [&](const std::string& zone, const std::string& file) {
      Circumstances there;
      there.folder = stage.dir;
      there.environment["TZ"] = zone;
      auto words = flags();
      words[1] = file;
      CHECK(support::run(words, there).exit_code == 0);
      return stage.read(file);
    };
    CHECK(has(line_in("Asia/Tokyo", "a.toml"), "\ntimezone = \"Asia/Tokyo\"\n"));
    CHECK(has(line_in(":Asia/Urumqi", "b.toml"), "\ntimezone = \"Asia/Urumqi\"\n"));
    CHECK(has(line_in("CST-8", "c.toml"), "\n# timezone = \"Asia/Shanghai\"\n"));
  }

  TEST_CASE("init: nothing is overwritten") {
    const auto stage = stage_with_list(k_list);
    stage.write("gold.toml", "mine");
    const auto ended = init_in(stage, flags());
    CHECK(ended.exit_code == 73);
    CHECK(has(ended.err, "gold.toml is there already"));
    CHECK(stage.read("gold.toml") == "mine");
    std::filesystem::remove(stage.dir / "gold.toml");
    std::filesystem::create_symlink("nowhere.toml", stage.dir / "gold.toml");
    CHECK(init_in(stage, flags()).exit_code == 73);
    CHECK_FALSE(std::filesystem::exists(stage.dir / "nowhere.toml"));
  }

  TEST_CASE("init: a pipe is no list and is not waited for") {
    const auto stage = stage_with_list(k_list);
    std::filesystem::remove(stage.dir / "list.csv");
    REQUIRE(::mkfifo((stage.dir / "list.csv").c_str(), 0600) == 0);
    const auto ended = init_in(stage, flags());
    CHECK(ended.exit_code == 66);
    CHECK(has(ended.err, "is not a plain file but a pipe; expected a file"));
  }

  TEST_CASE("init: without a terminal one error names all missing flags and nothing is written") {
    const auto stage = stage_with_list("code,openid\nc1,o1\n");
    const auto none = init_in(stage, {"init", "gold.toml"});
    CHECK(none.exit_code == 64);
    for (const auto* flag : {"--list FILE", "--private-key FILE", "--certificate FILE (or --serial-no HEX)",
                             "--mchid NUMBER", "--brand-id ID", "--public-key FILE", "--public-key-id ID"})
      CHECK_MESSAGE(has(none.err, flag), none.err);
    const auto no_template = init_in(stage, flags());
    CHECK(no_template.exit_code == 64);
    CHECK(has(no_template.err, "give --card-id ID; nothing is written"));
    CHECK_FALSE(std::filesystem::exists(stage.dir / "gold.toml"));
  }

  TEST_CASE("init: an answer that cannot be right is refused with what was expected") {
    const auto stage = stage_with_list(k_list);
    const auto says = [&](std::vector<std::string> more, int exit_code, std::string_view words) {
      const auto ended = init_in(stage, flags(std::move(more)));
      CAPTURE(ended.err);
      CHECK(ended.exit_code == exit_code);
      CHECK(has(ended.err, words));
      CHECK_FALSE(std::filesystem::exists(stage.dir / "gold.toml"));
    };
    says({"--mchid", "19x"}, 64, "--mchid: expected the service provider's merchant number");
    says({"--mchid", "1900000002"}, 64, "was issued for the merchant number 1900000001");
    says({"--reason", std::string(40, 'x')}, 64, "--reason: expected 1 to 32 characters");
    says({"--column", "kode=a"}, 64, "expected one of code, openid");
    says({"--column", "code=nowhere"}, 64, "the list has no column nowhere; it has 会员卡号, OpenID");
    says({"--certificate", "nowhere.pem"}, 66, "nowhere.pem");
    says({"--certificate", "ca.pem"}, 77, "not an RSA key");
    says({"--table", "t"}, 64, "--table belongs to an SQLite database");
    const auto says_instead = [&](std::size_t at, const std::string& value, std::string_view words) {
      auto line = flags();
      line[at] = value;
      const auto ended = init_in(stage, line);
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 64);
      CHECK(has(ended.err, words));
      CHECK_FALSE(std::filesystem::exists(stage.dir / "gold.toml"));
    };
    says_instead(7, "PUB_KEY_ID_0119", "--public-key: expected the path of the WeChat Pay public key");
    says_instead(11, "keys/brand", "--brand-id: expected the brand's ID, digits");
    says({"--api", "brand", "--mchid", "1900000001"}, 64, "--mchid belongs to --api partner");
    says({"--certificates-dir", "."}, 64, "stands instead of");
    auto words = flags({"--certificate", "apiclient_cert.pem"});
    words[5] = "wxp_key.pem";
    const auto another = init_in(stage, words);
    CHECK(another.exit_code == 77);
    CHECK(has(another.err, "apiclient_cert.pem does not belong to the private key wxp_key.pem"));
  }

  TEST_CASE("init: a list without names of columns is refused and no card and no member is shown") {
    for (const auto* list :
         {"182064985846377039030378,oUpF8uMuAJO_M2pxb1Q9zNjWeS6o\n", "卡号，OpenID\n1，o1\n"}) {
      CAPTURE(list);
      const auto stage = stage_with_list(list);
      const auto ended = init_in(stage, flags());
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 65);
      CHECK((has(ended.err, "is the line with the names missing?") || has(ended.err, "full-width commas")));
      CHECK_FALSE(has(ended.err, "182064985846"));
      CHECK_FALSE(has(ended.err, "oUpF8uMuAJO"));
    }
  }

  TEST_CASE("init: a column of the list that the job does not use is named") {
    const auto stage = stage_with_list("code,openid,Template\nc1,o1,t1\n");
    const auto ended = init_in(stage, flags({"--card-id", "t1"}));
    CAPTURE(ended.err);
    CHECK(ended.exit_code == 0);
    CHECK(has(ended.out, "  not used: Template; --column OURS=THEIRS names a column\n"));
  }

  TEST_CASE("init: without consent the job is written and only a rehearsal takes it") {
    const auto stage = stage_with_list(k_list);
    const auto ended = init_in(stage, flags());
    REQUIRE(ended.exit_code == 0);
    CHECK(has(ended.out, "safety.acknowledge is empty"));
    CHECK(has(ended.out, "事先告知并取得同意"));
    const auto job = (stage.dir / "gold.toml").string();
    for (const std::string command : {"check", "plan", "run"}) {
      std::vector<std::string> words{command, job};
      if (command == "run") words.emplace_back("--yes");
      const auto refused = support::run(words);
      CHECK(refused.exit_code == 78);
      CHECK(has(refused.err, "safety.acknowledge: expected"));
      CHECK(has(refused.err, "事先告知并取得同意"));
    }
    const auto rehearsed = support::run({"rehearse", job});
    CAPTURE(rehearsed.err);
    CHECK(rehearsed.exit_code == 0);
  }

  TEST_CASE("init: a table of an SQLite database becomes a query") {
    const auto stage = stage_with_list("");
    sqlite::Connection{stage.dir / "crm.db", sqlite::Mode::create}.execute(
        "CREATE TABLE \"会员 \"\"x\" (\"卡号\" TEXT, openid TEXT, card_id TEXT); CREATE TABLE log (t TEXT); "
        "INSERT INTO \"会员 \"\"x\" VALUES ('card0000', 'open0000', 'template')");
    auto words = flags({"--acknowledge", "OPS-7: told and agreed, 2026-11-01"});
    words[3] = "crm.db";
    const auto written = init_in(stage, words);
    CAPTURE(written.err);
    REQUIRE(written.exit_code == 0);
    const auto planned = support::run({"plan", (stage.dir / "gold.toml").string(), "--json"});
    CAPTURE(planned.err);
    CHECK(planned.exit_code == 0);
  }

  TEST_CASE("init: paths of a job file in another folder are relative to it") {
    const auto stage = stage_with_list(k_list);
    std::filesystem::create_directory(stage.dir / "jobs");
    auto words = flags({"--acknowledge", "OPS-7: told and agreed, 2026-11-01", "--json"});
    words[1] = "jobs/gold.toml";
    const auto ended = init_in(stage, words);
    CAPTURE(ended.err);
    REQUIRE(ended.exit_code == 0);
    CHECK(has(stage.read("jobs/gold.toml"), "csv = \"../list.csv\""));
    const auto answer = boost::json::parse(ended.out).as_object();
    CHECK(answer.at("columns").at("code") == "会员卡号");
    CHECK(answer.at("is_acknowledged") == true);
    CHECK(answer.at("next").as_array().size() == 3);
    CHECK(answer.at("missing_files").as_array().empty());
    struct stat facts {};
    REQUIRE(::stat((stage.dir / "jobs/gold.toml").c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0022) == 0);
  }

  TEST_CASE("init: on a terminal it asks what the flags have not said and asks again after a wrong answer") {
    const auto stage = stage_with_list("code,openid\nc1,o1\n");
    Circumstances terminal;
    terminal.on_terminal = true;
    terminal.folder = stage.dir;
    Program program{{"init", "gold.toml"}, terminal};
    const auto answer = [&](std::string_view question, std::string_view words) {
      program.wait_for_words(question);
      program.type(std::string{words} + "\n");
    };
    answer("1. The list of cards", "nowhere.csv");
    answer("cannot open it", "'list.csv'");
    answer("2. The merchant's API private key", "wxp_pub.pem");
    answer("wxp_pub.pem: ", "");  // the one that is there
    answer("3. Who signs", "");
    answer("4. The service provider's merchant number", "");
    answer("5. The brand's id", "1004");
    answer("6. The id of the card template", "template");
    answer("7. The WeChat Pay public key", "apiclient_key.pem");
    answer("apiclient_key.pem: ", "");
    answer("8. Its id", "PUB_KEY_ID_0119");
    answer("9. Why", "会员计划已结束");
    answer("10. WeChat Pay demands", "OPS-7: told and agreed");
    const auto ended = program.wait();
    CAPTURE(ended.out);
    CHECK(ended.exit_code == 0);
    const auto job = stage.read("gold.toml");
    CHECK(has(job, "mchid = \"1900000001\""));
    CHECK(has(job, "reason = \"会员计划已结束\""));
    CHECK(has(job, "acknowledge = \"OPS-7: told and agreed\""));
  }

  TEST_CASE("init: the end of input on a terminal writes nothing") {
    const auto stage = stage_with_list(k_list);
    Circumstances terminal;
    terminal.on_terminal = true;
    terminal.folder = stage.dir;
    Program program{{"init", "gold.toml"}, terminal};
    program.wait_for_words("1. The list of cards");
    program.type("\x04");
    CHECK(program.wait().exit_code == 64);
    CHECK_FALSE(std::filesystem::exists(stage.dir / "gold.toml"));
  }
}
