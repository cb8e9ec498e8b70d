#pragma once
// A TLS server for tests: blocking OpenSSL on threads, so that a script of a few lines says exactly which
// bytes leave when. Certificates are made on the spot.

#include <openssl/ssl.h>

#include <atomic>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/owned.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace cardvoid::net_test {

// Something that happened on another thread. wait() fails the test after ten seconds.
class Event {
 public:
  void raise() { semaphore_.release(); }
  void wait();
  bool has_come() { return semaphore_.try_acquire(); }

 private:
  std::counting_semaphore<> semaphore_{0};
};

// One accepted connection. All calls block.
class Peer {
 public:
  Peer(int fd, int at, SSL* tls) : number{at}, fd_{fd}, tls_{tls} {}
  std::string read_request();  // header and body; empty when the client closed
  void write(std::string_view bytes);
  void wait_for_end();                               // until the client closes
  void wait_for_bytes();                             // of the client; none is read
  bool is_open_for(std::chrono::milliseconds span);  // false as soon as the client closes within that time
  std::string server_name() const;                   // as the client asked for it; empty when it did not
  // What a server may do to an idle connection. They return when the client's kernel has received it.
  void send_ticket();
  void ask_to_renegotiate();  // of TLS 1.2; what the client says to it ends the connection at the next read
  // What proves the client's side of the latest handshake: another one is another handshake.
  std::string client_finished() const;
  void ask_for_new_keys();
  // Until the client closes, as fast as it reads; `begun` when many are on their way.
  void flood_with_new_keys(Event& begun);
  void flood_with_tickets(Event& begun);
  void say_farewell();    // close_notify, TCP stays open
  void hang_up();         // close_notify and FIN
  void hang_up_rudely();  // FIN alone
  void reset();           // RST

  const int number;  // 0 for the first connection of the server

 private:
  void wait_until_delivered() const;
  void finish() const;
  int fd_;
  SSL* tls_;
};

struct ServerSettings {
  int min_version = TLS1_2_VERSION;
  int max_version = TLS1_3_VERSION;
  std::string ciphers = {};                          // of TLS 1.2; empty: OpenSSL's own
  int receive_buffer_bytes = 0;                      // of its sockets; 0: the system's
  std::string floods_handshake = {};                 // sent in place of a handshake, again and again
  bool shakes_hands = true;                          // false: accepts TCP and never speaks
  std::string first_words = {};                      // of TLS 1.2: in the segment that ends the handshake
  std::string names = "DNS:localhost,IP:127.0.0.1";  // empty: none
  std::string common_name = "cardvoid test server";
  int valid_from_day = -1, valid_to_day = 1;  // relative to now
};

class Server {
 public:
  using Script =
      std::function<void(Peer&)>;  // for each connection, on a thread of its own; it is closed afterwards

  explicit Server(Script script, const ServerSettings& settings = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();
  std::uint16_t port() const { return port_; }
  int connection_count() const { return connection_count_; }

 private:
  void accept_all();
  void serve(int fd, int number);

  Script script_;
  bool shakes_hands_;
  std::string floods_handshake_, first_words_;
  Owned<SSL_CTX, SSL_CTX_free> context_;
  FileDescriptor listener_;
  std::uint16_t port_ = 0;
  std::atomic<int> connection_count_{0};
  std::mutex mutex_;  // guards the two below
  std::vector<int> open_fds_;
  bool is_stopping_ = false;
  std::vector<std::thread> peers_;  // by the acceptor alone
  std::thread acceptor_;
};

// The authority that signs every server's certificate, as a PEM file; removed at the end of the process.
const std::filesystem::path& authority_file();

// A port without a listener.
std::uint16_t closed_port();

}  // namespace cardvoid::net_test
