#pragma once
// Bounds how much of TLS itself a peer can make us process. Session tickets, key updates and empty records
// carry nothing for us, yet OpenSSL goes on reading as long as they come, and a check of an idle connection
// would not return.

#include <openssl/ssl.h>

namespace cardvoid::net {

// What a peer may send until the next allow().
struct TlsAllowance {
  int records = 0;
  int messages = 0;  // of TLS itself: handshake messages, alerts
};

// Its address must not change once it is attached.
class TlsMeter {
 public:
  void attach(SSL* ssl);
  void allow(TlsAllowance allowance) { left_ = allowance; }
  // The peer has sent more. TLS then reads nothing any more: every read ends with an error.
  bool is_exceeded() const { return left_.records < 0 || left_.messages < 0; }

 private:
  static void note(int is_ours, int version, int kind, const void* bytes, std::size_t size, SSL* ssl,
                   void* self);
  TlsAllowance left_;
};

}  // namespace cardvoid::net
