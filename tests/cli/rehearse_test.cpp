// `cardvoid rehearse`: the user's own list against a simulated platform, and nothing else.

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/json.hpp>
#include <csignal>
#include <filesystem>
#include <ostream>

#include "support/program.hpp"
#include "support/stage.hpp"
#include "support/temp_folder.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {

  namespace fs = std::filesystem;

  bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

  // A place on loopback that must never be reached: it counts who comes.
  class Trap {
   public:
    Trap() : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)} {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      socklen_t size = sizeof address;
      auto* const any = reinterpret_cast<sockaddr*>(&address);
      REQUIRE(::bind(socket_.get(), any, size) == 0);
      REQUIRE(::listen(socket_.get(), 100) == 0);
      REQUIRE(::getsockname(socket_.get(), any, &size) == 0);
      port_ = ntohs(address.sin_port);
    }
    std::string at() const { return fmt::format("127.0.0.1:{}", port_); }
    int visitors() const {
      int count = 0;
      while (FileDescriptor{::accept(socket_.get(), nullptr, nullptr)}) ++count;
      return count;
    }

   private:
    FileDescriptor socket_;
    std::uint16_t port_ = 0;
  };

  // A job as it is before anything is set up: no keys, placeholders where numbers belong.
  struct Draft {
    explicit Draft(int members, std::string_view more = "") {
      fs::create_directory(tmp);
      circumstances.environment = {{"TMPDIR", tmp.string()},
                                   {"XDG_STATE_HOME", (folder.path / "state").string()}};
      folder.write("members.csv", plain_members(members));
      job = folder
                .write("gold.toml", fmt::format(R"(name = "gold"
[merchant]
api = "partner"
serial_no = "TODO"
private_key_file = "keys/apiclient_key.pem"
[platform]
public_key_id = "from the console"
[input]
csv = "members.csv"
[defaults]
brand_id = "2000"
[safety]
acknowledge = "OPS-1"
canary = 2
{})",
                                                more))
                .string();
    }
    std::vector<std::string> words(const std::vector<std::string>& flags) const {
      std::vector<std::string> all{"rehearse", job};
      all.insert(all.end(), flags.begin(), flags.end());
      return all;
    }
    Ended rehearse(const std::vector<std::string>& flags) const { return run(words(flags), circumstances); }
    boost::json::value answer(std::vector<std::string> flags, int exit_code = 0) const {
      flags.emplace_back("--json");
      const auto ended = rehearse(flags);
      INFO(ended.out << ended.err);
      CHECK(ended.exit_code == exit_code);
      boost::system::error_code error;
      auto answer = boost::json::parse(ended.out, error);
      REQUIRE(!error);
      return answer;
    }
    void check_nothing_left() const {
      CHECK(fs::is_empty(tmp));
      for (const auto& entry : fs::directory_iterator{folder.path})
        CHECK_MESSAGE((entry.path() == tmp || entry.path().extension() == ".toml" ||
                       entry.path().extension() == ".csv"),
                      entry.path().string());
    }

    TempFolder folder;
    const fs::path tmp = folder.path / "tmp";
    std::string job;
    Circumstances circumstances{};
  };

  }  // namespace

  TEST_CASE("rehearse: a job without keys is rehearsed and nothing of it stays") {
    const Draft draft{20};
    const auto ended = draft.rehearse({"--speed", "20"});
    INFO(ended.err);
    CHECK(ended.exit_code == 0);
    CHECK(has(ended.out, "Rehearsal of "));
    CHECK(has(ended.out, "  cards          20  all that are to be sent\n"));
    CHECK(has(ended.out, "  requests       22  20 invalidations, 2 read-backs\n"));
    CHECK(has(ended.out, "  exit code      0, done\n"));
    CHECK(has(ended.out, "merchant.mchid: missing"));
    CHECK(has(ended.out, "merchant.serial_no: expected"));
    CHECK(has(ended.out, "platform.public_key_file: missing"));
    CHECK(ended.out.ends_with("\nNext\n  cardvoid rehearse " + draft.job +
                              " --faults bad-day\n  cardvoid check " + draft.job + "\n  cardvoid plan " +
                              draft.job + " --page approve.html\n  cardvoid run " + draft.job + "\n"));
    draft.check_nothing_left();
  }

  TEST_CASE("rehearse: a hostile job file reaches nothing but the simulated platform") {
    const Trap primary, backup, proxy, proxy_of_environment;
    Draft draft{10, fmt::format(R"([endpoints]
primary = "https://{}"
backup = "https://{}"
proxy = "http://user:secret@{}"
ca_file = "/etc/passwd"
[results]
database = "real.db"
metrics_file = "metrics.prom"
on_finish = "./hook.sh"
)",
                                primary.at(), backup.at(), proxy.at())};
    for (const auto* name : {"HTTPS_PROXY", "https_proxy"})
      draft.circumstances.environment[name] = "http://" + proxy_of_environment.at();
    const auto real = draft.folder.write("real.db", "not to be opened");
    const auto hook = draft.folder.write("hook.sh", "#!/bin/sh\n>\"$(dirname \"$0\")\"/hooked\n");
    fs::permissions(hook, fs::perms::owner_all);
    for (const auto* faults : {"calm", "bad-day"}) {
      const auto answer =
          draft.answer({"--faults", faults, "--speed", "20", "--set",
                        "endpoints.primary=https://" + primary.at(), "--results", real.string()});
      CHECK(answer.at("outcome").at("invalidated") == 10);
    }
    for (const auto* trap : {&primary, &backup, &proxy, &proxy_of_environment}) CHECK(trap->visitors() == 0);
    CHECK(read_file(real, 100, Errc::no_input).value() == "not to be opened");
    for (const auto* name : {"hooked", "metrics.prom", "real.db-wal", "real.db.lock", "gold.db", "state"})
      CHECK_FALSE_MESSAGE(fs::exists(draft.folder.path / name), name);
    CHECK(fs::is_empty(draft.tmp));
  }

  TEST_CASE("rehearse: each scenario goes wrong in its own way and a run gets through") {
    const Draft draft{60};
    const auto of = [&](const std::string& scenario) {
      CAPTURE(scenario);
      const auto answer = draft.answer({"--faults", scenario, "--speed", "8"});
      CHECK(answer.at("scenario") == scenario.c_str());
      CHECK(answer.at("stopped").is_null());
      CHECK(answer.at("outcome").at("invalidated") == 60);
      CHECK(answer.at("real_run").at("invalidated") == 60);
      CHECK(answer.at("seconds_at_real_pace").to_number<double>() > 11);
      draft.check_nothing_left();
      return answer.at("requests");
    };
    const auto number = [](const boost::json::value& requests, std::string_view name) {
      return requests.at(name).to_number<std::int64_t>();
    };
    CHECK(number(of("calm"), "by_backup") == 0);
    CHECK(number(of("primary-down"), "by_backup") > 10);
    CHECK(number(of("rate-storm"), "throttled") > 0);
    const auto lost = of("lost-answers");
    CHECK(number(lost, "lost") > 0);
    CHECK(number(lost, "read_backs") > 2);
    CHECK(number(of("bad-day"), "unsent") > 0);
  }

  TEST_CASE("rehearse: a part of a long list stands for all of it") {
    const Draft draft{500};
    const auto answer = draft.answer({"--speed", "20", "--limit", "20"});
    CHECK(answer.at("cards_rehearsed") == 20);
    CHECK(answer.at("cards_to_send") == 500);
    CHECK(answer.at("real_run").at("invalidated") == 500);
    CHECK(answer.at("real_run").at("seconds").to_number<double>() >= 100);
    const auto page = (draft.folder.path / "page.html").string();
    const auto sample = draft.rehearse({"--speed", "20", "--limit", "20", "-o", page});
    CHECK(sample.exit_code == 0);
    const auto html = read_file(page, 1 << 20, Errc::no_input).value();
    CHECK(has(html, "A sample: the first 20 of 500 cards were rehearsed."));
    CHECK(has(html,
              "id=\"tile-invalidated\">20</strong> <span>invalidated</span> <span class=\"quiet\">100%<"));
    CHECK(has(html, "id=\"tile-left_out\">480</strong> <span>left out of this rehearsal</span>"));
    CHECK(has(html, "id=\"tile-pending\">0</strong>"));
  }

  TEST_CASE("rehearse: the safety rules of the job hold and its window is not waited for") {
    Draft draft{12, R"(max_rows = 12
protect = "protect.csv"
window = "00:00-00:01"
timezone = "Asia/Shanghai"
)"};
    draft.folder.write("protect.csv", "code\ncard0003\n");
    const auto text = draft.rehearse({"--speed", "20"});
    CHECK(text.exit_code == 1);
    CHECK(has(text.out, "  window         00:00-00:01 "));
    CHECK(has(text.out, "  protected      1  never sent\n"));
    CHECK(has(text.out, "  exit code      1, "));
    CHECK(has(text.out, ": 1 card is protected\n"));
    const auto answer = draft.answer({"--speed", "20"}, 1);
    CHECK(answer.at("outcome").at("protected") == 1);
    CHECK(answer.at("outcome").at("invalidated") == 11);
    const auto too_many = draft.rehearse({"--set", "safety.max_rows=10"});
    CHECK(too_many.exit_code == 65);
    CHECK(has(too_many.err, "safety.max_rows allows 10: a real run would send nothing"));
    draft.check_nothing_left();
  }

  TEST_CASE("rehearse: the brand API and a pace for each brand are rehearsed too") {
    const Draft draft{6};
    const auto text = read_file(draft.job, 10'000, Errc::no_input).value();
    auto by_brand = text;
    by_brand.replace(by_brand.find("api = \"partner\""), 15, "api = \"brand\"\nbrand_id = \"777\"");
    by_brand.replace(by_brand.find("brand_id = \"2000\"\n"), 18, "\n[limits]\nper = \"brand\"\n");
    draft.folder.write("gold.toml", by_brand);
    CHECK(draft.answer({"--speed", "20"}).at("outcome").at("invalidated") == 6);
  }

  TEST_CASE("rehearse: a list without cards to send ends as a run of it would") {
    const Draft draft{0};
    draft.folder.write("members.csv", "code,card_id,openid\r\ncard1,pbLatjvWOibDc5-TBnbUk1pD12o0,\r\n");
    const auto ended = draft.rehearse({});
    CHECK(ended.exit_code == draft.rehearse({"--faults", "bad-day"}).exit_code);
    CHECK(ended.exit_code == 65);
    draft.check_nothing_left();
  }

  TEST_CASE("rehearse: a signal ends it with 75 and nothing stays") {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      const Draft draft{300};
      Program program{draft.words({"--speed", "1", "--progress", "plain"}), draft.circumstances};
      program.wait_for_words("2 of 2 cards are invalidated");
      CHECK_FALSE(fs::is_empty(draft.tmp));
      program.send_signal(signal);
      program.send_signal(signal);
      const auto ended = program.wait();
      CHECK(ended.exit_code == 75);
      CHECK(ended.out.empty());
      CHECK(has(ended.err, "interrupted: the rehearsal has ended and left nothing behind\n"));
      draft.check_nothing_left();
    }
  }

  TEST_CASE("rehearse: what a killed rehearsal left is removed by the next one") {
    const Draft draft{300};
    Program program{draft.words({"--speed", "1"}), draft.circumstances};
    program.wait_for_words("2 of 2 cards are invalidated");
    program.send_signal(SIGKILL);
    program.wait();
    CHECK_FALSE(fs::is_empty(draft.tmp));
    for (const auto& folder : fs::directory_iterator{draft.tmp})
      CHECK((fs::status(folder).permissions() & (fs::perms::group_all | fs::perms::others_all)) ==
            fs::perms::none);
    CHECK(draft.rehearse({"--speed", "20", "--limit", "5"}).exit_code == 0);
    draft.check_nothing_left();
  }

  TEST_CASE("rehearse: the page is marked as a rehearsal and overwrites nothing but an earlier page") {
    Draft draft{10};
    draft.circumstances.environment["LC_ALL"] = "C";
    const auto page = draft.folder.path / "page.html";
    for (int i = 0; i < 2; ++i) CHECK(draft.rehearse({"--speed", "20", "-o", page.string()}).exit_code == 0);
    const auto text = read_file(page, 1 << 20, Errc::no_input).value();
    CHECK(text.starts_with("<!DOCTYPE html>"));
    CHECK(has(text, "<title>Rehearsal: gold</title>"));
    CHECK(has(text, "A rehearsal (calm): no card was touched."));
    CHECK((fs::status(page).permissions() & (fs::perms::group_all | fs::perms::others_all)) ==
          fs::perms::none);
    const auto precious = draft.folder.write("precious.db", "SQLite format 3");
    for (const auto& file :
         {precious, draft.folder.path / "members.csv", fs::path{draft.job}, fs::path{"-"}}) {
      CAPTURE(file.string());
      CHECK(draft.rehearse({"-o", file.string()}).exit_code == 64);
    }
    CHECK(read_file(precious, 100, Errc::no_input).value() == "SQLite format 3");
    CHECK(fs::is_empty(draft.tmp));
  }

  TEST_CASE("rehearse: a page that cannot be written is told before the rehearsal") {
    const Draft draft{300};
    const auto page = (draft.folder.path / "no/such/page.html").string();
    const auto ended = draft.rehearse({"--speed", "1", "-o", page});
    CHECK(ended.exit_code == 74);
    CHECK(has(ended.err, "-o: " + page + ": cannot create it: No such file or directory\n"));
    CHECK(has(ended.err, "after correcting it, rehearse again: cardvoid rehearse "));
    CHECK_FALSE(has(ended.err, "cardvoid status"));
    CHECK_FALSE(has(ended.err, "canary"));
    draft.check_nothing_left();
  }

  TEST_CASE("rehearse: a page that cannot be written at the end does not take the answer away") {
    const Draft draft{30};
    const auto pages = draft.folder.path / "pages";
    fs::create_directory(pages);
    Program program{
        draft.words({"--speed", "4", "--progress", "plain", "-o", (pages / "page.html").string()}),
        draft.circumstances};
    program.wait_for_words("2 of 2 cards are invalidated");
    fs::remove(pages);
    const auto ended = program.wait();
    CHECK(ended.exit_code == 74);
    CHECK(has(ended.out, "  invalidated    30\n"));
    CHECK(has(ended.out, "\nNext\n"));
    CHECK(has(ended.err, "page.html: cannot create it"));
    draft.check_nothing_left();
  }

  TEST_CASE("rehearse: a real report and the page of a plan are not overwritten") {
    const auto stage = stage_of(5);
    const auto page = (stage.dir / "page.html").string();
    REQUIRE(stage.run("plan", {"--page", page}).exit_code == 0);
    const auto approved = stage.read("page.html");
    const auto refused = stage.run("rehearse", {"--speed", "50", "-o", page});
    CHECK(refused.exit_code == 64);
    CHECK(has(refused.err, "is not the page of a rehearsal; name another one\n"));
    CHECK(stage.read("page.html") == approved);
    const auto report = (stage.dir / "report.html").string();
    const auto own = stage.run("rehearse", {"-o", report, "--set", "results.report_file=" + report});
    CHECK(own.exit_code == 64);
    CHECK(has(own.err, "that is the job's report; name another file\n"));
  }

  TEST_CASE("rehearse: wrong words and wrong files are refused") {
    Draft draft{5};
    for (const std::vector<std::string>& flags : {std::vector<std::string>{"--faults", "storm"},
                                                  {"--speed", "0.5"},
                                                  {"--speed", "201"},
                                                  {"--speed", "fast"},
                                                  {"--limit", "0"},
                                                  {"--yes"}})
      CHECK(draft.rehearse(flags).exit_code == 64);
    CHECK(draft.rehearse({"--set", "input.csv=none.csv"}).exit_code == 66);
    CHECK(draft.rehearse({"--set", "safety.canary=many"}).exit_code == 78);
    draft.check_nothing_left();
    draft.circumstances.environment["TMPDIR"] = (draft.folder.path / "none").string();
    const auto nowhere = draft.rehearse({});
    CHECK(nowhere.exit_code == 73);
    CHECK(has(nowhere.err, "TMPDIR names another place"));
  }
}
