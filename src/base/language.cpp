#include <cardvoid/base/language.hpp>
#include <initializer_list>
#include <optional>

namespace cardvoid {

namespace {

// "zh_CN.UTF-8", "zh-Hans", "zh", "C.UTF-8": what stands before the country, the script or the encoding.
std::string_view tongue_of(std::string_view locale) { return locale.substr(0, locale.find_first_of("_-.@")); }

std::optional<Language> named(std::string_view locale) {
  const auto tongue = tongue_of(locale);
  if (tongue == "zh") return Language::chinese;
  if (tongue == "en") return Language::english;
  return std::nullopt;
}

}  // namespace

Language language_of(const LocaleNames& names) {
  std::string_view locale;
  for (const auto name : {names.lc_all, names.lc_messages, names.lang})
    if (locale.empty()) locale = name;
  const auto tongue = tongue_of(locale);
  if (tongue.empty() || tongue == "C" || tongue == "POSIX") return Language::english;
  if (names.language.empty()) return named(locale).value_or(Language::english);
  for (auto rest = names.language; !rest.empty();) {
    const auto each = rest.substr(0, rest.find(':'));
    if (const auto language = named(each)) return *language;
    rest.remove_prefix(each.size() + (each.size() < rest.size()));
  }
  return Language::english;
}

}  // namespace cardvoid
