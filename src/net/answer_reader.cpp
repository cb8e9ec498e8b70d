#include "answer_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <cardvoid/base/http_feed.hpp>
#include <charconv>

namespace cardvoid::net {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr std::uint32_t k_header_limit_bytes = 8 << 10;  // the platform's answers have less than 2 KiB
constexpr std::size_t k_read_bytes = 4 << 10;
constexpr std::size_t k_usual_body_bytes = 8 << 10;
// Bytes that the parser cannot use yet: half a header, half a chunk header, half the trailers.
constexpr std::size_t k_buffer_limit_bytes = 16 << 10;
constexpr int k_interim_limit = 8;
constexpr milliseconds k_keep_alive_margin{2'000};  // for the time on the way and for clocks of whole seconds

beast::string_view view(std::string_view text) { return {text.data(), text.size()}; }

// N of "timeout=N" in a Keep-Alive header ("timeout=8, max=100").
std::optional<std::chrono::seconds> announced_timeout(std::string_view parameters) {
  while (!parameters.empty()) {
    const auto comma = std::min(parameters.find(','), parameters.size());
    auto parameter = parameters.substr(0, comma);
    parameters.remove_prefix(std::min(comma + 1, parameters.size()));
    parameter.remove_prefix(std::min(parameter.find_first_not_of(" \t"), parameter.size()));
    constexpr std::string_view k_name = "timeout=";
    if (!beast::iequals(view(parameter.substr(0, k_name.size())), view(k_name))) continue;
    int seconds = 0;
    const auto digits = parameter.substr(k_name.size());
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (read.ec == std::errc{} && seconds >= 0) return std::chrono::seconds{seconds};
  }
  return std::nullopt;
}

}  // namespace

void Headers::reserve(std::size_t count, std::size_t characters) {
  places_.reserve(count);
  text_.reserve(characters);
}

void Headers::add(std::string_view name, std::string_view value) {
  text_ += name;
  const auto begin = text_.size();
  text_ += value;
  places_.push_back({begin, text_.size()});
}

std::string_view Headers::find(std::string_view name) const {
  const std::string_view text = text_;
  std::size_t begin = 0;
  for (const auto& place : places_) {
    if (beast::iequals(view(text.substr(begin, place.value - begin)), view(name)))
      return text.substr(place.value, place.end - place.value);
    begin = place.end;
  }
  return {};
}

AnswerReader::AnswerReader(std::size_t body_limit_bytes, int& large_left)
    : body_limit_bytes_{body_limit_bytes}, large_left_{large_left} {
  start_parser();
}

void AnswerReader::start_parser() {
  parser_.reset();
  memory_.release();
  parser_.emplace(std::piecewise_construct, std::tuple{}, std::tuple{Allocator{&memory_}});
  parser_->eager(true);  // header and body in one go
  parser_->header_limit(k_header_limit_bytes);
  parser_->body_limit(body_limit_bytes_);
  parser_->get().body().reserve(is_large_ ? body_limit_bytes_
                                          : std::min(body_limit_bytes_, k_usual_body_bytes));
}

bool AnswerReader::has_room_for(std::size_t bytes) {
  if (is_large_ || bytes <= k_usual_body_bytes) return true;
  if (large_left_ == 0) return false;
  --large_left_;
  is_large_ = true;
  parser_->get().body().reserve(body_limit_bytes_);  // once: one that grows by doubling leaves holes
  return true;
}

boost::asio::mutable_buffer AnswerReader::space() { return buffer_.prepare(k_read_bytes); }

AnswerReader::Step AnswerReader::take(std::size_t count) {
  buffer_.commit(count);
  has_bytes_ = has_bytes_ || count > 0;
  if (!has_room_for(parser_->get().body().size() + buffer_.size()))
    return fail("too many large answers at once");
  return parse();
}

// Beast reads the status in as many bytes as there are, so half a status line is kept from it. Not what can
// be none: there may never be an end of line.
bool AnswerReader::is_half_status_line() const {
  constexpr std::string_view k_begin = "HTTP/1.";
  if (parser_->got_some()) return false;
  const std::string_view bytes{static_cast<const char*>(buffer_.data().data()), buffer_.size()};
  return bytes.substr(0, k_begin.size()) == k_begin.substr(0, bytes.size()) && bytes.size() < k_read_bytes &&
         bytes.find('\n') == std::string_view::npos;
}

// "HTTP/1.1 200" without the blank before the reason phrase, which RFC 9112 section 4 wants even where there
// is none. curl and Go accept it, Beast does not; so the blank is put in.
void AnswerReader::mend_status_line() {
  constexpr std::size_t k_status_end = std::string_view{"HTTP/1.1 200"}.size();
  if (parser_->got_some() || buffer_.size() < k_status_end + 2) return;
  const std::string_view bytes{static_cast<const char*>(buffer_.data().data()), buffer_.size()};
  if (!bytes.starts_with("HTTP/1.") || bytes.substr(k_status_end, 2) != "\r\n") return;
  const auto mended = fmt::format("{} {}", bytes.substr(0, k_status_end), bytes.substr(k_status_end));
  buffer_.clear();
  buffer_.commit(boost::asio::buffer_copy(buffer_.prepare(mended.size()), boost::asio::buffer(mended)));
}

AnswerReader::Step AnswerReader::parse() {
  while (!is_half_status_line()) {
    mend_status_line();
    const auto error = feed_http(*parser_, buffer_);
    // It would end with the connection, and so does an answer that was cut short.
    if (parser_->is_header_done() && parser_->need_eof()) return fail("answer without length");
    if (error == http::error::need_more) break;
    if (error == http::error::body_limit)
      return fail(fmt::format("answer body over {} bytes", body_limit_bytes_));
    if (error == http::error::header_limit)
      return fail(fmt::format("answer header over {} bytes", k_header_limit_bytes));
    if (error) return fail("the answer is not valid HTTP: " + error.message());
    const auto status = parser_->get().result_int();
    if (status < 100) return fail("the answer is not valid HTTP: a status below 100");  // 0 would mean none
    if (status / 100 != 1) return done;
    if (status == 101 || ++interim_count_ > k_interim_limit)
      return fail(fmt::format("unasked answer {}", status));
    start_parser();
  }
  if (buffer_.size() + k_read_bytes > k_buffer_limit_bytes)
    return fail("the answer is not valid HTTP: no end of line");
  return more;
}

AnswerReader::Step AnswerReader::fail(std::string reason) {
  reason_ = std::move(reason);
  return failed;
}

void AnswerReader::move_into(Exchange& exchange) {
  auto& message = parser_->get();
  exchange.status = message.result_int();
  std::size_t count = 0, characters = 0;
  for (const auto& field : message) ++count, characters += field.name_string().size() + field.value().size();
  exchange.headers.reserve(count, characters);
  for (const auto& field : message)
    exchange.headers.add({field.name_string().data(), field.name_string().size()},
                         {field.value().data(), field.value().size()});
  exchange.body = std::move(message.body());
}

std::optional<milliseconds> AnswerReader::keeps_for(milliseconds limit) const {
  if (!parser_->keep_alive() || buffer_.size() > 0) return std::nullopt;
  const auto& message = parser_->get();
  if (const auto field = message.find(http::field::keep_alive); field != message.end()) {
    const auto value = field->value();
    if (const auto announced = announced_timeout({value.data(), value.size()}))
      limit = std::min<milliseconds>(limit, *announced - k_keep_alive_margin);
  }
  return limit > milliseconds{0} ? std::optional{limit} : std::nullopt;
}

}  // namespace cardvoid::net
