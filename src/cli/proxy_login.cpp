#include "proxy_login.hpp"

namespace cardvoid::cli {

std::string without_login(std::string_view url, std::string_view instead) {
  const auto end = url.rfind('@');
  if (end == std::string_view::npos) return std::string{url};
  const auto scheme = url.find("://");
  const auto begin = scheme < end ? scheme + 3 : 0;
  return std::string{url.substr(0, begin)}.append(instead).append(url.substr(end + 1));
}

// A word ends at a blank. One behind it that has an "@" too may lose what is before that: rather too much.
std::string without_proxy_login(std::string_view overrides, std::string_view instead) {
  constexpr std::string_view k_key = "proxy";
  const auto key = overrides.find(k_key);
  const auto value = key == std::string_view::npos ? key : overrides.find('=', key);
  if (value == std::string_view::npos) return std::string{overrides};
  return std::string{overrides.substr(0, value + 1)}.append(
      without_login(overrides.substr(value + 1), instead));
}

}  // namespace cardvoid::cli
