#pragma once
// The job's endpoints as settings of the HTTPS client; primary is number 0, backup number 1.

#include <cardvoid/model/job.hpp>
#include <cardvoid/net/https_client.hpp>

namespace cardvoid::run {

inline net::HostPort host_port(const model::EndpointAddress& address) {
  auto host = address.host;
  if (host.starts_with('['))
    host = host.substr(1, host.size() - 2);  // only URLs have IPv6 literals in brackets
  return {host, address.port};
}

inline std::optional<net::ProxyServer> proxy_server(const model::EndpointAddress& address) {
  if (!address.proxy) return std::nullopt;
  return net::ProxyServer{host_port({address.proxy->host, address.proxy->port}), address.proxy->login};
}

// Error (bad_job): the environment's proxy cannot be used.
inline Result<net::HttpsSettings> https_settings(const model::Job& job) {
  if (!job.endpoints.unusable_proxy.empty()) return Error{Errc::bad_job, job.endpoints.unusable_proxy};
  net::HttpsSettings settings;
  settings.endpoints = {host_port(job.endpoints.primary), host_port(job.endpoints.backup)};
  settings.proxies = {proxy_server(job.endpoints.primary), proxy_server(job.endpoints.backup)};
  settings.ca_file = job.endpoints.ca_file;
  settings.connect_timeout = job.limits.connect_timeout;
  return settings;
}

}  // namespace cardvoid::run
