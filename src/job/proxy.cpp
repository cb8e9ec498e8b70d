#include "proxy.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <cctype>
#include <string>

#include "endpoint.hpp"

namespace cardvoid::job {

namespace {

namespace ip = boost::asio::ip;
namespace urls = boost::urls;

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view without_brackets(std::string_view host) {
  return host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
}

// nullopt: it is a name. An IPv4 address in the clothes of IPv6 is one of IPv4.
std::optional<ip::address> read_address(std::string_view host) {
  boost::system::error_code error;
  const auto address = ip::make_address(std::string{without_brackets(host)}, error);
  if (error) return std::nullopt;
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

// An endpoint as NO_PROXY compares it.
struct Target {
  std::string host, port;  // lower case
  std::optional<ip::address> address;
};

// "10.0.0.0/8"; nullopt: the entry is no block of addresses.
std::optional<bool> is_in_block(std::string_view entry, const Target& target) {
  if (entry.find('/') == std::string_view::npos) return std::nullopt;
  boost::system::error_code error;
  const auto block_v4 = ip::make_network_v4(std::string{entry}, error);
  if (!error)
    return target.address && target.address->is_v4() &&
           ip::network_v4{target.address->to_v4(), block_v4.prefix_length()}.network() == block_v4.network();
  const auto block_v6 = ip::make_network_v6(std::string{entry}, error);
  if (error) return std::nullopt;
  return target.address && target.address->is_v6() &&
         ip::network_v6{target.address->to_v6(), block_v6.prefix_length()}.network() == block_v6.network();
}

struct HostAndPort {
  std::string_view host, port;
};

// "name", "name:443", "[::1]:443", "::1".
HostAndPort split_port(std::string_view entry) {
  const auto colon = entry.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (entry.find(':') == colon || entry[colon - 1] == ']');
  if (!has_port) return {without_brackets(entry), ""};
  return {without_brackets(entry.substr(0, colon)), entry.substr(colon + 1)};
}

// As Go's golang.org/x/net/http/httpproxy reads an entry: "example.com" is that name and all below it,
// ".example.com" and "*.example.com" only those below it.
bool covers(std::string_view entry, const Target& target) {
  if (entry == "*") return true;
  if (const auto is_in = is_in_block(entry, target)) return *is_in;
  auto [host, port] = split_port(entry);
  if (host.empty() || (!port.empty() && port != target.port)) return false;
  if (const auto address = read_address(host)) return target.address == address;
  if (host.starts_with("*.")) host.remove_prefix(1);
  if (host.starts_with('.')) return target.host.ends_with(host);
  if (target.host == host) return true;
  return target.host.size() > host.size() && target.host.ends_with(host) &&
         target.host[target.host.size() - host.size() - 1] == '.';
}

}  // namespace

std::optional<model::Proxy> parse_proxy(std::string_view url) {
  if (!url.starts_with("http://")) return std::nullopt;  // first, as in parse_endpoint
  const auto parsed = urls::parse_uri({url.data(), url.size()});
  if (!parsed || parsed->has_query() || parsed->has_fragment()) return std::nullopt;
  if (!parsed->encoded_path().empty() && parsed->encoded_path() != "/") return std::nullopt;
  const auto host = parsed->encoded_host();
  if (!is_host({host.data(), host.size()})) return std::nullopt;

  model::Proxy proxy;
  proxy.host.assign(host.data(), host.size());
  proxy.port = 80;
  if (parsed->has_port()) {
    const auto port = parse_port({parsed->port().data(), parsed->port().size()});
    if (!port) return std::nullopt;
    proxy.port = *port;
  }
  if (parsed->has_userinfo()) {
    const auto login = parsed->userinfo();
    proxy.login.assign(login.begin(), login.end());
    if (std::any_of(proxy.login.begin(), proxy.login.end(), [](unsigned char c) { return c < 0x20; }))
      return std::nullopt;
  }
  return proxy;
}

bool is_excluded_by(std::string_view no_proxy, const model::EndpointAddress& address) {
  const Target target{lower(address.host), std::to_string(address.port), read_address(address.host)};
  if (target.host == "localhost" || (target.address && target.address->is_loopback())) return true;
  while (!no_proxy.empty()) {
    const auto end = std::min(no_proxy.find_first_of(", \t"), no_proxy.size());
    const auto entry = lower(no_proxy.substr(0, end));
    no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
    if (!entry.empty() && covers(entry, target)) return true;
  }
  return false;
}

}  // namespace cardvoid::job
