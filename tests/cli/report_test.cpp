// The page of `report`, in a real browser (tests/cli/look_at_page.py) and against what the database says.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cardvoid/base/sha256.hpp>
#include <cardvoid/base/text.hpp>
#include <csignal>
#include <cstdlib>
#include <map>
#include <ostream>
#include <sstream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  // A run in which much goes wrong: refusals, lost answers, 429, errors, lines that are no cards.
  Stage stage_of_a_bad_day() {
    auto settings = sandbox::plain_settings();
    using enum sandbox::Fault;
    settings.faults = {{system_error, 0.1}, {reset_applied, 0.05}, {throttle, 0.03}, {gateway, 0.05}};
    std::string cards = "brand_id,card_id,code,openid,state,invalid_time\r\n";
    for (int i = 0; i < 60; ++i)
      cards += fmt::format("1004,pbLatjvWOibDc5-TBnbUk1pD12o0,card{:04},o{:04},{},\r\n", i, i, "EFFECTIVE");
    std::string members = "code,card_id,openid,reason\r\n";
    for (int i = 0; i < 60; ++i)
      members += fmt::format("card{0:04},pbLatjvWOibDc5-TBnbUk1pD12o0,o{0:04},closed\r\n", i);
    members += "unknown-card-4711,pbLatjvWOibDc5-TBnbUk1pD12o0,oSomebodyElse,<b>&amp;\"reason\"\r\n";
    members += "card0099,pbLatjvWOibDc5-TBnbUk1pD12o0,,\r\n";
    return Stage{settings, {{"members.csv", members}, {"cards.csv", cards}}};
  }

  // What the browser reads from the page, with scripts off; the test fails where the page is not as it should
  // be.
  std::map<std::string, std::string> look_at(const Stage& stage, const std::string& page) {
    const auto read = stage.dir / "read";
    const int status = std::system(fmt::format("/usr/bin/python3 {} {} >{} 2>&1", CARDVOID_PAGE_READER,
                                               (stage.dir / page).string(), read.string())
                                       .c_str());
    const auto said = stage.read("read");
    INFO(said);
    REQUIRE(status == 0);
    std::map<std::string, std::string> figures;
    std::istringstream lines{said};
    for (std::string line; std::getline(lines, line);)
      if (const auto tab = line.find('\t'); tab != std::string::npos)
        figures[line.substr(0, tab)] = line.substr(tab + 1);
    return figures;
  }

  std::string number(const Stage& stage, const std::string& sql) {
    return grouped(std::stoll(stage.ask_results(sql).at(0).at(0)));
  }

  // The n-th of so many percent, as the page says it.
  std::string percentile(const Stage& stage, int percent) {
    const std::string answered =
        "FROM attempt WHERE sent AND http_status IS NOT NULL AND latency_us IS NOT NULL";
    const auto us = std::stod(
        stage
            .ask_results(fmt::format("SELECT latency_us {0} ORDER BY latency_us LIMIT 1 OFFSET (SELECT "
                                     "max(0, (count(*) * {1} + 99) / 100 - 1) {0})",
                                     answered, percent))
            .at(0)
            .at(0));
    return us < 10'000 ? fmt::format("{:.1f} ms", us / 1000) : fmt::format("{:.0f} ms", us / 1000);
  }

  std::string sha256(const std::string& text) {
    Sha256 hash;
    hash.add(text);
    return hash.finish_hex();
  }

  }  // namespace

  TEST_CASE(
      "report: a browser finds nothing to fetch or complain of and the figures are those of the database") {
    const auto stage = stage_of_a_bad_day();
    stage.run("run", {"--yes"});
    for (const std::string language : {"en", "zh"}) {
      CAPTURE(language);
      const auto made = stage.run("report", {"-o", (stage.dir / "r.html").string(), "--lang", language});
      CAPTURE(made.err);
      REQUIRE(made.exit_code == 0);
      CHECK(made.out.empty());
      auto figures = look_at(stage, "r.html");
      const auto is = [&](const std::string& name, const std::string& sql) {
        CAPTURE(name);
        CHECK(figures[name] == number(stage, "SELECT count(*) FROM " + sql));
      };
      is("rows", "results");
      is("invalidated", "results WHERE status = 'invalidated'");
      is("rejected", "results WHERE status = 'rejected'");
      is("doubt", "results WHERE status IN ('in_flight', 'unresolved')");
      is("pending", "results WHERE status = 'pending'");
      is("requests-primary", "attempts WHERE endpoint = 'primary'");
      is("requests-backup", "attempts WHERE endpoint = 'backup'");
      is("answered-both", "attempts WHERE http_status IS NOT NULL");
      is("cause-rejected-RESOURCE_NOT_EXISTS",
         "results WHERE error_code = 'RESOURCE_NOT_EXISTS' AND status = 'rejected'");
      for (const auto& kind :
           stage.ask_results("SELECT coalesce(outcome, '') || '-' || coalesce(http_status, 0) || '-' || "
                             "coalesce(error_code, ''), "
                             "count(*) FROM attempt WHERE outcome IS NOT 'withdrawn' GROUP BY 1"))
        CHECK(figures["answer-" + kind[0]] == grouped(std::stoll(kind[1])));
      CHECK(figures["p50-both"] == percentile(stage, 50));
      CHECK(figures["p99-both"] == percentile(stage, 99));
      CHECK(figures["slowest-both"] == percentile(stage, 100));
      CHECK(figures["digest"] == sha256(stage.run("export").out));

      const auto page = stage.read("r.html");
      CHECK(page.find(language == "zh" ? "<html lang=\"zh-CN\">" : "<html lang=\"en\">") !=
            std::string::npos);
      CHECK(page.find("&lt;b&gt;&amp;amp;&quot;reason&quot;") !=
            std::string::npos);  // as it stands in the list
      CHECK(page.find("oSomebodyElse") == std::string::npos);
      CHECK(page.find("unknown-card-4711") == std::string::npos);
      CHECK(page.find(language == "zh" ? "卡 ****4711" : "card ****4711") != std::string::npos);
      CHECK(page.find(sha256(stage.read("members.csv"))) != std::string::npos);
    }
    struct stat facts {};
    REQUIRE(::stat((stage.dir / "r.html").c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
  }

  TEST_CASE("report: a protected card is held back and neither refused nor read by its member") {
    const auto stage = stage_of(3, sandbox::plain_settings());
    REQUIRE(stage.run("plan").exit_code == 0);
    const auto code = stage.ask_results("SELECT code FROM results LIMIT 1").at(0).at(0);
    REQUIRE(stage.run("protect", {"--code", code, "--note", "owner has objected"}).exit_code == 0);
    stage.run("plan");  // the list names it still, and its line is refused
    REQUIRE(stage.ask_results("SELECT count(*) FROM refused").at(0).at(0) == "1");
    stage.run("run", {"--yes"});
    const auto page = stage.run("report", {"-o", "-", "--lang", "en"}).out;
    CHECK(page.find("data-figure=\"held-back-protected\">1<") != std::string::npos);
    CHECK(page.find("never became cards") == std::string::npos);
    CHECK(page.find("lines: 3, duplicates: 0, refused: 0<") != std::string::npos);
    CHECK(page.find("lines of protected cards, kept out: 1<") != std::string::npos);
    CHECK(page.find("(cards: 2)") != std::string::npos);
    CHECK(page.find("(cards: 3)") == std::string::npos);
    CHECK(page.find(", 0ms") == std::string::npos);
    CHECK(page.find('`') == std::string::npos);
  }

  TEST_CASE("report: it is written before the first run and refused over a file of the job") {
    const auto stage = stage_of(3);
    CHECK(stage.run("report", {"-o", "x.html"}).exit_code == 66);
    REQUIRE(stage.run("plan").exit_code == 0);
    const auto page = stage.run("report", {"-o", "-", "--lang", "en"});
    CHECK(page.exit_code == 0);
    CHECK(page.out.find("Nothing has been sent yet. Cards that wait: 3.") != std::string::npos);
    const auto refused = stage.run("report", {"-o", (stage.dir / "members.csv").string()});
    CHECK(refused.exit_code == 64);
    CHECK(refused.err.find("that is the job's input; name another file") != std::string::npos);
    CHECK(stage.run("report").exit_code == 64);
    CHECK(stage.run("report", {"-o", "/nowhere/x.html"}).exit_code == 74);
  }

  TEST_CASE("report file: it is there while a run is under way and complete at its end") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = milliseconds{50};
    const auto stage = stage_of(300, settings);
    const std::vector<std::string> flags{"--yes", "--set", "results.report_file=r.html", "--set",
                                         "limits.requests_per_second=100"};
    const auto run = stage.start("run", flags);
    stage.wait_until([&] { return std::filesystem::exists(stage.dir / "r.html"); }, "the page of a run");
    const auto page = stage.read("r.html");
    CHECK(page.ends_with("</html>\n\n"));
    CHECK(page.find("Under way: ") != std::string::npos);
    stage.wait_until(
        [&] {
          return stage.run("report", {"-o", "-", "--lang", "en"}).out.find("id=\"time-left\">As of ") !=
                 std::string::npos;
        },
        "the time left on the page");
    CHECK(page.find("id=\"digest\"") == std::string::npos);  // it would be wrong a moment later
    const auto ended = run->wait();
    CAPTURE(ended.err);
    CHECK(ended.exit_code == 0);
    CHECK(stage.read("r.html").find(sha256(stage.run("export").out)) != std::string::npos);
    CHECK(stage.read("r.html").find("id=\"time-left\"") == std::string::npos);
    CHECK(stage.read("r.html").find("in the busiest minute") == std::string::npos);  // it took seconds
    CHECK(stage.read("r.html").find("The limit was 100 a second.") != std::string::npos);
    CHECK(stage.read("r.html").find("Every card is confirmed invalid.") != std::string::npos);
  }

  TEST_CASE("report file: one that cannot be written is one warning and the run goes on") {
    const auto stage = stage_of(20);
    const auto ended = stage.run("run", {"--yes", "--set", "results.report_file=nowhere/r.html"});
    CHECK(ended.exit_code == 0);
    const auto at = ended.err.find("results.report_file: ");
    CHECK(at != std::string::npos);
    CHECK(ended.err.find("results.report_file: ", at + 1) == std::string::npos);
    const auto refused = stage.run("run", {"--yes", "--set", "results.report_file=members.csv"});
    CHECK(refused.exit_code == 78);
  }
}
