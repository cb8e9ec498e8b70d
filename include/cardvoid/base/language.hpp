#pragma once
// The language that people are spoken to in. Logs, JSON and error codes are English always.

#include <string_view>

namespace cardvoid {

enum class Language { english, chinese };

// The values of the environment that gettext looks at; empty: not set.
struct LocaleNames {
  std::string_view lc_all = {}, lc_messages = {}, lang = {};
  std::string_view language = {};  // a list such as "zh_CN:en"; without effect in the locales C and POSIX
};

// As gettext chooses (gettext manual, "Locale Environment Variables"): LC_ALL, else LC_MESSAGES, else LANG
// names the locale, and LANGUAGE, where the locale is not C, the languages in the order of preference.
// Chinese of any kind is Chinese; English where nothing is set or no language of ours is named.
Language language_of(const LocaleNames& names);

}  // namespace cardvoid
