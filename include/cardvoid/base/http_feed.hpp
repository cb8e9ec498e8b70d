#pragma once
// The one place where bytes of a peer meet Beast's HTTP parser. Beast asserts what it expects of itself, and
// a peer who chooses where its bytes are split can make one of these assertions wrong; it also throws in rare
// cases. Here both become an error value. Pure.

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <exception>

namespace cardvoid {

// Parses what is in `buffer`, as far as it goes, and takes it out. No error: the message is done, and what
// follows it stays in the buffer. need_more: call again when more bytes are there. Any other error is final.
// `parser` is eager and not done.
template <class Parser>
boost::system::error_code feed_http(Parser& parser, boost::beast::flat_buffer& buffer) noexcept {
  namespace http = boost::beast::http;
  // "0\r\n\r\n": as long as a chunked message is not done, so many bytes at least are still to be parsed.
  // With fewer, Beast 1.81 stops at an assertion behind the last chunk's header (mended in Boost 1.85).
  constexpr std::size_t k_least_end_of_chunks = 5;
  boost::system::error_code error;
  try {
    while (!parser.is_done()) {
      const bool is_in_chunks = parser.is_header_done() && parser.chunked();
      if (buffer.size() < (is_in_chunks ? k_least_end_of_chunks : 1)) return http::error::need_more;
      const auto used = parser.put(buffer.data(), error);
      buffer.consume(used);
      if (error) return error;
      if (used == 0 && !parser.is_done()) return http::error::need_more;
    }
  } catch (const std::exception&) {  // a field longer than Beast can store
    return http::error::header_limit;
  }
  return error;
}

}  // namespace cardvoid
