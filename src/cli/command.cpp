#include "command.hpp"

#include <fmt/format.h>

#include <cardvoid/base/translate.hpp>
#include <charconv>
#include <cmath>

namespace cardvoid::cli {

Setter into(std::string& text) {
  return [&text](const std::string& word) -> Result<void> {
    text = word;
    return {};
  };
}

Setter into(std::filesystem::path& path) {
  return [&path](const std::string& word) -> Result<void> {
    path = word;
    return {};
  };
}

Setter into(std::vector<std::string>& texts) {
  return [&texts](const std::string& word) -> Result<void> {
    texts.push_back(word);
    return {};
  };
}

Setter into(milliseconds& duration) {
  return [&duration](const std::string& word) -> Result<void> {
    const auto read = parse_duration(word);
    if (!read) return read.error();
    duration = *read;
    return {};
  };
}

std::optional<double> to_number(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

Positional job_file(std::filesystem::path& file) {
  return {.name = "JOB",
          .help = translatable("The job file (TOML)"),
          .kind = ValueKind::job_file,
          .set = into(file)};
}

Words of_one_shard(Words words) {
  words.shard = std::make_shared<std::optional<model::Shard>>();
  words.flags.push_back(
      {.name = "--shard",
       .value = "K/N",
       .help = translatable(
           "Only part K of N of the job, with its part of the limit and its own results database, "
           "NAME.K-of-N.db"),
       .set = [shard = words.shard](const std::string& text) -> Result<void> {
         *shard = model::shard_from_text(text);
         if (*shard) return {};
         return Error{Errc::usage,
                      tr("\"{}\": expected K/N with K from 1 to N, and N at most {}, for example 2/4", text,
                         model::k_most_shards)};
       }});
  return words;
}

Flag accept_damage(bool& is_accepted) {
  return {.name = "--accept-damage",
          .help = translatable(
              "Take identifiers as they are even if a spreadsheet seems to have damaged them; goes on "
              "record"),
          .is_on = &is_accepted};
}

Flag wait_lock(milliseconds& patience) {
  return {.name = "--wait-lock",
          .value = "DURATION",
          .help = translatable(
              "If another cardvoid holds the job, wait up to this long for it to end (default: do not "
              "wait)"),
          .set = into(patience)};
}

Flag max_duration(std::optional<milliseconds>& duration) {
  return {.name = "--max-duration",
          .value = "DURATION",
          .help = translatable(
              "Send nothing new after this time, such as 4h: settle what is in flight and exit with 75"),
          .set = [&duration](const std::string& word) -> Result<void> {
            const auto read = parse_duration(word);
            if (!read) return read.error();
            if (*read == milliseconds{0})
              return Error{Errc::usage, tr("\"{}\": expected more than nothing, for example \"4h\"", word)};
            duration = *read;
            return {};
          }};
}

}  // namespace cardvoid::cli
