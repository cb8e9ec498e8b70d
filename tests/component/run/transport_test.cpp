// The real transport, without a platform: what its threads may touch.

#include <doctest/doctest.h>

#include <map>

#include "https_transport.hpp"
#include "support/key_tools.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using model::Endpoint;

  TEST_CASE("transport: once it is closed no thread reads a card that was to be sent") {
    boost::asio::io_context io;
    model::Job job;
    job.endpoints.primary = job.endpoints.backup = {"127.0.0.1", 9};
    const run::Credentials keys{key_tools::make_rsa_key(), {}};
    const auto transport = run::HttpsTransport::create(io, job, keys, "test");
    REQUIRE(transport.has_value());
    std::map<model::RowId, model::Card> cards;
    for (model::RowId row = 1; row <= 200; ++row) {
      const auto& card = cards[row] = {"1004", "pT", std::string(32, '7'), std::string(40, 'o'), ""};
      (*transport)->connect(row, Endpoint::primary, false, [](const auto&) {});
      (*transport)
          ->send(
              row, model::AttemptKind::invalidate, card, [] { FAIL("it was written"); },
              [](const auto&) { FAIL("it was answered"); });
    }
    (*transport)->close();
    cards.clear();  // under the sanitizers a thread that still signs is seen here
    io.poll();
  }
}
