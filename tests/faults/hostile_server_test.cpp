// Whole runs against servers that mean harm: none hangs, none claims what is not so.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <ostream>
#include <utility>

#include "support/stage.hpp"
#include "support/tls_server.hpp"

TEST_SUITE("faults") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;
  using net_test::Event;
  using net_test::Peer;

  namespace {

  std::string refusal() {
    const std::string body = "{\"code\":\"RESOURCE_NOT_EXISTS\",\"message\":\"no such card\"}";
    return fmt::format(
        "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        body.size(), body);
  }

  // A job of plain members whose both endpoints are one server of the test.
  class Den {
   public:
    explicit Den(net_test::Server::Script script, int members = 20,
                 const net_test::ServerSettings& settings = {})
        : stage{stage_of(members)}, server_{std::move(script), settings} {
      stage.write("both.pem", stage.read("ca.pem") +
                                  read_file(net_test::authority_file(), 1 << 16, Errc::no_input).value());
    }
    std::vector<std::string> flags(std::vector<std::string> more = {}, const char* timeout = "1s") const {
      std::vector<std::string> all{"--yes", "--set", fmt::format("limits.request_timeout={}", timeout),
                                   "--set", "endpoints.ca_file=both.pem"};
      for (const auto* endpoint : {"primary", "backup"})
        all.insert(all.end(),
                   {"--set", fmt::format("endpoints.{}=https://localhost:{}", endpoint, server_.port())});
      all.insert(all.end(), more.begin(), more.end());
      return all;
    }
    // Nothing is claimed: no row is settled.
    void check_nothing_claimed() const {
      CHECK(stage.count("status IN ('invalidated', 'rejected')") == 0);
      CHECK(stage.sandbox->applied().empty());
    }
    // What the platform says to this request, signed by it.
    sandbox::HttpAnswer ask_platform(const std::string& request) const {
      return sandbox::Connection{stage.sandbox->primary_port(), stage.dir / "ca.pem", 5s}.exchange(request);
    }

    const Stage stage;

   private:
    net_test::Server server_;
  };

  // The most that was resident, in KiB (proc(5)).
  long peak_kib(pid_t pid) {
    const auto status = read_file(fmt::format("/proc/{}/status", pid), 1 << 16, Errc::io).value();
    const auto at = status.find("VmHWM:");
    return at == std::string::npos ? 0 : std::stol(status.substr(at + 6));
  }

  // The same answer with another body, of which it says that it is so much longer.
  std::string to_wire(const sandbox::HttpAnswer& answer, const std::string& body, int too_long = 0) {
    auto bytes = fmt::format("HTTP/1.1 {} x\r\n", answer.status);
    for (const auto& [name, value] : answer.headers)
      if (name != "content-length") bytes += fmt::format("{}: {}\r\n", name, value);
    return bytes +
           fmt::format("Content-Length: {}\r\n\r\n{}", static_cast<int>(body.size()) + too_long, body);
  }

  // Of a plain member: in the path of every request.
  std::string code_in(const std::string& request) {
    const auto at = request.find("card0");
    return at == std::string::npos ? std::string{} : request.substr(at, 8);
  }

  }  // namespace

  TEST_CASE("hostile server: the end of chunks in pieces ends no run and no check") {
    const Den den{[](Peer& peer) {
      while (!peer.read_request().empty())
        for (const std::string_view piece :
             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0\r\n", "\r", "\n"})
          peer.write(piece);
    }};
    const auto ended = den.stage.run("run", den.flags({"--max-duration", "3s"}));
    INFO(ended.err);
    CHECK(ended.exit_code > 0);
    den.check_nothing_claimed();
    auto flags = den.flags();
    flags.erase(flags.begin());
    CHECK(den.stage.run("check", flags).exit_code >= 0);
  }

  TEST_CASE("hostile server: a flood of TLS messages delays neither the end of a run nor a signal") {
    for (const auto flood : {&Peer::flood_with_new_keys, &Peer::flood_with_tickets}) {
      Event flooding;
      const Den den{[&](Peer& peer) {
        peer.read_request();
        peer.write("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
        (peer.*flood)(flooding);
      }};
      const auto begun = std::chrono::steady_clock::now();
      const auto ended = den.stage.run("run", den.flags({"--max-duration", "3s"}));
      INFO(ended.err);
      CHECK(ended.exit_code > 0);
      CHECK(std::chrono::steady_clock::now() - begun < 8s);

      while (flooding.has_come()) {
      }
      const auto program = den.stage.start("run", den.flags());
      flooding.wait();
      program->send_signal(SIGTERM);
      CHECK(program->ends_within(5s));
      den.check_nothing_claimed();
    }
  }

  TEST_CASE("hostile server: an unsigned refusal that comes before the request rejects no card") {
    const Den den{[](Peer& peer) { peer.read_request(); },
                  20,
                  {.max_version = TLS1_2_VERSION, .first_words = refusal()}};
    const auto ended = den.stage.run("run", den.flags({"--max-duration", "3s"}));
    INFO(ended.err);
    CHECK(ended.exit_code > 0);
    den.check_nothing_claimed();
  }

  TEST_CASE("hostile server: a signal is not kept waiting by connections that are not made") {
    Event connecting;
    const Den den{[&](Peer& peer) {
                    connecting.raise();
                    peer.wait_for_end();
                  },
                  20,
                  {.shakes_hands = false}};
    const auto program = den.stage.start("run", den.flags({"--set", "limits.connect_timeout=60s"}));
    connecting.wait();
    program->send_signal(SIGTERM);
    CHECK(program->ends_within(5s));
    const auto ended = program->wait();
    CHECK(ended.exit_code == 75);
    CHECK(den.stage.count("status = 'pending'") == 20);
    den.check_nothing_claimed();
  }

  TEST_CASE("hostile server: a true answer settles no other card than its own") {
    // The platform hears of one card only. `forge`: its answer with another card's code in it.
    for (const bool forge : {false, true}) {
      CAPTURE(forge);
      std::atomic<const Den*> here = nullptr;  // its threads have begun before it is there
      std::mutex mutex;
      std::string first;
      sandbox::HttpAnswer of_first;
      const Den den{[&](Peer& peer) {
        for (auto asked = peer.read_request(); !asked.empty(); asked = peer.read_request()) {
          const std::lock_guard lock{mutex};
          const auto code = code_in(asked);
          if (first.empty()) first = code;
          if (code == first) of_first = here.load()->ask_platform(asked);
          auto body = of_first.body;
          if (forge)
            for (auto at = body.find(first); at != std::string::npos; at = body.find(first, at + code.size()))
              body.replace(at, first.size(), code);
          peer.write(to_wire(of_first, body));
        }
      }};
      here = &den;
      const auto ended =
          den.stage.run("run", den.flags({"--max-duration", "2s", "--set", "safety.match_openid=false"}));
      INFO(ended.err);
      CHECK(ended.exit_code > 0);
      CHECK(ended.exit_code != 70);
      CHECK(den.stage.sandbox->applied().size() == 1);
      CHECK(den.stage.count("status IN ('invalidated', 'rejected')") <= 1);
      CHECK(den.stage.count("status = 'in_flight' OR status = 'unresolved'") > 0);
      den.stage.check_against_truth(false);
    }
  }

  TEST_CASE("hostile server: true answers on the wrong connections claim nothing that is not so") {
    std::atomic<const Den*> here = nullptr;
    std::mutex mutex;
    std::string before = "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n";
    const Den den{[&](Peer& peer) {
      for (auto asked = peer.read_request(); !asked.empty(); asked = peer.read_request()) {
        const std::lock_guard lock{mutex};
        const auto answer = here.load()->ask_platform(asked);
        peer.write(std::exchange(before, to_wire(answer, answer.body)));
      }
    }};
    here = &den;
    const auto ended = den.stage.run("run", den.flags({"--max-duration", "2s"}));
    INFO(ended.err);
    CHECK(ended.exit_code > 0);
    CHECK(ended.exit_code != 70);
    CHECK(den.stage.count("status = 'rejected'") == 0);
    den.stage.check_against_truth(false);
  }

  TEST_CASE("hostile server: stalled bodies of 256 answers stay within 64 MiB") {
    for (const std::string framing :
         {"Content-Length: 65536\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n10000\r\n"}) {
      Event stalled, cut_off;
      const Den den{[&](Peer& peer) {  // the first answer of each connection is short, or few would be asked
                      if (peer.read_request().empty()) return;
                      peer.write(refusal());
                      if (peer.read_request().empty()) return;
                      peer.write("HTTP/1.1 500 Oh\r\n" + framing + std::string(65'535, 'x'));
                      stalled.raise();
                      peer.wait_for_end();
                      cut_off.raise();
                    },
                    900};
      const auto program = den.stage.start(
          "run",
          den.flags({"--set", "limits.max_in_flight=256", "--set", "limits.requests_per_second=300"}, "20s"));
      for (int i = 0; i < 250; ++i) stalled.wait();
      for (int i = 0; i < 180; ++i) cut_off.wait();  // long before their time: 64 at once may be so large
      const auto peak = peak_kib(program->pid());
      MESSAGE(peak, " KiB");
      CHECK(peak > 0);
      if (k_has_usual_memory) CHECK(peak < 64 << 10);
      CHECK(den.stage.count("status = 'invalidated'") == 0);
    }
  }

  TEST_CASE("hostile server: requests to renegotiate neither claim nor delay anything") {
    std::atomic<int> asked = 0, renegotiated = 0;
    const Den den{
        [&](Peer& peer) {
          if (peer.read_request().empty()) return;
          const auto first = peer.client_finished();
          const int count = peer.number % 2 == 0 ? 1 : 200;
          for (int i = 0; i < count && peer.is_open_for(0ms); ++i) peer.ask_to_renegotiate();
          ++asked;
          peer.write("HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n{\"user_card_state\":\"INVALID\"}");
          peer.read_request();
          renegotiated += peer.client_finished() != first;
        },
        20,
        {.max_version = TLS1_2_VERSION}};
    const auto begun = std::chrono::steady_clock::now();
    const auto ended = den.stage.run("run", den.flags({"--max-duration", "1s"}));
    INFO(ended.err);
    CHECK(ended.exit_code > 0);
    CHECK(ended.exit_code != 70);
    CHECK(std::chrono::steady_clock::now() - begun < 8s);
    CHECK(asked > 0);
    CHECK(renegotiated == 0);
    den.check_nothing_claimed();
  }

  TEST_CASE("hostile server: a true answer whose length is wrong settles nothing") {
    for (const int too_long : {1, -1}) {
      CAPTURE(too_long);
      std::atomic<const Den*> here = nullptr;
      std::mutex mutex;
      const Den den{[&](Peer& peer) {
                      for (auto asked = peer.read_request(); !asked.empty(); asked = peer.read_request()) {
                        const std::lock_guard lock{mutex};
                        const auto answer = here.load()->ask_platform(asked);
                        peer.write(to_wire(answer, answer.body, too_long));
                      }
                    },
                    4};
      here = &den;
      const auto ended = den.stage.run("run", den.flags({"--max-duration", "1s"}));
      INFO(ended.err);
      CHECK(ended.exit_code > 0);
      CHECK(ended.exit_code != 70);
      CHECK_FALSE(den.stage.sandbox->applied().empty());
      CHECK(den.stage.count("status IN ('invalidated', 'rejected')") == 0);
    }
  }

  namespace {

  struct Kind {
    const char* name;
    net_test::Server::Script script;
    const char* why;  // what is on record of its answers
  };

  net_test::Server::Script says(std::string bytes) {
    return [bytes = std::move(bytes)](Peer& peer) {
      while (!peer.read_request().empty()) peer.write(bytes);
    };
  }

  net_test::Server::Script echoes(std::string_view head) {
    return [head](Peer& peer) {
      for (auto asked = peer.read_request(); !asked.empty(); asked = peer.read_request())
        peer.write(fmt::format("{}Content-Length: {}\r\n\r\n{}", head, asked.size(), asked));
    };
  }

  std::string repeated(std::string_view text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) all += text;
    return all;
  }

  const std::string k_ok = "HTTP/1.1 200 OK\r\n", k_chunks = k_ok + "Transfer-Encoding: chunked\r\n\r\n",
                    k_invalid = "{\"user_card_state\":\"INVALID\"}";

  // Each by itself: the run ends in time, claims no card, says why, and shows no identifier.
  void check_harmless(const std::vector<Kind>& servers) {
    for (const auto& [name, script, why] : servers) {
      CAPTURE(name);
      const Den den{script, 4};
      const auto program = den.stage.start("run", den.flags());
      den.stage.wait_until("EXISTS (SELECT 1 FROM attempts WHERE finished_at IS NOT NULL)", 1);
      program->send_signal(SIGTERM);
      CHECK(program->ends_within(10s));
      const auto ended = program->wait();
      INFO(ended.err);
      // The signal may come when the run has ended by itself, and only its process has not.
      const bool came_late =
          ended.signal == SIGTERM && ended.err.find("run 1 ended: exit ") != std::string::npos;
      CHECK((ended.exit_code > 0 || came_late));
      CHECK(ended.exit_code != 70);
      den.check_nothing_claimed();
      std::string on_record;
      for (const auto& line :
           den.stage.ask_results("SELECT openid, coalesce(error_message, '') FROM results")) {
        const auto piece = line[0].substr(0, 12);
        CHECK(ended.err.find(piece) == std::string::npos);
        CHECK(line[1].find(piece) == std::string::npos);
        on_record += line[1] + "\n";
      }
      CHECK_MESSAGE(on_record.find(why) != std::string::npos, on_record);
    }
  }

  }  // namespace

  TEST_CASE("hostile server: no header makes a run hang or claim or tell who a member is") {
    const std::string zeros(15, '\0');
    check_harmless(
        {{"drips its header",
          [](Peer& peer) {
            peer.read_request();
            peer.write(k_ok);
            while (peer.is_open_for(20ms)) peer.write("A: b\r\n");
          },
          "the answer was not complete at the deadline"},
         {"a header of one long line", says(k_ok + "A: " + std::string(1 << 20, 'x')),
          "answer header over 8192 bytes"},
         {"very many headers",
          [](Peer& peer) {
            peer.read_request();
            peer.write(k_ok);
            for (int i = 0; i < 20'000 && peer.is_open_for(0ms); ++i) peer.write("A: b\r\nB: c\r\nC: d\r\n");
          },
          "answer header over 8192 bytes"},
         {"NUL in a header", says(k_ok + "A: " + zeros + "\r\nContent-Length: 2\r\n\r\n{}"),
          "not valid HTTP: bad value"},
         {"interim answers without end", says(repeated("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 5'000)),
          "unasked answer 103"},
         {"100 Continue without end", says(repeated("HTTP/1.1 100 Continue\r\n\r\n", 5'000)),
          "unasked answer 100"},
         {"HTTP/2", says(zeros.substr(0, 2) + "\x06\x04" + zeros), "not valid HTTP: bad version"},
         {"another protocol", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
          "unasked answer 101"},
         {"a redirect",
          says("HTTP/1.1 302 Found\r\nLocation: https://localhost:1/\r\nContent-Length: 0\r\n\r\n"),
          "HTTP 302"},
         {"an old signature",
          says(k_ok + "Wechatpay-Timestamp: 1\r\nWechatpay-Nonce: n\r\nWechatpay-Serial: 1\r\n"
                      "Wechatpay-Signature: AAAA\r\nContent-Length: 2\r\n\r\n{}"),
          "unknown_key"}});
  }

  TEST_CASE("hostile server: no length makes a run hang or claim or tell who a member is") {
    check_harmless(
        {{"two lengths", says(k_ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
          "multiple Content-Length"},
         {"a length and chunks",
          says(k_ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n"),
          "bad Transfer-Encoding"},
         {"a negative length", says(k_ok + "Content-Length: -2\r\n\r\n{}"), "bad Content-Length"},
         {"a length of 2^64", says(k_ok + "Content-Length: 18446744073709551616\r\n\r\n{}"),
          "bad Content-Length"},
         {"a length that is too long", says(k_ok + "Content-Length: 30\r\n\r\n" + k_invalid),
          "the answer was not complete at the deadline"},
         {"a length that is too short", says(k_ok + "Content-Length: 28\r\n\r\n" + k_invalid),
          "no_signature"},
         {"a length of nothing", says(k_ok + "Content-Length: \r\n\r\n" + k_invalid), "bad Content-Length"},
         {"two codings", says(k_ok + "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
          "no_signature"},
         {"chunked twice", says(k_ok + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
          "answer without length"},
         {"an endless chunk header", says(k_chunks + std::string(1 << 20, '0')), "no end of line"},
         {"endless trailers", says(k_chunks + "0\r\n" + std::string(1 << 20, 'T') + ": x\r\n\r\n"),
          "no end of line"}});
  }

  TEST_CASE("hostile server: no body and no end makes a run hang or claim or tell who a member is") {
    check_harmless(
        {{"a body that is no gzip",
          says(k_ok + "Content-Encoding: gzip\r\nContent-Length: 18\r\n\r\n" + std::string(18, '\x1F')),
          "no_signature"},
         {"deep JSON", says(k_ok + "Content-Length: 60000\r\n\r\n" + std::string(60'000, '[')),
          "no_signature"},
         {"closes without close_notify",
          [](Peer& peer) {
            peer.read_request();
            peer.write(k_ok + "\r\n" + k_invalid);
            peer.hang_up_rudely();
          },
          "answer without length"},
         {"resets inside its answer",
          [](Peer& peer) {
            peer.read_request();
            peer.write("HTTP/1.1 404 Not Found\r\nContent-Length: 900\r\n\r\n{");
            peer.reset();
          },
          "connection reset inside the answer"},
         {"closes half",
          [](Peer& peer) {
            peer.read_request();
            peer.hang_up();
            peer.wait_for_end();
          },
          "the server closed without an answer"},
         {"an echo as 404", echoes("HTTP/1.1 404 Not Found\r\n"), "HTTP 404 without JSON"},
         {"an echo as 200", echoes(k_ok), "no_signature"},
         {"an echo as a page", echoes("HTTP/1.1 502 Oh\r\nContent-Type: text/html\r\n"),
          "HTTP 502 with an HTML page"}});
  }
}
