#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/report/story.hpp>

#include "story_words.hpp"

namespace cardvoid::report {

namespace {

using boost::json::value;
using ledger::Story;

value time_or_null(const std::optional<WallTime>& time) {
  return time ? value(format_rfc3339(*time)) : value();
}
value text_or_null(const std::string& text) { return text.empty() ? value() : value(text); }

value as_json(const std::optional<ledger::ListRecord>& list) {
  if (!list) return {};
  return boost::json::object{
      {"read_at", format_rfc3339(list->read_at)},  {"read_by", text_or_null(list->read_by)},
      {"file", text_or_null(list->file.name)},     {"file_time", time_or_null(list->file.changed_at)},
      {"sha256", text_or_null(list->file.sha256)}, {"source", list->source}};
}

value as_json(const std::optional<ledger::Word>& word, const model::Card& card) {
  if (!word) return {};
  return boost::json::object{
      {"by", word->by}, {"at", format_rfc3339(word->at)}, {"note", safe_words(word->note, card)}};
}

boost::json::object as_json(const ledger::ProtectionRecord& entry, const model::Card& card) {
  return {{"of", entry.by_member ? "member" : "code"},
          {"by", entry.added.by},
          {"at", format_rfc3339(entry.added.at)},
          {"note", safe_words(entry.added.note, card)},
          {"removed_by", entry.removed ? value(entry.removed->by) : value()},
          {"removed_at", entry.removed ? value(format_rfc3339(entry.removed->at)) : value()}};
}

boost::json::object as_json(const ledger::RequestRecord& request, std::string in_words) {
  return {
      {"n", request.n},
      {"run_id", request.run},
      {"kind", model::to_text(request.kind)},
      {"endpoint", model::to_text(request.endpoint)},
      {"sent", request.sent},
      {"started_at", format_rfc3339(request.started_at)},
      {"finished_at", time_or_null(request.finished_at)},
      {"latency_ms", request.latency ? value(static_cast<double>(request.latency->count()) / 1000) : value()},
      {"http_status", request.http_status ? value(*request.http_status) : value()},
      {"error_code", text_or_null(request.error_code)},
      {"request_id", text_or_null(request.request_id)},
      {"outcome", text_or_null(request.outcome)},
      {"in_words", std::move(in_words)}};
}

boost::json::object as_json(const ledger::RunOfCard& run, bool has_sent) {
  return {{"run_id", run.id},
          {"command", run.command},
          {"asked_to_invalidate", has_sent},
          {"user", text_or_null(run.user)},
          {"host", run.host},
          {"version", run.version},
          {"started_at", format_rfc3339(run.started_at)},
          {"ended_at", time_or_null(run.ended_at)},
          {"exit_code", run.exit_code ? value(*run.exit_code) : value()},
          {"acknowledge", run.acknowledge},
          {"fingerprint", run.fingerprint},
          {"plan_made_by", run.plan ? text_or_null(run.plan->made_by) : value()},
          {"plan_made_at", run.plan ? value(format_rfc3339(run.plan->made_at)) : value()},
          {"plan_confirmed_at", run.plan ? time_or_null(run.plan->confirmed_at) : value()},
          {"plan_to_send", run.plan ? value(run.plan->to_send) : value()},
          {"plan_confirmed_by", run.plan ? text_or_null(run.plan->confirmed_by) : value()},
          {"consent", text_or_null(run.consent)},
          {"consent_in_words", words_for_consent(run)}};
}

boost::json::object as_json(const ledger::CorrectionRecord& correction) {
  return {{"at", format_rfc3339(correction.at)},
          {"other_member", correction.other_member},
          {"reason_before", text_or_null(correction.reason_before)},
          {"reason_after", text_or_null(correction.reason_after)}};
}

boost::json::object verdict_json(const Story& story, const Telling& telling) {
  const auto verdict = verdict_on(story, telling);
  boost::json::array steps;
  for (const auto& [words, command] : verdict.next)
    steps.push_back(boost::json::object{{"words", words}, {"command", text_or_null(command)}});
  return {{"headline", verdict.headline},
          {"how_known", verdict.how_known},
          {"tell_customer", verdict.to_customer},
          {"what_to_do", std::move(steps)}};
}

boost::json::object as_json(const Story& story, const Telling& telling) {
  boost::json::array requests, runs, protections, corrections;
  for (const auto& request : story.requests)
    requests.push_back(as_json(request, words_for_answer(story, request, telling)));
  for (const auto& run : story.runs) runs.push_back(as_json(run, has_sent(story, run)));
  for (const auto& entry : story.protections) protections.push_back(as_json(entry, story.card));
  for (const auto& correction : story.corrections) corrections.push_back(as_json(correction));
  return {{"row_id", story.id},
          {"code", mask(story.card.code)},
          {"card_id", story.card.card_id},
          {"brand_id", story.card.brand_id},
          {"status", model::to_text(story.status)},
          {"in_words", verdict_json(story, telling)},
          {"card_state", text_or_null(story.card_state)},
          {"invalid_time", text_or_null(story.invalid_time)},
          {"settled_by", story.settled_by ? value(model::to_text(*story.settled_by)) : value()},
          {"answer_signed", story.answer_signed ? value(*story.answer_signed) : value()},
          {"held_back", text_or_null(story.held_back)},
          {"reason", text_or_null(story.card.reason)},
          {"error_code", text_or_null(story.error_code)},
          {"error_message", text_or_null(safe_words(story.error_message, story.card))},
          {"request_id", text_or_null(story.request_id)},
          {"first_sent_at", time_or_null(story.first_sent_at)},
          {"finished_at", time_or_null(story.finished_at)},
          {"retried_at", time_or_null(story.retried_at)},
          {"retried_by", text_or_null(story.retried_by)},
          {"accepted", as_json(story.accepted, story.card)},
          {"forgotten_at", time_or_null(story.forgotten_at)},
          {"source_line", story.line},
          {"list", as_json(story.list)},
          {"is_list_certain", story.is_list_certain},
          {"has_left_list", story.has_left_list},
          {"is_protected", story.is_protected},
          {"protections", std::move(protections)},
          {"corrections", std::move(corrections)},
          {"requests", std::move(requests)},
          {"runs", std::move(runs)}};
}

}  // namespace

boost::json::object story_json(const ledger::Stories& stories, const ledger::Question& question,
                               const Telling& telling) {
  boost::json::array cards, others, refused, protections;
  for (const auto& story : stories.cards) cards.push_back(as_json(story, telling));
  for (const auto& other : stories.others)
    others.push_back(boost::json::object{
        {"source_line", other.line}, {"code", mask(other.code)}, {"status", model::to_text(other.status)}});
  for (const auto& line : stories.refused)
    refused.push_back(boost::json::object{{"source_line", line.line}, {"cause", line.cause}});
  const model::Card named{{}, {}, question.code, question.openid, {}};
  for (const auto& entry : stories.protections) protections.push_back(as_json(entry, named));
  return {{"job", telling.job},
          {"asked_by", question.line           ? "line"
                       : question.code.empty() ? "openid"
                                               : "code"},
          {"merchant", telling.merchant},
          {"latest_list", as_json(stories.latest_list)},
          {"matches", stories.matches},
          {"cards", std::move(cards)},
          {"others", std::move(others)},
          {"refused_lines", std::move(refused)},
          {"protections", std::move(protections)}};
}

}  // namespace cardvoid::report
