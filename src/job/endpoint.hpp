#pragma once

#include <cardvoid/model/job.hpp>
#include <optional>
#include <string_view>

namespace cardvoid::job {

// "https://host", "https://host:8443/", "https://[::1]:8443"; nullopt for anything else. An IPv6 address
// keeps its brackets, so that EndpointAddress::text() is a valid Host header.
std::optional<model::EndpointAddress> parse_endpoint(std::string_view url);

}  // namespace cardvoid::job
