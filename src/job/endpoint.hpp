#pragma once

#include <cardvoid/model/job.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cardvoid::job {

// A port as it stands behind a colon: digits without a zero in front, 1 to 65535; nullopt for anything else.
// Boost.URL 1.81 cuts larger numbers to 16 bits.
std::optional<std::uint16_t> parse_port(std::string_view text);

// A name of letters, digits, "-", "_" and ".", or an address; IPv6 in brackets. Others no certificate names.
bool is_host(std::string_view text);

// "https://host", "https://host:8443/", "https://[::1]:8443"; nullopt for anything else. An IPv6 address
// keeps its brackets, so that EndpointAddress::text() is a valid Host header.
std::optional<model::EndpointAddress> parse_endpoint(std::string_view url);

}  // namespace cardvoid::job
