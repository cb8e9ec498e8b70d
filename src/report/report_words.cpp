#include "report_words.hpp"

#include <boost/json.hpp>
#include <cardvoid/model/cause_words.hpp>
#include <cardvoid/report/job_report.hpp>
#include <cardvoid/run/spoken.hpp>

namespace cardvoid::report {

namespace {

bool is_chinese() { return spoken_language() == Language::chinese; }

}  // namespace

std::string say(Key key) { return tr(key.word().english); }

std::string say_by_name(std::string_view prefix, std::string_view name, std::string otherwise) {
  const auto whole = fmt::format("{}_{}", prefix, name);
  for (const auto& word : k_report_words)
    if (word.name == whole) return tr(word.english);
  return otherwise;
}

boost::json::object all_words() {
  boost::json::object words;
  for (const auto& word : k_report_words) words[word.name] = tr(word.english);
  return words;
}

std::string ending_in_words(std::string_view english) {
  if (english.empty() || english == "done") return {};
  auto words = run::spoken(english);
  return is_chinese() && words == english ? tr("see `cardvoid status`") : words;
}

Record cause_in_words(std::string_view english) {
  if (is_chinese())
    if (const auto chinese = model::cause_in_chinese(english)) return {*chinese, false};
  return {std::string{english}};
}

std::string refused_cause(const std::string& english) { return cause_in_words(english).text; }

Record wait_in_words(std::string_view english) {
  auto words = run::spoken(english);
  const bool is_english = words == english;
  return {std::move(words), is_english};
}

std::optional<Key> advice_on_refusal(std::string_view code) {
  if (code.find("NOT_EXIST") != std::string_view::npos || code.find("NOT_FOUND") != std::string_view::npos)
    return Key{"do_not_exists"};
  if (code == "PARAM_ERROR" || code == "INVALID_REQUEST") return Key{"do_param"};
  if (code == "APPID_MCHID_NOT_MATCH" || code == "RULE_LIMIT") return Key{"do_rights"};
  return std::nullopt;
}

std::string percent(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return "–";
  if (part == 0 || part == whole) return part == 0 ? "0%" : "100%";
  const auto share = 100 * static_cast<double>(part) / static_cast<double>(whole);
  if (share < 0.01) return "<0.01%";
  return share > 99.99 ? ">99.99%" : fmt::format("{:.2f}%", share);
}

}  // namespace cardvoid::report
