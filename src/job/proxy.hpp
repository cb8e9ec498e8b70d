#pragma once
// Which HTTP proxy an endpoint is reached through (RFC 9110 section 9.3.6, CONNECT). Pure: the environment is
// an argument.

#include <cardvoid/model/job.hpp>
#include <optional>
#include <string_view>

namespace cardvoid::job {

// "http://proxy.example:3128", with "user:password@" in front of the host if it needs a login; port 80 by
// default. nullopt for anything else: no https://, no socks5://, no path.
std::optional<model::Proxy> parse_proxy(std::string_view url);

// Does NO_PROXY exclude this host? A list such as "example.com,*.internal,10.0.0.0/8,10.1.0.7:8443", read as
// Go does: a name covers itself and the names below it, with "." or "*." in front only those below it; "*" is
// every host. Blanks separate too. Loopback never goes through a proxy of the environment.
bool is_excluded_by(std::string_view no_proxy, const model::EndpointAddress& address);

}  // namespace cardvoid::job
