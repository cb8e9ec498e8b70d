#pragma once
// A blocking HTTPS client of a few lines over plain OpenSSL, so that what the sandbox sends is seen as it is.

#include <openssl/ssl.h>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/owned.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/sandbox/sandbox.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "support/merchant.hpp"
#include "support/temp_folder.hpp"

namespace cardvoid::sandbox {

struct HttpAnswer {
  enum End { complete, closed, reset, nothing } end = nothing;  // nothing: the patience ran out
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // as far as it came
};

class Connection {
 public:
  // Checks the server's certificate against `ca_file` and the address.
  Connection(std::uint16_t port, const std::filesystem::path& ca_file, milliseconds patience);
  bool is_connected() const { return static_cast<bool>(socket_); }  // TCP
  bool is_open() const { return open_; }                            // TLS
  HttpAnswer exchange(const std::string& request);
  bool is_closed_by_peer();  // waits until it is, or the patience runs out

 private:
  HttpAnswer::End read_more(std::string& bytes);
  FileDescriptor socket_;
  Owned<SSL_CTX, SSL_CTX_free> context_;
  Owned<SSL, SSL_free> ssl_;
  bool open_ = false;
};

// A sandbox in a folder of its own that vanishes with it, and its merchant.
class Scene {
 public:
  // With spare RSA keys put there first, or with an empty folder.
  enum Keys { spare_keys, own_keys };
  // `files` (name → content) are put there too, e.g. members.csv in place of one the sandbox makes.
  using Files = std::map<std::string, std::string>;
  explicit Scene(Settings settings = plain_settings(), Keys keys = spare_keys, const Files& files = {});

  Connection connect(model::Endpoint endpoint = model::Endpoint::primary,
                     milliseconds patience = milliseconds{5'000});
  HttpAnswer ask(const Letter& letter, milliseconds patience = milliseconds{5'000});  // on a new connection
  model::Card card(std::size_t row) const;                                            // of members.csv
  std::string verdict(const HttpAnswer& answer) const;  // of wechatpay::Verifier

 private:
  support::TempFolder folder_;

 public:
  const std::filesystem::path dir;  // the sandbox's, in that folder
  std::unique_ptr<Sandbox> sandbox;
  std::unique_ptr<Merchant> merchant;
};

}  // namespace cardvoid::sandbox
