#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/report/progress.hpp>
#include <cardvoid/report/standing.hpp>
#include <cardvoid/run/spoken.hpp>

namespace cardvoid::report {

namespace {

constexpr std::size_t k_most_columns_of_words = 100;

// The platform's words, or ours. What it repeats of the request was masked when it came; once more for what
// an older version may have left.
std::string words_of(const ledger::RowInDoubt& row) { return mask_in(row.error_message, row.openid); }

std::string line_for(const ledger::RowInDoubt& row) {
  const auto state = row.held                                 ? tr("held")
                     : row.status == model::Status::in_flight ? tr("in flight")
                                                              : tr("unresolved");
  const auto why =
      row.error_code.empty() ? tr("no answer is on record") : escape_for_terminal(row.error_code);
  auto text = "    " + tr("line {} code {} {}: {}", row.source_line, mask(row.code), state, why);
  if (const auto words = words_of(row); !words.empty())
    text += fmt::format(", \"{}\"",
                        fit_to_width(escape_for_terminal(run::spoken(words)), k_most_columns_of_words));
  return text + "\n";
}

// What is said of parts of a number, one behind the other.
class Parts {
 public:
  void add(std::int64_t count, const std::string& words) {
    if (count > 0) text_ = text_.empty() ? words : tr("{}; {}", text_, words);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string words_for_doubt(const Standing& standing) {
  const auto& t = standing.totals;
  const auto under_way = standing.is_under_way ? t.in_flight : 0, others = t.in_doubt() - t.held - under_way;
  Parts parts;
  parts.add(t.held,
            tr("{} held after unclear answers: sent again only after `cardvoid retry`", grouped(t.held)));
  parts.add(others, tr("{} read back first by the next run", grouped(others)));
  parts.add(under_way, tr("{} in flight now", grouped(under_way)));
  return parts.take();
}

std::string words_for_pending(const ledger::Totals& t) {
  const auto kept = t.protected_pending - t.protected_until_import;
  Parts parts;
  parts.add(kept, tr("{} of them protected: never sent", grouped(kept)));
  parts.add(t.protected_until_import,
            tr("{} of them with a protection that was taken back: the next plan or run may send them, unless "
               "safety.protect names them",
               grouped(t.protected_until_import)));
  parts.add(t.conflicts, tr("{} of them in conflict with the input: not sent", grouped(t.conflicts)));
  parts.add(t.left, tr_n(t.left, "{} of them has left the list: held back",
                         "{} of them have left the list: held back"));
  auto text = parts.take();
  return text.empty() && t.pending > 0 ? tr("still to send") : text;
}

boost::json::object as_json(const ledger::RowInDoubt& row) {
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? boost::json::value() : boost::json::value(text);
  };
  return {{"row_id", row.id},
          {"code", mask(row.code)},
          {"status", model::to_text(row.status)},
          {"held", row.held},
          {"error_code", text_or_null(row.error_code)},
          {"error_message", text_or_null(words_of(row))}};
}

}  // namespace

std::string standing_text(const Standing& standing) {
  const auto& t = standing.totals;
  std::string text;
  const auto line = [&](const std::string& label, std::int64_t count, std::string_view remark = {}) {
    text += count_line(label, 12, count, remark);
  };
  line(tr("in doubt"), t.in_doubt(), words_for_doubt(standing));
  for (const auto& row : standing.in_doubt)
    if (!standing.is_under_way || row.status != model::Status::in_flight) text += line_for(row);
  if (t.in_doubt() > static_cast<std::int64_t>(standing.in_doubt.size()) && !standing.is_under_way)
    text += "    " + tr("all of them: cardvoid export --status unresolved, and --status in_flight") + "\n";
  line(tr("invalidated"), t.invalidated);
  if (t.by_answer() > 0) line("", t.by_answer(), tr("by our answer"));
  if (t.read_back > 0) line("", t.read_back, tr("found INVALID after a lost or doubtful answer"));
  if (t.already > 0) line("", t.already, tr("already INVALID before us"));
  line(tr("rejected"), t.rejected,
       t.rejected > 0 ? tr("by the platform: cardvoid export --status rejected") : std::string{});
  if (t.rejected_unsigned > 0)
    line("", t.rejected_unsigned, tr("of them by an answer without a verified signature"));
  if (t.accepted() > 0)
    line(tr("accepted"), t.accepted(),
         tr("settled by a person's word: {} rejected, {} unresolved", grouped(t.accepted_rejected),
            grouped(t.accepted_unresolved)));
  line(tr("pending"), t.pending, words_for_pending(t));
  return text;
}

void add_standing(boost::json::object& object, const Standing& standing) {
  const auto& t = standing.totals;
  boost::json::array rows;
  for (const auto& row : standing.in_doubt) rows.push_back(as_json(row));
  object["rows"] = t.rows();
  object["in_doubt"] = t.in_doubt();
  object["held"] = t.held;
  object["in_flight"] = t.in_flight;
  object["unresolved"] = t.unresolved;
  object["rows_in_doubt"] = std::move(rows);
  object["invalidated"] = t.invalidated;
  object["answer"] = t.by_answer();
  object["read_back"] = t.read_back;
  object["already"] = t.already;
  object["rejected"] = t.rejected;
  object["rejected_unsigned"] = t.rejected_unsigned;
  object["accepted"] = t.accepted();
  object["accepted_rejected"] = t.accepted_rejected;
  object["accepted_unresolved"] = t.accepted_unresolved;
  object["pending"] = t.pending;
  object["conflicts"] = t.conflicts;
  object["left_list"] = t.left;
  object["protected"] = t.protected_pending;
  object["to_send"] = t.to_send();
  object["refused"] = t.refused;
}

}  // namespace cardvoid::report
