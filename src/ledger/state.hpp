#pragma once
// What the parts of Ledger share: the connection and its prepared statements.

#include <cardvoid/ledger/ledger.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <set>
#include <tuple>

namespace cardvoid::ledger {

// An import under way. One bit for each row tells a card that comes twice in this input from one known
// before.
struct Importing {
  explicit Importing(sqlite::Connection& db);
  sqlite::Statement insert, find, drop, refuse;
  WallTime started_at{};
  std::vector<bool> seen;                                                    // by row id
  std::set<std::tuple<std::string, std::string, std::string>> contradicted;  // cards named with two openids
  ImportSummary summary;
  std::int64_t in_transaction = 0;
};

// The statements of a run, prepared once.
struct Journalling {
  explicit Journalling(sqlite::Connection& db);
  sqlite::Statement open_attempt, mark_in_flight, close_intent, insert_read_back, update_row, withdraw,
      set_status, save_counts;
  sqlite::Statement fetch_doubt, fetch_pending, fetch_doubt_of_brand, fetch_pending_of_brand;
};

struct Ledger::State {
  State(sqlite::Connection connection, std::filesystem::path path)
      : db{std::move(connection)}, file{std::move(path)} {}
  sqlite::Connection db;
  std::filesystem::path file;
  std::optional<Importing> importing;
  std::optional<Journalling> journalling;

  // Runs `work`, turning what SQLite throws into an Error that names the file and says what to do.
  template <class Work>
  auto guarded(Work work) -> Result<decltype(work())> {
    try {
      if constexpr (std::is_void_v<decltype(work())>) {
        work();
        return {};
      } else {
        return work();
      }
    } catch (const sqlite::Failure& failure) {
      return explain(failure, file);
    }
  }
  static Error explain(const sqlite::Failure& failure, const std::filesystem::path& file);
};

}  // namespace cardvoid::ledger
