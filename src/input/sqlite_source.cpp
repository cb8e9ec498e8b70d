#include "sqlite_source.hpp"

#include <fmt/format.h>

#include <cardvoid/base/csv.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/sqlite/connection.hpp>

#include "record_reader.hpp"

namespace cardvoid::input {

namespace {

using sqlite::Connection;
using sqlite::Failure;
using sqlite::Statement;

constexpr int k_lock_wait_ms = 10'000;

// What a query may do. Reading only would still allow PRAGMA and ATTACH.
int allow_reading(void*, int action, const char*, const char*, const char*, const char*) {
  const bool reads = action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION ||
                     action == SQLITE_RECURSIVE;
  return reads ? SQLITE_OK : SQLITE_DENY;
}

Error explain(const std::filesystem::path& file, const Failure& failure) {
  const auto message = escape_for_terminal(failure.what());
  switch (failure.primary_code()) {
    case SQLITE_AUTH:
      return {Errc::bad_input, fmt::format("{}: input.query: only one SELECT statement is allowed ({})",
                                           file.string(), message)};
    case SQLITE_NOTADB:
      return {Errc::bad_input, fmt::format("{}: not an SQLite database, or an encrypted one", file.string())};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_IOERR: return {Errc::no_input, fmt::format("{}: cannot read it: {}", file.string(), message)};
    default: return {Errc::bad_input, fmt::format("{}: input.query: {}", file.string(), message)};
  }
}

std::string_view name_of(int type) {
  return type == SQLITE_INTEGER ? "INTEGER" : type == SQLITE_FLOAT ? "REAL" : "BLOB";
}

class SqliteSource final : public Source {
 public:
  SqliteSource(const Settings& settings, Connection connection)
      : file_{settings.input.sqlite}, connection_{std::move(connection)} {
    sqlite3_busy_timeout(connection_.get(), k_lock_wait_ms);
    connection_.execute("BEGIN; SELECT 1 FROM sqlite_schema");  // the SELECT is what takes the snapshot
    sqlite3_set_authorizer(connection_.get(), allow_reading, nullptr);
    query_.emplace(connection_, settings.input.query);
  }

  Result<void> read_header(const Settings& settings) {
    const auto where = file_.string() + ": input.query";
    if (!query_->unread_sql().empty() || !query_->reads_only())
      return Error{Errc::bad_input, where + ": only one SELECT statement is allowed"};
    std::vector<std::string> names;
    names.reserve(static_cast<std::size_t>(query_->columns()));
    for (int i = 0; i < query_->columns(); ++i) names.push_back(query_->column_name(i));
    auto rows = RowMaker::create(names, settings, where);
    if (!rows) return rows.error();
    rows_ = std::move(*rows);
    for (const auto& name : names) header_ += (header_.empty() ? "" : ",") + csv_field(name);
    return {};
  }

  Result<std::optional<Record>> next() override try {
    if (is_done_ || !query_->step()) {
      is_done_ = true;
      if (const auto judged = rows_.judge_damage(); !judged)
        return with_context(judged.error(), file_.string() + ": input.query");
      return std::nullopt;
    }
    ++row_;
    if (const auto cause = fault_of_types(); !cause.empty()) return RowMaker::refuse(row_, cause, line());
    fields_.clear();
    for (int i = 0; i < query_->columns(); ++i) fields_.push_back(query_->text(i));
    return rows_.make(fields_, row_, [&] { return line(); });
  } catch (const Failure& failure) {
    is_done_ = true;
    return explain(file_, failure);
  }

  std::string raw() override { return RowMaker::as_text(line()); }
  std::string line_of(const model::Card& card) const override { return rows_.line_of(card, ','); }
  Dialect dialect() const override { return {header_, ',', false}; }

  std::string description() const override { return "SQLite, " + rows_.description(); }

 private:
  // A number has lost its leading zeros, and digits beyond the 15th or 19th.
  std::string fault_of_types() const {
    for (std::size_t i = 0; i < RowMaker::column_names().size(); ++i) {
      if (!rows_.indices()[i]) continue;
      const int type = query_->type(static_cast<int>(*rows_.indices()[i]));
      if (type == SQLITE_TEXT || type == SQLITE_NULL) continue;
      const auto why = type == SQLITE_BLOB ? "" : ", so leading zeros or digits may be lost";
      return fmt::format("{}: stored as {}, not as TEXT{}", RowMaker::column_names()[i], name_of(type), why);
    }
    return {};
  }

  // The row as a line of CSV.
  std::string_view line() {
    line_.clear();
    for (int i = 0; i < query_->columns(); ++i)
      line_ += (i > 0 ? "," : "") + csv_field(query_->text(i).substr(0, k_longest_record_bytes));
    return line_;
  }

  std::filesystem::path file_;
  Connection connection_;
  std::optional<Statement> query_;  // ends before its connection
  RowMaker rows_;
  std::vector<std::string_view> fields_;
  std::string header_, line_;
  std::int64_t row_ = 0;
  bool is_done_ = false;
};

}  // namespace

Result<std::unique_ptr<Source>> open_sqlite(const Settings& settings) try {
  auto source =
      std::make_unique<SqliteSource>(settings, Connection{settings.input.sqlite, sqlite::Mode::read_only});
  if (const auto ready = source->read_header(settings); !ready) return ready.error();
  return std::unique_ptr<Source>{std::move(source)};
} catch (const Failure& failure) {
  return explain(settings.input.sqlite, failure);
}

}  // namespace cardvoid::input
