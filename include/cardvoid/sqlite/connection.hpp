#pragma once
// RAII over the SQLite C API: connection, statement, transaction. Own code rather than SQLiteCpp: about 150
// lines that bind string_views without copying, keep the extended error code, and add nothing else
// (docs/architecture.md).

#include <sqlite3.h>
#include <cardvoid/base/owned.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cardvoid::sqlite {

// Disk full, locked, corrupt, a constraint. Thrown, since callers cannot go on; the ledger turns it into an
// Error.
struct Failure : std::runtime_error {
  explicit Failure(sqlite3* db);
  Failure(int extended_code, const std::string& message);
  int code;              // extended result code (sqlite.org/rescode.html)
  int system_error = 0;  // errno of the operation that failed, where there was one
  int primary_code() const { return code & 0xFF; }
};

enum class Mode {
  read_only,
  read_only_alone,  // assumes that no one writes to it: takes no locks, makes no -wal or -shm
  read_write,
  create,
};

class Connection {
 public:
  // Opens the file with extended result codes on and without a shared cache. The file may come from anyone:
  // no trigger fires, and its schema may do nothing that reaches beyond it (sqlite.org/security.html). Throws
  // Failure.
  Connection(const std::filesystem::path& file, Mode mode);
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&&) = delete;

  sqlite3* get() const { return db_.get(); }
  void execute(const std::string& sql);  // any number of statements, no results. Throws Failure.
  std::int64_t changes() const { return sqlite3_changes64(db_.get()); }

  // While another connection has the database locked, `keep_trying` is called every 10 to 100 ms on the
  // thread of this one; `waited` counts from the first failure. If it returns false, the statement throws
  // with SQLITE_BUSY. Without it, or with an empty one, the statement throws at once.
  using KeepTrying = std::function<bool(std::chrono::milliseconds waited)>;
  void on_busy(KeepTrying keep_trying);

  // Values and rows that are longer fail with SQLITE_TOOBIG, before memory is taken for them.
  void limit_values(int bytes) const { sqlite3_limit(db_.get(), SQLITE_LIMIT_LENGTH, bytes); }

  // True if the name now belongs to another file or to none (sqlite.org/howtocorrupt.html, section 4.2).
  bool has_moved() const;

  // Closing leaves the write-ahead log alone. For databases that are only read.
  void keep_log_on_close();

 private:
  struct Busy {
    KeepTrying keep_trying;
    std::chrono::steady_clock::time_point since{};
  };
  std::unique_ptr<Busy> busy_;  // SQLite holds its address; goes after the handle
  Owned<sqlite3, sqlite3_close_v2> db_;
};

// Sets where SQLite puts temporary files, unless SQLITE_TMPDIR is set. Only the owner can read them, and they
// lose their name once open. For the whole process; call it before any connection is in use
// (sqlite.org/c3ref/temp_directory.html).
void keep_temporary_files_in(const std::filesystem::path& folder);

// One prepared statement, reused for the whole run. Not shared between threads.
class Statement {
 public:
  Statement(const Connection& connection, std::string_view sql);  // throws Failure with SQLite's own words

  // Rewinds and binds ?1, ?2, … in order. Text is viewed, not copied: it must live until step() is done.
  // Takes integers, double, string_view, nullopt, and optional of these.
  template <class... Args>
  Statement& bind(const Args&... args) {
    sqlite3_reset(statement_.get());
    int at = 0;
    (bind_one(++at, args), ...);
    return *this;
  }
  // One parameter alone, of a statement that was rewound: the value of another one's column, of any type.
  void bind_column(int at, const Statement& from, int column);
  void bind_number(int at, std::int64_t value) { bind_one(at, value); }
  void bind_text(int at, std::string_view value) { bind_one(at, value); }
  bool step();   // true: a row is ready; false: finished and rewound. Throws Failure.
  void run();    // step() until finished
  void reset();  // ends an unfinished read, so that no snapshot stays open
  std::int64_t int64(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  double real(int column) const { return sqlite3_column_double(statement_.get(), column); }
  std::string_view text(int column) const;             // empty for NULL; valid until the next step()
  std::span<const std::byte> bytes(int column) const;  // of a BLOB; as text()
  bool is_null(int column) const { return type(column) == SQLITE_NULL; }
  int type(int column) const { return sqlite3_column_type(statement_.get(), column); }  // SQLITE_TEXT, …
  int parameters() const { return sqlite3_bind_parameter_count(statement_.get()); }
  int columns() const { return sqlite3_column_count(statement_.get()); }
  std::string column_name(int column) const { return sqlite3_column_name(statement_.get(), column); }
  bool reads_only() const { return sqlite3_stmt_readonly(statement_.get()) != 0; }
  std::string_view unread_sql() const { return unread_sql_; }  // what followed the first statement

 private:
  void bind_one(int at, std::int64_t value);
  void bind_one(int at, int value) { bind_one(at, std::int64_t{value}); }
  void bind_one(int at, double value);
  void bind_one(int at, std::string_view value);
  void bind_one(int at, const std::string& value) { bind_one(at, std::string_view{value}); }
  void bind_one(int at, const char* value) { bind_one(at, std::string_view{value}); }
  void bind_one(int at, std::span<const std::byte> value);
  void bind_one(int at, std::nullopt_t);
  template <class T>
  void bind_one(int at, const std::optional<T>& value) {
    value ? bind_one(at, *value) : bind_one(at, std::nullopt);
  }
  Owned<sqlite3_stmt, sqlite3_finalize> statement_;
  std::string unread_sql_;
};

// BEGIN IMMEDIATE; rolls back at the end of its scope unless commit() was called.
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();  // throws Failure; then the destructor rolls back

 private:
  Connection* connection_;  // null once committed
};

}  // namespace cardvoid::sqlite
