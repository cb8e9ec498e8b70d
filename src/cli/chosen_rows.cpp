#include "chosen_rows.hpp"

#include <fmt/format.h>

#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>

#include "interrupt.hpp"

namespace cardvoid::cli {

namespace {

constexpr int k_codes_between_questions = 256;

// The codes of the list, until a signal comes.
std::function<Result<std::optional<ledger::Choice::Listed>>()> reader_of(input::CodeList& list) {
  return [&list, read = 0]() mutable -> Result<std::optional<ledger::Choice::Listed>> {
    if (read++ % k_codes_between_questions == 0 && Interrupt::has_come())
      return Error{Errc::stopped, tr("interrupted while reading the codes; nothing was changed")};
    const auto code = list.next();
    if (!code) return code.error();
    if (!*code) return std::nullopt;
    return ledger::Choice::Listed{(*code)->text, (*code)->line};
  };
}

std::string column_for_codes(const model::Input& input) {
  const auto named = input.columns.find("code");
  return named == input.columns.end() ? "code" : named->second;
}

// " (one, another, …)": some of `count`.
std::string in_brackets(std::vector<std::string> list, std::int64_t count) {
  if (static_cast<std::size_t>(count) > list.size()) list.emplace_back("…");
  std::string text;
  for (const auto& one : list) text = text.empty() ? one : tr("{}, {}", text, one);
  return tr(" ({})", text);
}

std::string examples(const std::vector<ledger::Selection::Code>& shown, std::int64_t count) {
  std::vector<std::string> list;
  for (const auto& code : shown)
    list.push_back(code.line > 0 ? tr("{} in line {}", mask(code.code), code.line) : mask(code.code));
  return in_brackets(std::move(list), count);
}

}  // namespace

std::vector<Flag> flags_of(ChosenRows& rows) {
  return {choice<std::string>("--status", "STATUS", translatable("Only rows of this status"), rows.status,
                              {{"rejected", "rejected"}, {"unresolved", "unresolved"}}),
          {.name = "--code",
           .value = "CODE",
           .help = translatable("Rows with this card code, of any template; repeatable"),
           .repeatable = true,
           .set = into(rows.codes)},
          {.name = "--where-code-in",
           .value = "FILE",
           .help = translatable(
               "Rows whose card code is in FILE (- for standard input): one code a line, or a CSV file "
               "with a column code, as export writes it"),
           .kind = ValueKind::file,
           .set = into(rows.code_file)}};
}

Result<ledger::Choice> choice_of(const ChosenRows& rows, const model::Input& input,
                                 std::optional<input::CodeList>& list) {
  ledger::Choice choice;
  if (!rows.status.empty()) choice.status = model::status_from_text(rows.status);
  choice.codes = rows.codes;
  if (rows.code_file.empty()) return choice;
  auto opened = input::CodeList::open(rows.code_file, column_for_codes(input));
  if (!opened) return with_context(opened.error(), "--where-code-in");
  list = std::move(*opened);
  choice.list = reader_of(*list);
  return choice;
}

std::string examples(const std::vector<ledger::Selection::Row>& shown, std::int64_t count) {
  std::vector<std::string> list;
  for (const auto& row : shown)
    list.push_back(tr("line {} code {} {}", row.source_line, mask(row.code), row.status));
  return in_brackets(std::move(list), count);
}

void warn_about(const ledger::Selection& selection, const ChosenRows& rows, Console& console) {
  if (selection.not_found > 0)
    console.log(LogLevel::warning,
                tr_n(selection.not_found, "{} code matches no row{}", "{} codes match no row{}",
                     examples(selection.codes_not_found, selection.not_found)));
  if (selection.forgotten > 0)
    console.log(LogLevel::warning, tr("left as they are, since `cardvoid forget` has removed their codes: {}",
                                      tr_n(selection.forgotten, "{} row", "{} rows")));
  if (selection.not_eligible > 0)
    console.log(LogLevel::warning, tr("left as they are, since not {}: {}{}",
                                      rows.status.empty() ? tr("rejected or unresolved") : rows.status,
                                      tr_n(selection.not_eligible, "{} row", "{} rows"),
                                      examples(selection.rows_not_eligible, selection.not_eligible)));
}

}  // namespace cardvoid::cli
