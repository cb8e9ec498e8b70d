#include "proxy.hpp"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <cctype>
#include <string>

namespace cardvoid::job {

namespace {

namespace urls = boost::urls;

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host.starts_with("127.") || host == "[::1]";
}

}  // namespace

std::optional<model::Proxy> parse_proxy(std::string_view url) {
  if (!url.starts_with("http://")) return std::nullopt;  // first, as in parse_endpoint
  const auto parsed = urls::parse_uri({url.data(), url.size()});
  if (!parsed || parsed->has_query() || parsed->has_fragment()) return std::nullopt;
  if (!parsed->encoded_path().empty() && parsed->encoded_path() != "/") return std::nullopt;
  const auto host = parsed->encoded_host();
  if (host.empty() || host.size() > 253 || host.find('%') != urls::string_view::npos) return std::nullopt;

  model::Proxy proxy;
  proxy.host.assign(host.data(), host.size());
  proxy.port = 80;
  if (parsed->has_port() && !parsed->port().empty()) {
    if (parsed->port_number() == 0) return std::nullopt;
    proxy.port = parsed->port_number();
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
  const auto host = lower(address.host);
  if (is_loopback(host)) return true;
  const auto with_port = host + ":" + std::to_string(address.port);
  while (!no_proxy.empty()) {
    const auto end = std::min(no_proxy.find_first_of(", "), no_proxy.size());
    auto entry = lower(no_proxy.substr(0, end));
    no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
    if (entry.empty()) continue;
    if (entry == "*" || entry == host || entry == with_port) return true;
    if (entry.front() != '.') entry.insert(entry.begin(), '.');
    if (host.ends_with(entry) || with_port.ends_with(entry) || "." + host == entry) return true;
  }
  return false;
}

}  // namespace cardvoid::job
