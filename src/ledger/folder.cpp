#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/other_users.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/folder.hpp>
#include <cardvoid/model/own_files.hpp>
#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <vector>

namespace cardvoid::ledger {

namespace fs = std::filesystem;

std::string_view network_file_system(long type) {
  // Magic numbers of statfs(2) and linux/magic.h.
  switch (static_cast<unsigned long>(type) & 0xFFFFFFFF) {
    case 0x6969: return "NFS";
    case 0xFF534D42:
    case 0xFE534D42:
    case 0x517B: return "SMB";
    case 0x00C36400: return "Ceph";
    case 0x5346414F: return "AFS";
    case 0x01021997: return "9P";
    case 0x0BD00BD0: return "Lustre";
    default: return {};
  }
}

fs::path nearest_folder(fs::path folder) {
  std::error_code ignored;
  while (!fs::exists(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

namespace {

// With all that is missing above it; each for its owner alone.
bool make_private(const fs::path& folder) {
  std::error_code ignored;
  if (fs::exists(folder, ignored)) return true;
  return (!folder.has_relative_path() || make_private(folder.parent_path())) &&
         ::mkdir(folder.c_str(), 0700) == 0;
}

// Which mount it is on (statx(2)); nullopt where there is no such file, or an old kernel. The device number
// would not do: an overlay gives a file another one than its folder.
std::optional<std::uint64_t> mount_of(const fs::path& file) {
  struct statx facts {};
  if (::statx(AT_FDCWD, file.c_str(), 0, STATX_MNT_ID, &facts) != 0 || (facts.stx_mask & STATX_MNT_ID) == 0)
    return std::nullopt;
  return facts.stx_mnt_id;
}

}  // namespace

Result<void> check_file_system(const fs::path& database) {
  const auto folder = nearest_folder(real_path(database).parent_path());
  struct statfs where {};
  if (::statfs(folder.c_str(), &where) == 0)
    if (const auto name = network_file_system(where.f_type); !name.empty())
      return Error{Errc::cannot_create,
                   tr("{}: is on a network file system ({}), where SQLite cannot keep its promises; name "
                      "a file on a local disk in results.database or with --results",
                      database.string(), name)};
  const auto of_file = mount_of(real_path(database)), of_folder = mount_of(folder);
  if (of_file && of_folder && *of_file != *of_folder)
    return Error{Errc::cannot_create,
                 tr("{}: is mounted here as a single file, so its write-ahead log would be made "
                    "outside of that mount and be lost with this container; mount its folder instead",
                    database.string())};
  return {};
}

Result<void> check_links(const fs::path& database) {
  struct stat facts {};
  const auto real = real_path(database);
  if (::stat(real.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_nlink <= 1) return {};
  return Error{Errc::cannot_create,
               tr("{}: has {} names (hard links), and its write-ahead log belongs to one of them only; "
                  "find the others with find DIR -samefile {} and remove them while nothing runs, or "
                  "make a copy of its own with sqlite3 {} \".backup copy.db\"",
                  database.string(), facts.st_nlink, real.string(), real.string())};
}

namespace {

constexpr std::array k_companions{"-wal", "-shm", "-journal"};

Error unsafe(const fs::path& database, const fs::path& file, const std::string& why) {
  return {Errc::cannot_create, tr("{}: {} {}; who can change it decides what is sent", database.string(),
                                  file == database ? "it" : file.string(), why)};
}

Error not_plain(const fs::path& file) {
  return {
      Errc::cannot_create,
      tr("{}: is not a plain file with one name; see who has put it there, and remove it", file.string())};
}

}  // namespace

Result<void> check_rights(const fs::path& database) {
  const auto real = real_path(database);
  struct stat facts {};
  std::vector<fs::path> files{real, real.string() + model::k_lock_suffix};
  for (const auto* suffix : k_companions) files.push_back(real.string() + suffix);
  for (const auto& file : files) {
    if (::lstat(file.c_str(), &facts) != 0) continue;
    if (file != real && (!S_ISREG(facts.st_mode) || facts.st_nlink > 1)) return not_plain(file);
    if (!S_ISREG(facts.st_mode)) continue;  // who opens it says so
    if (const auto fault = why_others_change(facts); !fault.empty())
      return unsafe(database, file == real ? database : file, fault);
  }
  if (const auto fault = why_others_replace(database); !fault.empty())
    return unsafe(database, database, fault);
  return {};
}

Result<void> check_companions(const fs::path& database) {
  const auto real = real_path(database);
  for (const auto* suffix : k_companions) {
    struct stat facts {};
    const auto file = real.string() + suffix;
    if (::lstat(file.c_str(), &facts) != 0) continue;
    if (!S_ISREG(facts.st_mode) || facts.st_nlink > 1) return not_plain(file);
  }
  return {};
}

void make_private_file(const fs::path& database) {
  const auto real = real_path(database);
  struct stat facts {};
  // A device keeps its mode: root would close /dev/null to everybody else. chmod() fails on a file system
  // without modes.
  if (::stat(real.c_str(), &facts) == 0 && S_ISREG(facts.st_mode)) (void)::chmod(real.c_str(), 0600);
}

std::int64_t log_bytes(const fs::path& database) {
  std::error_code none;
  const auto bytes = fs::file_size(real_path(database).string() + "-wal", none);
  return none ? 0 : static_cast<std::int64_t>(bytes);
}

bool is_read_only_place(const fs::path& database) {
  return ::access(real_path(database).parent_path().c_str(), W_OK | X_OK) != 0 &&
         (errno == EROFS || errno == EACCES);
}

Result<void> prepare_folder(const fs::path& database) {
  const auto folder = real_path(database).parent_path();
  if (!make_private(folder))
    return Error{Errc::cannot_create,
                 tr("{}: cannot create the folder: {}", folder.string(), system_words(errno))};
  return check_file_system(database);
}

}  // namespace cardvoid::ledger
