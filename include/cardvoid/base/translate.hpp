#pragma once
// What people read, in their language: the C library's gettext, with the English sentence as the key and
// po/zh_CN.po as the catalogue. Logs, JSON and error codes stay English and do not pass through here.
//
// A sentence is translated as a whole, so it is never glued together from halves. It stands as a literal in
// the call, where xgettext finds it; scripts/translate brings the catalogue up to date, and a test formats
// every message once. Threads may translate at any time; the language is set once, before there are any.

#include <fmt/format.h>

#include <cardvoid/base/language.hpp>
#include <cardvoid/base/text.hpp>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace cardvoid {

// Call it at the start, while there is one thread; English may be chosen again. `catalogues` is the folder
// with zh_CN/LC_MESSAGES/cardvoid.mo. Without it English is spoken.
void speak(Language language, const std::filesystem::path& catalogues);
Language spoken_language();

// While one lives, this thread speaks English: for what logs and people read from the same sentences.
class InEnglish {
 public:
  InEnglish();
  ~InEnglish();
  InEnglish(const InEnglish&) = delete;
  InEnglish& operator=(const InEnglish&) = delete;

 private:
  bool before_;
};

// The folder of the catalogues of this program: beside it where it was built, else in the share folder of the
// prefix where it was installed.
std::filesystem::path own_catalogues();

// The translation, or the English where there is none. Must end in a zero byte, as a literal does.
std::string tr(const char* english);
// Of a text that is stored in English, such as the cause of a refused line.
std::string tr(const std::string& english);

// What the system says of an errno, in the language that is spoken where the error is a usual one.
std::string system_words(int error_number);

// Marks a literal that is translated where it is shown.
constexpr const char* translatable(const char* english) { return english; }

// tr("{} of {} cards", sent, all): formatted in the language that is spoken.
template <class Value, class... Values>
std::string tr(fmt::format_string<Value, Values...> english, Value&& value, Values&&... values) {
  const auto text = tr(fmt::string_view{english}.data());
  return fmt::vformat(text, fmt::make_format_args(value, values...));
}

namespace detail {
std::string_view chosen(const char* one, const char* many, std::int64_t count);
}  // namespace detail

// tr_n(n, "{} card waits", "{} cards wait"): the count comes first, grouped in thousands.
template <class... Values>
std::string tr_n(std::int64_t count, fmt::format_string<std::string, Values...> one,
                 fmt::format_string<std::string, Values...> many, Values&&... values) {
  const auto text = detail::chosen(fmt::string_view{one}.data(), fmt::string_view{many}.data(), count);
  const auto shown = grouped(count);
  return fmt::vformat(text, fmt::make_format_args(shown, values...));
}

}  // namespace cardvoid
