#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <boost/endian/conversion.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/sqlite/database_file.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace cardvoid::sqlite {

namespace {

constexpr std::size_t k_header_bytes = 100;

// What does not exist is not in the way: another VFS may have it.
bool is_in_the_way(const std::filesystem::path& file) {
  std::error_code error;
  const auto there = std::filesystem::status(file, error);
  return std::filesystem::exists(there) && !std::filesystem::is_regular_file(there);
}

// A file open for reading through SQLite's VFS.
class VfsFile {
 public:
  VfsFile(const std::filesystem::path& name, int kind)
      : name_{name.string()},
        room_(static_cast<std::size_t>(vfs_->szOsFile) / sizeof(std::max_align_t) + 1),
        file_{reinterpret_cast<sqlite3_file*>(room_.data())} {
    if (is_in_the_way(name) || !has_content(name) ||
        vfs_->xOpen(vfs_, name_.c_str(), file_, SQLITE_OPEN_READONLY | kind, nullptr) != SQLITE_OK)
      file_ = nullptr;
  }
  VfsFile(const VfsFile&) = delete;
  VfsFile& operator=(const VfsFile&) = delete;
  ~VfsFile() {
    if (file_) file_->pMethods->xClose(file_);
  }
  explicit operator bool() const { return file_ != nullptr; }
  // Of a shorter file the rest is zero.
  bool read(std::span<char> start) const {
    const int code = file_->pMethods->xRead(file_, start.data(), static_cast<int>(start.size()), 0);
    return code == SQLITE_OK || code == SQLITE_IOERR_SHORT_READ;
  }
  sqlite3_int64 size() const {
    sqlite3_int64 size = 0;
    return file_ && file_->pMethods->xFileSize(file_, &size) == SQLITE_OK ? size : 0;
  }

 private:
  sqlite3_vfs* vfs_ = sqlite3_vfs_find(nullptr);
  std::string name_;  // the VFS keeps its address
  std::vector<std::max_align_t> room_;
  sqlite3_file* file_;
};

}  // namespace

Header header_in(std::string_view start) {
  Header header;
  if (!start.starts_with(k_signature)) return header;
  header.has_signature = true;
  std::array<unsigned char, k_header_bytes> bytes{};
  std::copy_n(start.begin(), std::min(start.size(), bytes.size()), bytes.begin());
  const auto number_at = [&](std::size_t at) { return boost::endian::load_big_u32(bytes.data() + at); };
  constexpr unsigned char k_wal = 2;  // the versions that write and read it
  header.has_wal_mode = bytes[18] == k_wal && bytes[19] == k_wal;
  header.pages = number_at(28);
  header.schema_cookie = number_at(40);
  header.application_id = number_at(68);
  return header;
}

std::optional<Header> read_header(const std::filesystem::path& file) {
  const VfsFile opened{file, SQLITE_OPEN_MAIN_DB};
  std::array<char, k_header_bytes> start{};
  if (!opened || !opened.read(start)) return std::nullopt;
  return header_in({start.data(), std::min(start.size(), static_cast<std::size_t>(opened.size()))});
}

bool is_database(const std::filesystem::path& file) {
  const auto header = read_header(file);
  return header && header->has_signature;
}

bool has_wal_mode(const std::filesystem::path& file) {
  const auto header = read_header(file);
  return header && header->has_wal_mode;
}

bool has_content(const std::filesystem::path& file) {
  auto* vfs = sqlite3_vfs_find(nullptr);
  int found = 0;
  return vfs->xAccess(vfs, file.c_str(), SQLITE_ACCESS_EXISTS, &found) == SQLITE_OK && found != 0;
}

std::optional<std::filesystem::path> strange_companion(const std::filesystem::path& database) {
  const auto real = real_path(database);
  for (const auto* suffix : {"-wal", "-shm", "-journal"}) {
    struct stat facts {};
    std::filesystem::path file{real.string() + suffix};
    if (::lstat(file.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode)) return file;
  }
  return std::nullopt;
}

bool is_stillborn(const std::filesystem::path& database) {
  // Header of a rollback journal: magic, then, at 16, the database's pages before
  // (sqlite.org/fileformat2.html, section 3).
  constexpr std::string_view k_magic{"\xD9\xD5\x05\xF9\x20\xA1\x63\xD7", 8}, k_no_pages{"\0\0\0\0", 4};
  constexpr std::size_t k_pages_at = 16;
  constexpr sqlite3_int64 k_one_page = 4096;
  const VfsFile journal{database.string() + "-journal", SQLITE_OPEN_MAIN_JOURNAL};
  std::array<char, k_pages_at + 4> header{};
  if (journal.size() < static_cast<sqlite3_int64>(header.size()) || !journal.read(header)) return false;
  const std::string_view start{header.data(), header.size()};
  return start.starts_with(k_magic) && start.substr(k_pages_at) == k_no_pages &&
         VfsFile{database, SQLITE_OPEN_MAIN_DB}.size() <= k_one_page;
}

}  // namespace cardvoid::sqlite
