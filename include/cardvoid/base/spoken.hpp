#pragma once
// Words for people of what is kept in English: stored sentences with numbers in them, durations, weekdays.

#include <cardvoid/base/language.hpp>
#include <cardvoid/base/time.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cardvoid {

// A sentence that is stored in English, in the language that is spoken. The first pattern that it matches is
// translated: "{}" stands for one or more characters, and the first place takes as few as it can. What
// stands there is translated too where it has blanks and matches. The patterns are translatable() literals.
// Where none matches, the sentence as a whole; English where the catalogue lacks it.
std::string tr_stored(std::string_view english, std::span<const char* const> patterns);

// "3h 20m", "3 小时 20 分".
std::string spoken_duration(milliseconds duration);
// A day as format_local_day() writes it, "Fri 2026-11-27 +0800".
std::string spoken_day(std::string_view day);
// "Fri", "周五".
std::string spoken_weekday(std::string_view day);

// While one lives, this thread speaks that language: for a page whose reader has another one than the
// programs that read the rest. English where the process has never spoken it.
class Speaking {
 public:
  explicit Speaking(Language language);
  ~Speaking();
  Speaking(const Speaking&) = delete;
  Speaking& operator=(const Speaking&) = delete;

 private:
  bool was_in_english_;
  std::optional<Language> before_;
};

// While one lives, this thread speaks the language of the process again, inside an InEnglish: for what people
// watch while a record is written.
class ForPeople {
 public:
  ForPeople();
  ~ForPeople();
  ForPeople(const ForPeople&) = delete;
  ForPeople& operator=(const ForPeople&) = delete;

 private:
  bool before_;
};

}  // namespace cardvoid
