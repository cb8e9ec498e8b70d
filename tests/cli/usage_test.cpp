// Flags, commands, help, versions.

#include <doctest/doctest.h>

#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  TEST_CASE("usage: every command has help with an example and answers on standard output") {
    const auto main = support::run({"--help"});
    CHECK(main.exit_code == 0);
    CHECK(main.err.empty());
    for (const std::string command :
         {"check",  "plan",   "run",    "reconcile", "retry",      "accept", "protect",
          "forget", "show",   "status", "pause",     "resume",     "stop",   "rate",
          "export", "report", "merge",  "sandbox",   "completion", "help",   "version"}) {
      CAPTURE(command);
      CHECK(main.out.find("\n  " + command) != std::string::npos);
      const auto help = support::run({command, "--help"});
      CHECK(help.exit_code == 0);
      CHECK(help.out.find("Example:  cardvoid " + command) != std::string::npos);
      const bool is_only_told = command == "help" || command == "version" || command == "completion";
      CHECK((help.out.find("\nExit codes:\n") != std::string::npos) == !is_only_told);
      CHECK(help.out.find("cardvoid --help") != std::string::npos);  // where the global flags are
      CHECK(help.err.empty());
      CHECK(support::run({"help", command}).out == help.out);
    }
    CHECK(support::run({"help"}).out == main.out);
    CHECK(support::run({"help", "rnu"}).err.find("did you mean run?") != std::string::npos);
  }

  TEST_CASE("usage: --version names the libraries") {
    const auto version = support::run({"--version"});
    CHECK(version.exit_code == 0);
    for (const char* name : {"cardvoid 0.", "Boost 1.", "OpenSSL 3.", "SQLite 3."})
      CHECK(version.out.find(name) != std::string::npos);
    CHECK(support::run({"version"}).out == version.out);
  }

  TEST_CASE(
      "usage: a mistyped flag gets the nearest known one and a flag of another command says whose it is") {
    const auto says = [](std::vector<std::string> words, std::string_view expected) {
      const auto ended = support::run(words);
      CAPTURE(words);
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 64);
      CHECK(ended.err.find(expected) != std::string::npos);
    };
    says({"run", "job.toml", "--confrim", "12345678"}, "unknown flag --confrim; did you mean --confirm?");
    says({"run", "--confrim=12345678", "job.toml"}, "unknown flag --confrim; did you mean --confirm?");
    says({"run", "job.toml", "--yse"}, "unknown flag --yse; did you mean --yes?");  // not --set, as near
    says({"--jsno", "plan", "job.toml"}, "unknown flag --jsno; did you mean --json?");
    says({"plan", "job.toml", "--confirm", "12345678"}, "--confirm is a flag of run, not of plan");
    says({"run", "job.toml", "--status", "rejected"},
         "--status is a flag of retry, accept and export, not of run");
    says({"--yes", "run", "job.toml"}, "--yes must stand after run");
    says({"run", "job.toml", "--limit"}, "--limit needs a value: --limit N");
    // Else the file would be named "--excel", and its cells would not be made safe.
    says({"export", "job.toml", "-o", "--excel"}, "--output needs a value: --output FILE");
    says({"run", "job.toml", "--limit", "3", "--limit", "4"}, "--limit is given more than once");
    says({"export", "job.toml", "--format", "xml"}, "--format xml: expected csv or jsonl");
    says({"run", "job.toml", "--yes=maybe"}, "--yes takes no value; see `cardvoid run --help`");
    says({"run", "job.toml", "--yes=false"}, "--yes takes no value");
    says({"run", "job.toml", "--json=maybe"}, "--json takes no value");
    says({"run", "job.toml", "other.toml"}, "unexpected argument other.toml");
    says({"protect", "job.toml", "478515832665"}, "unexpected argument ****2665");
  }

  TEST_CASE("usage: what is wrong with a command line is said with 64") {
    const auto says = [](std::vector<std::string> words, std::string_view expected) {
      const auto ended = support::run(words);
      CAPTURE(words);
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 64);
      CHECK(ended.out.empty());
      CHECK(ended.err.find(expected) != std::string::npos);
    };
    says({}, "cardvoid --help");
    says({"frobnicate", "job.toml"}, "frobnicate");
    says({"rnu", "job.toml"}, "did you mean run?");
    says({"--log-format", "text", "--results", "x.db", "rnu", "job.toml"},
         "no command rnu; did you mean run?");
    says({"run"}, "JOB is required");
    says({"plan", "job.toml", "--frob"}, "--frob");
    says({"run", "job.toml", "--limit", "0"}, "--limit");
    says({"run", "job.toml", "--limit", "many"}, "--limit");
    says({"run", "job.toml", "--yes", "--confirm", "12345678"}, "--confirm");
    says({"run", "job.toml", "--confirm", "12345678901"}, "12 to 64 digits");
    const Stage stage;
    says({"plan", stage.job(), "--set", "limits"}, "section.key=value");
    says({"plan", "job.toml", "--progress", "loud"}, "--progress");
    says({"export", "job.toml", "--status", "done"}, "--status");
    says({"sandbox", "--dir", "x", "--rate", "-1"}, "expected 0 or more");
    says({"sandbox", "--dir", "x", "--rate", "fast"}, "expected 0 or more");
    says({"run", "job.toml", "--limit", "-3"}, "a whole number of rows, 1 or more");
    says({"sandbox", "--dir", "x", "--fault", "gremlins=0.1"}, "gremlins");
    says({"sandbox", "--dir", "x", "--primary", "0.0.0.0:1"}, "loopback");
  }

  TEST_CASE("usage: global flags may stand before or after the command") {
    const auto stage = stage_of(3);
    const auto before = support::run({"--json", "plan", stage.job()});
    const auto after = support::run({"plan", "--json", stage.job()});
    const auto last = support::run({"plan", stage.job(), "--json"});
    CHECK(before.exit_code == 0);
    CHECK(before.out.front() == '{');
    CHECK(after.out.front() == '{');
    CHECK(last.out.front() == '{');
    CHECK(support::run({"plan", "--json", "--", stage.job()}).exit_code == 0);  // -- ends the flags
    // A flag with a value takes one word and leaves the command its own.
    CHECK(support::run({"status", "--set", "limits.max_in_flight=2", stage.job()}).exit_code == 0);
  }
}
