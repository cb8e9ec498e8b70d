#include <doctest/doctest.h>

#include <array>
#include <cardvoid/model/card_rules.hpp>
#include <ostream>

#include "job_text.hpp"
#include "keys.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::job;
  using namespace cardvoid::job::test;

  TEST_CASE("fault: an unknown key is named with its line and the nearest known one") {
    CHECK(message(with("[limits]\nrequest_per_second = 5\n")) ==
          "jobs/gold.toml:14: limits.request_per_second: unknown key; did you mean \"requests_per_second\"?");
    CHECK(message(with("[limits]\ncolour = 5\n")) ==
          "jobs/gold.toml:14: limits.colour: unknown key; [limits] has "
          "requests_per_second, per, max_in_flight, connect_timeout, request_timeout, max_attempts, "
          "backoff_base, "
          "backoff_cap, failover_after, failover_cooldown");
    CHECK(message(with("[limits]\nrps = 5\n")) ==
          "jobs/gold.toml:14: limits.rps: unknown key; did you mean \"limits.requests_per_second\"?");
  }

  TEST_CASE("fault: a key in the wrong table is sent to the right one") {
    CHECK(message("timezone = \"Asia/Shanghai\"\n" + with("")) ==
          "jobs/gold.toml:1: timezone: unknown key; did you mean \"safety.timezone\"?");
    CHECK(message(with("max_attempts = 5\n")) ==
          "jobs/gold.toml:13: safety.max_attempts: unknown key; did you mean \"limits.max_attempts\"?");
  }

  TEST_CASE("fault: a quoted name with a dot is not a key of ours") {
    CHECK(message("\"limits.max_attempts\" = 5\n" + with(""))
              .starts_with("jobs/gold.toml:1: \"limits.max_attempts\": unknown key"));
  }

  TEST_CASE("fault: an unknown table is named once and not key by key") {
    CHECK(message(with("[limit]\nmax_attempts = 5\nper = \"brand\"\n[limit.deeper]\nx = 1\n")) ==
          "jobs/gold.toml:13: limit: unknown table; did you mean \"limits\"?");
    CHECK(message(with("[input.column]\ncode = \"x\"\n")) ==
          "jobs/gold.toml:13: input.column: unknown table; did you mean \"input.columns\"?");
    CHECK(message(with("[notify]\n")) == "jobs/gold.toml:13: notify: unknown table");
  }

  TEST_CASE("fault: a wrong type says what was expected and what was found") {
    CHECK(message(with("[limits]\nconnect_timeout = 5\n")) ==
          "jobs/gold.toml:14:19: limits.connect_timeout: expected a duration such as \"5s\", above 0 and at "
          "most \"10m\", "
          "found the number 5");
    CHECK(message(with("[limits]\nmax_attempts = \"8\"\n")) ==
          "jobs/gold.toml:14:16: limits.max_attempts: expected a whole number from 1 to 100, found \"8\"");
    CHECK(message(with("[limits]\nmax_attempts = 8.5\n")) ==
          "jobs/gold.toml:14:16: limits.max_attempts: expected a whole number from 1 to 100, found the "
          "number 8.5");
    CHECK(message(with("[limits]\nper = [1]\n")) ==
          "jobs/gold.toml:14:7: limits.per: expected \"merchant\" or \"brand\", found an array");
    CHECK(message(with("[input.columns.code]\nx = 1\n")) ==
          "jobs/gold.toml:13: input.columns.code: expected the name of a column in the file, found a table");
    CHECK(message("defaults = true\n" + with("")) ==
          "jobs/gold.toml:1:12: defaults: expected a table [defaults], found true");
    CHECK(message(with("[[limits]]\n")).ends_with(": limits: expected a table [limits], found an array"));
    CHECK(message(replaced("\"1900000001\"", "1900000001")) ==
          "jobs/gold.toml:3:9: merchant.mchid: expected the service provider's merchant number, digits in "
          "quotes such as "
          "\"1900000001\", found the number 1900000001");
  }

  TEST_CASE("fault: what is out of range is refused") {
    for (const auto* line : {
             "requests_per_second = 0",      "requests_per_second = -1",
             "requests_per_second = nan",    "requests_per_second = 10001",
             "requests_per_second = inf",    "max_in_flight = 0",
             "max_in_flight = 1025",         "max_attempts = 0",
             "max_attempts = 101",           "max_attempts = 4294967297",
             "failover_after = 0",           "failover_after = 101",
             "connect_timeout = \"0\"",      "connect_timeout = \"11m\"",
             "request_timeout = \"0s\"",     "request_timeout = \"601s\"",
             "backoff_base = \"0ms\"",       "backoff_cap = \"2h\"",
             "failover_cooldown = \"soon\"", "per = \"Brand\"",
             "connect_timeout = \"-5s\"",    "per = \"\"",
         }) {
      CAPTURE(line);
      CHECK(message(with("[limits]\n" + std::string{line} + "\n")).find(": expected ") != std::string::npos);
    }
    for (const auto* line :
         {"requests_per_second = 0.001", "requests_per_second = 10000", "max_in_flight = 1024",
          "max_attempts = 100", "failover_after = 1", "connect_timeout = \"10m\"", "backoff_cap = \"1h\"",
          "failover_cooldown = \"1ms\""}) {
      CAPTURE(line);
      CHECK(message(with("[limits]\n" + std::string{line} + "\n")) == "");
    }
    CHECK(message(with("max_rows = 0\n")) ==
          "jobs/gold.toml:13:12: safety.max_rows: expected a whole number of at least 1, found the number 0");
    CHECK(message(with("[limits]\nbackoff_base = \"2m\"\n")) ==
          "jobs/gold.toml:14:16: limits.backoff_base: \"2m\" is longer than limits.backoff_cap, \"1m\"");
  }

  TEST_CASE("fault: names and identifiers keep to their characters") {
    for (const auto* name : {"", "a b", "../x", "a/b", ".hidden", "-x", "金卡"}) {
      CAPTURE(name);
      CHECK(message(replaced("\"gold\"", '"' + std::string{name} + '"'))
                .starts_with("jobs/gold.toml:1:8: name: expected"));
    }
    CHECK(message(replaced("gold", std::string(65, 'a'))) != "");
    CHECK(message(replaced("gold", std::string(64, 'a'))) == "");
    CHECK(message(replaced("1dde55ad98e0", "1d:dg")).find("serial_no: expected") != std::string::npos);
    CHECK(message(replaced("PUB_KEY_ID_0119", "0119")).find("public_key_id: expected") != std::string::npos);
    CHECK(message(with("[defaults]\nbrand_id = \"10 04\"\n")).find("defaults.brand_id: expected") !=
          std::string::npos);
    CHECK(message(with("[defaults]\ncard_id = \"" + std::string(33, 'x') + "\"\n")) != "");
    CHECK(message(replaced("OPS-1: agreed", "  ")).find("safety.acknowledge: expected") != std::string::npos);
  }

  TEST_CASE("fault: a default reason is held to the platform's rules") {
    const auto reason = [](const std::string& text) {
      return message(with("[defaults]\nreason = \"" + text + "\"\n"));
    };
    std::string longest;
    for (int i = 0; i < 32; ++i) longest += "员";
    CHECK(reason(longest) == "");
    CHECK(reason(longest + "员") != "");
    CHECK(reason("再见😀") != "");
    CHECK(reason("a\\nb") != "");
    CHECK(reason("") != "");
    CHECK(reason("   ").starts_with("jobs/gold.toml:14:10: defaults.reason: expected 1 to 32 characters"));
    CHECK(reason("a\\uFFFDb") != "");
  }

  // Else the job loads, and every row that takes the default is refused.
  TEST_CASE("fault: a default is refused exactly where a row that says the same is") {
    const auto is_refused = [](const std::string& key, const std::string& text) {
      return message(k_right, {"defaults." + key + "=\"" + text + '"'}) != "";
    };
    model::Card right{"1004", "card", "code", "openid", ""};
    for (const std::string text : {"x", "'123", "`9", "=\\\"12\\\"", "'a", "1 2", " ", "   ", "　", "é",
                                   "1****2", "??", "再见", "再见😀", "\xEF\xBF\xBD", "\xC2\xA0",
                                   "12345678901234567890123456789012", "123456789012345678901234567890123"}) {
      CAPTURE(text);
      const auto value = text == "=\\\"12\\\"" ? "=\"12\"" : text;
      auto card = right;
      card.card_id = value;
      CHECK(is_refused("card_id", text) == !model::find_fault(card).empty());
      card = right;
      card.brand_id = value;
      // Where one is typed for the whole job, it is digits: else it is a path or a name.
      const bool is_number = text.size() <= 32 && text.find_first_not_of("0123456789") == std::string::npos;
      CHECK(is_refused("brand_id", text) == (!is_number || !model::find_fault(card).empty()));
      card = right;
      card.reason = value;
      CHECK(is_refused("reason", text) == !model::find_fault(card).empty());
    }
  }

  TEST_CASE("fault: endpoints are https with a host and nothing behind it") {
    const auto primary = [](const std::string& url) {
      return message(with("[endpoints]\nprimary = \"" + url + "\"\n"));
    };
    for (const auto* url :
         {"https://h", "https://h/", "https://h:8443", "https://127.0.0.1:1", "https://[::1]:8443"}) {
      CAPTURE(url);
      CHECK(primary(url) == "");
    }
    for (const auto* url : {"http://h", "h", "https://", "https://:443", "https://u:p@h", "https://h/v3",
                            "https://h?x", "https://h#x", "https://h:0", "https://h:65536", "https://h:99999",
                            "https://h:x", "https://a%20b", "ftp://h", "https:#", "https:\\\\", ""}) {
      CAPTURE(url);
      CHECK(primary(url).starts_with("jobs/gold.toml:14:11: endpoints.primary: expected a URL such as "));
    }
  }

  TEST_CASE("fault: a tilde is not taken for a folder of that name") {
    CHECK(message(replaced("keys/apiclient_key.pem", "~/key.pem")) ==
          "jobs/gold.toml:5:20: merchant.private_key_file: \"~\" is not expanded in \"~/key.pem\"; write the "
          "whole path");
  }

  TEST_CASE("fault: what is missing is named at its table") {
    CHECK(message(replaced("serial_no = \"1dde55ad98e0\"\n", "")) ==
          "jobs/gold.toml:2: merchant.serial_no: missing; expected the serial number of the signing "
          "certificate, up to 64 "
          "hexadecimal digits");
    CHECK(message(replaced("mchid = \"1900000001\"\n", "")) ==
          "jobs/gold.toml:2: merchant.mchid: missing, and merchant.api is \"partner\"; expected the service "
          "provider's "
          "merchant number, digits in quotes such as \"1900000001\"");
    CHECK(message(replaced("[safety]\nacknowledge = \"OPS-1: agreed\"\n", "")) ==
          "jobs/gold.toml: safety.acknowledge: missing; expected " +
              std::string{find_key("safety.acknowledge")->expected});
    CHECK(message(replaced("public_key_file = \"keys/wxp_pub.pem\"\n", "")) ==
          "jobs/gold.toml:6: platform.public_key_file: missing, and public_key_id is given; expected " +
              std::string{find_key("platform.public_key_file")->expected});
  }

  TEST_CASE("fault: keys that exclude each other") {
    CHECK(message(replaced("[input]\n", "certificates_dir = \"p\"\n[input]\n")) ==
          "jobs/gold.toml:6: platform: expected either public_key_id and public_key_file, or "
          "certificates_dir; found both");
    CHECK(message(replaced("csv = \"members.csv\"\n", "")) ==
          "jobs/gold.toml:9: input: expected either csv, or sqlite and query; found neither");
    CHECK(message(replaced("csv = \"members.csv\"\n", "csv = \"a\"\nsqlite = \"b\"\n")) ==
          "jobs/gold.toml:9: input: expected either csv, or sqlite and query; found both");
    CHECK(message(replaced("csv = \"members.csv\"\n", "sqlite = \"b\"\n")) ==
          "jobs/gold.toml:9: input.query: missing, and input.sqlite is given; expected one SELECT statement");
    CHECK(message(replaced("mchid", "api = \"brand\"\nmchid")) ==
          "jobs/gold.toml:2: merchant.brand_id: missing, and merchant.api is \"brand\"; expected the "
          "brand's ID, digits in quotes such as \"1004\"\n"
          "jobs/gold.toml:4:9: merchant.mchid: belongs to api = \"partner\"; with \"brand\", brand_id signs");
    CHECK(message(replaced("mchid", "brand_id = \"1\"\nmchid")) ==
          "jobs/gold.toml:3:12: merchant.brand_id: belongs to api = \"brand\"; with \"partner\", rows or "
          "defaults.brand_id "
          "name the brand");
    CHECK(message(replaced("mchid = \"1900000001\"", "api = \"brand\"\nbrand_id = \"1\"") +
                  "[defaults]\nbrand_id = \"2\"\n")
              .starts_with("jobs/gold.toml:15:12: defaults.brand_id: differs from merchant.brand_id"));
    CHECK(message(with("[input.columns]\ncode = \"x\"\nopenid = \"x\"\n")) ==
          "jobs/gold.toml:15:10: input.columns.openid: \"x\" is already the column of code");
  }

  TEST_CASE("fault: keys of a later version are refused and never ignored") {
    struct Later {
      const char *table, *line, *what;
    };
    for (const auto& later : std::to_array<Later>({
             {"results", "store_response = \"full\"",
              "whole answers would put personal data into the results; leave it out or set "
              "\"none\""},
         })) {
      const std::string line = later.line;
      CAPTURE(line);
      const auto header = '[' + std::string{later.table} + "]\n";
      const auto at = std::string{k_right}.find(header);
      auto text = with(at == std::string::npos ? header : "");
      text.insert(text.find(header) + header.size(), line + "\n");
      const auto found = message(text);
      CHECK(found.ends_with(std::string{": not supported yet; "} + later.what));
      CHECK(found.find('\n') == std::string::npos);
    }
    CHECK(message(with("canary = -1\n")).find("expected a whole number") != std::string::npos);
    CHECK(message(with("canary = 1000001\n")).find("expected a whole number") != std::string::npos);
    CHECK(message(with("canary = 0\n")) == "");
    CHECK(message(with("max_failure_rate = 1.01\n")).find("expected a number above 0") != std::string::npos);
    CHECK(message(with("max_failure_rate = 1\n")) == "");
  }

  TEST_CASE(
      "fault: a metrics file that node_exporter would not read or that is a file of the job is refused") {
    CHECK(message(with("[results]\nmetrics_file = \"m.txt\"\n"))
              .find("results.metrics_file: expected the path of a file whose name ends in \".prom\"") !=
          std::string::npos);
    CHECK(message(with("[results]\nmetrics_file = \"m.prom\"\n")) == "");
    CHECK(message(with("[results]\ndatabase = \"a.prom\"\nmetrics_file = \"../jobs/a.prom\"\n"))
              .find("results.metrics_file: \"jobs/a.prom\" is the results database (results.database "
                    "\"jobs/a.prom\"); name two different files") != std::string::npos);
    // Every file that the job reads, not only some of them.
    for (const auto* key :
         {"merchant.private_key_file", "merchant.passphrase_file", "platform.public_key_file",
          "endpoints.ca_file", "safety.protect", "input.csv", "results.on_finish"}) {
      CAPTURE(key);
      const auto found = message(k_right, {std::string{key} + "=a.prom", "results.metrics_file=a.prom"});
      CHECK(found.find("results.metrics_file: \"jobs/a.prom\" is the job's ") != std::string::npos);
    }
  }

  TEST_CASE("fault: a report that is a file of the job is refused") {
    CHECK(message(with("[results]\nreport_file = \"r.html\"\n")) == "");
    for (const auto* key : {"input.csv", "safety.protect", "merchant.private_key_file"}) {
      CAPTURE(key);
      CHECK(message(k_right, {std::string{key} + "=a.html", "results.report_file=a.html"})
                .find("results.report_file: \"jobs/a.html\" is the job's ") != std::string::npos);
    }
    CHECK(message(with("[results]\ndatabase = \"a.html\"\nreport_file = \"../jobs/a.html\"\n"))
              .find("is the results database") != std::string::npos);
  }

  TEST_CASE("fault: all of them are named in the order of their lines") {
    CHECK(
        message("name = \"\"\n[limits]\nmax_attempts = 0\nmax_atempts = 1\n", {"results.database=~/x.db"}) ==
        "jobs/gold.toml: merchant.serial_no: missing; expected the serial number of the signing certificate, "
        "up to 64 "
        "hexadecimal digits\n"
        "jobs/gold.toml: merchant.private_key_file: missing; expected " +
            std::string{find_key("merchant.private_key_file")->expected} +
            "\n"
            "jobs/gold.toml: safety.acknowledge: missing; expected " +
            std::string{find_key("safety.acknowledge")->expected} +
            "\n"
            "jobs/gold.toml: merchant.mchid: missing, and merchant.api is \"partner\"; expected the service "
            "provider's "
            "merchant number, digits in quotes such as \"1900000001\"\n"
            "jobs/gold.toml: platform: expected either public_key_id and public_key_file, or "
            "certificates_dir; "
            "found neither\n"
            "jobs/gold.toml: input: expected either csv, or sqlite and query; found neither\n"
            "jobs/gold.toml:1:8: name: expected 1 to 64 letters, digits or \"-_.\", the first a letter or "
            "digit "
            "(it names "
            "the results database), found \"\"\n"
            "jobs/gold.toml:3:16: limits.max_attempts: expected a whole number from 1 to 100, found the "
            "number "
            "0\n"
            "jobs/gold.toml:4: limits.max_atempts: unknown key; did you mean \"max_attempts\"?\n"
            "--set results.database: \"~\" is not expanded in \"~/x.db\"; write the whole path");
  }

  TEST_CASE("fault: a syntax error has its line and column") {
    const auto job = parse("name = \"gold\"\n[merchant\nmchid = 1\n", "jobs/gold.toml", {});
    REQUIRE(job.has_error());
    CHECK(job.error().code == Errc::bad_job);
    CHECK(job.error().what.starts_with("jobs/gold.toml:2:10: not valid TOML: "));
    CHECK(message("a = 1\na = 2\n").starts_with("jobs/gold.toml:2:5: not valid TOML: "));
    CHECK(message("a = \"\xFF\"\n").starts_with("jobs/gold.toml:1"));
    CHECK(message("[[[limits]]]\n")
              .starts_with("jobs/gold.toml:1:3: not valid TOML: "));  // an abort in toml++ 3.3
  }

  TEST_CASE("fault: what people mistype in TOML is named with the remedy") {
    const auto line = [](std::string_view text) { return message("a = 1\n" + std::string{text} + "\n"); };
    CHECK(line("name = “gold”").ends_with("; “ is a Chinese or full-width character; type \" instead"));
    CHECK(line("“name” = \"gold\"").ends_with("; “ is a Chinese or full-width character; type \" instead"));
    CHECK(line("name ＝ \"gold\"").ends_with("; ＝ is a Chinese or full-width character; type = instead"));
    CHECK(line("name　= \"gold\"").ends_with("type an ordinary blank instead"));
    CHECK(line(R"(csv = "C:\keys\k.pem")").ends_with("put the path between ' ', or write / for each \\"));
    CHECK(line(R"(csv = "C:\Users\k.pem")").ends_with("put the path between ' ', or write / for each \\"));
    CHECK(line("name = gold").ends_with("; put text between \" \""));
    // The same in a text or a comment is no mistake.
    CHECK(message(replaced("OPS-1: agreed", "“agreed”，")) == "");
    CHECK(line("name = \"a\" b # “").find("Chinese") == std::string::npos);
  }

  TEST_CASE("fault: a path with control characters was meant to have backslashes") {
    CHECK(message(replaced("\"members.csv\"", R"("C:\new\table.csv")"))
              .ends_with("put the path between ' ', or write / for each \\"));
    CHECK(message(replaced("\"members.csv\"", R"('C:\new\table.csv')")) == "");
  }

  TEST_CASE("fault: a file of another kind is no job file and the message says what it is for") {
    const auto said = [](std::string_view text, const char* file) {
      const auto job = parse(text, file, {});
      return job ? "" : job.error().what;
    };
    CHECK(said("会员卡号,OpenID\n0001,o1\n", "members.csv") ==
          "members.csv: a list (CSV), not a job file; the job file names the list: `cardvoid init --list "
          "members.csv` "
          "writes it");
    CHECK(said("code;openid\n0001;o1\n", "list.txt").find("a list (CSV)") != std::string::npos);
    CHECK(said({"SQLite format 3\0\x10", 17}, "crm.db").find("an SQLite database, not a job file") !=
          std::string::npos);
    CHECK(said("PK\x03\x04", "m.xlsx").find("an Excel workbook") != std::string::npos);
    CHECK(said("-----BEGIN PRIVATE KEY-----\n", "k.pem").find("a key or a certificate") != std::string::npos);
    CHECK(said("a, b\n", "gold.toml").find("not valid TOML") != std::string::npos);
  }

  TEST_CASE("fault: names of absurd depth do not exhaust the stack") {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "a.";
    // As an editor in Chinese Windows saves it.
    CHECK(message("name = \"\xBB\xE1\xD4\xB1\"\n")
              .ends_with("; the file is not UTF-8: save it as UTF-8 (Notepad: Save as, Encoding: UTF-8)"));
    CHECK(message("\n" + deep + "a = 1\n") == "jobs/gold.toml:2: not valid TOML: too many dots in one line");
    CHECK(message("[" + deep + "a]\n") == "jobs/gold.toml:1: not valid TOML: too many dots in one line");
    CHECK(message(k_right, {"input.columns={" + deep + "a=1}"}) != "");
  }

  TEST_CASE("fault: a file that cannot be opened is not a wrong job") {
    const auto job = load("no/such/job.toml", {});
    REQUIRE(job.has_error());
    CHECK(job.error().code == Errc::no_input);
    CHECK(job.error().what.starts_with("no/such/job.toml: cannot open it: "));
  }

  TEST_CASE("fault: a message cannot carry control characters to a terminal") {
    CHECK(message(replaced("gold", "a\\u001B[31m")).find('\x1B') == std::string::npos);
    CHECK(message("\"a\\u001Bb\" = 1\n" + with("")).find('\x1B') == std::string::npos);
    CHECK(message(k_right, {"a\x1B=1"}).find('\x1B') == std::string::npos);
  }

  TEST_CASE("fault: an input that is the results database is named with both keys") {
    CHECK(message(replaced("members.csv", "gold.db")) ==
          "jobs/gold.toml:10:7: input.csv: \"jobs/gold.db\" is the results database (results.database, by "
          "default "
          "\"jobs/gold.db\"); name two different files");
    CHECK(message(with("[results]\ndatabase = \"out/../members.csv\"\n")) ==
          "jobs/gold.toml:10:7: input.csv: \"jobs/members.csv\" is the results database (results.database "
          "\"jobs/members.csv\"); name two different files");
    CHECK(message(with(""), {"results.database=x.db", "input.csv=x.db-journal"}) ==
          "--set input.csv: \"jobs/x.db-journal\" is a part of the results database (results.database "
          "\"jobs/x.db\"); "
          "name two different files");
    for (const auto* suffix : {"-wal", "-shm", "-journal", ".lock", ".sock"}) {
      CAPTURE(suffix);
      const auto found = message(k_right, {"results.database=x.db", std::string{"input.csv=x.db"} + suffix});
      CHECK(found.find("is a part of the results database") != std::string::npos);
    }
    CHECK(message(k_right, {"results.database=x.db", "safety.protect=x.db"})
              .starts_with("--set safety.protect: \"jobs/x.db\" is the results database"));
    CHECK(message(k_right, {"results.database=gold.toml"})
              .find("results.database: the job file is the results database") != std::string::npos);
    const auto job = parse(with(""), "jobs/gold.toml", {{}, "jobs/members.csv"});
    REQUIRE(job.has_error());
    CHECK(job.error().code == Errc::bad_job);
    CHECK(job.error().what.ends_with(
        "is the results database (--results \"jobs/members.csv\"); name two different files"));
    CHECK(message(replaced("csv = \"members.csv\"", "sqlite = \"gold.db\"\nquery = \"SELECT 1\""))
              .starts_with("jobs/gold.toml:10:10: input.sqlite: \"jobs/gold.db\" is the results database"));
    CHECK(message(replaced("members.csv", "-")).empty());
  }
}
