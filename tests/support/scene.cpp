#include "support/scene.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cardvoid/wechatpay/keys.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include "csv.hpp"
#include "parties.hpp"

namespace cardvoid::sandbox {

namespace fs = std::filesystem;

Connection::Connection(std::uint16_t port, const fs::path& ca_file, milliseconds patience) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  socket_ = FileDescriptor{::socket(AF_INET, SOCK_STREAM, 0)};
  timeval limit{};
  limit.tv_sec = patience.count() / 1000;
  limit.tv_usec = patience.count() % 1000 * 1000;
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    socket_ = {};
    return;
  }
  context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_load_verify_locations(context_.get(), ca_file.c_str(), nullptr);
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, nullptr);
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), "127.0.0.1");
  SSL_set_fd(ssl_.get(), socket_.get());
  open_ = SSL_connect(ssl_.get()) == 1;
}

HttpAnswer::End Connection::read_more(std::string& bytes) {
  char block[4096];
  errno = 0;
  const int got = SSL_read(ssl_.get(), block, sizeof block);
  if (got > 0) {
    bytes.append(block, static_cast<std::size_t>(got));
    return HttpAnswer::complete;
  }
  if (errno == ECONNRESET) return HttpAnswer::reset;
  return errno == EAGAIN || errno == EWOULDBLOCK ? HttpAnswer::nothing : HttpAnswer::closed;
}

HttpAnswer Connection::exchange(const std::string& request) {
  HttpAnswer answer;
  if (SSL_write(ssl_.get(), request.data(), static_cast<int>(request.size())) <= 0) {
    answer.end = HttpAnswer::closed;
    return answer;
  }
  std::string bytes;
  std::size_t head_size = std::string::npos, whole = 0;
  for (;;) {
    if (head_size == std::string::npos && (head_size = bytes.find("\r\n\r\n")) != std::string::npos) {
      answer.status = std::stoi(bytes.substr(9, 3));
      for (std::size_t at = bytes.find("\r\n") + 2; at < head_size;) {
        const auto end = bytes.find("\r\n", at), colon = bytes.find(':', at);
        auto name = bytes.substr(at, colon - at);
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return std::tolower(c); });
        answer.headers[name] = bytes.substr(colon + 2, end - colon - 2);
        at = end + 2;
      }
      whole = head_size + 4 + std::stoul(answer.headers.at("content-length"));
    }
    if (head_size != std::string::npos) answer.body = bytes.substr(head_size + 4);
    if (head_size != std::string::npos && bytes.size() >= whole) {
      answer.end = HttpAnswer::complete;
      return answer;
    }
    answer.end = read_more(bytes);
    if (answer.end != HttpAnswer::complete) return answer;
  }
}

bool Connection::is_closed_by_peer() {
  std::string bytes;
  const auto end = read_more(bytes);
  return end == HttpAnswer::closed || end == HttpAnswer::reset;
}

Scene::Scene(Settings settings, Keys keys, const Files& files) : dir{folder_.path / "sandbox"} {
  settings.dir = dir;
  if (keys == spare_keys || !files.empty()) fs::create_directory(settings.dir);
  for (const auto& [name, content] : files)
    REQUIRE(write_private_file(settings.dir / name, content).has_value());
  if (keys == spare_keys) {
    REQUIRE(write_private_file(settings.dir / "apiclient_key.pem", spare_key("merchant")).has_value());
    REQUIRE(write_private_file(settings.dir / "wxp_key.pem", spare_key("platform")).has_value());
  }
  auto started = Sandbox::start(settings);
  if (!started) throw std::runtime_error{started.error().what};
  sandbox = std::move(*started);
  const auto key =
      wechatpay::read_private_key(read_file(dir / "apiclient_key.pem", 1 << 16, Errc::no_input).value(), {});
  const auto certificate =
      wechatpay::read_certificate(read_file(dir / "apiclient_cert.pem", 1 << 16, Errc::no_input).value());
  merchant = std::make_unique<Merchant>(key.value().get(), certificate.value().serial);
}

Connection Scene::connect(model::Endpoint endpoint, milliseconds patience) {
  const auto port = endpoint == model::Endpoint::primary ? sandbox->primary_port() : sandbox->backup_port();
  return {port, dir / "ca.pem", patience};
}

HttpAnswer Scene::ask(const Letter& letter, milliseconds patience) {
  auto connection = connect(model::Endpoint::primary, patience);
  REQUIRE(connection.is_open());
  return connection.exchange(letter.bytes());
}

model::Card Scene::card(std::size_t row) const {
  const auto csv = read_file(dir / "members.csv", 1 << 26, Errc::no_input).value();
  CsvReader reader{csv};
  std::vector<std::string> cells;
  for (std::size_t i = 0; i < row + 2; ++i) REQUIRE(reader.next(cells).value());
  model::Card card;
  card.brand_id = k_brand_id;
  card.code = cells[0];
  card.card_id = cells[1];
  card.openid = cells[2];
  card.reason = cells[3];
  return card;
}

std::string Scene::verdict(const HttpAnswer& answer) const {
  model::Platform platform;
  platform.public_key_id = k_public_key_id;
  platform.public_key_file = dir / "wxp_pub.pem";
  wechatpay::Verifier verifier{wechatpay::load_platform_keys(platform).value().keys};
  const auto header = [&](const char* name) {
    const auto found = answer.headers.find(name);
    return found == answer.headers.end() ? std::string{} : found->second;
  };
  wechatpay::AnswerHeaders headers;
  headers.timestamp = header("wechatpay-timestamp");
  headers.nonce = header("wechatpay-nonce");
  headers.signature = header("wechatpay-signature");
  headers.serial = header("wechatpay-serial");
  return std::string{to_text(verifier.verify(headers, answer.body, read_clocks().wall))};
}

}  // namespace cardvoid::sandbox
