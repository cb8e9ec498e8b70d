#pragma once
// Reads the job's input row by row at constant memory: CSV or SQLite → validated rows or refused lines.

#include <cardvoid/base/error.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/model/list_file.hpp>
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
  // The line in UTF-8. If it cannot be kept exactly (zero bytes, values that are not text) it gets one
  // more field, so that it is refused again when it is fed back.
  std::string raw;
};

// How to write lines that the reader of this input can read.
struct Dialect {
  std::string header;  // unchanged
  char delimiter = ',';
  std::string encoding = {};  // empty: UTF-8
  bool has_byte_order_mark = false;
};

// Converts UTF-8 to the encoding of the dialect. Error (bad_input): it lacks a character.
Result<std::string> encode(std::string_view utf8, const Dialect& dialect);

using Record = std::variant<model::InputRow, Refused>;

// One pass over the input. Single-threaded, but for line_of(); owns its file or connection.
class Source {
 public:
  virtual ~Source() = default;

  // The next record, or nullopt at the end. Error: the input as a whole cannot be trusted (bad_input) or read
  // (no_input).
  virtual Result<std::optional<Record>> next() = 0;

  // The record that next() returned last, unchanged. Valid until the next call of either.
  virtual std::string_view raw() = 0;
  // False: raw() makes it of values that nothing else asks for, such as photographs.
  virtual bool has_raw_at_hand() const { return false; }
  // An earlier record, rebuilt from its card: columns that are not ours are empty. Another thread may be in
  // next() meanwhile.
  virtual std::string line_of(const model::Card& card) const = 0;
  virtual Dialect dialect() const = 0;

  // What the input is, for `plan` and `check`: "CSV, UTF-8 with BOM, comma, columns code, openid". At the end
  // also what was unwrapped and which damage was accepted.
  virtual std::string description() const = 0;

  // What was read; at the end with its digest.
  virtual model::ListFile file() const { return {}; }

  // At the end: what a person should know although it is no reason to refuse the input.
  virtual std::vector<std::string> remarks() const { return {}; }

  // At the end, if text was decoded from GBK or GB18030: the first decoded rows that are not all ASCII, for a
  // person to look at. Identifiers are masked.
  virtual std::vector<std::string> samples() const { return {}; }
};

// Fills the front of `block` and returns the number of bytes; 0 at the end.
using ReadBytes = std::function<Result<std::size_t>(std::span<char> block)>;

// The CSV reader over any stream of bytes; `name` is the file's name in messages. A stream is read once, so
// encoding = "auto" means UTF-8 here, or what a byte order mark says.
Result<std::unique_ptr<Source>> open_csv(ReadBytes read, std::string name, const model::Input& input,
                                         const model::Defaults& defaults, model::Api api,
                                         const std::string& brand_of_merchant);

// Ends a query that never ends by itself: a join without a condition, an endless recursion. Not needed for a
// file: it is read in small steps, and the caller can stop between them.
struct Patience {
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes k_longest_query{10};  // inside the database, all steps together
  std::function<bool()> interrupted = {};  // true: error stopped (75). Asked inside long steps too
  std::function<Clock::time_point()> now = Clock::now;
};

// Opens the input and reads its header. Errors: no_input (66) when it cannot be opened; bad_input (65) when
// the header or the encoding is wrong, naming the missing column and the present ones.
Result<std::unique_ptr<Source>> open(const model::Input& input, const model::Defaults& defaults,
                                     model::Api api, const std::string& brand_of_merchant,
                                     const Patience& patience = {});

// SHA-256 of the bytes that open() would read, hex, as ListFile has it. Empty: it is no plain file, or a
// query. Errors: no_input (66); stopped (75) when `interrupted`, which is asked now and then, says so.
Result<std::string> digest_of(const model::Input& input, const std::function<bool()>& interrupted);

}  // namespace cardvoid::input
