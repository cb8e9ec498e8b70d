#include "name_lookup.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "component/net/rig.hpp"
#include "pool.hpp"
#include "tls_connection.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::net_test;
  using net::Addresses;
  using net::HostPort;
  using net::NameLookup;
  using net::Resolved;

  namespace {

  boost::asio::ip::tcp::endpoint loopback(std::uint16_t port) {
    return {boost::asio::ip::make_address("127.0.0.1"), port};
  }

  // A resolver under the test's control: counts its calls and answers only when told to.
  struct FakeResolver {
    struct Shared {
      std::atomic<int> call_count{0};
      Event answers, called;
      Addresses addresses;
    };
    NameLookup::Function function() const {
      return [shared = shared](const HostPort&) {
        ++shared->call_count;
        shared->called.raise();
        shared->answers.wait();
        Resolved found;
        found.addresses = shared->addresses;
        if (found.addresses.empty()) found.failure = "no such name";
        return found;
      };
    }
    std::shared_ptr<Shared> shared = std::make_shared<Shared>();  // the thread may outlive the test
  };

  struct LookupRig {
    explicit LookupRig(Addresses addresses = {loopback(443)}) {
      resolver.shared->addresses = std::move(addresses);
    }
    boost::asio::io_context io;
    FakeResolver resolver;
    std::shared_ptr<NameLookup> lookup =
        std::make_shared<NameLookup>(io.get_executor(), HostPort{"card.example", 443}, resolver.function());
  };

  // Listens and never accepts with a full queue: the kernel drops further SYNs, as a dead address would.
  class DeadAddress {
   public:
    DeadAddress() : acceptor_{io_, loopback(0)} {
      acceptor_.listen(0);
      for (auto& socket : queue_) socket.async_connect(acceptor_.local_endpoint(), [](const auto&) {});
    }
    boost::asio::ip::tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

   private:
    boost::asio::io_context io_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::array<boost::asio::ip::tcp::socket, 3> queue_{boost::asio::ip::tcp::socket{io_},
                                                       boost::asio::ip::tcp::socket{io_},
                                                       boost::asio::ip::tcp::socket{io_}};
  };

  // Opens a connection to the first of these addresses that serves.
  std::optional<ConnectFailure> open(const Addresses& addresses, milliseconds within) {
    boost::asio::io_context io;
    HttpsSettings settings;
    settings.endpoints = {{"localhost", 443}};
    auto pool = std::make_shared<net::Pool>(io.get_executor(), settings);
    REQUIRE(SSL_CTX_load_verify_file(pool->tls.native_handle(), authority_file().c_str()) == 1);
    net::TlsConnection connection{*pool, 0};
    return await(io, connection.open(*pool, addresses, in(within)));
  }

  }  // namespace

  TEST_CASE("name lookup: those who ask at the same time share one lookup") {
    LookupRig rig;
    std::optional<Resolved> first, second;
    start(rig.io, rig.lookup->resolve(in(5s)), first);
    start(rig.io, rig.lookup->resolve(in(5s)), second);
    run_until(rig.io, rig.resolver.shared->called);
    rig.resolver.shared->answers.raise();
    CHECK(finish(rig.io, first).addresses == Addresses{loopback(443)});
    CHECK(finish(rig.io, second).addresses == Addresses{loopback(443)});
    CHECK(rig.resolver.shared->call_count == 1);
  }

  TEST_CASE("name lookup: an answer serves for a second and a failure not at all") {
    LookupRig good;
    for (int i = 0; i < 2; ++i) good.resolver.shared->answers.raise();
    CHECK(await(good.io, good.lookup->resolve(in(5s))).failure == "");
    CHECK(await(good.io, good.lookup->resolve(in(5s))).failure == "");
    CHECK(good.resolver.shared->call_count == 1);
    std::this_thread::sleep_for(1'050ms);  // the passing of time is the subject
    CHECK(await(good.io, good.lookup->resolve(in(5s))).failure == "");
    CHECK(good.resolver.shared->call_count == 2);

    LookupRig bad{Addresses{}};
    for (int i = 0; i < 2; ++i) bad.resolver.shared->answers.raise();
    CHECK(await(bad.io, bad.lookup->resolve(in(5s))).failure == "no such name");
    CHECK(await(bad.io, bad.lookup->resolve(in(5s))).failure == "no such name");
    CHECK(bad.resolver.shared->call_count == 2);
  }

  TEST_CASE("name lookup: a resolver that hangs costs the time allowed and one thread") {
    LookupRig rig;
    CHECK(await(rig.io, rig.lookup->resolve(in(100ms))).failure.find("in time") != std::string::npos);
    CHECK(await(rig.io, rig.lookup->resolve(in(50ms))).failure.find("in time") != std::string::npos);
    CHECK(rig.resolver.shared->call_count == 1);
    rig.resolver.shared->answers.raise();
    CHECK(await(rig.io, rig.lookup->resolve(in(5s))).failure == "");
  }

  TEST_CASE("name lookup: closing frees those who wait and everything may go before the resolver answers") {
    const auto outliving = std::make_unique<FakeResolver>();
    {
      LookupRig rig;
      outliving->shared = rig.resolver.shared;
      std::optional<Resolved> found;
      start(rig.io, rig.lookup->resolve(in(5s)), found);
      run_until(rig.io, rig.resolver.shared->called);
      rig.lookup->close();
      CHECK(finish(rig.io, found).failure.find("closed") != std::string::npos);
    }
    outliving->shared->answers.raise();
  }

  TEST_CASE("name lookup: an address literal needs no resolver") {
    boost::asio::io_context io;
    FakeResolver resolver;
    const auto v6 =
        std::make_shared<NameLookup>(io.get_executor(), HostPort{"::1", 8443}, resolver.function());
    const auto found = await(io, v6->resolve(in(5s)));
    REQUIRE(found.addresses.size() == 1);
    CHECK(found.addresses[0].address().is_loopback());
    CHECK(found.addresses[0].port() == 8443);
    CHECK(resolver.shared->call_count == 0);
  }

  TEST_CASE("name lookup: the system finds localhost") {
    const auto found = net::look_up_by_system({"localhost", 8443});
    REQUIRE(!found.addresses.empty());
    CHECK(found.addresses[0].address().is_loopback());
    CHECK(found.addresses[0].port() == 8443);
  }

  TEST_CASE("addresses: the next one is tried after one that refuses or stays silent") {
    Server server{[](Peer& peer) { peer.wait_for_end(); }};
    const DeadAddress dead;
    CHECK_FALSE(open({loopback(closed_port()), loopback(server.port())}, 5s));
    CHECK_FALSE(open({dead.endpoint(), loopback(server.port())}, 400ms));
  }

  TEST_CASE("addresses: when all are dead the time allowed is kept") {
    const DeadAddress dead;
    const auto before = std::chrono::steady_clock::now();
    const auto failure = open({dead.endpoint(), dead.endpoint()}, 200ms);
    const auto took = std::chrono::steady_clock::now() - before;
    REQUIRE(failure);
    CHECK(failure->kind == ConnectFailure::connect);
    CHECK(failure->what.find("in time") != std::string::npos);
    CHECK(took >= 200ms);
    CHECK(took < 5s);
  }
}
