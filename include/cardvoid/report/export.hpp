#pragma once
// Results as CSV or JSON Lines.

#include <cardvoid/ledger/queries.hpp>
#include <string>

namespace cardvoid::report {

// RFC 4180, CRLF; values are as they are in the database. With `excel`, text that a spreadsheet would take
// for a number or a formula stands as ="…", and the file begins with a BOM.
std::string csv_header(bool excel);
std::string csv_line(const ledger::ResultRow& row, bool excel);

// What `cardvoid export JOB -o FILE` would write now, without --excel.
struct ExportDigest {
  std::string sha256;  // hex
  std::int64_t rows = 0, bytes = 0;
};
// Reads every row (about 1.5 s for a million).
Result<ExportDigest> export_digest(ledger::Ledger& ledger);

// One JSON object; numbers are numbers, NULL is null.
std::string json_line(const ledger::ResultRow& row);

}  // namespace cardvoid::report
