#pragma once
// The result of an exchange with an endpoint: plain values, no sockets.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::net {

// Why there is no connection. No request was sent. A time-out is reported as the step in which it came.
struct ConnectFailure {
  enum Kind { resolve, connect, handshake, bad_certificate } kind = connect;
  std::string what;  // one line, names the endpoint
};

// The headers of an answer, in two pieces of memory: there are a dozen in every answer.
class Headers {
 public:
  // For so many headers with so many characters in all.
  void reserve(std::size_t count, std::size_t characters);
  void add(std::string_view name, std::string_view value);
  // The value of the first one with that name, matched without regard to case; empty when absent.
  std::string_view find(std::string_view name) const;
  std::size_t size() const { return places_.size(); }
  bool operator==(const Headers&) const = default;

 private:
  // Of a header in text_: its name begins where the one before ends.
  struct Place {
    std::size_t value, end;
    bool operator==(const Place&) const = default;
  };
  std::string text_;
  std::vector<Place> places_;
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
  Headers headers;
  std::string body;  // after transfer decoding
};

}  // namespace cardvoid::net
