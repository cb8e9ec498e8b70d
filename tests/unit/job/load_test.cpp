#include <doctest/doctest.h>

#include <ostream>

#include "job_text.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::job;
  using namespace cardvoid::job::test;
  using namespace std::chrono_literals;

  TEST_CASE("job: the smallest right file gets every default of the contract") {
    const auto job = parse(k_right, "jobs/gold.toml", {});
    REQUIRE(job.has_value());
    CHECK(job->name == "gold");
    CHECK(job->file == "jobs/gold.toml");
    CHECK(job->merchant.api == model::Api::partner);
    CHECK(job->merchant.serial_no == "1DDE55AD98E0");
    CHECK(job->merchant.private_key_file == "jobs/keys/apiclient_key.pem");
    CHECK(job->merchant.passphrase_file.empty());
    CHECK(job->endpoints.primary.text() == "api.mch.weixin.qq.com");
    CHECK(job->endpoints.backup.text() == "api2.mch.weixin.qq.com");
    CHECK(job->input.csv == "jobs/members.csv");
    CHECK(job->limits.requests_per_second == 5);
    CHECK(job->limits.max_in_flight == 32);
    CHECK(job->limits.connect_timeout == 5s);
    CHECK(job->limits.request_timeout == 10s);
    CHECK(job->limits.max_attempts == 8);
    CHECK(job->limits.backoff_base == 500ms);
    CHECK(job->limits.backoff_cap == 60s);
    CHECK(job->limits.failover_after == 3);
    CHECK(job->limits.failover_cooldown == 30s);
    CHECK_FALSE(job->safety.max_rows.has_value());
    CHECK(job->safety.canary == 5);
    CHECK(job->safety.max_failure_rate == 0.2);
    CHECK(job->safety.match_openid);
    CHECK(job->results.database == "jobs/gold.db");
  }

  TEST_CASE("job: every key of a full file arrives") {
    const auto job = parse(R"(name = "gold-2026"
[merchant]
api = "brand"
brand_id = "1004"
serial_no = "AB12"
private_key_file = "/keys/key.pem"
passphrase_file = "key.pass"
[platform]
certificates_dir = "platform"
[endpoints]
primary = "https://localhost:8443/"
backup = "https://[::1]:8444"
ca_file = "ca.pem"
[input]
sqlite = "crm.db"
query = "SELECT 1"
encoding = "gb18030"
delimiter = "tab"
unwrap = true
columns = { code = "会员卡号", openid = "o" }
[defaults]
brand_id = "1004"
card_id = "pbLatj"
reason = "会员计划已结束"
[limits]
requests_per_second = 2.5
per = "brand"
max_in_flight = 7
connect_timeout = "1s"
request_timeout = "1m30s"
max_attempts = 9
backoff_base = "250ms"
backoff_cap = "2m"
failover_after = 4
failover_cooldown = "45s"
[safety]
acknowledge = "OPS-1"
max_rows = 100000
canary = 20
match_openid = false
max_failure_rate = 0.05
[results]
database = "../results/gold.db"
store_response = "none"
)",
                           "/etc/jobs/gold.toml", {});
    REQUIRE_MESSAGE(job.has_value(), (job ? "" : job.error().what));
    CHECK(job->merchant.api == model::Api::brand);
    CHECK(job->merchant.brand_id == "1004");
    CHECK(job->merchant.private_key_file == "/keys/key.pem");
    CHECK(job->merchant.passphrase_file == "/etc/jobs/key.pass");
    CHECK(job->platform.certificates_dir == "/etc/jobs/platform");
    CHECK(job->endpoints.primary.host == "localhost");
    CHECK(job->endpoints.primary.port == 8443);
    CHECK(job->endpoints.backup.text() == "[::1]:8444");
    CHECK(job->endpoints.ca_file == "/etc/jobs/ca.pem");
    CHECK(job->input.csv.empty());
    CHECK(job->input.sqlite == "/etc/jobs/crm.db");
    CHECK(job->input.query == "SELECT 1");
    CHECK(job->input.encoding == model::Encoding::gb18030);
    CHECK(job->input.delimiter == '\t');
    CHECK(job->input.unwrap);
    CHECK_FALSE(job->input.accept_damage);
    CHECK(job->input.columns == std::map<std::string, std::string>{{"code", "会员卡号"}, {"openid", "o"}});
    CHECK(job->defaults.card_id == "pbLatj");
    CHECK(job->defaults.reason == "会员计划已结束");
    CHECK(job->limits.requests_per_second == 2.5);
    CHECK(job->limits.per == model::QuotaPer::brand);
    CHECK(job->limits.max_in_flight == 7);
    CHECK(job->limits.connect_timeout == 1s);
    CHECK(job->limits.request_timeout == 90s);
    CHECK(job->limits.max_attempts == 9);
    CHECK(job->limits.backoff_base == 250ms);
    CHECK(job->limits.backoff_cap == 120s);
    CHECK(job->limits.failover_after == 4);
    CHECK(job->limits.failover_cooldown == 45s);
    CHECK(job->safety.acknowledge == "OPS-1");
    CHECK(job->safety.max_rows == 100000);
    CHECK(job->safety.canary == 20);
    CHECK(job->safety.max_failure_rate == 0.05);
    CHECK_FALSE(job->safety.match_openid);
    CHECK(job->results.database == "/etc/results/gold.db");
  }

  TEST_CASE("job: standard input is not a file in the job's folder") {
    CHECK(parse(replaced("members.csv", "-"), "jobs/gold.toml", {})->input.csv == "-");
  }

  TEST_CASE("job: the results flag is relative to the working directory and wins") {
    const auto job = parse(with("[results]\ndatabase = \"a.db\"\n"), "jobs/gold.toml",
                           {{"results.database=b.db"}, "c.db"});
    REQUIRE(job.has_value());
    CHECK(job->results.database == "c.db");
  }

  TEST_CASE("job: a byte order mark and Windows line ends are harmless") {
    std::string text{"\xEF\xBB\xBF"};
    for (const char c : k_right) text += c == '\n' ? std::string{"\r\n"} : std::string{c};
    CHECK(message(text) == "");
  }

  TEST_CASE("set: it overrides the file and adds to it") {
    const auto job = parse(with("[limits]\nmax_attempts = 3\nrequests_per_second = 1\n"), "jobs/gold.toml",
                           {{"limits.max_attempts=4", " limits.requests_per_second = 2.5 ",
                             "limits.connect_timeout=\"2s\"", "safety.max_rows=10"},
                            {}});
    REQUIRE_MESSAGE(job.has_value(), (job ? "" : job.error().what));
    CHECK(job->limits.max_attempts == 4);
    CHECK(job->limits.requests_per_second == 2.5);
    CHECK(job->limits.connect_timeout == 2s);
    CHECK(job->safety.max_rows == 10);
  }

  TEST_CASE("set: what is not TOML is bare text and a number is text where text is wanted") {
    const auto job = parse(k_right, "jobs/gold.toml",
                           {{"defaults.reason=会员 已结束", "merchant.mchid=1900000109",
                             "limits.request_timeout=20s", "safety.acknowledge=a = b # c", "name=2026"},
                            {}});
    REQUIRE_MESSAGE(job.has_value(), (job ? "" : job.error().what));
    CHECK(job->defaults.reason == "会员 已结束");
    CHECK(job->merchant.mchid == "1900000109");
    CHECK(job->limits.request_timeout == 20s);
    CHECK(job->safety.acknowledge == "a = b # c");
    CHECK(job->results.database == "jobs/2026.db");
  }

  TEST_CASE("set: an inline table sets several keys") {
    const auto job = parse(k_right, "jobs/gold.toml", {{"input.columns={code=\"卡号\", openid=\"o\"}"}, {}});
    REQUIRE(job.has_value());
    CHECK(job->input.columns.at("code") == "卡号");
    CHECK(job->input.columns.at("openid") == "o");
  }

  TEST_CASE("set: the last one of several wins") {
    CHECK(parse(k_right, "g.toml", {{"limits.max_attempts=1", "limits.max_attempts=2"}, {}})
              ->limits.max_attempts == 2);
  }

  TEST_CASE("set: a line break cannot smuggle in another key") {
    const auto job = parse(k_right, "g.toml", {{"safety.acknowledge=\"x\"\nq = 1"}, {}});
    REQUIRE(job.has_value());
    CHECK(job->safety.acknowledge == "\"x\"\nq = 1");
  }

  TEST_CASE("set: without a key or an equals sign it is a usage error") {
    for (const auto* argument : {"limits.max_attempts", "=4", "", " = "}) {
      const auto job = parse(k_right, "jobs/gold.toml", {{argument}, {}});
      REQUIRE(job.has_error());
      CHECK(job.error().code == Errc::usage);
      CHECK(job.error().what == "--set " + std::string{argument} + ": expected section.key=value");
    }
  }

  TEST_CASE("set: it is validated like the file and named as the flag") {
    CHECK(message(k_right, {"limits.max_atempts=4"}) ==
          "--set limits.max_atempts: unknown key; did you mean \"max_attempts\"?");
    CHECK(message(k_right, {"limits.max_attempts=many"}) ==
          "--set limits.max_attempts: expected a whole number from 1 to 100, found \"many\"");
    CHECK(message(k_right, {"limits.connect_timeout=5"}) ==
          "--set limits.connect_timeout: expected a duration such as \"5s\", above 0 and at most \"10m\", "
          "found \"5\"");
    CHECK(message(k_right, {"safety.canary=-1"}) ==
          "--set safety.canary: expected a whole number from 0 (off) to 1000000, found the number -1");
    CHECK(
        message(k_right, {"safety.max_failure_rate=0"}) ==
        "--set safety.max_failure_rate: expected a number above 0 and at most 1.0 (off), found the number 0");
    CHECK(message(k_right, {"limits=5"}) == "--set limits: expected a table [limits], found the number 5");
    CHECK(message(k_right, {"limit={per=\"brand\"}"}) ==
          "--set limit: unknown table; did you mean \"limits\"?");
  }

  TEST_CASE("set: it can repair what is wrong in the file") {
    CHECK(message(with("[limits]\nmax_attempts = 0\n"), {"limits.max_attempts=4"}) == "");
    CHECK(message(replaced("serial_no = \"1dde55ad98e0\"\n", ""), {"merchant.serial_no=1dde55ad98e0"}) == "");
  }

  TEST_CASE("job: a serial number may be written as programs print it") {
    for (const auto* written : {"1D:DE:55:AD:98:E0", "serial=1DDE55AD98E0", "Serial=1d:de:55:ad:98:e0",
                                "0x1dde55ad98e0", "1DDE 55AD 98E0"}) {
      const auto job = parse(replaced("1dde55ad98e0", written), "jobs/gold.toml", {});
      REQUIRE_MESSAGE(job.has_value(), written);
      CHECK(job->merchant.serial_no == "1DDE55AD98E0");
    }
  }

  TEST_CASE("job: a rehearsal reads nothing about keys and endpoints and results") {
    const auto text = R"(name = "gold"
[merchant]
api = "partner"
mchid = 5
serial_no = "TODO"
[endpoints]
primary = "https://api.mch.weixin.qq.com"
backup = "nowhere"
proxy = "http://user:secret@192.0.2.1:3128"
[endpoints.more]
key = 1
[input]
csv = "members.csv"
[safety]
acknowledge = ""
acknowledge_file = "nowhere.pdf"
[results]
database = "real.db"
metrics_file = "gold.toml"
on_finish = ["a", "b"]
)";
    Overrides overrides;
    overrides.set = {"endpoints.primary=https://192.0.2.2", "merchant.private_key_file=/etc/shadow"};
    overrides.results_database = "/tmp/scratch.db";
    overrides.https_proxy = "http://192.0.2.3:3128";
    CHECK_FALSE(parse(text, "jobs/gold.toml", overrides).has_value());
    overrides.is_rehearsal = true;
    const auto job = parse(text, "jobs/gold.toml", overrides);
    REQUIRE(job.has_value());
    for (const auto& address : {job->endpoints.primary, job->endpoints.backup}) {
      CHECK(address.text() == "127.0.0.1:9");
      CHECK_FALSE(address.proxy.has_value());
    }
    CHECK(job->merchant.mchid.empty());
    CHECK(job->merchant.private_key_file.empty());
    CHECK(job->platform.public_key_file.empty());
    CHECK(job->endpoints.ca_file.empty());
    CHECK(job->results.database == "/tmp/scratch.db");
    CHECK(job->results.metrics_file.empty());
    CHECK(job->results.on_finish.empty());
    CHECK(job->input.csv == "jobs/members.csv");
  }

  TEST_CASE("job: a rehearsal finds all other faults") {
    Overrides overrides;
    overrides.is_rehearsal = true;
    overrides.results_database = "/tmp/scratch.db";
    const auto wrong = parse("name = \"gold\"\n[inputs]\n", "gold.toml", overrides);
    REQUIRE_FALSE(wrong.has_value());
    CHECK(wrong.error().code == Errc::bad_job);
    for (const auto* part : {"inputs: unknown table", "input: expected either csv"})
      CHECK_MESSAGE(wrong.error().what.find(part) != std::string::npos, wrong.error().what);
    CHECK(wrong.error().what.find("mchid") == std::string::npos);
    CHECK(wrong.error().what.find("acknowledge") == std::string::npos);
  }
}
