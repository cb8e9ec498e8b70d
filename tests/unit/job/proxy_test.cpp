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
                             "api.mch.weixin.qq.com:443", "*.weixin.qq.com", "*.qq.com", "*.qq.com:443",
                             ".weixin.qq.com:443", "weixin.qq.com:", "other\t*"})
      CHECK_MESSAGE(proxy_of(k_right, "http://other:1", list) == "none", std::string{list});
    for (const char* list :
         {"", ",", "mch.weixin", "api2.mch.weixin.qq.com", "n.qq.com", "api.mch.weixin.qq.com:8443",
          "*.qq.com:80", ".api.mch.weixin.qq.com", "*.api.mch.weixin.qq.com", "*api.mch.weixin.qq.com",
          "10.0.0.0/8", ":443", "/", "weixin.qq.com/8"})
      CHECK_MESSAGE(proxy_of(k_right, "http://other:1", list) == "other:1", std::string{list});
  }

  TEST_CASE("proxy: NO_PROXY excludes addresses and blocks of them") {
    const auto proxy_for = [](const char* host, const char* list) {
      return proxy_of(with("[endpoints]\nprimary = \"https://" + std::string{host} + ":8443\"\n"),
                      "http://other:1", list);
    };
    for (const char* list :
         {"10.1.2.3", "10.1.2.3:8443", "10.0.0.0/8", "10.9.9.9/8", "0.0.0.0/0", "10.1.2.3/32"})
      CHECK_MESSAGE(proxy_for("10.1.2.3", list) == "none", std::string{list});
    for (const char* list : {"10.1.2.4", "10.1.2.3:443", "11.0.0.0/8", "10.1.2.2/32", "::/0", "10.1.2",
                             "10.0.0.0/33", "10.0.0.0/8:8443"})
      CHECK_MESSAGE(proxy_for("10.1.2.3", list) == "other:1", std::string{list});
    for (const char* list :
         {"2001:db8::7", "[2001:db8::7]:8443", "2001:db8::/32", "2001:DB8:0::7", "[2001:db8::7]"})
      CHECK_MESSAGE(proxy_for("[2001:db8::7]", list) == "none", std::string{list});
    for (const char* list : {"2001:db8::8", "[2001:db8::7]:443", "2001:db9::/32", "0.0.0.0/0"})
      CHECK_MESSAGE(proxy_for("[2001:db8::7]", list) == "other:1", std::string{list});
  }

  TEST_CASE("proxy: loopback is never sent through a proxy of the environment") {
    for (const char* host : {"127.0.0.1", "localhost", "[::1]"})
      CHECK(proxy_of(with("[endpoints]\nprimary = \"https://" + std::string{host} + ":8443\"\n"),
                     "http://other:1") == "none");
    CHECK(proxy_of(with("[endpoints]\nprimary = \"https://127.example.com\"\n"), "http://other:1") ==
          "other:1");
  }

  TEST_CASE("proxy: what is no HTTP proxy is refused without showing it") {
    for (const char* url :
         {"https://secret@p:1", "socks5://secret@p:1", "http://secret@p:1/path", "http://secret@p:99999",
          "http://secret@p:65536", "http://secret@p:01", "http://secret@p:", "http://secret@p:+1",
          "http://secret@p: 1", "http://secret@p:1?q", "http://secret@p:1#f", "http://secret@p,q:1",
          "http://secret@[::1:1", "http://", "http://secret@p:0", "p"}) {
      const auto text = proxy_of(with("[endpoints]\nproxy = \"" + std::string{url} + "\"\n"));
      CHECK_MESSAGE(text.find("gold.toml:14:9: endpoints.proxy: expected the URL of an HTTP proxy") == 0,
                    text);
      CHECK(text.find("secret") == std::string::npos);
    }
  }

  TEST_CASE("endpoint: a port is what it says or it is refused") {
    const auto read = [](const std::string& url) {
      const auto job = job::parse(with("[endpoints]\nprimary = \"" + url + "\"\n"), "gold.toml", {});
      return job ? job->endpoints.primary.text() : job.error().what;
    };
    CHECK(read("https://localhost:65535") == "localhost:65535");
    CHECK(read("https://localhost:1/") == "localhost:1");
    CHECK(read("https://[::1]:8443") == "[::1]:8443");
    for (const char* rest : {"localhost:99999",
                             "localhost:65536",
                             "localhost:65979",
                             "localhost:131515",
                             "localhost:4294967739",
                             "localhost:0",
                             "localhost:",
                             "localhost:+443",
                             "localhost:-1",
                             "localhost:0443",
                             "localhost:443 ",
                             "localhost: 443",
                             "localhost:0x1bb",
                             "localhost:44３",
                             "localhost:443:443",
                             "user@localhost",
                             "u:p@localhost:1",
                             "localhost/path",
                             "localhost?q",
                             "localhost#f",
                             "[::1",
                             "::1",
                             "[::1%25lo]:1",
                             "[v1.a]:1",
                             "微信.example",
                             "%77ww.example",
                             "a,b.example",
                             ".example",
                             "a..example",
                             "*.example",
                             "",
                             ":443"}) {
      const auto text = read("https://" + std::string{rest});
      CHECK_MESSAGE(text.find("endpoints.primary: expected") != std::string::npos, rest, ": ", text);
    }
  }

  TEST_CASE("proxy: an unusable one of the environment is kept for what connects and never shown") {
    const auto unusable = [](std::string_view toml, const char* no_proxy) {
      job::Overrides overrides;
      overrides.https_proxy = "socks5h://secret@p:1", overrides.no_proxy = no_proxy;
      const auto job = job::parse(toml, "gold.toml", overrides);
      REQUIRE(job.has_value());
      CHECK_FALSE(job->endpoints.primary.proxy);
      return job->endpoints.unusable_proxy;
    };
    const auto why = unusable(k_right, "api.mch.weixin.qq.com");
    CHECK(why.find("HTTPS_PROXY is not the URL of an HTTP proxy") == 0);
    CHECK(why.find("api2.mch.weixin.qq.com would be reached through it") != std::string::npos);
    CHECK(why.find("secret") == std::string::npos);
    CHECK(unusable(k_right, "*.qq.com") == "");
    CHECK(unusable(with("[endpoints]\nprimary = \"https://localhost:1\"\nbackup = \"https://[::1]:1\"\n"),
                   "") == "");
  }
}
