#include <cardvoid/base/csv.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/ledger/queries.hpp>

#include "plan.hpp"

namespace cardvoid::cli {

namespace {

// A name that the header does not have yet: a refused file may come back and be refused again.
std::string name_of_cause(const std::string& header) {
  for (int n = 1;; ++n) {
    const auto name = n == 1 ? std::string{"cause"} : "cause " + std::to_string(n);
    if (header.find(name) == std::string::npos) return name;
  }
}

}  // namespace

// In the encoding of the input, so that the same job takes it. A line with too few or too many fields stays
// one: with its cause filling a gap it might pass for whole when it is fed back.
Result<void> write_refused(const std::filesystem::path& path, const input::Dialect& dialect,
                           ledger::Ledger& ledger) {
  auto file = PrivateFile::create(path);
  if (!file) return file.error();
  Result<void> encoded;
  const auto write = [&](std::string_view line, std::string_view last) {
    if (!encoded) return;
    const auto text = input::encode(
        std::string{line} + dialect.delimiter + csv_field(last, dialect.delimiter) + "\r\n", dialect);
    if (text)
      file->write(*text);
    else
      encoded = with_context(text.error(), path.string());
  };
  const std::string mark = dialect.has_byte_order_mark ? "\uFEFF" : "";
  write(mark + dialect.header, name_of_cause(dialect.header));
  const auto all =
      ledger::each_refused(ledger, [&](const ledger::RefusedLine& line) { write(line.raw, line.cause); });
  if (!all) return all.error();
  if (!encoded) return encoded;
  return file->finish();
}

}  // namespace cardvoid::cli
