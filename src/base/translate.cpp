#include <libintl.h>

#include <cardvoid/base/spoken.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <system_error>

namespace cardvoid {

namespace {

constexpr const char* k_domain = "cardvoid";

Language& language_of_process() {
  static Language language = Language::english;
  return language;
}

thread_local bool is_in_english = false;
thread_local std::optional<Language> language_of_thread;

}  // namespace

InEnglish::InEnglish() : before_{is_in_english} { is_in_english = true; }
InEnglish::~InEnglish() { is_in_english = before_; }

Speaking::Speaking(Language language) : was_in_english_{is_in_english}, before_{language_of_thread} {
  is_in_english = false, language_of_thread = language;
}
Speaking::~Speaking() { is_in_english = was_in_english_, language_of_thread = before_; }

ForPeople::ForPeople() : before_{is_in_english} { is_in_english = false; }
ForPeople::~ForPeople() { is_in_english = before_; }

void speak(Language language, const std::filesystem::path& catalogues) {
  language_of_process() = language;
  if (language == Language::english) return;
  // gettext translates in no locale called "C", and zh_CN may not be installed: C.UTF-8 always is, and there
  // LANGUAGE decides. Only messages: numbers and sorting stay as they are.
  ::setenv("LANGUAGE", "zh_CN", 1);
  std::setlocale(LC_MESSAGES, "C.UTF-8");
  ::bindtextdomain(k_domain, catalogues.c_str());
  ::bind_textdomain_codeset(k_domain, "UTF-8");
  // The C library's own words, strerror's, stand in logs and stay English: here it finds no catalogue of
  // them.
  ::bindtextdomain("libc", catalogues.c_str());
}

Language spoken_language() {
  return is_in_english ? Language::english : language_of_thread.value_or(language_of_process());
}

std::filesystem::path own_catalogues() {
  std::error_code failed;
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", failed).parent_path();
  const auto built = folder / "locale";
  if (std::filesystem::is_directory(built, failed)) return built;
  return folder.parent_path() / "share" / "locale";
}

std::string tr(const char* english) {
  if (spoken_language() == Language::english || !*english) return english;
  return ::dgettext(k_domain, english);
}

std::string tr(const std::string& english) { return tr(english.c_str()); }

std::string system_words(int error_number) {
  // As the C library says them: the keys of the catalogue.
  [[maybe_unused]] static constexpr const char* k_usual[] = {
      translatable("No such file or directory"),
      translatable("Permission denied"),
      translatable("Is a directory"),
      translatable("Not a directory"),
      translatable("No space left on device"),
      translatable("Read-only file system"),
      translatable("Operation not permitted"),
      translatable("Input/output error"),
      translatable("File exists"),
      translatable("Too many open files"),
      translatable("Disk quota exceeded"),
      translatable("File name too long"),
      translatable("Too many levels of symbolic links")};
  return tr(std::strerror(error_number));
}

namespace detail {

std::string_view chosen(const char* one, const char* many, std::int64_t count) {
  if (spoken_language() == Language::english) return count == 1 ? one : many;
  return ::dngettext(k_domain, one, many, static_cast<unsigned long>(count));
}

}  // namespace detail
}  // namespace cardvoid
