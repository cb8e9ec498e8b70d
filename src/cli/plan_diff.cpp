#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <cardvoid/base/csv.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/ledger/plan.hpp>

#include "plan.hpp"

namespace cardvoid::cli {

namespace {

using ledger::Basis;
using ledger::Difference;

constexpr std::size_t k_kinds = 6, k_most_lines_of_a_kind = 20;

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

// Behind a count: "3 put back by retry (+)".
std::string_view words_for(Difference::Kind kind) {
  switch (kind) {
    case Difference::added: return "added (+)";
    case Difference::changed: return "changed (~)";
    case Difference::left: return "left the list (-)";
    case Difference::returned: return "returned (+)";
    case Difference::put_back: return "put back by retry (+)";
    case Difference::kept_back: return "held back (-)";
  }
  return {};
}

std::string changed_columns(const Difference& difference) {
  return fmt::format("{}{}{}", difference.other_openid ? "openid" : "",
                     difference.other_openid && difference.other_reason ? " and " : "",
                     difference.other_reason ? "reason" : "");
}

boost::json::object as_json(const Difference& d) {
  boost::json::object object{
      {"change", name_of(d.kind)},         {"source_line", d.source_line}, {"brand_id", d.card.brand_id},
      {"card_id", d.card.card_id},         {"code", d.card.code},          {"openid", mask(d.card.openid)},
      {"status", model::to_text(d.status)}};
  if (d.kind == Difference::changed) object["what"] = changed_columns(d), object["in_place"] = d.in_place;
  const std::string_view why = name_of(d.held_back);
  if (d.kind == Difference::left || d.kind == Difference::kept_back)
    object["held_back"] = why.empty() ? boost::json::value() : boost::json::value(why);
  return object;
}

std::string as_text(const Difference& d) {
  const auto card = fmt::format("code {} card_id {} brand_id {} openid {}", d.card.code, d.card.card_id,
                                d.card.brand_id, mask(d.card.openid));
  const auto status = model::to_text(d.status);
  switch (d.kind) {
    case Difference::added: return fmt::format("+ line {} {}\n", d.source_line, card);
    case Difference::returned: return fmt::format("+ {}: to send again ({})\n", card, status);
    case Difference::changed:
      return d.in_place ? fmt::format("~ line {} {}: another {} than before ({})\n", d.source_line, card,
                                      changed_columns(d), status)
                        : fmt::format("~ {}: stays as it was sent, the input says another {} ({})\n", card,
                                      changed_columns(d), status);
    case Difference::put_back: return fmt::format("+ {}: put back by retry ({})\n", card, status);
    case Difference::kept_back: return fmt::format("- {}: {} ({})\n", card, name_of(d.held_back), status);
    case Difference::left: break;
  }
  if (d.held_back != Difference::sent) return fmt::format("- {} (held back)\n", card);
  const bool is_settled = d.status == model::Status::invalidated || d.status == model::Status::rejected;
  return fmt::format("- {} ({}{})\n", card, status, is_settled ? "" : ", and goes on");
}

// With what is compared, for the head.
std::string words_for(const Basis& basis) {
  switch (basis.kind) {
    case Basis::nothing: return "this is the first list: there is nothing to compare it with\n";
    case Basis::import: return "since the last import";
    case Basis::plan:
      return fmt::format("since the plan {} of {}, which was confirmed last", basis.fingerprint.substr(0, 12),
                         format_rfc3339(basis.at));
  }
  return {};
}

}  // namespace

Result<std::string> differences_text(ledger::Ledger& ledger) {
  const auto basis = ledger::basis_of_differences(ledger);
  if (!basis) return basis.error();
  if (basis->kind == Basis::nothing) return words_for(*basis);
  struct OfKind {
    std::int64_t count = 0;
    std::string lines;
  };
  std::array<OfKind, k_kinds> found;
  const auto all = ledger::each_difference(ledger, *basis, [&](const Difference& d) {
    auto& of_kind = found.at(d.kind);
    if (of_kind.count++ < std::int64_t{k_most_lines_of_a_kind}) of_kind.lines += as_text(d);
  });
  if (!all) return all.error();
  auto text = words_for(*basis) + ":";
  std::string lines;
  for (const auto kind : {Difference::added, Difference::changed, Difference::left, Difference::returned,
                          Difference::put_back, Difference::kept_back}) {
    const auto& [count, shown] = found.at(kind);
    const bool is_always_said = kind <= Difference::left;
    if (count > 0 || is_always_said)
      text += fmt::format("{} {} {}", kind == Difference::added ? "" : ",", grouped(count), words_for(kind));
    lines += shown;
    const auto more = count - std::int64_t{k_most_lines_of_a_kind};
    if (more > 0)
      lines += fmt::format("  and {} more {}: `plan --diff FILE` writes all of them\n", grouped(more),
                           words_for(kind));
  }
  text.append("\n").append(lines);
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
