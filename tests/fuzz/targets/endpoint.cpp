// Endpoints, proxies and NO_PROXY.

#include "endpoint.hpp"

#include <charconv>

#include "fuzz/target.hpp"
#include "proxy.hpp"

namespace cardvoid::fuzz::endpoints {

// Where the URL says ":number" behind its host, the port is that number.
static void check_port(std::string_view url, std::uint16_t port) {
  auto authority = url.substr(url.find("//") + 2);
  authority = authority.substr(0, authority.find('/'));
  const auto colon = authority.rfind(':');
  const auto digits = colon == std::string_view::npos ? std::string_view{} : authority.substr(colon + 1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return;
  if (authority.rfind('[') != std::string_view::npos && authority.find(']') == std::string_view::npos) return;
  const auto significant = digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
  require(significant == std::to_string(port), "the port is the one that is written");
}

FUZZ_TARGET(endpoint, "the address of an endpoint or a proxy is the one that is written") {
  Input input{bytes};
  const auto url = input.line(), proxy_url = input.line(), no_proxy = input.rest();
  if (const auto address = job::parse_endpoint(url)) {
    require(!address->host.empty() && address->host.size() <= 253 && address->port != 0,
            "an address is whole");
    check_port(url, address->port);
    const auto again = job::parse_endpoint("https://" + address->text());
    require(again && again->host == address->host && again->port == address->port,
            "an address reads back as it was");
    (void)job::is_excluded_by(no_proxy, *address);
  }
  if (const auto proxy = job::parse_proxy(proxy_url)) {
    require(!proxy->host.empty() && proxy->port != 0, "a proxy is whole");
    check_port(proxy_url, proxy->port);
    for (const char c : proxy->login)
      require(static_cast<unsigned char>(c) >= 0x20, "a login has no control characters");
  }
  model::EndpointAddress loopback;
  loopback.host = "127.0.0.1";
  require(job::is_excluded_by(no_proxy, loopback), "loopback needs no proxy");
}

}  // namespace cardvoid::fuzz::endpoints
