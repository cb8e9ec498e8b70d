#pragma once
// The files of a database before it is opened: read through SQLite's VFS, so that no lock of this process on
// them is lost, and never a pipe, which SQLite would wait for.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace cardvoid::sqlite {

// What every database begins with.
inline constexpr std::string_view k_signature{"SQLite format 3\0", 16};

// What the header of a database says (sqlite.org/fileformat2.html, section 1.3). Its log may say otherwise.
struct Header {
  bool has_signature = false;  // false: it is no database, and the other members say nothing
  bool has_wal_mode = false;
  std::uint32_t pages = 0, schema_cookie = 0, application_id = 0;
};
// Of a file's first bytes; those that are missing are zero.
Header header_in(std::string_view start);
// nullopt: the file is missing, empty, not plain or unreadable.
std::optional<Header> read_header(const std::filesystem::path& file);

bool is_database(const std::filesystem::path& file);
// True if SQLite reads it through a write-ahead log (-wal). False if it is not a database.
bool has_wal_mode(const std::filesystem::path& file);

// True if there is a file and it is not empty.
bool has_content(const std::filesystem::path& file);

// A file beside the database that SQLite opens too (-wal, -shm, -journal) and that is not plain: for the
// other end of a pipe it would wait without end.
std::optional<std::filesystem::path> strange_companion(const std::filesystem::path& database);

// True if a rollback journal waits to undo the very first transaction of a database of at most one page. Then
// nothing was ever committed to it.
bool is_stillborn(const std::filesystem::path& database);

}  // namespace cardvoid::sqlite
