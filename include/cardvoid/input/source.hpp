#pragma once
// Reads the job's input row by row at constant memory: CSV or SQLite → validated rows or refused lines.

#include <cardvoid/base/error.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/model/row.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace cardvoid::input {

// A line that never becomes a row.
struct Refused {
  std::int64_t source_line = 0;
  std::string cause;  // "code: longer than 32 characters"; groups by its text: holds no row data
  // The line as it stood in UTF-8. Where that cannot be (zero bytes, values that are no text) it has one
  // field more, so that it stays refused when it is fed back.
  std::string raw;
};

// How to write lines that this input's reader would read.
struct Dialect {
  std::string header;  // as it stands
  char delimiter = ',';
  std::string encoding = {};  // empty: UTF-8
  bool has_byte_order_mark = false;
};

// UTF-8 in the encoding of that dialect. Error (bad_input): a character that it does not have.
Result<std::string> encode(std::string_view utf8, const Dialect& dialect);

using Record = std::variant<model::InputRow, Refused>;

// One pass over the input. Single-threaded; owns its file or connection.
class Source {
 public:
  virtual ~Source() = default;

  // The next record, or nullopt at the end. Error: the input as a whole cannot be trusted (bad_input) or read
  // (no_input).
  virtual Result<std::optional<Record>> next() = 0;

  // The record that next() gave last, as it stood.
  virtual std::string raw() = 0;
  // Of a record that went by, as far as the card tells: columns that are not ours are empty.
  virtual std::string line_of(const model::Card& card) const = 0;
  virtual Dialect dialect() const = 0;

  // What was found out about the input, for `plan` and `check`: "CSV, UTF-8 with BOM, comma, columns code,
  // openid". At the end also what was unwrapped and which damage was accepted.
  virtual std::string description() const = 0;

  // Asked at the end: what is no reason to refuse it, and yet a person should know.
  virtual std::vector<std::string> remarks() const { return {}; }

  // Asked at the end, where text was decoded from GBK or GB18030: the first rows that hold more than ASCII,
  // as they were decoded, for a person to look at. Identifiers are masked.
  virtual std::vector<std::string> samples() const { return {}; }
};

// Fills the front of `block` and returns how many bytes that were; 0 at the end.
using ReadBytes = std::function<Result<std::size_t>(std::span<char> block)>;

// The CSV reader over any stream of bytes; `name` stands in messages for the file. A stream is read once, so
// encoding = "auto" means UTF-8 here, or what a byte order mark says.
Result<std::unique_ptr<Source>> open_csv(ReadBytes read, std::string name, const model::Input& input,
                                         const model::Defaults& defaults, model::Api api,
                                         const std::string& brand_of_merchant);

// What ends a query that goes on and on: a join without its condition, an endless recursion. A file is read
// in small steps, and between those its reader can ask for itself.
struct Patience {
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes k_longest_query{10};  // inside the database, all steps together
  std::function<bool()> interrupted = {};  // then the error is stopped (75); asked inside long steps too
  std::function<Clock::time_point()> now = Clock::now;
};

// Opens the input and reads its header. Errors: no_input (66) when it cannot be opened; bad_input (65) when
// the header or the encoding is wrong, naming the missing column and those that are there.
Result<std::unique_ptr<Source>> open(const model::Input& input, const model::Defaults& defaults,
                                     model::Api api, const std::string& brand_of_merchant,
                                     const Patience& patience = {});

}  // namespace cardvoid::input
