#pragma once
// The result of an exchange with an endpoint: plain values, no sockets.

#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::net {

// Why there is no connection. No request was sent. A time-out is reported as the step in which it came.
struct ConnectFailure {
  enum Kind { resolve, connect, handshake, bad_certificate } kind = connect;
  std::string what;  // one line, names the endpoint
};

struct Header {
  std::string name, value;
};

// How far an exchange got.
struct Exchange {
  enum Reach {
    not_sent,  // no byte was written: the connection turned out to be closed, or the deadline had
               // passed
    shut_out,  // nor here: the peer accepted a new connection, shook hands and closed it at once
    stale,     // written on a reused connection that was closed before any byte of an answer
    lost,      // written, at least in part, and no complete answer came
    answered,
  } reach = lost;
  std::string reason;  // why it is not `answered`
  unsigned status = 0;
  std::vector<Header> headers;
  std::string body;  // after transfer decoding
  // The value of the first header with that name, matched without regard to case; empty when absent.
  std::string_view header(std::string_view name) const;
};

}  // namespace cardvoid::net
