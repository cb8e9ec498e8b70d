// Foreign text on its way to a terminal, a CSV file, a TOML file or a URL.

#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/wechatpay/request.hpp>

#include "fuzz/target.hpp"

namespace cardvoid::fuzz::texts {

// Whether what is left of it may be its own beginning: "ababababab". No identifier of the platform is like
// that.
static bool can_grow_again(std::string_view identifier) {
  if (identifier.find('*') != std::string_view::npos) return true;
  for (std::size_t length = 1; length <= 4; ++length)
    if (identifier.starts_with(identifier.substr(identifier.size() - length))) return true;
  return false;
}

FUZZ_TARGET(text, "foreign text becomes safe text") {
  Input input{bytes};
  const auto columns = 1 + input.below(100);
  const auto identifier = input.line(), text = input.rest();
  const auto safe = escape_for_terminal(text);
  require(!find_invalid_utf8(safe), "escaped text is UTF-8");
  require(escape_for_terminal(safe) == safe, "escaped text stays as it is");
  for (const char c : safe)
    require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "escaped text has no control characters");
  const auto fitted = fit_to_width(safe, columns);
  require(display_width(fitted) <= columns && !find_invalid_utf8(fitted), "a cut text fits");
  require(count_characters(safe) <= safe.size(), "characters are at most bytes");
  require(!find_invalid_utf8(wrapped(safe, 2, columns)), "wrapped text is UTF-8");
  if (!find_invalid_utf8(text)) {
    require(!find_invalid_utf8(folded(text, columns)), "a folded page is UTF-8");
    require(toml_quoted(text).front() == '"', "TOML text is quoted");
  }
  if (identifier.size() > 8 && !can_grow_again(identifier))
    require(mask_in(text, identifier).find(identifier) == std::string::npos,
            "no masked text has the identifier");
  for (const char c : wechatpay::percent_encode(text))
    require(static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7F, "a URL is ASCII");
}

}  // namespace cardvoid::fuzz::texts
