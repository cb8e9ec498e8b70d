// Personal data and keys stay where they belong.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <csignal>
#include <cstdlib>
#include <map>
#include <ostream>
#include <sstream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;

  namespace {
  unsigned mode_of(const std::filesystem::path& path) {
    struct stat facts {};
    REQUIRE(::stat(path.c_str(), &facts) == 0);
    return facts.st_mode & 0777;
  }
  }  // namespace

  TEST_CASE("privacy: the files of a run belong to their owner alone while it lasts and afterwards") {
    auto settings = sandbox::plain_settings();
    settings.latency_min = settings.latency_max = 300ms;
    const auto stage = stage_of(40, settings);
    const auto program = stage.start("run", {"--yes", "--set", "limits.requests_per_second=40"});
    stage.wait_until("status = 'invalidated'", 1);
    for (const char* suffix : {"", "-wal", "-shm", ".lock"})
      CHECK_MESSAGE(mode_of(stage.database().string() + suffix) == 0600, suffix);
    CHECK(program->wait().exit_code == 0);
    CHECK(mode_of(stage.database()) == 0600);

    const auto deep = stage.dir / "deep/er/results.db";
    CHECK(stage.run("plan", {"--results", deep.string()}).exit_code == 0);
    CHECK(mode_of(deep) == 0600);
    CHECK(mode_of(deep.parent_path()) == 0700);
  }

  TEST_CASE("privacy: nothing that a faulty run writes at its most verbose holds an openid or key or body") {
    const auto openid = [](int i) { return fmt::format("oPrivate{:04}uMuAJO_M2pxb1Q9zN", i); };
    const auto code = [](int i) { return fmt::format("voidcode{:05}", i); };
    constexpr int k_members = 80;
    std::string members = "code,card_id,openid,reason\r\n",
                cards = "brand_id,card_id,code,openid,state,invalid_time\r\n";
    for (int i = 0; i < k_members; ++i) {
      members += fmt::format("{},pbLatjvWOibDc5-TBnbUk1pD12o0,{},secret reason\r\n", code(i), openid(i));
      // Some are not known there, some belong to another openid: the platform's words repeat what it was
      // asked.
      if (i >= 40 || i % 10 != 7)
        cards += fmt::format("1004,pbLatjvWOibDc5-TBnbUk1pD12o0,{},{},EFFECTIVE,\r\n", code(i),
                             i < 40 && i % 10 == 3 ? "oSomebodyElse" : openid(i));
    }
    // Lines that are refused, too.
    members += fmt::format("{0},pbLatjvWOibDc5-TBnbUk1pD12o0,{1},{2}\r\n", code(90) + std::string(40, '9'),
                           openid(90), "r");
    members += fmt::format("{0},pbLatjvWOibDc5-TBnbUk1pD12o0,{1},other reason\r\n", code(5), openid(91));
    auto settings = sandbox::plain_settings();
    using enum sandbox::Fault;
    const std::map<sandbox::Fault, double> faults = {{system_error, 0.1}, {reset_applied, 0.1},
                                                     {wrong_card, 0.03},  {bad_signature, 0.02},
                                                     {gateway, 0.1},      {throttle, 0.03}};
    settings.repeats_requests = true;
    const Stage stage{settings, {{"members.csv", members}, {"cards.csv", cards}}};

    // An encrypted key, so that there is a passphrase to leak.
    const std::string passphrase = "correct horse battery staple";
    stage.write("pass.txt", passphrase + "\n");
    const auto at = [&](const char* name) { return (stage.dir / name).string(); };
    REQUIRE(std::system(fmt::format("openssl pkcs8 -topk8 -v2 aes256 -in {} -out {} -passout file:{}",
                                    at("apiclient_key.pem"), at("locked.pem"), at("pass.txt"))
                            .c_str()) == 0);
    stage.write("hook.sh", "#!/bin/sh\ncat >>\"$0\".got\n");
    REQUIRE(::chmod(at("hook.sh").c_str(), 0700) == 0);

    std::string everything, pages;  // a page names the reasons that members read
    const auto keep = [&](const Ended& ended) { everything += ended.out + ended.err; };
    const auto verbose = [&](const char* format, std::vector<std::string> more) {
      std::vector<std::string> flags{"--log-level",  "debug",
                                     "--log-format", format,
                                     "--set",        "results.metrics_file=m.prom",
                                     "--set",        "results.report_file=r.html",
                                     "--set",        "results.on_finish=hook.sh",
                                     "--set",        "merchant.private_key_file=locked.pem",
                                     "--set",        "merchant.passphrase_file=pass.txt",
                                     "--set",        "limits.requests_per_second=100",
                                     "--set",        "limits.request_timeout=1s"};
      flags.insert(flags.end(), more.begin(), more.end());
      return flags;
    };
    // Refusals first, then all that can go wrong; apart, since a refusal after a doubt is waited for.
    for (const bool all_goes_wrong : {false, true}) {
      if (all_goes_wrong) stage.sandbox->set_faults(faults);
      for (const char* format : {"text", "json"}) {
        keep(stage.run("run", verbose(format, {"--yes", "--limit", "20", "--progress", "plain"})));
        everything += stage.read("m.prom");
        pages += stage.read("r.html");
      }
    }
    keep(stage.run("reconcile", verbose("json", {"--json", "--progress", "json"})));
    for (const char* format : {"text", "json"}) {
      keep(stage.run("run", verbose(format, {"--yes", "--set", "merchant.serial_no=ABCDEF0123"})));
      stage.write("wrong.txt", "wrong passphrase\n");
      keep(stage.run("run", verbose(format, {"--yes", "--set", "merchant.passphrase_file=wrong.txt"})));
      keep(stage.run("plan", verbose(format, {"--json"})));
      keep(stage.run("check", verbose(format, {})));
      keep(stage.run("status", verbose(format, {"--json"})));
      keep(stage.run("status", verbose(format, {})));
    }
    // What stands on a command line is not repeated, nor in what to type next.
    const auto by_people = [&](const char* format) {
      keep(stage.run("accept", verbose(format, {"--code", code(1), "--code=" + code(93), "--note", "x"})));
      keep(stage.run("retry", verbose(format, {"--code", code(1), "--code=" + code(93)})));
      keep(stage.run("protect", verbose(format, {"--openid", openid(2), "--note", "x"})));
      keep(stage.run("protect", verbose(format, {"--code=" + code(79), "--note", "x", "--json"})));
      keep(stage.run("protect", verbose(format, {"--code=" + code(79), "--remove"})));
      keep(stage.run("protect", verbose(format, {"--openid=" + openid(99), "--remove"})));
    };
    for (const char* format : {"text", "json"}) by_people(format);
    std::string shown;  // with the reason that members read
    for (const auto& which : {std::vector<std::string>{"--code", code(3)},
                              {"--code=" + code(93)},
                              {"--line", "5"},
                              {"--line", "82"},
                              {"--openid", openid(13)},
                              {"--openid=" + openid(99)}})
      for (const bool is_json : {false, true}) {
        auto flags = verbose(is_json ? "json" : "text", which);
        if (is_json) flags.emplace_back("--json");
        const auto ended = stage.run("show", flags);
        shown += ended.out + ended.err;
      }
    CHECK(shown.find("openid=****") != std::string::npos);
    stage.sandbox->set_faults({});
    {
      for (int i = 0; i < 9; ++i)  // so that there is something to send
        members += fmt::format("holder{:05},pbLatjvWOibDc5-TBnbUk1pD12o0,oHolder_M2pxb1Q9zN,\r\n", i);
      stage.write("members.csv", members);
      const auto holder =
          stage.start("run", {"--yes", "--wait-lock", "30s", "--set", "limits.requests_per_second=0.05"});
      stage.wait_until([&] { return stage.run("retry", {"--code", code(1)}).exit_code == 75; }, "the lock");
      for (const char* format : {"text", "json"}) by_people(format);
      holder->send_signal(SIGKILL);
      keep(holder->wait());
    }
    everything += stage.read("hook.sh.got");

    CHECK(everything.find("Request-ID 08") != std::string::npos);  // it did speak, in both forms
    CHECK(everything.find("\"request_id\":\"08") != std::string::npos);
    CHECK(everything.find("openid=****") != std::string::npos);  // and the platform did repeat
    for (int i = 0; i < 100; ++i) {
      CHECK_MESSAGE(everything.find(openid(i)) == std::string::npos, openid(i));
      CHECK_MESSAGE(everything.find(code(i)) == std::string::npos, code(i));
      CHECK_MESSAGE(pages.find(openid(i)) == std::string::npos, openid(i));
      CHECK_MESSAGE(pages.find(code(i)) == std::string::npos, code(i));
      CHECK_MESSAGE(shown.find(openid(i)) == std::string::npos, openid(i));
      CHECK_MESSAGE(shown.find(code(i)) == std::string::npos, code(i));
    }
    CHECK(everything.find("oPrivate") == std::string::npos);
    CHECK(everything.find("uMuAJO_M2pxb1") == std::string::npos);
    CHECK(everything.find(passphrase) == std::string::npos);
    CHECK(everything.find("wrong passphrase\n") == std::string::npos);
    for (const char* part : {"PRIVATE KEY", "Authorization", "WECHATPAY2", "signature=\"",
                             "nonce_str=", "invalid_reason", "secret reason", "user_card_code"})
      CHECK_MESSAGE(everything.find(part) == std::string::npos, part);
    for (const char* file : {"apiclient_key.pem", "locked.pem"}) {
      std::istringstream lines{stage.read(file)};
      for (std::string line; std::getline(lines, line);)
        CHECK_MESSAGE(everything.find(line) == std::string::npos, file);
    }
  }

  TEST_CASE("privacy: the log as JSON has each attempt's facts as members and its times in UTC") {
    const auto stage = stage_of(3);
    const auto ended = stage.run("run", {"--yes", "--log-level", "debug", "--log-format", "json"});
    std::istringstream lines{ended.err};
    int attempts = 0;
    for (std::string line; std::getline(lines, line);) {
      boost::system::error_code error;
      const auto value = boost::json::parse(line, error);
      REQUIRE_MESSAGE(!error, line);
      const auto& object = value.as_object();
      CHECK(object.at("time").as_string().ends_with("Z"));
      if (object.at("level") != "debug") continue;
      ++attempts;
      CHECK(object.at("row_id").is_int64());
      CHECK(object.at("run_id") == 1);
      CHECK(object.at("attempt") == 1);
      CHECK(object.at("kind") == "invalidate");
      CHECK(object.at("endpoint") == "primary");
      CHECK(object.at("http_status") == 200);
      CHECK(object.at("outcome") == "confirmed");
      CHECK(object.at("error_code").is_null());
      CHECK(object.at("latency_ms").is_double());
      CHECK(object.at("request_id").as_string().starts_with("08"));
      CHECK(object.at("code").as_string().starts_with("****"));
    }
    CHECK(attempts == 3);
  }
}
