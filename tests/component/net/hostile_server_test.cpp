// Servers that mean harm: by where they split their bytes, by what they flood with, by when they speak.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <list>

#include "answer_reader.hpp"
#include "component/net/rig.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::net_test;
  using net::AnswerReader;

  namespace {

  const std::string k_ok = "HTTP/1.1 200 OK\r\n";
  const std::string k_in_chunks = k_ok + "Transfer-Encoding: chunked\r\n\r\n";

  // An answer, and what is to be read of it; nullptr: it is lost.
  struct Framing {
    std::string bytes;
    const char* body;
  };

  // Every way to say where an answer ends.
  std::vector<Framing> framings() {
    return {{k_ok + "Content-Length: 5\r\n\r\nabcde", "abcde"},
            {k_ok + "Content-Length: 0\r\n\r\n", ""},
            {k_in_chunks + "5\r\nabcde\r\n0\r\n\r\n", "abcde"},
            {k_in_chunks + "1\r\na\r\n4\r\nbcde\r\n0\r\n\r\n", "abcde"},
            {k_in_chunks + "0\r\n\r\n", ""},
            {k_in_chunks + "000\r\n\r\n", ""},
            {k_in_chunks + "0\r\nA: b\r\n\r\n", ""},
            {k_in_chunks + "0;x=\"y\"\r\n\r\n", ""},
            {k_in_chunks + "3;x;y=z\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n", "abc"},
            {"HTTP/1.1 204 No Content\r\n\r\n", ""},
            {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ""},
            {"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "ok"},
            {"HTTP/1.1 100 Continue\r\n\r\n" + k_in_chunks + "0\r\n\r\n", ""},
            {"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" + k_ok + "Content-Length: 1\r\n\r\nx", "x"},
            {k_ok + "\r\nto the end", nullptr},
            {"HTTP/1.0 200 OK\r\n\r\nto the end", nullptr},
            {k_in_chunks + "0\r\rX", nullptr},
            {k_in_chunks + "0\r\n\rX\r\n\r\n", nullptr},
            {k_in_chunks + "0\r\n\n\r\n\r\n", nullptr},
            {k_in_chunks + "1\r\naX\r\n0\r\n\r\n", nullptr},
            {k_in_chunks + "\r\n\r\n\r\n", nullptr},
            {k_in_chunks + "0x\r\n\r\n", nullptr},
            {k_in_chunks + "0;\r\n\r\n", nullptr},
            {k_in_chunks + "0\r\n:\r\n\r\n", nullptr}};
  }

  AnswerReader::Step put(AnswerReader& reader, std::string_view bytes) {
    auto step = AnswerReader::more;
    while (!bytes.empty() && step == AnswerReader::more) {
      const auto space = reader.space();
      const auto count = std::min(space.size(), bytes.size());
      std::copy_n(bytes.data(), count, static_cast<char*>(space.data()));
      bytes.remove_prefix(count);
      step = reader.take(count);
    }
    return step;
  }

  // What is read of these bytes when they come in pieces that end there; "lost" if it is no answer.
  std::string read_in_pieces(const std::string& bytes, std::vector<std::size_t> ends) {
    int large_left = 0;
    AnswerReader reader{1000, large_left};
    auto step = AnswerReader::more;
    std::size_t begin = 0;
    ends.push_back(bytes.size());
    for (const auto end : ends) {
      if (step == AnswerReader::more) step = put(reader, std::string_view{bytes}.substr(begin, end - begin));
      begin = end;
    }
    if (step != AnswerReader::done) return "lost";
    Exchange exchange;
    reader.move_into(exchange);
    return exchange.body;
  }

  // Writes these pieces to each request, each in a TLS record of its own, and ends the connection where the
  // answer does not.
  Server::Script answer_in_pieces(std::vector<std::string_view>& pieces, const bool& is_closing) {
    return [&pieces, &is_closing](Peer& peer) {
      while (!peer.read_request().empty()) {
        for (const auto piece : pieces) peer.write(piece);
        if (is_closing) return peer.hang_up();
      }
    };
  }

  milliseconds time_of(const std::function<void()>& work) {
    const auto begun = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
  }

  bool says(const Exchange& exchange, std::string_view words) {
    return exchange.reason.find(words) != std::string::npos;
  }

  }  // namespace

  TEST_CASE("hostile server: an answer is read alike wherever two pairs of its bytes are parted") {
    for (const auto& [bytes, body] : framings()) {
      const std::string expected = body ? body : "lost";
      for (std::size_t first = 0; first < bytes.size(); ++first)
        for (std::size_t second = first; second < bytes.size(); ++second) {
          const auto got = read_in_pieces(bytes, {first, second});
          if (got == expected) continue;
          CAPTURE(bytes);
          CAPTURE(first);
          CAPTURE(second);
          CHECK(got == expected);
        }
      std::vector<std::size_t> all(bytes.size());
      for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
      CHECK(read_in_pieces(bytes, all) == expected);
    }
  }

  TEST_CASE("hostile server: an answer is read alike wherever it is cut into two TLS records") {
    for (const auto& [bytes, body] : framings()) {
      std::vector<std::string_view> pieces;
      const bool is_closing = !body;
      Server server{answer_in_pieces(pieces, is_closing)};
      Rig rig{server};
      const std::string_view all{bytes};
      for (std::size_t cut = 1; cut < all.size(); ++cut) {
        pieces = {all.substr(0, cut), all.substr(cut)};
        const auto exchange = rig.ask();
        CAPTURE(all);
        CAPTURE(cut);
        CHECK(exchange.reach == (body ? Exchange::answered : Exchange::lost));
        CHECK(exchange.body == (body ? body : ""));
      }
      pieces.clear();
      for (const auto& byte : all) pieces.emplace_back(&byte, 1);
      CHECK(rig.ask().reach == (body ? Exchange::answered : Exchange::lost));
    }
  }

  TEST_CASE("hostile server: the end of chunks in three records is read") {
    Server server{[](Peer& peer) {
      while (!peer.read_request().empty()) {
        peer.write(k_in_chunks);
        for (const std::string_view piece : {"0\r\n", "\r", "\n"}) peer.write(piece);
      }
    }};
    Rig rig{server};
    for (int i = 0; i < 3; ++i) CHECK(rig.ask().reach == Exchange::answered);
    CHECK(server.connection_count() == 1);
  }

  TEST_CASE("hostile server: a flood of key updates or tickets on idle connections costs each a moment") {
    for (const auto flood : {&Peer::flood_with_new_keys, &Peer::flood_with_tickets}) {
      Event flooding;
      Server server{[&](Peer& peer) {
        if (peer.read_request().empty()) return;
        peer.write(answer_with(std::to_string(peer.number)));
        if (peer.number >= 8) return peer.wait_for_end();
        (peer.*flood)(flooding);
      }};
      Rig rig{server};
      std::vector<Connection> held;
      for (int i = 0; i < 8; ++i) held.push_back(rig.connect(true));
      for (auto& each : held) CHECK(rig.ask(std::move(each)).reach == Exchange::answered);
      for (int i = 0; i < 8; ++i) flooding.wait();
      Exchange exchange;
      CHECK(time_of([&] { exchange = rig.ask(); }) < 2s);
      CHECK(exchange.reach == Exchange::answered);
      CHECK(exchange.body == "8");
    }
  }

  TEST_CASE("hostile server: a flood in place of an answer is lost and never stale") {
    for (const auto flood : {&Peer::flood_with_new_keys, &Peer::flood_with_tickets}) {
      Event flooding;
      Server server{[&](Peer& peer) {
        peer.read_request();
        peer.write(answer_with("first"));
        peer.read_request();
        (peer.*flood)(flooding);
      }};
      Rig rig{server};
      CHECK(rig.ask().reach == Exchange::answered);
      Exchange exchange;
      CHECK(time_of([&] { exchange = rig.ask(); }) < 2s);
      CHECK(exchange.reach == Exchange::lost);
      CHECK_MESSAGE(says(exchange, "TLS messages without end"), exchange.reason);
    }
  }

  TEST_CASE("hostile server: an answer of very many records is lost") {
    Server server{[](Peer& peer) {
      peer.read_request();
      peer.write(k_ok + "Content-Length: 60000\r\n\r\n");
      for (int i = 0; i < 60'000 && peer.is_open_for(0ms); ++i) peer.write("x");
    }};
    const auto exchange = Rig{server}.ask();
    CHECK(exchange.reach == Exchange::lost);
    CHECK_MESSAGE(says(exchange, "TLS messages without end"), exchange.reason);
  }

  TEST_CASE("hostile server: a handshake without end is over in time") {
    // A ServerHello of 16 MiB in records of one byte, and alerts that warn.
    const std::string floods[] = {{"\x16\x03\x03\x00\x01\x02", 6}, {"\x15\x03\x03\x00\x02\x01\x5a", 7}};
    for (const auto& flood : floods) {
      Server server{[](Peer&) {}, {.floods_handshake = flood}};
      Rig rig{server, [](HttpsSettings& settings) { settings.connect_timeout = 500ms; }};
      CHECK(time_of([&] { CHECK(rig.try_connect().error().kind == ConnectFailure::handshake); }) < 2s);
    }
    Server mute{[](Peer& peer) { peer.wait_for_end(); }, {.shakes_hands = false}};
    Rig rig{mute, [](HttpsSettings& settings) { settings.connect_timeout = 200ms; }};
    CHECK(time_of([&] { CHECK(rig.try_connect().error().kind == ConnectFailure::handshake); }) < 2s);
  }

  TEST_CASE("hostile server: what it says before it was asked is no answer") {
    const std::string refusal = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}";
    Event pushed, asked;
    Server server{[&](Peer& peer) {
      peer.write(refusal);
      pushed.raise();
      if (!peer.read_request().empty()) asked.raise();
    }};
    Rig rig{server};
    for (int i = 0; i < 20; ++i) {
      auto connection = rig.connect(true);
      pushed.wait();
      CHECK(rig.ask(std::move(connection)).reach == Exchange::shut_out);
    }
    CHECK_FALSE(asked.has_come());
  }

  TEST_CASE("hostile server: what it says before it has the whole request is no answer") {
    std::array<Event, 20> ended;  // one for each connection: a late peer must not take the next one's
    // Its socket takes a few thousand bytes of the request; the rest waits on our side.
    Server server{[&](Peer& peer) {
                    peer.wait_for_bytes();
                    peer.write("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}");
                    ended[static_cast<std::size_t>(peer.number)].wait();
                  },
                  {.receive_buffer_bytes = 2'048}};
    Rig rig{server};
    const auto request = "POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x');
    for (auto& each : ended) {
      auto connection = rig.connect(true);
      const auto exchange = await(rig.io, connection.exchange(request, in(5s)));
      each.raise();
      CHECK(exchange.reach == Exchange::lost);
      CHECK_MESSAGE(says(exchange, "before it had the whole request"), exchange.reason);
    }
  }

  TEST_CASE("hostile server: large answers at the same time are few") {
    int large_left = 2;
    const auto begin = k_ok + "Content-Length: 60000\r\n\r\n" + std::string(30'000, 'x');
    std::list<AnswerReader> readers;
    const auto read = [&](const std::string& bytes) {
      return put(readers.emplace_back(std::size_t{64} << 10, large_left), bytes);
    };
    CHECK(read(begin) == AnswerReader::more);
    CHECK(read(begin) == AnswerReader::more);
    CHECK(read(begin) == AnswerReader::failed);
    CHECK(readers.back().reason() == "too many large answers at once");
    CHECK(read(answer_with(std::string(8'000, 'x'))) == AnswerReader::done);
    readers.pop_front();
    CHECK(read(answer_with(std::string(60'000, 'x'))) == AnswerReader::done);
    readers.clear();
    CHECK(large_left == 2);
  }

  TEST_CASE("hostile server: two answers to one request close the connection") {
    Server server{[](Peer& peer) {
      const auto answer = answer_with(std::to_string(peer.number));
      while (!peer.read_request().empty()) {
        peer.write(answer);
        peer.write(answer);  // in a record of its own
      }
    }};
    Rig rig{server};
    for (const auto* number : {"0", "1", "2"}) CHECK(rig.ask().body == number);
  }
}
