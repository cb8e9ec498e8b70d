#include "support/tls_server.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <stdexcept>

#include "support/certificate.hpp"

namespace cardvoid::net_test {

namespace {

constexpr int k_flood = 40;  // more than a client takes

void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error{what};
}

FileDescriptor bound_socket() {
  FileDescriptor fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
  return fd;
}

std::uint16_t port_of(const FileDescriptor& fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  require(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
  return ntohs(address.sin_port);
}

std::size_t content_length(const std::string& header) {
  constexpr std::string_view k_name = "Content-Length: ";
  const auto at = header.find(k_name);
  if (at == std::string::npos) return 0;
  std::size_t length = 0;
  std::from_chars(header.data() + at + k_name.size(), header.data() + header.size(), length);
  return length;
}

void set_cork(const SSL* tls, int is_held) {
  require(::setsockopt(SSL_get_fd(tls), IPPROTO_TCP, TCP_CORK, &is_held, sizeof is_held) == 0, "cork");
}

// What ends a handshake of TLS 1.2 waits in the kernel for what is written next.
void hold_last_flight(const SSL* tls, int, int) {
  if (SSL_get_state(tls) == TLS_ST_SR_FINISHED) set_cork(tls, 1);
}

}  // namespace

void Event::wait() {
  require(semaphore_.try_acquire_for(std::chrono::seconds{10}), "an awaited event did not come");
}

std::string Peer::read_request() {
  std::string request;
  char block[4096];
  for (;;) {
    const int got = SSL_read(tls_, block, sizeof block);
    if (got <= 0) return {};
    request.append(block, static_cast<std::size_t>(got));
    const auto end = request.find("\r\n\r\n");
    if (end != std::string::npos && request.size() >= end + 4 + content_length(request)) return request;
  }
}

void Peer::write(std::string_view bytes) {
  if (!bytes.empty()) SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
}

void Peer::wait_for_end() {
  char block[4096];
  if (tls_)
    while (SSL_read(tls_, block, sizeof block) > 0) {
    }
  else
    while (::recv(fd_, block, sizeof block, 0) > 0) {
    }
}

bool Peer::is_open_for(std::chrono::milliseconds span) {
  pollfd watched{fd_, POLLIN, 0};
  return ::poll(&watched, 1, static_cast<int>(span.count())) == 0;
}

void Peer::wait_for_bytes() {
  pollfd watched{fd_, POLLIN, 0};
  ::poll(&watched, 1, -1);
}

std::string Peer::server_name() const {
  const auto* const name = SSL_get_servername(tls_, TLSEXT_NAMETYPE_host_name);
  return name ? name : "";
}

void Peer::wait_until_delivered() const {
  for (int left = 1;;) {
    if (::ioctl(fd_, TIOCOUTQ, &left) != 0 || left == 0) return;
    std::this_thread::yield();
  }
}

// The state behind FIN_WAIT1 says that the other side has acknowledged the FIN.
void Peer::finish() const {
  ::shutdown(fd_, SHUT_WR);
  tcp_info info{};
  socklen_t size = sizeof info;
  while (::getsockopt(fd_, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_FIN_WAIT1)
    std::this_thread::yield();
}

void Peer::send_ticket() {
  SSL_new_session_ticket(tls_);
  SSL_do_handshake(tls_);
  wait_until_delivered();
}

void Peer::ask_to_renegotiate() {
  SSL_renegotiate(tls_);
  SSL_do_handshake(tls_);
  wait_until_delivered();
}

std::string Peer::client_finished() const {
  char proof[64];
  return {proof, SSL_get_peer_finished(tls_, proof, sizeof proof)};
}

void Peer::ask_for_new_keys() {
  SSL_key_update(tls_, SSL_KEY_UPDATE_REQUESTED);
  SSL_do_handshake(tls_);
  wait_until_delivered();
}

void Peer::flood_with_new_keys(Event& begun) {
  for (int count = 0; SSL_key_update(tls_, SSL_KEY_UPDATE_REQUESTED) == 1 && SSL_do_handshake(tls_) == 1;)
    if (++count == k_flood) begun.raise();
}

void Peer::flood_with_tickets(Event& begun) {
  using namespace std::chrono_literals;  // OpenSSL does not mind when a ticket cannot be written
  for (int count = 0; is_open_for(0ms) && SSL_new_session_ticket(tls_) == 1 && SSL_do_handshake(tls_) == 1;)
    if (++count == k_flood) begun.raise();
}

void Peer::say_farewell() {
  SSL_shutdown(tls_);
  wait_until_delivered();
}

void Peer::hang_up() {
  SSL_shutdown(tls_);
  finish();
}

void Peer::hang_up_rudely() { finish(); }

void Peer::reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  sockaddr
      unspecified{};  // connecting to no address sends the RST now and leaves the descriptor to its owner
  unspecified.sa_family = AF_UNSPEC;
  ::connect(fd_, &unspecified, sizeof unspecified);
}

Server::Server(Script script, const ServerSettings& settings)
    : script_{std::move(script)},
      shakes_hands_{settings.shakes_hands},
      floods_handshake_{settings.floods_handshake},
      first_words_{settings.first_words},
      context_{SSL_CTX_new(TLS_server_method())},
      listener_{bound_socket()},
      port_{port_of(listener_)} {
  const auto identity =
      issue_certificate(settings.names, settings.valid_from_day, settings.valid_to_day, settings.common_name);
  SSL_CTX_set_security_level(context_.get(), 0);  // TLS 1.1 still works there
  SSL_CTX_set_min_proto_version(context_.get(), settings.min_version);
  SSL_CTX_set_max_proto_version(context_.get(), settings.max_version);
  require(settings.ciphers.empty() || SSL_CTX_set_cipher_list(context_.get(), settings.ciphers.c_str()) == 1,
          "ciphers");
  if (const int bytes = settings.receive_buffer_bytes; bytes > 0)
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  require(SSL_CTX_use_certificate(context_.get(), identity.certificate.get()) == 1, "certificate");
  require(SSL_CTX_use_PrivateKey(context_.get(), identity.key.get()) == 1, "key");
  require(::listen(listener_.get(), 64) == 0, "listen");
  acceptor_ = std::thread{[this] { accept_all(); }};
}

Server::~Server() {
  {
    const std::lock_guard lock{mutex_};
    is_stopping_ = true;
    for (const int fd : open_fds_) ::shutdown(fd, SHUT_RDWR);
  }
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  for (auto& peer : peers_) peer.join();
}

void Server::accept_all() {
  for (;;) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock{mutex_};
    if (is_stopping_ || fd < 0) {
      if (fd >= 0) ::close(fd);
      return;
    }
    const int at_once = 1;  // each write leaves by itself
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    open_fds_.push_back(fd);
    peers_.emplace_back([this, fd, number = connection_count_++] { serve(fd, number); });
  }
}

void Server::serve(int fd, int number) {
  sigset_t broken_pipe;  // blocked for the server's threads alone: the client must do without
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  Owned<SSL, SSL_free> tls{shakes_hands_ ? SSL_new(context_.get()) : nullptr};
  bool is_ready = true;
  if (!floods_handshake_.empty()) {
    while (::send(fd, floods_handshake_.data(), floods_handshake_.size(), MSG_NOSIGNAL) > 0) {
    }
    is_ready = false;
  } else if (tls) {
    SSL_set_fd(tls.get(), fd);
    if (!first_words_.empty()) SSL_set_info_callback(tls.get(), hold_last_flight);
    is_ready = SSL_accept(tls.get()) == 1;
    if (is_ready && !first_words_.empty()) {
      SSL_write(tls.get(), first_words_.data(), static_cast<int>(first_words_.size()));
      set_cork(tls.get(), 0);
    }
  }
  if (is_ready) {
    Peer peer{fd, number, tls.get()};
    script_(peer);
  }
  ERR_clear_error();
  const std::lock_guard lock{mutex_};
  std::erase(open_fds_, fd);
  ::close(fd);
}

std::uint16_t closed_port() { return port_of(bound_socket()); }

}  // namespace cardvoid::net_test
