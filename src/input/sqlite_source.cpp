#include "sqlite_source.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cardvoid/base/csv.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/input/columns.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cardvoid/sqlite/database_file.hpp>

#include "record_reader.hpp"

namespace cardvoid::input {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using sqlite::Connection;
using sqlite::Failure;
using sqlite::Statement;

constexpr char k_delimiter = ',';  // of a row as a line of CSV
constexpr auto k_longest_lock_wait = 10s;
constexpr int k_instructions_between_questions = 10'000;  // well under a millisecond

// What a query may do. A read-only connection would still allow PRAGMA, ATTACH, and functions that reach
// beyond the database.
int allow_reading(void*, int action, const char* first, const char* second, const char*, const char*) {
  const auto is = [](const char* text, const char* name) { return text && sqlite3_stricmp(text, name) == 0; };
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE: return SQLITE_OK;
    case SQLITE_FUNCTION:
      return is(second, "load_extension") || is(second, "fts3_tokenizer") ? SQLITE_DENY : SQLITE_OK;
    // FTS5 itself needs both. A query that writes the second fails: the table must not be modified.
    case SQLITE_PRAGMA: return is(first, "data_version") ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_UPDATE: return is(first, "sqlite_master") ? SQLITE_OK : SQLITE_DENY;
    default: return SQLITE_DENY;
  }
}

// A photograph in a column that is selected beside ours has room; memory stays bounded.
constexpr int k_longest_value = 8 << 20;

// A name in double quotation marks is a column or an error: otherwise a misspelt column would be a constant,
// and the condition always true.
void harden(const Connection& connection) {
  sqlite3_db_config(connection.get(), SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  connection.limit_values(k_longest_value);
}

// Adds what SQLite's messages leave out.
std::string hint_for(const Failure& failure, const std::string& query) {
  const std::string_view words = failure.what();
  constexpr std::string_view no_column = "no such column: ";
  if (words.starts_with(no_column) &&
      query.find('"' + std::string{words.substr(no_column.size())} + '"') != std::string::npos)
    return tr("; text stands in single quotation marks, \"\" are for names");
  for (const std::string_view missing :
       {"no such function: ", "no such module: ", "no such tokenizer: ", "unknown tokenizer: "})
    if (words.starts_with(missing))
      return tr(
          "; SQLite itself has none of that name; if it comes with the program that made the database, "
          "write a query without it, or export to CSV");
  if (words.starts_with("unsafe use of "))
    return tr("; in a view that is not allowed: write the view's own SELECT as the query");
  if (words.starts_with("no such collation sequence: "))
    return tr(
        "; it comes with the program that made the database: compare and order with COLLATE BINARY, or "
        "export to CSV");
  return "";
}

Result<void> check_companions(const fs::path& database) {
  const auto strange = sqlite::strange_companion(database);
  if (!strange) return {};
  return Error{Errc::no_input,
               tr("{}: is not a plain file; see who has put it there, and remove it", strange->string())};
}

Error explain(const fs::path& file, const Failure& failure, const std::string& query) {
  const auto message = escape_for_terminal(failure.what());
  const auto bad = [&](std::string_view what) {
    return Error{Errc::bad_input, fmt::format("{}: {}", file.string(), what)};
  };
  const auto unreadable = [&](std::string_view why) {
    return Error{Errc::no_input, tr("{}: cannot read it: {}", file.string(), why)};
  };
  const auto name = real_path(file).filename().string();
  if (failure.code == SQLITE_READONLY_ROLLBACK)
    return unreadable(
        tr("its program was interrupted while writing, and {}-journal is needed to undo that; "
           "open it with its program once, or with `sqlite3 {} .tables`",
           name, name));
  if (failure.primary_code() == SQLITE_AUTH || std::string_view{failure.what()}.starts_with("not authorized"))
    return bad(
        tr("input.query: only one SELECT statement is allowed, of nothing but this database ({})", message));
  switch (failure.primary_code()) {
    case SQLITE_NOTADB: return bad(tr("not an SQLite database, or an encrypted one"));
    case SQLITE_CORRUPT: return bad(tr("damaged or incomplete ({}); get a complete copy", message));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return unreadable(
          tr("another program keeps it locked ({}); try again when that program has ended", message));
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      if (!sqlite::has_wal_mode(file)) return unreadable(message);
      return unreadable(
          tr("{}; it is in write-ahead-log mode, and {}-wal and {}-shm beside it must be readable, or the "
             "folder writable so that they can be made: copy it with its -wal to another folder",
             message, name, name));
    case SQLITE_FULL:  // on a read-only connection only its temporary files can fill up
      return unreadable(
          tr("{}; the folder for temporary files is too small for what the query sorts or groups: "
             "name a larger one in SQLITE_TMPDIR",
             message));
    case SQLITE_TOOBIG:
      return bad(tr("input.query: a value of more than {} MiB ({}); select only the columns that are read",
                    k_longest_value >> 20, message));
    case SQLITE_PERM:
    case SQLITE_IOERR: return unreadable(message);
    default: return bad(fmt::format("input.query: {}{}", message, hint_for(failure, query)));
  }
}

// These change with every write to a file.
using FileState = std::array<std::int64_t, 7>;

FileState state_of(const fs::path& file) {
  struct stat s {};
  if (::stat(file.c_str(), &s) != 0) return {};
  return {static_cast<std::int64_t>(s.st_dev),
          static_cast<std::int64_t>(s.st_ino),
          s.st_size,
          s.st_mtim.tv_sec,
          s.st_mtim.tv_nsec,
          s.st_ctim.tv_sec,
          s.st_ctim.tv_nsec};
}

// The state of the database's files before it is opened.
struct Condition {
  FileState state;
  bool lacks_log;  // a database with a write-ahead log, and there is none
  bool is_alone;   // and no program has it open
};

Condition look_at(const fs::path& file) {
  const auto real = real_path(file).string();  // SQLite looks beside the target of a link
  const auto is_there = [&](const char* suffix) {
    std::error_code ignored;
    return fs::exists(real + suffix, ignored);
  };
  Condition condition{state_of(real), sqlite::has_wal_mode(real) && !is_there("-wal"), false};
  condition.is_alone = condition.lacks_log && !is_there("-shm") && !is_there("-journal");
  return condition;
}

std::string_view name_of(int type) {
  return type == SQLITE_INTEGER ? "INTEGER" : type == SQLITE_FLOAT ? "REAL" : "BLOB";
}

class SqliteSource final : public Source {
 public:
  // If no program has the database open, an ordinary reader would create -wal and -shm beside it and leave
  // them there, in the way of the program that owns it. So such a database is read as one that cannot change,
  // and at the end we check that it has not.
  SqliteSource(const Settings& settings, Patience patience)
      : file_{settings.input.sqlite},
        sql_{settings.input.query},
        patience_{std::move(patience)},
        condition_{look_at(file_)},
        connection_{file_, condition_.is_alone ? sqlite::Mode::read_only_alone : sqlite::Mode::read_only} {}

  Result<void> start(const Settings& settings) try {
    connection_.on_busy(
        [this](milliseconds waited) { return !is_interrupted() && waited < k_longest_lock_wait; });
    harden(connection_);
    // The SELECT is what takes the snapshot.
    connection_.execute("BEGIN; SELECT 1 FROM sqlite_schema");
    sqlite3_set_authorizer(connection_.get(), allow_reading, nullptr);
    query_.emplace(connection_, sql_);
    sqlite3_progress_handler(connection_.get(), k_instructions_between_questions, ask, this);
    return read_header(settings);
  } catch (const Failure& failure) {
    return explain(failure);
  }

  Result<std::optional<Record>> next() override try {
    if (is_done_ || !step()) {
      is_done_ = true;
      if (has_changed()) return changed();
      if (const auto judged = rows_.judge(); !judged)
        return with_context(judged.error(), file_.string() + ": input.query");
      return std::nullopt;
    }
    ++row_;
    if (const auto cause = fault_of_values(); !cause.empty())
      return rows_.refuse(row_, cause, line(), k_delimiter, false);
    for (const auto& index : rows_.indices())  // other columns may hold photographs
      if (index) fields_[*index] = query_->text(static_cast<int>(*index));
    return rows_.make(fields_, row_, k_delimiter, [&] { return line(); });
  } catch (const Failure& failure) {
    is_done_ = true;
    return explain(failure);
  }

  std::string_view raw() override { return raw_ = RowMaker::as_kept(line(), k_delimiter); }
  std::string line_of(const model::Card& card) const override { return rows_.line_of(card, ','); }
  Dialect dialect() const override { return {header_, k_delimiter, {}, false}; }

  std::string description() const override { return "SQLite, " + rows_.description(); }
  model::ListFile file() const override { return {file_.string(), changed_at(file_), {}}; }

  std::vector<std::string> remarks() const override {
    std::vector<std::string> remarks;
    if (condition_.lacks_log)
      remarks.push_back(
          tr("{}: in write-ahead-log mode, and there is no {}-wal beside it. That is right where its "
             "program has closed it. A copy of this file alone lacks the rows that were still in the log: "
             "copy both, or with `sqlite3 {} \".backup copy.db\"`",
             file_.string(), real_path(file_).filename().string(), file_.filename().string()));
    for (auto& remark : rows_.remarks()) remarks.push_back(std::move(remark));
    return remarks;
  }

 private:
  enum class GivenUp { no, interrupted, too_long };

  Result<void> read_header(const Settings& settings) {
    const auto where = file_.string() + ": input.query";
    if (!query_->unread_sql().empty() || !query_->reads_only() || query_->columns() == 0)
      return Error{Errc::bad_input, tr("{}: only one SELECT statement is allowed", where)};
    if (query_->parameters() > 0)  // they would be NULL, and the condition always false or always true
      return Error{Errc::bad_input,
                   tr("{}: it has parameters (such as ? or :name), and they have no values", where)};
    std::vector<std::string> names;
    names.reserve(static_cast<std::size_t>(query_->columns()));
    for (int i = 0; i < query_->columns(); ++i) names.push_back(query_->column_name(i));
    auto rows = RowMaker::create(names, settings, where);
    if (!rows) return rows.error();
    rows_ = std::move(*rows);
    for (const auto& name : names) {
      if (!header_.empty()) header_ += ',';
      header_ += csv_field(name);
    }
    fields_.resize(names.size());
    // SQLite's name for the second column of that name in a subquery.
    for (const auto& index : rows_.indices())
      if (index && std::find(names.begin(), names.end(), names[*index] + ":1") != names.end())
        return Error{Errc::bad_input,
                     tr("{}: the column \"{}\" appears twice in a subquery; say which one is meant", where,
                        escape_for_terminal(names[*index]))};
    return {};
  }

  bool is_interrupted() {
    if (!patience_.interrupted || !patience_.interrupted()) return false;
    given_up_ = GivenUp::interrupted;
    return true;
  }

  // SQLite calls it during a step; anything but 0 ends the step.
  static int ask(void* context) {
    auto& self = *static_cast<SqliteSource*>(context);
    if (self.is_interrupted()) return 1;
    if (self.spent_ + (self.patience_.now() - self.step_began_) < Patience::k_longest_query) return 0;
    self.given_up_ = GivenUp::too_long;
    return 1;
  }

  bool step() {
    step_began_ = patience_.now();
    const bool is_row = query_->step();
    spent_ += patience_.now() - step_began_;
    return is_row;
  }

  bool has_changed() const { return condition_.is_alone && state_of(real_path(file_)) != condition_.state; }

  Error changed() const {
    return {Errc::bad_input,
            tr("{}: its program has written to it while it was read; nothing of it is kept. Try again, or "
               "read a copy made with `sqlite3 {} \".backup copy.db\"`",
               file_.string(), file_.filename().string())};
  }

  Error explain(const Failure& failure) const {
    switch (given_up_) {
      case GivenUp::interrupted:
        return {Errc::stopped,
                tr("interrupted while reading the input; nothing of it is kept, nothing was sent")};
      case GivenUp::too_long:
        return {
            Errc::bad_input,
            tr("{}: input.query: given up after {} minutes in the database; nothing of it is kept. A join "
               "without its condition or a recursion without an end is the usual reason; try the query "
               "with the sqlite3 program, add an index, or export its result to CSV",
               file_.string(), Patience::k_longest_query.count())};
      case GivenUp::no: break;
    }
    if (has_changed()) return changed();
    auto error = input::explain(file_, failure, sql_);
    if (condition_.lacks_log && std::string_view{failure.what()}.starts_with("no such table: "))
      error.what += tr("; there is no {}-wal beside it: was it left behind when the file was copied?",
                       real_path(file_).filename().string());
    return error;
  }

  // A number has no leading zeros, and loses digits after the 15th or 19th.
  std::string fault_of_values() const {
    for (std::size_t i = 0; i < k_column_names.size(); ++i) {
      if (!rows_.indices()[i]) continue;
      const int column = static_cast<int>(*rows_.indices()[i]);
      const int type = query_->type(column);
      const auto name = k_column_names[i];
      if (type == SQLITE_TEXT && query_->text(column).find('\0') != std::string_view::npos)
        return fmt::format("{}: a zero byte inside, at which many programs end the text", name);
      if (type == SQLITE_TEXT || type == SQLITE_NULL) continue;
      const auto why = type == SQLITE_BLOB ? "" : ", so leading zeros or digits may be lost";
      return fmt::format("{}: stored as {}, not as TEXT{}", name, name_of(type), why);
    }
    return {};
  }

  // The row as a line of CSV.
  std::string_view line() {
    line_.clear();
    for (int i = 0; i < query_->columns(); ++i) {
      if (i > 0) line_ += ',';
      line_ += csv_field(query_->text(i).substr(0, k_longest_record_bytes));
    }
    return line_;
  }

  fs::path file_;
  std::string sql_;
  Patience patience_;
  Condition condition_;
  Connection connection_;
  std::optional<Statement> query_;  // ends before its connection
  RowMaker rows_;
  std::vector<std::string_view> fields_;
  std::string header_, line_, raw_;
  std::int64_t row_ = 0;
  bool is_done_ = false;
  Patience::Clock::time_point step_began_{};
  Patience::Clock::duration spent_{};  // in the steps before
  GivenUp given_up_ = GivenUp::no;
};

}  // namespace

Result<std::unique_ptr<Source>> open_sqlite(const Settings& settings, const Patience& patience) try {
  if (const auto safe = check_companions(settings.input.sqlite); !safe) return safe.error();
  auto source = std::make_unique<SqliteSource>(settings, patience);
  if (const auto started = source->start(settings); !started) return started.error();
  return std::unique_ptr<Source>{std::move(source)};
} catch (const Failure& failure) {
  return explain(settings.input.sqlite, failure, settings.input.query);
}

Result<std::vector<Table>> read_tables(const fs::path& database) try {
  if (const auto safe = check_companions(database); !safe) return safe.error();
  const Connection connection{
      database, look_at(database).is_alone ? sqlite::Mode::read_only_alone : sqlite::Mode::read_only};
  harden(connection);
  std::vector<Table> tables;
  Statement names{connection,
                  "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE "
                  "'sqlite_%' ORDER BY name"};
  while (names.step()) tables.push_back({std::string{names.text(0)}, {}});
  Statement columns{connection, "SELECT name FROM pragma_table_info(?1)"};
  for (auto& table : tables)
    for (columns.bind(table.name); columns.step();) table.columns.emplace_back(columns.text(0));
  return tables;
} catch (const Failure& failure) {
  return explain(database, failure, "");
}

}  // namespace cardvoid::input
