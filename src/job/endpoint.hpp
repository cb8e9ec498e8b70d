#pragma once

#include <cardvoid/model/job.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cardvoid::job {

// "https://host", "https://host:8443/", "https://[::1]:8443"; nullopt for anything else. An IPv6 address
// keeps its brackets, so that EndpointAddress::text() is a valid Host header.
std::optional<model::EndpointAddress> parse_endpoint(std::string_view url);

// 1 to 65535; nullopt for anything else. Boost.URL 1.81 takes 99999 for 34463.
std::optional<std::uint16_t> parse_port(std::string_view digits);

}  // namespace cardvoid::job
