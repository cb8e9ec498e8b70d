#include <cardvoid/base/csv.hpp>
#include <cardvoid/base/file.hpp>

#include "plan.hpp"

namespace cardvoid::cli {

// A line with too few or too many fields stays one: with its cause filling a gap it might pass for whole when
// it is fed back.
Result<void> write_refused(const std::filesystem::path& path, const input::Dialect& dialect,
                           ledger::Ledger& ledger) {
  auto file = PrivateFile::create(path);
  if (!file) return file.error();
  const auto write = [&](std::string_view line, std::string_view last) {
    file->write(line);
    file->write({&dialect.delimiter, 1});
    file->write(csv_field(last, dialect.delimiter));
    file->write("\r\n");
  };
  if (dialect.has_byte_order_mark) file->write("\xEF\xBB\xBF");
  write(dialect.header, "cause");
  const auto all = ledger.each_refused([&](const ledger::RefusedLine& line) { write(line.raw, line.cause); });
  if (!all) return all.error();
  return file->finish();
}

}  // namespace cardvoid::cli
