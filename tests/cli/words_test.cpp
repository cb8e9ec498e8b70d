// Messages about the machine around a job: they name the cause and the next step.

#include <doctest/doctest.h>

#include <ostream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  Ended ask(std::vector<std::string> words, std::map<std::string, std::string> environment) {
    Circumstances shell;
    shell.environment = std::move(environment);
    return support::run(std::move(words), shell);
  }

  bool says(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

  }  // namespace

  TEST_CASE("words: OpenSSL without its default provider is named and no key is called damaged") {
    const auto stage = stage_of(3);
    stage.write("legacy.cnf", "openssl_conf = a\n[a]\nproviders = b\n[b]\nlegacy = c\n[c]\nactivate = 1\n");
    const std::map<std::string, std::string> broken{{"OPENSSL_CONF", (stage.dir / "legacy.cnf").string()}};
    for (const auto* command : {"run", "plan", "check"}) {
      CAPTURE(command);
      std::vector<std::string> words{command, stage.job()};
      if (words[0] == "run") words.push_back("--yes");
      const auto ended = ask(words, broken);
      INFO(ended.out << ended.err);
      CHECK(ended.exit_code == 77);
      CHECK(
          says(ended.out + ended.err, "OpenSSL has no SHA-256 or RSA, so no key can be used: OPENSSL_CONF="));
      CHECK(says(ended.out + ended.err, "legacy.cnf does not activate its default provider"));
      CHECK_FALSE(says(ended.out + ended.err, "damaged"));
      CHECK_FALSE(says(ended.out + ended.err, "internal error"));
    }
    CHECK(stage.sandbox->counters().invalidate_requests == 0);
  }

  TEST_CASE("words: a machine without trust roots is told which package has them") {
    const auto stage = stage_of(3);
    const auto job = stage.job_with("ca_file", "#ca_file", "bare.toml");
    const auto ended =
        ask({"check", job}, {{"SSL_CERT_FILE", "/nowhere/cert.pem"}, {"SSL_CERT_DIR", "/nowhere/certs"}});
    INFO(ended.out);
    CHECK(says(ended.out,
               "this machine has no trust roots, neither in /nowhere/cert.pem nor in /nowhere/certs: "
               "install the package ca-certificates"));
    const auto with_roots = ask({"check", job}, {{"SSL_CERT_FILE", (stage.dir / "members.csv").string()}});
    CHECK(says(with_roots.out, "unknown issuer: "));
    CHECK_FALSE(says(with_roots.out, "ca-certificates"));
  }

  TEST_CASE("words: answers that were signed long ago are not blamed on the platform key") {
    auto settings = sandbox::plain_settings();
    settings.faults = {{sandbox::Fault::stale_timestamp, 1.0}};
    settings.fault_read_backs = true;
    const auto stage = stage_of(8, settings);
    const auto ended = stage.run("run", {"--yes", "--set", "limits.max_attempts=2"});
    INFO(ended.err);
    CHECK(ended.exit_code != 0);
    CHECK(says(ended.err, "behind ours by its Wechatpay-Timestamp, and 5 minutes are too much (stale)"));
    CHECK_FALSE(says(ended.err, "public_key_file"));
  }
}
