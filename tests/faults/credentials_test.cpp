// Wrong keys: the run ends at once, and no row pays for it.

#include <doctest/doctest.h>

#include <ostream>

#include "credentials.hpp"
#include "support/stage.hpp"

TEST_SUITE("faults") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  TEST_CASE("a wrong private key ends the run with 77 after a handful of requests and rejects no row") {
    const auto stage = stage_of(100);
    stage.write("other_key.pem", sandbox::spare_key("another merchant"));
    const auto job = stage.job_with("apiclient_key.pem", "other_key.pem");
    const auto ended = support::run({"run", job, "--yes"});
    INFO(ended.err, ended.out);
    CHECK(ended.exit_code == 77);
    CHECK(ended.err.find("SIGN_ERROR") != std::string::npos);
    CHECK(stage.sandbox->counters().bad_signatures <= 4);  // three are out, and one follows the first refusal
    CHECK(stage.count("status = 'pending'") == 100);
    CHECK(stage.sandbox->applied().empty());
  }

  TEST_CASE("a wrong platform key ends the run with 77 and counts no row as success") {
    const auto stage = stage_of(100);
    const auto other = sandbox::read_any_key(sandbox::spare_key("another platform"));
    stage.write("other_pub.pem", sandbox::public_pem(other.value().get()));
    const auto job = stage.job_with("wxp_pub.pem", "other_pub.pem");
    const auto ended = support::run({"run", job, "--yes"});
    INFO(ended.err, ended.out);
    CHECK(ended.exit_code == 77);
    CHECK(ended.err.find("platform.public_key") != std::string::npos);
    CHECK(stage.count("status = 'invalidated'") == 0);
    CHECK(stage.count("status = 'rejected'") == 0);
    CHECK(stage.sandbox->counters().invalidate_requests <= 6);

    // With the right key again, what was applied meanwhile is found by reading back.
    const auto mended = stage.run("run", {"--yes"});
    INFO(mended.err, mended.out);
    CHECK(mended.exit_code == 0);
    stage.check_against_truth();
    CHECK(stage.sandbox->counters().after_invalid == 0);
  }

  TEST_CASE("a certificate that is not trusted ends the run with 69 and names endpoints.ca_file") {
    const auto stage = stage_of(10);
    const auto job = stage.job_with("ca_file = \"ca.pem\"\n", "");
    const auto ended = support::run({"run", job, "--yes"});
    INFO(ended.err, ended.out);
    CHECK(ended.exit_code == 69);
    CHECK(ended.err.find("ca_file") != std::string::npos);
    CHECK(stage.count("status = 'pending' AND attempts = 0") == 10);
  }
}
