#include "endpoint.hpp"

#include <boost/asio/ip/address_v6.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>
#include <string>

namespace cardvoid::job {

namespace urls = boost::urls;

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || port == 0 || text[0] == '0')
    return std::nullopt;
  return port;
}

bool is_host(std::string_view text) {
  constexpr std::string_view k_of_name = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (text.empty() || text.size() > 253) return false;
  if (text.starts_with('[')) {
    boost::system::error_code error;
    boost::asio::ip::make_address_v6(std::string{text.substr(1, text.size() - 2)}, error);
    return !error && text.ends_with(']') && text.find('%') == std::string_view::npos;
  }
  return text.find_first_not_of(k_of_name) == std::string_view::npos && !text.starts_with('.') &&
         text.find("..") == std::string_view::npos;
}

std::optional<model::EndpointAddress> parse_endpoint(std::string_view url) {
  // First, because Boost.URL 1.81 aborts on some URLs without an authority, "https:#" (boostorg/url
  // #665).
  if (!url.starts_with("https://")) return std::nullopt;
  const auto parsed = urls::parse_uri({url.data(), url.size()});
  if (!parsed || parsed->has_userinfo()) return std::nullopt;
  if (parsed->has_query() || parsed->has_fragment()) return std::nullopt;
  if (!parsed->encoded_path().empty() && parsed->encoded_path() != "/") return std::nullopt;

  model::EndpointAddress address;
  const auto host = parsed->encoded_host();
  address.host.assign(host.data(), host.size());
  if (!is_host(address.host)) return std::nullopt;
  if (parsed->has_port()) {
    const auto port = parse_port({parsed->port().data(), parsed->port().size()});
    if (!port) return std::nullopt;
    address.port = *port;
  }
  return address;
}

}  // namespace cardvoid::job
