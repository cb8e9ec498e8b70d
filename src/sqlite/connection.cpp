#include <fcntl.h>

#include <algorithm>
#include <cardvoid/base/file.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <utility>

namespace cardvoid::sqlite {

namespace {

int open_flags(Mode mode) {
  const int common = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
  switch (mode) {
    case Mode::read_only: return common | SQLITE_OPEN_READONLY;
    case Mode::read_only_alone: return common | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
    case Mode::read_write: return common | SQLITE_OPEN_READWRITE;
    case Mode::create: return common | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  }
  throw std::logic_error{"sqlite: impossible mode"};
}

// Only a URI can say "immutable" (sqlite.org/uri.html).
std::string immutable_uri(const std::filesystem::path& file) {
  std::string uri = "file://";
  for (const char c : std::filesystem::absolute(file).string()) {
    if (c == '%' || c == '?' || c == '#') {
      constexpr char k_digits[] = "0123456789ABCDEF";
      const auto byte = static_cast<unsigned char>(c);
      (uri += '%') += {k_digits[byte >> 4], k_digits[byte & 0xF]};
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

// SQLite would create the file with the umask's rights, but it holds personal data, and -wal and -shm copy
// its rights. Only a new file is opened here: closing a descriptor of one in use would drop the process's
// locks on it (sqlite.org/howtocorrupt.html, section 2.2). If this fails, SQLite says why.
void create_private(const std::filesystem::path& file) {
  const FileDescriptor created{
      ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
}

// What a file may do when it is read, made by anyone at all.
void harden(sqlite3* db) {
  for (const auto& [option, on] : {std::pair{SQLITE_DBCONFIG_DEFENSIVE, 1},
                                   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                                   {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
                                   {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
                                   {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0}})
    sqlite3_db_config(db, option, on, nullptr);
  sqlite3_exec(db, "PRAGMA cell_size_check = ON", nullptr, nullptr, nullptr);
}

// SQLite would count every allocation, under a lock that all connections share. It takes the setting only
// before it is used for the first time, which may be by another function than ours.
[[maybe_unused]] const int k_counts_no_allocations = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

Owned<sqlite3_stmt, sqlite3_finalize> prepare(sqlite3* db, std::string_view& sql) {
  if (sql.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    throw Failure{SQLITE_TOOBIG, "the SQL text is too long"};
  if (sql.empty()) return nullptr;
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  if (sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw,
                         &rest))
    throw Failure{db};
  sql.remove_prefix(static_cast<std::size_t>(rest - sql.data()));
  return Owned<sqlite3_stmt, sqlite3_finalize>{raw};
}

// True if there is more than white space, comments and semicolons.
bool holds_a_statement(sqlite3* db, std::string_view sql) {
  while (!sql.empty()) {
    const auto before = sql.size();
    try {
      if (prepare(db, sql)) return true;
    } catch (const Failure&) {
      return true;
    }
    if (sql.size() == before) return false;
  }
  return false;
}

}  // namespace

Failure::Failure(sqlite3* db)
    : Failure{db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM, sqlite3_errmsg(db)} {
  if (db) system_error = sqlite3_system_errno(db);
}
Failure::Failure(int extended_code, const std::string& message)
    : std::runtime_error{message}, code{extended_code} {}

Connection::Connection(const std::filesystem::path& file, Mode mode) {
  // An empty name would silently mean a private temporary database.
  if (file.empty()) throw Failure{SQLITE_CANTOPEN, "unable to open database file: its name is empty"};
  if (mode == Mode::create && file != ":memory:") create_private(file);
  sqlite3* raw = nullptr;
  const auto name = mode == Mode::read_only_alone ? immutable_uri(file) : file.string();
  const int code = sqlite3_open_v2(name.c_str(), &raw, open_flags(mode), nullptr);
  db_.reset(raw);  // even a failed open hands out a handle
  if (code != SQLITE_OK) throw Failure{raw};
  harden(raw);
}

void Connection::execute(const std::string& sql) {
  if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) throw Failure{db_.get()};
}

void Connection::on_busy(KeepTrying keep_trying) {
  if (!keep_trying) {
    sqlite3_busy_handler(db_.get(), nullptr, nullptr);
    busy_.reset();
    return;
  }
  auto busy = std::make_unique<Busy>();
  busy->keep_trying = std::move(keep_trying);
  const auto ask = [](void* context, int tries) {
    auto& self = *static_cast<Busy*>(context);
    const auto now = std::chrono::steady_clock::now();
    if (tries == 0) self.since = now;
    try {
      if (!self.keep_trying(std::chrono::duration_cast<std::chrono::milliseconds>(now - self.since)))
        return 0;
    } catch (...) {  // out of memory; nothing may be thrown through SQLite
      return 0;
    }
    constexpr long k_step_ms = 10, k_most_steps = 10;
    const timespec pause{0, std::min<long>(tries + 1L, k_most_steps) * k_step_ms * 1'000'000};
    ::nanosleep(&pause, nullptr);  // a signal ends it early
    return 1;
  };
  sqlite3_busy_handler(db_.get(), ask, busy.get());
  busy_ = std::move(busy);
}

bool Connection::has_moved() const {
  int moved = 0;
  return sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

void Connection::keep_log_on_close() {
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void keep_temporary_files_in(const std::filesystem::path& folder) {
  if (std::getenv("SQLITE_TMPDIR")) return;
  sqlite3_free(std::exchange(sqlite3_temp_directory, sqlite3_mprintf("%s", folder.c_str())));
}

Statement::Statement(const Connection& connection, std::string_view sql)
    : statement_{prepare(connection.get(), sql)} {
  if (!statement_) throw Failure{SQLITE_MISUSE, "there is no statement in the SQL text"};
  if (holds_a_statement(connection.get(), sql)) unread_sql_ = sql;
}

bool Statement::step() {
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW: return true;
    case SQLITE_DONE: sqlite3_reset(statement_.get()); return false;  // releases the read lock
    default: break;
  }
  Failure failure{sqlite3_db_handle(statement_.get())};  // before the reset, which clears the message
  sqlite3_reset(statement_.get());
  throw failure;
}

void Statement::run() {
  while (step()) {
  }
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

// The value itself is asked: each of the functions for a column locks and looks for errors again, which takes
// longer than the reading. NULL has no characters at all: data() is null. A connection has one thread
// (open_flags), so no lock is needed.
std::string_view Statement::text(int column) const {
  auto* const value = sqlite3_column_value(statement_.get(), column);
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (bytes) return {bytes, static_cast<std::size_t>(sqlite3_value_bytes(value))};
  if (sqlite3_value_type(value) != SQLITE_NULL) throw Failure{SQLITE_NOMEM, "out of memory"};
  return {};
}

std::span<const std::byte> Statement::bytes(int column) const {
  const auto* const data = static_cast<const std::byte*>(sqlite3_column_blob(statement_.get(), column));
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

void Statement::bind_column(int at, const Statement& from, int column) {
  if (sqlite3_bind_value(statement_.get(), at, sqlite3_column_value(from.statement_.get(), column)))
    throw Failure{sqlite3_db_handle(statement_.get())};
}

void Statement::bind_one(int at, std::int64_t value) {
  if (sqlite3_bind_int64(statement_.get(), at, value)) throw Failure{sqlite3_db_handle(statement_.get())};
}

void Statement::bind_one(int at, double value) {
  if (sqlite3_bind_double(statement_.get(), at, value)) throw Failure{sqlite3_db_handle(statement_.get())};
}

void Statement::bind_one(int at, std::string_view value) {
  const char* bytes =
      value.data() ? value.data() : "";  // a null pointer would bind NULL instead of empty text
  if (sqlite3_bind_text64(statement_.get(), at, bytes, value.size(), SQLITE_STATIC, SQLITE_UTF8))
    throw Failure{sqlite3_db_handle(statement_.get())};
}

void Statement::bind_one(int at, std::span<const std::byte> value) {
  if (sqlite3_bind_blob64(statement_.get(), at, value.data(), value.size(), SQLITE_STATIC))
    throw Failure{sqlite3_db_handle(statement_.get())};
}

void Statement::bind_one(int at, std::nullopt_t) {
  if (sqlite3_bind_null(statement_.get(), at)) throw Failure{sqlite3_db_handle(statement_.get())};
}

Transaction::Transaction(Connection& connection) : connection_{&connection} {
  connection.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  // A failed statement may have rolled back already; then there is nothing to do and nothing to report.
  if (connection_ && !sqlite3_get_autocommit(connection_->get()))
    sqlite3_exec(connection_->get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() {
  connection_->execute("COMMIT");
  connection_ = nullptr;
}

}  // namespace cardvoid::sqlite
