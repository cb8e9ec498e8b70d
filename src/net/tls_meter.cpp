#include "tls_meter.hpp"

namespace cardvoid::net {

void TlsMeter::attach(SSL* ssl) {
  SSL_set_msg_callback(ssl, note);
  SSL_set_msg_callback_arg(ssl, this);
}

// A callback cannot make OpenSSL fail, but it can say that the peer has ended: then nothing behind the
// present message is read (ssl/record/rec_layer_s3.c, "If the other end has shut down").
void TlsMeter::note(int is_ours, int /*version*/, int kind, const void* /*bytes*/, std::size_t /*size*/,
                    SSL* ssl, void* self) {
  if (is_ours) return;
  auto& meter = *static_cast<TlsMeter*>(self);
  if (kind == SSL3_RT_HEADER) --meter.left_.records;
  if (kind == SSL3_RT_HANDSHAKE || kind == SSL3_RT_ALERT) --meter.left_.messages;
  if (meter.is_exceeded()) SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
}

}  // namespace cardvoid::net
