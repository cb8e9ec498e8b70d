#pragma once
// The words of the report by name, and what it says of records that are in English. Each word is translated
// in po/zh_CN.po. A use of a word that is not there does not compile.

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/report/job_report.hpp>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace cardvoid::report {

struct Word {
  std::string_view name;
  const char* english;
};

// Those that the template asks for as {{w.NAME}}, and those of the code.
inline constexpr Word k_report_words[]{
    // ---- head ----
    {"title", translatable("Report: {}")},
    {"rehearsal_title", translatable("Rehearsal: {}")},
    {"rehearsal_note", translatable("A rehearsal ({}): no card was touched. The cards went to a simulated "
                                    "platform on one machine. Times "
                                    "are "
                                    "those of a real run; latencies are that machine's.")},
    {"written", translatable("Written by cardvoid {} on {}. Card codes are masked; openids are left out.")},
    {"verdict_done", translatable("Every card is confirmed invalid.")},
    {"verdict_losses", translatable("Nothing is left to send. {} of {} cards were not invalidated.")},
    {"verdict_held",
     translatable(
         "Nothing is left to send now. {} of {} cards are not invalidated; see below what holds them back.")},
    {"verdict_sample", translatable("A sample: the first {} of {} cards were rehearsed. The others were left "
                                    "out of it; a real run sends "
                                    "them too.")},
    {"verdict_left", translatable("Work is left: {} of {} cards are still to be sent or settled.")},
    {"verdict_running", translatable("Under way: {} of {} cards are still to be sent or settled. These "
                                     "figures are of the moment when the "
                                     "page was written.")},
    {"left", translatable("As of {}: {} left, done at {}.")},
    {"left_pace", translatable("As of {}: {} left, done at {}, at {} requests a second in the last minute.")},
    {"left_untold", translatable("As of {}: no telling when it is done.")},
    {"left_untold_pace",
     translatable("As of {}: no telling when it is done; {} requests a second in the last minute.")},
    {"left_nothing", translatable("As of {}: nothing left to send.")},
    {"verdict_none", translatable("The list has no cards to send.")},
    {"verdict_untouched", translatable("Nothing has been sent yet. Cards that wait: {}.")},
    {"tile_invalidated", translatable("invalidated")},
    {"tile_rejected", translatable("rejected")},
    {"tile_doubt", translatable("in doubt")},
    {"tile_pending", translatable("not sent")},
    {"tile_left_out", translatable("left out of this rehearsal")},
    // ---- asked ----
    {"asked", translatable("What was asked, and by whom")},
    {"job", translatable("Job")},
    {"merchant", translatable("Merchant")},
    {"api_partner", translatable("mchid {} (partner API)")},
    {"api_brand", translatable("brand_id {} (brand API)")},
    {"platform", translatable("Platform")},
    {"hosts", translatable("{}, backup {}")},
    {"templates", translatable("Cards")},
    {"template", translatable("brand {}, template {}, cards: {}")},
    {"template_more", translatable("more templates: {}, cards: {}")},
    {"reasons", translatable("What members read")},
    {"reason", translatable("“{}” (cards: {})")},
    {"reason_none", translatable("no reason (cards: {})")},
    {"reason_more", translatable("more reasons: {}, cards: {}")},
    {"acknowledge", translatable("Authority")},
    {"list", translatable("List")},
    {"list_lines", translatable("lines: {}, duplicates: {}, refused: {}")},
    {"list_protected", translatable("lines of protected cards, kept out: {}")},
    {"list_changed", translatable("{} (file of {})")},
    {"list_read", translatable("read on {}")},
    {"list_read_by", translatable("read on {} by {}")},
    {"list_more", translatable("{} earlier readings of a list are on record")},
    {"plan", translatable("Plan")},
    {"plan_made", translatable("made on {}, cards: {}")},
    {"plan_made_by", translatable("made on {} by {}, cards: {}")},
    {"plan_confirmed", translatable("agreed to on {}")},
    {"plan_confirmed_by", translatable("agreed to on {} by {}")},
    {"fingerprint", translatable("fingerprint")},
    {"sent_by", translatable("Sent by")},
    {"sent_by_one", translatable("{} on {}")},
    {"limits", translatable("Limits")},
    {"limit_merchant", translatable("{} requests/s for the merchant")},
    {"limit_brand", translatable("{} requests/s for each brand")},
    {"limit_canary", translatable("canary {}")},
    {"limit_failures", translatable("stops above {} of rejected cards")},
    {"limit_window", translatable("sends only {}")},
    {"limit_protect", translatable("protected cards {}")},
    {"not_noted", translatable("not on record")},
    // ---- outcome ----
    {"outcome", translatable("Outcome")},
    {"count", translatable("Number of cards")},
    {"share", translatable("Share")},
    {"meaning", translatable("Meaning")},
    {"invalidated", translatable("Invalidated")},
    {"by_answer", translatable("by our answer")},
    {"by_answer_means", translatable("a verified answer to our request says INVALID")},
    {"by_read_back", translatable("found INVALID after a lost answer")},
    {"by_read_back_means", translatable("the card was read back, and a verified answer says INVALID")},
    {"by_already", translatable("INVALID before us")},
    {"by_already_means", translatable("it was INVALID before our first request")},
    {"rejected", translatable("Rejected")},
    {"rejected_means", translatable("the platform refused the card, and it is not INVALID")},
    {"accepted", translatable("Settled by a person")},
    {"accepted_means", translatable("rejected {}, in doubt {}; `cardvoid accept` has the notes")},
    {"doubt", translatable("In doubt")},
    {"doubt_means",
     translatable(
         "a request may have changed the card, and no verified answer says so; the next run reads it back")},
    {"held", translatable("of these held")},
    {"held_means",
     translatable("the platform’s answers are unclear: sent again only after `cardvoid retry`")},
    {"pending", translatable("Not sent")},
    {"to_send", translatable("ready to send")},
    {"to_send_means", translatable("the next run sends them")},
    {"left_out", translatable("left out of this rehearsal")},
    {"left_out_means", translatable("a real run sends them too")},
    {"left_list", translatable("left the list")},
    {"left_list_means", translatable("the newest list no longer has them")},
    {"conflicts", translatable("in conflict")},
    {"conflicts_means", translatable("the newest list names another openid or reason than was sent")},
    {"protected", translatable("protected")},
    {"protected_means", translatable("never sent")},
    {"total", translatable("All cards of the plan")},
    {"refused_beside",
     translatable("Beside them, lines of the list that never became cards: {}; see below.")},
    {"protected_late",
     translatable("Invalidated before they were protected: {}. The protection came too late.")},
    {"forgotten_rows", translatable("Cards whose code, openid and reason have been removed: {}.")},
    // ---- progress ----
    {"progress", translatable("Progress over time")},
    {"progress_alt", translatable("From {} to {}: {} cards invalidated and {} rejected, of {}.")},
    {"all_cards", translatable("all cards")},
    {"shade_outage", translatable("outage")},
    {"shade_paused", translatable("paused")},
    {"shade_slowed", translatable("slowed by 429")},
    {"shade_closed", translatable("outside the window")},
    {"shade_idle", translatable("no run")},
    {"held_up", translatable("What held it up")},
    {"held_up_none", translatable("Nothing on record held the runs up.")},
    {"why", translatable("Why")},
    {"times", translatable("Times")},
    {"in_all", translatable("In all")},
    {"longest", translatable("Longest")},
    {"longest_since", translatable("{} from {}")},
    {"wait_paused", translatable("paused by a person")},
    {"wait_throttled", translatable("stood still after 429: too many requests for the platform")},
    {"wait_slowed", translatable("slower than the limit after 429")},
    {"wait_endpoints_down", translatable("neither endpoint served")},
    {"wait_platform_errors", translatable("the platform answered with errors")},
    {"wait_credentials", translatable("asked whether our credentials still hold")},
    {"wait_canary", translatable("canary: one card at a time")},
    {"wait_shared", translatable("shared the limit with other runs")},
    {"wait_rate_set", translatable("another rate was set by a person")},
    {"wait_stopping", translatable("was stopping")},
    // ---- rate ----
    {"rate", translatable("Rate against the limit")},
    {"rate_alt", translatable("{} requests in {} of running: {} a second on average")},
    {"rate_busiest", translatable("; {} a second in the busiest minute")},
    {"rate_limit_was", translatable(". The limit was {} a second.")},
    {"rate_limits", translatable(". The limit was {} to {} a second.")},
    {"requests_per_second", translatable("requests/s")},
    {"rate_limit", translatable("limit")},
    // ---- latency ----
    {"latency", translatable("Latency")},
    {"latency_note",
     translatable("From the first byte sent until the answer was read, of the {} requests that got one.")},
    {"latency_alt",
     translatable("Half of the requests took at most {}, 95% at most {}, 99% at most {}; the longest {}.")},
    {"latency_none", translatable("No request got an answer yet.")},
    {"endpoint", translatable("Endpoint")},
    {"primary", translatable("primary")},
    {"backup", translatable("backup")},
    {"both", translatable("both")},
    {"requests", translatable("Requests")},
    {"median", translatable("Median")},
    {"slowest", translatable("Longest")},
    {"bar_up_to", translatable("{} of requests took {} to {}")},
    {"bar_above", translatable("{} of requests took more than {}")},
    // ---- answers ----
    {"answers", translatable("Answers by kind")},
    {"answers_note", translatable("Every request of every run, read-backs too. A card can have several.")},
    {"answer", translatable("Answer")},
    {"http", translatable("HTTP")},
    {"code", translatable("Code")},
    {"others", translatable("{} other kinds")},
    {"answer_open", translatable("no end on record: still under way, or its run died")},
    {"answer_confirmed", translatable("confirmed INVALID")},
    {"answer_not_invalid", translatable("the card is in another state")},
    {"answer_wrong_card", translatable("about another card")},
    {"answer_unverified", translatable("signature missing, old or wrong")},
    {"answer_probe_signature", translatable("the platform’s deliberate wrong signature")},
    {"answer_unreadable", translatable("not readable as a card")},
    {"answer_accepted", translatable("accepted, not processed yet (202)")},
    {"answer_system_error", translatable("the platform’s system error")},
    {"answer_gateway_error", translatable("the gateway’s error (5xx)")},
    {"answer_throttled", translatable("too many requests (429)")},
    {"answer_clock_refused", translatable("time stamp refused")},
    {"answer_credentials_refused", translatable("keys or rights refused")},
    {"answer_setup_refused", translatable("path or method refused")},
    {"answer_refused", translatable("card refused")},
    {"answer_distrusted", translatable("an error whose signature does not verify")},
    {"answer_unknown_answer", translatable("an answer that is in no table")},
    {"answer_lost", translatable("answer lost")},
    {"answer_stale_connection", translatable("connection ended before an answer")},
    {"answer_connection_closed", translatable("not sent: connection was closed")},
    {"answer_not_sent", translatable("not sent: no connection")},
    {"answer_bad_certificate", translatable("not sent: certificate not trusted")},
    // ---- endpoints ----
    {"endpoints", translatable("Endpoints")},
    {"answered", translatable("Answered")},
    {"trouble", translatable("In trouble")},
    {"trouble_note",
     translatable("In trouble: no connection, no answer, or an error of the platform or its gateway.")},
    // ---- causes ----
    {"causes", translatable("What was not invalidated, and what to do")},
    {"causes_none", translatable("No card was rejected, is in doubt or held back, and no line was refused.")},
    {"held_back", translatable("Cards that are held back")},
    {"held_back_protected", translatable("protected")},
    {"held_back_held", translatable("held after unclear answers")},
    {"held_back_conflict", translatable("in conflict with the list")},
    {"held_back_left_list", translatable("no longer on the list")},
    {"do_held_back_protected", translatable("Nothing: they are never sent, and one in doubt is only read "
                                            "back. When one is to end after all, take "
                                            "its protection back.")},
    {"do_held_back_held",
     translatable("Find out how they stand, then `cardvoid retry` or `cardvoid accept`.")},
    {"do_held_back_conflict",
     translatable("Correct the list, so that it says what was sent, and run the plan again.")},
    {"do_held_back_left_list",
     translatable("Nothing, when they left it on purpose. They are sent once a list names them.")},
    {"cause", translatable("Cause")},
    {"example", translatable("Example")},
    {"example_row", translatable("line {}, card {}")},
    {"platform_says", translatable("the platform says “{}”")},
    {"what_to_do", translatable("What to do")},
    {"cause_no_answer", translatable("no answer")},
    {"refused_lines", translatable("Lines of the list that never became cards")},
    {"lines", translatable("Lines")},
    {"line_numbers", translatable("such as line {}")},
    {"refused_do",
     translatable("Correct them and run the plan again. All of them, in the columns of the list:")},
    {"export_do", translatable("The cards as a file:")},
    {"causes_more", translatable("more causes: {}, cards: {}")},
    {"do_not_exists",
     translatable(
         "The card does not exist under this template and openid. Check code, card_id and openid with the "
         "members’ system; when it is right that there is none, settle it with `cardvoid accept`.")},
    {"do_param", translatable("The platform refuses a value of the request. Its words say which one; correct "
                              "the list, then `cardvoid "
                              "retry` and run again.")},
    {"do_rights",
     translatable(
         "The merchant may not do this with the card: check the brand’s authorisation and that mchid and "
         "template belong together.")},
    {"do_doubt", translatable("The platform did not answer clearly. `cardvoid reconcile` reads the cards "
                              "back; what stays unclear is "
                              "for the platform’s support, with the Request-ID that `cardvoid show` gives.")},
    {"do_wrong_card", translatable("The answer was about another card. Do not send again: ask the platform’s "
                                   "support, with the Request-ID "
                                   "that `cardvoid show` gives.")},
    {"do_other",
     translatable("docs/answers.md explains the code; `cardvoid show` tells the whole story of a card.")},
    // ---- runs ----
    {"runs", translatable("Runs")},
    {"runs_none", translatable("Nothing has been run yet.")},
    {"runs_more", translatable("The last {} of {} runs.")},
    {"run", translatable("Run")},
    {"started", translatable("Started")},
    {"lasted", translatable("Lasted")},
    {"sent", translatable("Sent")},
    {"confirmed", translatable("Confirmed")},
    {"ended", translatable("End")},
    {"run_under_way", translatable("under way")},
    {"run_died", translatable("died without a word")},
    {"exit", translatable("exit code {}: {}")},
    {"exit_0", translatable("done")},
    {"exit_1", translatable("done, some rows rejected or refused")},
    {"exit_69", translatable("platform unavailable")},
    {"exit_74", translatable("results could not be written")},
    {"exit_75", translatable("stopped early, work is left")},
    {"exit_76", translatable("stopped itself: a person must look")},
    {"exit_77", translatable("credentials refused")},
    {"exit_other", translatable("ended with an error")},
    // ---- proof ----
    {"proof", translatable("SHA-256 of the results")},
    {"proof_note",
     translatable("Of the {} rows and {} bytes that this command writes while nothing changes:")},
    {"proof_running",
     translatable(
         "While a run is under way the results change; the digest is in the page that is written when it has "
         "ended.")},
};

class Key {
 public:
  consteval Key(const char* name) : at_{find(name)} {}
  static constexpr std::size_t find(std::string_view name) {
    for (std::size_t i = 0; i < std::size(k_report_words); ++i)
      if (k_report_words[i].name == name) return i;
    throw std::logic_error{"no such word"};
  }
  const Word& word() const { return k_report_words[at_]; }

 private:
  std::size_t at_;
};

// What a refusal with that code means and what to do about it; nullopt: a code without words of its own.
std::optional<Key> advice_on_refusal(std::string_view code);

std::string say(Key key);
template <class... Values>
std::string say(Key key, const Values&... values) {
  return fmt::format(fmt::runtime(tr(key.word().english)), values...);
}
// A word whose name is put together from one of the data: "answer_lost". `otherwise`: when there is none.
std::string say_by_name(std::string_view prefix, std::string_view name, std::string otherwise);
boost::json::object all_words();  // by name, for a template

// Of the ledger, which has them in English only. What is not known stays English.
struct Record {
  std::string text;
  bool is_english = true;
};
Record cause_in_words(std::string_view english);  // why a line was refused
Record wait_in_words(std::string_view english);   // "paused by root", "rate set to 4/s by root"
// Why a run ended, beside its exit code; empty: there is no more to say. In Chinese what is too rare to be
// translated is left to `cardvoid status`.
std::string ending_in_words(std::string_view english);

std::string percent(std::int64_t part, std::int64_t whole);  // "99.49%"; 0% and 100% only when exact

}  // namespace cardvoid::report
