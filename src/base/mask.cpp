#include <cardvoid/base/mask.hpp>

namespace cardvoid {

std::string mask(std::string_view identifier) {
  if (identifier.size() <= 8) return std::string{k_masked};
  return std::string{k_masked} + std::string{identifier.substr(identifier.size() - 4)};
}

std::string mask_in(std::string_view text, std::string_view identifier) {
  std::string masked;
  if (identifier.empty()) return std::string{text};
  for (;;) {
    const auto at = text.find(identifier);
    masked += text.substr(0, at);
    if (at == std::string_view::npos) return masked;
    masked += mask(identifier);
    text.remove_prefix(at + identifier.size());
  }
}

}  // namespace cardvoid
