#pragma once
// Turns the bytes of one HTTP/1.1 answer into an Exchange. Pure: no I/O, no clock. Nothing that a server
// sends makes it throw.

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cardvoid/net/https_client.hpp>
#include <cstddef>
#include <memory_resource>
#include <optional>

namespace cardvoid::net {

class AnswerReader {
 public:
  enum Step { more, done, failed };

  // `large_left`: how many readers more may hold a body that is larger than the platform's at one time; it
  // must outlive them. So answers that stall on all connections together get no memory.
  AnswerReader(std::size_t body_limit_bytes, int& large_left);
  AnswerReader(const AnswerReader&) = delete;
  AnswerReader& operator=(const AnswerReader&) = delete;
  ~AnswerReader() { large_left_ += is_large_; }

  // Room for the next read; valid until take().
  boost::asio::mutable_buffer space();

  // Continues after `count` bytes were put into space(). Interim answers (1xx) are skipped. `failed`: see
  // reason().
  Step take(std::size_t count);

  bool has_bytes() const { return has_bytes_; }
  const std::string& reason() const { return reason_; }

  // After `done`: moves status, headers and body into `exchange`.
  void move_into(Exchange& exchange);

  // After `done`: how long the server keeps the connection, at most `limit`. nullopt: it must not be used
  // again, because the server says so or because more bytes follow the answer.
  std::optional<milliseconds> keeps_for(milliseconds limit) const;

 private:
  // Its headers are in memory of ours: one allocation each would be a dozen an answer.
  using Allocator = std::pmr::polymorphic_allocator<char>;
  using Parser = boost::beast::http::parser<false, boost::beast::http::string_body, Allocator>;
  Step parse();
  bool is_half_status_line() const;
  void mend_status_line();
  Step fail(std::string reason);
  void start_parser();
  bool has_room_for(std::size_t bytes);

  std::size_t body_limit_bytes_;
  int& large_left_;
  bool is_large_ = false;  // and so counted
  boost::beast::flat_buffer buffer_;
  std::array<std::byte, 3 << 10> room_;  // the platform's answers have less than 2 KiB of headers
  std::pmr::monotonic_buffer_resource memory_{room_.data(), room_.size()};
  std::optional<Parser> parser_;
  int interim_count_ = 0;
  bool has_bytes_ = false;
  std::string reason_;
};

}  // namespace cardvoid::net
