#pragma once
// The login in a proxy's URL is a secret: it is in no message and goes to no other program.

#include <string>
#include <string_view>

namespace cardvoid::cli {

// "http://user:word@proxy:3128" with `instead` in place of "user:word@". A word may hold an "@" or a "/" that
// is not encoded, so the last "@" counts. Text without a login stays as it is.
std::string without_login(std::string_view url, std::string_view instead = {});

// "endpoints.proxy=URL" of --set, or several such words in one text, as CARDVOID_SET has them: without the
// login of the URL.
std::string without_proxy_login(std::string_view overrides, std::string_view instead = {});

}  // namespace cardvoid::cli
