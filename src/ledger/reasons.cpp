#include <boost/json.hpp>
#include <cardvoid/ledger/ledger.hpp>

namespace cardvoid::ledger {

std::string as_json(const std::vector<model::ReasonToWait>& reasons) {
  using boost::json::value;
  const auto time = [](const std::optional<WallTime>& at) {
    return at ? value(format_rfc3339(*at)) : value();
  };
  boost::json::array array;
  for (const auto& reason : reasons)
    array.push_back(boost::json::object{{"kind", reason.kind},
                                        {"words", reason.words},
                                        {"since", time(reason.since)},
                                        {"until", time(reason.until)}});
  return boost::json::serialize(array);
}

std::vector<model::ReasonToWait> reasons_from_json(std::string_view text) {
  boost::system::error_code error;
  const auto parsed = boost::json::parse(text, error);
  std::vector<model::ReasonToWait> reasons;
  if (error || !parsed.is_array()) return reasons;
  for (const auto& each : parsed.as_array()) {
    if (!each.is_object()) continue;
    const auto text_of = [&](const char* name) {
      const auto* value = each.as_object().if_contains(name);
      return value && value->is_string() ? std::string{value->as_string()} : std::string{};
    };
    reasons.push_back({text_of("kind"), text_of("words"), parse_rfc3339(text_of("since")),
                       parse_rfc3339(text_of("until"))});
  }
  return reasons;
}

}  // namespace cardvoid::ledger
