#include "endpoint.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

namespace cardvoid::job {

namespace urls = boost::urls;

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, port);
  if (read.ec != std::errc{} || read.ptr != end || port == 0) return std::nullopt;
  return port;
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
  switch (parsed->host_type()) {
    case urls::host_type::name:
    case urls::host_type::ipv4:
    case urls::host_type::ipv6: break;
    case urls::host_type::none:
    case urls::host_type::ipvfuture: return std::nullopt;
  }
  const auto host = parsed->encoded_host();
  address.host.assign(host.data(), host.size());
  if (address.host.empty() || address.host.size() > 253 || address.host.find('%') != std::string::npos)
    return std::nullopt;
  if (parsed->has_port() && !parsed->port().empty()) {
    const auto port = parse_port({parsed->port().data(), parsed->port().size()});
    if (!port) return std::nullopt;
    address.port = *port;
  }
  return address;
}

}  // namespace cardvoid::job
