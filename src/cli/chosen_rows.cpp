#include "chosen_rows.hpp"

#include <fmt/format.h>

#include <cardvoid/base/mask.hpp>
#include <cardvoid/base/text.hpp>

#include "interrupt.hpp"

namespace cardvoid::cli {

namespace {

constexpr int k_codes_between_questions = 256;

// The codes of the list, until a signal comes.
std::function<Result<std::optional<ledger::Choice::Listed>>()> reader_of(input::CodeList& list) {
  return [&list, read = 0]() mutable -> Result<std::optional<ledger::Choice::Listed>> {
    if (read++ % k_codes_between_questions == 0 && Interrupt::has_come())
      return Error{Errc::stopped, "interrupted while reading the codes; nothing was changed"};
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

std::string examples(const std::vector<ledger::Selection::Code>& shown, std::int64_t count) {
  std::string text;
  for (const auto& code : shown)
    text += fmt::format("{}{}{}", text.empty() ? " (" : ", ", mask(code.code),
                        code.line > 0 ? fmt::format(" in line {}", code.line) : "");
  return text + (static_cast<std::size_t>(count) > shown.size() ? ", …)" : ")");
}

}  // namespace

std::vector<Flag> flags_of(ChosenRows& rows) {
  return {choice<std::string>("--status", "STATUS", "Only rows of this status", rows.status,
                              {{"rejected", "rejected"}, {"unresolved", "unresolved"}}),
          {.name = "--code",
           .value = "CODE",
           .help = "Rows with this card code, of any template; repeatable",
           .repeatable = true,
           .set = into(rows.codes)},
          {.name = "--where-code-in",
           .value = "FILE",
           .help = "Rows whose card code is in FILE (- for standard input): one code a line, or a CSV file "
                   "with a column code, as export writes it",
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
  std::string text;
  for (const auto& row : shown)
    text += fmt::format("{}line {} code {} {}", text.empty() ? " (" : ", ", row.source_line, mask(row.code),
                        row.status);
  return text + (static_cast<std::size_t>(count) > shown.size() ? ", …)" : ")");
}

void warn_about(const ledger::Selection& selection, const ChosenRows& rows, Console& console) {
  if (selection.not_found > 0)
    console.log(LogLevel::warning, fmt::format("{} {} no row{}", grouped(selection.not_found),
                                               selection.not_found == 1 ? "code matches" : "codes match",
                                               examples(selection.codes_not_found, selection.not_found)));
  if (selection.forgotten > 0)
    console.log(LogLevel::warning, fmt::format("left as they are, since `cardvoid forget` has removed their "
                                               "codes: {}",
                                               counted(selection.forgotten, "row")));
  if (selection.not_eligible > 0)
    console.log(LogLevel::warning,
                fmt::format("left as they are, since not {}: {}{}",
                            rows.status.empty() ? "rejected or unresolved" : rows.status,
                            counted(selection.not_eligible, "row"),
                            examples(selection.rows_not_eligible, selection.not_eligible)));
}

}  // namespace cardvoid::cli
