// Which proxy an endpoint is reached through.

#include <doctest/doctest.h>

#include <ostream>

#include "unit/job/job_text.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::job::test;

  namespace {

  // "host:port" of the primary's proxy, or "none".
  std::string proxy_of(std::string_view toml, const std::string& https_proxy = {},
                       const std::string& no_proxy = {}) {
    job::Overrides overrides;
    overrides.https_proxy = https_proxy, overrides.no_proxy = no_proxy;
    const auto job = job::parse(toml, "gold.toml", overrides);
    if (!job) return job.error().what;
    const auto& proxy = job->endpoints.primary.proxy;
    return proxy ? proxy->host + ":" + std::to_string(proxy->port) : "none";
  }

  }  // namespace

  TEST_CASE("proxy: the job's own goes before the environment") {
    const auto own = with("[endpoints]\nproxy = \"http://proxy.example:3128\"\n");
    CHECK(proxy_of(own) == "proxy.example:3128");
    CHECK(proxy_of(own, "http://other:1", "*") == "proxy.example:3128");
    CHECK(proxy_of(k_right) == "none");
    CHECK(proxy_of(k_right, "http://other:1") == "other:1");
    CHECK(proxy_of(k_right, "other:1") == "other:1");
    CHECK(proxy_of(k_right, "http://[2001:db8::1]") == "[2001:db8::1]:80");
  }

  TEST_CASE("proxy: it holds in any order of the keys of [endpoints]") {
    CHECK(proxy_of(with("[endpoints]\nproxy = \"http://p:1\"\nprimary = \"https://a.example\"\n")) == "p:1");
  }

  TEST_CASE("proxy: NO_PROXY excludes hosts and what lies below them") {
    for (const char* list : {"api.mch.weixin.qq.com", "weixin.qq.com", ".qq.com", "other, QQ.com", "*",
                             "api.mch.weixin.qq.com:443"})
      CHECK_MESSAGE(proxy_of(k_right, "http://other:1", list) == "none", list);
    for (const char* list :
         {"", "mch.weixin", "api2.mch.weixin.qq.com", "n.qq.com", "api.mch.weixin.qq.com:8443"})
      CHECK_MESSAGE(proxy_of(k_right, "http://other:1", list) == "other:1", list);
  }

  TEST_CASE("proxy: loopback is never sent through a proxy of the environment") {
    for (const char* host : {"127.0.0.1", "localhost", "[::1]"})
      CHECK(proxy_of(with("[endpoints]\nprimary = \"https://" + std::string{host} + ":8443\"\n"),
                     "http://other:1") == "none");
  }

  TEST_CASE("proxy: what is no HTTP proxy is refused without showing it") {
    for (const char* url : {"https://secret@p:1", "socks5://secret@p:1", "http://secret@p:1/path", "http://",
                            "http://secret@p:0", "p"}) {
      const auto text = proxy_of(with("[endpoints]\nproxy = \"" + std::string{url} + "\"\n"));
      CHECK_MESSAGE(text.find("gold.toml:14:9: endpoints.proxy: expected the URL of an HTTP proxy") == 0,
                    text);
      CHECK(text.find("secret") == std::string::npos);
    }
    const auto text = proxy_of(k_right, "socks5://secret@p:1");
    CHECK(text.find("HTTPS_PROXY") == 0);
    CHECK(text.find("secret") == std::string::npos);
  }
}
