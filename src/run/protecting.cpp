#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/run/protecting.hpp>

namespace cardvoid::run {

namespace {

constexpr std::int64_t k_examples = 5;

boost::json::value as_json(const std::optional<WallTime>& at) {
  return at ? boost::json::value(format_rfc3339(*at)) : boost::json::value();
}

}  // namespace

void Protected::note(const ledger::NamedRow& row) {
  const bool late = row.is_too_late();
  if (++(late ? too_late : held) > k_examples) return;
  rows.push_back(
      {row.source_line, mask(row.code), late, row.status, late ? row.sent_at : std::optional<WallTime>{}});
}

boost::json::object as_json(const Protected& answer) {
  boost::json::array rows;
  for (const auto& row : answer.rows)
    rows.push_back(boost::json::object{{"source_line", row.source_line},
                                       {"code", row.masked_code},
                                       {"answer", row.is_too_late ? "too late" : "held"},
                                       {"status", model::to_text(row.status)},
                                       {"sent_at", as_json(row.sent_at)}});
  return {{"was_there", answer.entry.was_there},
          {"by", answer.entry.word.by},
          {"at", format_rfc3339(answer.entry.word.at)},
          {"held", answer.held},
          {"too_late", answer.too_late},
          {"rows", std::move(rows)}};
}

std::optional<Protected> protected_from_json(const boost::json::object& object) {
  const auto held = whole_number_in(object, "held"), too_late = whole_number_in(object, "too_late");
  const auto by = text_in(object, "by"), at = text_in(object, "at");
  const auto time = at ? parse_rfc3339(*at) : std::nullopt;
  const auto* rows = object.if_contains("rows");
  if (!held || !too_late || !by || !time || !rows || !rows->is_array()) return std::nullopt;
  Protected answer;
  const auto* was_there = object.if_contains("was_there");
  answer.entry = {was_there && was_there->is_bool() && was_there->get_bool(), {*by, *time, {}}};
  answer.held = *held, answer.too_late = *too_late;
  for (const auto& each : rows->get_array()) {
    if (!each.is_object()) return std::nullopt;
    const auto& row = each.get_object();
    const auto status = model::status_from_text(text_in(row, "status").value_or(""));
    if (!status) return std::nullopt;
    answer.rows.push_back({whole_number_in(row, "source_line").value_or(0), text_in(row, "code").value_or(""),
                           text_in(row, "answer") == "too late", *status,
                           parse_rfc3339(text_in(row, "sent_at").value_or(""))});
  }
  return answer;
}

}  // namespace cardvoid::run
