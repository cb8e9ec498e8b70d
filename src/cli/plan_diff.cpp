#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cardvoid/base/csv.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <utility>

#include "plan_words.hpp"

namespace cardvoid::cli {

namespace {

using ledger::Basis;
using ledger::Difference;

constexpr std::int64_t k_most_of_a_kind = 20;
constexpr std::size_t k_columns = 80;
constexpr Difference::Kind k_order[] = {Difference::added, Difference::returned, Difference::changed,
                                        Difference::left,  Difference::put_back, Difference::kept_back};

const char* name_of(Difference::Kind kind) {
  switch (kind) {
    case Difference::added: return "added";
    case Difference::changed: return "changed";
    case Difference::left: return "left";
    case Difference::returned: return "returned";
    case Difference::put_back: return "put_back";
    case Difference::kept_back: return "held_back";
  }
  return "";
}

// As in the column `held_back` of the view `results`, which leaves accepted rows to columns of their own.
const char* name_of(Difference::HeldBack why) {
  switch (why) {
    case Difference::sent: return "";
    case Difference::left_list: return "left_list";
    case Difference::is_protected: return "protected";
    case Difference::conflict: return "conflict";
    case Difference::held: return "held";
    case Difference::accepted: return "accepted";
  }
  return "";
}

std::string changed_columns(const Difference& difference) {
  return fmt::format("{}{}{}", difference.other_openid ? "openid" : "",
                     difference.other_openid && difference.other_reason ? " and " : "",
                     difference.other_reason ? "reason" : "");
}

std::string words_for_columns(const Difference& d) {
  return d.other_openid && d.other_reason ? tr("openid and reason") : changed_columns(d);
}

std::string words_for_status(model::Status status) {
  return status == model::Status::in_flight ? tr("in flight") : tr(std::string{model::to_text(status)});
}

std::string words_for_hold(Difference::HeldBack why) {
  switch (why) {
    case Difference::sent: return "";
    case Difference::left_list: return tr("left the list");
    case Difference::is_protected: return tr("protected");
    case Difference::conflict: return tr("in conflict");
    case Difference::held: return tr("held");
    case Difference::accepted: return tr("accepted");
  }
  return "";
}

boost::json::object as_json(const Difference& d) {
  boost::json::object object{{"change", name_of(d.kind)},         {"source_line", d.source_line},
                             {"brand_id", d.card.brand_id},       {"card_id", d.card.card_id},
                             {"code", mask(d.card.code)},         {"openid", mask(d.card.openid)},
                             {"status", model::to_text(d.status)}};
  if (d.kind == Difference::changed) object["what"] = changed_columns(d), object["in_place"] = d.in_place;
  const std::string_view why = name_of(d.held_back);
  if (d.kind == Difference::left || d.kind == Difference::kept_back)
    object["held_back"] = why.empty() ? boost::json::value() : boost::json::value(why);
  return object;
}

// A card and what is said of it, in a line for a terminal. Two of them may differ by the template alone.
std::string as_text(const Difference& d) {
  const char mark = d.kind == Difference::changed                                   ? '~'
                    : d.kind == Difference::left || d.kind == Difference::kept_back ? '-'
                                                                                    : '+';
  const auto said = words_for(d);
  return fmt::format("{} {} code {} brand_id {} card_id {}{}{}\n", mark, line_of(d), mask(d.card.code),
                     d.card.brand_id, escape_for_terminal(d.card.card_id), said.empty() ? "" : ": ", said);
}

}  // namespace

// Behind a count: "3 put back by retry (+)".
std::string words_for(Difference::Kind kind) {
  switch (kind) {
    case Difference::added: return tr("added (+)");
    case Difference::changed: return tr("changed (~)");
    case Difference::left: return tr("left the list (-)");
    case Difference::returned: return tr("returned (+)");
    case Difference::put_back: return tr("put back by retry (+)");
    case Difference::kept_back: return tr("held back (-)");
  }
  return {};
}

std::string line_of(const Difference& d) {
  const bool is_of_this_list = d.kind == Difference::added || (d.kind == Difference::changed && d.in_place);
  return is_of_this_list ? tr("line {}", d.source_line) : tr("once line {}", d.source_line);
}

std::string words_for(const Difference& d) {
  const auto status =
      d.status == model::Status::pending ? std::string{} : tr(" ({})", words_for_status(d.status));
  switch (d.kind) {
    case Difference::added: return {};
    case Difference::returned: return tr("to send again") + status;
    case Difference::changed:
      return (d.in_place ? tr("another {} than before", words_for_columns(d))
                         : tr("stays as it was sent, the list says another {}", words_for_columns(d))) +
             status;
    case Difference::put_back: return tr("put back by retry") + status;
    case Difference::kept_back: return words_for_hold(d.held_back) + status;
    case Difference::left: break;
  }
  if (d.held_back != Difference::sent) return tr("held back");
  const bool is_settled = d.status == model::Status::invalidated || d.status == model::Status::rejected;
  return is_settled ? words_for_status(d.status) : tr("{}, and goes on", words_for_status(d.status));
}

std::string words_for_changes(const Differences& differences) {
  const auto& basis = differences.basis;
  if (basis.kind == Basis::nothing) return tr("nothing to compare: this is the first list");
  std::string counts;
  for (const auto& [kind, count, shown] : differences.kinds) {
    const bool is_always_said = kind <= Difference::left;
    if (count == 0 && !is_always_said) continue;
    const auto one = tr("{} {}", grouped(count), words_for(kind));
    counts = counts.empty() ? one : tr("{}, {}", counts, one);
  }
  return basis.kind == Basis::import ? tr("since the last import: {}", counts)
                                     : tr("since the plan {} of {}, which was confirmed last: {}",
                                          basis.fingerprint.substr(0, 12), format_local(basis.at), counts);
}

Result<Differences> find_differences(ledger::Ledger& ledger) {
  const auto basis = ledger::basis_of_differences(ledger);
  if (!basis) return basis.error();
  Differences differences{*basis, {}};
  for (const auto kind : k_order) differences.kinds.push_back({kind, 0, {}});
  const auto all = ledger::each_difference(ledger, *basis, [&](const Difference& d) {
    const auto found = std::find_if(differences.kinds.begin(), differences.kinds.end(),
                                    [&](const auto& of_kind) { return of_kind.kind == d.kind; });
    if (found->count++ < k_most_of_a_kind) found->shown.push_back(d);
  });
  if (!all) return all.error();
  return differences;
}

std::string differences_text(const Differences& differences, const std::filesystem::path& file) {
  auto text = wrapped(words_for_changes(differences), 2, k_columns) + "\n";
  for (const auto& [kind, count, shown] : differences.kinds) {
    for (const auto& one : shown) text += as_text(one);
    if (count > k_most_of_a_kind)
      text += "  " +
              tr("and {} more {}: {}", grouped(count - k_most_of_a_kind), words_for(kind),
                 file.empty() ? tr("`plan --diff FILE` writes all of them")
                              : tr("all of them are in {}", file.string())) +
              "\n";
  }
  return text;
}

Result<void> write_differences(JsonStream& json, ledger::Ledger& ledger) {
  const auto basis = ledger::basis_of_differences(ledger);
  if (!basis) return basis.error();
  boost::json::object since;
  if (basis->kind == Basis::plan)
    since["plan"] = basis->fingerprint, since["made_at"] = format_rfc3339(basis->at);
  since["kind"] = basis->kind == Basis::plan ? "plan" : basis->kind == Basis::import ? "import" : "nothing";
  json.member("differences_since", since);
  json.begin_array("differences");
  const auto all =
      ledger::each_difference(ledger, *basis, [&](const Difference& d) { json.element(as_json(d)); });
  json.end_array();
  return all;
}

Result<void> write_differences(const std::filesystem::path& path, ledger::Ledger& ledger) {
  const auto basis = ledger::basis_of_differences(ledger);
  if (!basis) return basis.error();
  auto file = PrivateFile::create(path);
  if (!file) return file.error();
  file->write("change,what,source_line,brand_id,card_id,code,openid,reason,status,held_back\r\n");
  const auto all = ledger::each_difference(ledger, *basis, [&](const Difference& d) {
    std::string line{name_of(d.kind)};
    for (const auto& field : {changed_columns(d), std::to_string(d.source_line), d.card.brand_id,
                              d.card.card_id, d.card.code, d.card.openid, d.card.reason,
                              std::string{model::to_text(d.status)}, std::string{name_of(d.held_back)}})
      line += ',' + csv_field(field);
    file->write(line + "\r\n");
  });
  if (!all) return all;
  return file->finish();
}

}  // namespace cardvoid::cli
