// The primary domain in trouble, as a whole run sees it.

#include <doctest/doctest.h>

#include <ostream>

#include "support/stage.hpp"
#include "support/tls_server.hpp"

TEST_SUITE("faults") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;
  using model::Endpoint;
  using sandbox::Outage;

  namespace {

  const std::vector<std::string> k_flags{"--yes",
                                         "--set",
                                         "limits.requests_per_second=60",
                                         "--set",
                                         "limits.connect_timeout=500ms",
                                         "--set",
                                         "limits.request_timeout=500ms"};

  void check_done(Stage& stage, Program& program) {
    const auto ended = program.wait();
    INFO(ended.err, ended.out);
    CHECK(ended.exit_code == 0);
    stage.check_against_truth();
    CHECK(stage.sandbox->counters().after_invalid == 0);
  }

  // The last row may be one that was lost at the primary and is read back elsewhere.
  void check_returned_to_primary(const Stage& stage) {
    const auto later = stage.ask_results(
        "SELECT count(*) FROM attempts WHERE endpoint = 'primary' AND outcome = 'confirmed' AND started_at > "
        "(SELECT min(started_at) FROM attempts WHERE endpoint = 'backup')");
    CHECK(std::stoi(later[0][0]) > 5);
  }

  // The primary has the outage between the first rows and the last.
  void check_outage_in_the_middle(Stage& stage, Outage::Kind kind) {
    const auto program = stage.start("run", k_flags);
    stage.wait_until("endpoint = 'primary' AND status = 'invalidated'", 20);
    stage.sandbox->set_outage(Endpoint::primary, kind);
    stage.wait_until("endpoint = 'backup' AND status = 'invalidated'", 20);
    stage.sandbox->set_outage(Endpoint::primary, std::nullopt);
    check_done(stage, *program);
    check_returned_to_primary(stage);
  }

  }  // namespace

  TEST_CASE("failover: a primary that refuses connections from the start is served around and returned to") {
    auto stage = stage_of(300);
    stage.sandbox->set_outage(Endpoint::primary, Outage::refuse);
    const auto program = stage.start("run", k_flags);
    stage.wait_until("endpoint = 'backup' AND status = 'invalidated'", 20);
    stage.sandbox->set_outage(Endpoint::primary, std::nullopt);
    stage.wait_until("endpoint = 'primary' AND status = 'invalidated'", 1);
    check_done(stage, *program);
    check_returned_to_primary(stage);
  }

  TEST_CASE("failover: a primary that goes down in the middle costs no row") {
    auto stage = stage_of(300);
    check_outage_in_the_middle(stage, Outage::refuse);
  }

  TEST_CASE("failover: a primary that accepts and never answers is left for the backup") {
    auto stage = stage_of(200);
    check_outage_in_the_middle(stage, Outage::black_hole);
  }

  TEST_CASE("failover: with both endpoints down a run waits and then says 69 with the rows untouched") {
    auto stage = stage_of(20);
    stage.sandbox->set_outage(Endpoint::primary, Outage::refuse);
    stage.sandbox->set_outage(Endpoint::backup, Outage::refuse);
    const auto ended = stage.run("run", k_flags);
    INFO(ended.err, ended.out);
    CHECK(ended.exit_code == 69);
    CHECK(ended.err.find("neither endpoint") != std::string::npos);
    CHECK(ended.err.find("see which endpoint fails, and why: cardvoid check " + stage.job()) !=
          std::string::npos);
    CHECK(ended.err.find("run again later: cardvoid run " + stage.job()) != std::string::npos);
    CHECK(stage.count("status = 'pending' AND attempts = 0") == 20);
    stage.sandbox->set_outage(Endpoint::primary, std::nullopt);
    stage.sandbox->set_outage(Endpoint::backup, std::nullopt);
    CHECK(stage.run("run", k_flags).exit_code == 0);
  }

  TEST_CASE("failover: a short outage of both endpoints is sat out") {
    auto stage = stage_of(150);
    const auto program = stage.start("run", k_flags);
    stage.wait_until("status = 'invalidated'", 20);
    stage.sandbox->set_outage(Endpoint::primary, Outage::refuse);
    stage.sandbox->set_outage(Endpoint::backup, Outage::refuse);
    program->wait_for_words("backup endpoint does not serve");
    stage.sandbox->set_outage(Endpoint::primary, std::nullopt);
    stage.sandbox->set_outage(Endpoint::backup, std::nullopt);
    check_done(stage, *program);
  }

  TEST_CASE("failover: a primary that shakes hands and closes at once is left for the backup") {
    net_test::Server dead_end{[](net_test::Peer& peer) { peer.hang_up(); }};
    const auto stage = stage_of(40);
    stage.write("both.pem", stage.read("ca.pem") +
                                read_file(net_test::authority_file(), 1 << 16, Errc::no_input).value());
    auto flags = k_flags;
    for (const auto& setting : {"endpoints.primary=https://localhost:" + std::to_string(dead_end.port()),
                                std::string{"endpoints.ca_file=both.pem"}})
      flags.insert(flags.end(), {"--set", setting});
    const auto ended = stage.run("run", flags);
    INFO(ended.err, ended.out);
    CHECK(ended.exit_code == 0);
    CHECK(stage.count("endpoint = 'backup' AND status = 'invalidated'") == 40);
    CHECK(dead_end.connection_count() < 40);  // it is left alone after a few
  }
}
