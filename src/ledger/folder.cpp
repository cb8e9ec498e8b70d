#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cardvoid/ledger/folder.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>

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

}  // namespace

Result<void> check_file_system(const fs::path& database) {
  const auto folder = nearest_folder(real_path(database).parent_path());
  struct statfs where {};
  if (::statfs(folder.c_str(), &where) == 0)
    if (const auto name = network_file_system(where.f_type); !name.empty())
      return Error{
          Errc::cannot_create,
          fmt::format("{}: is on a network file system ({}), where SQLite cannot keep its promises; name "
                      "a file on a local disk in results.database or with --results",
                      database.string(), name)};
  return {};
}

Result<void> prepare_folder(const fs::path& database) {
  const auto folder = real_path(database).parent_path();
  if (!make_private(folder))
    return Error{Errc::cannot_create,
                 fmt::format("{}: cannot create the folder: {}", folder.string(), std::strerror(errno))};
  return check_file_system(database);
}

}  // namespace cardvoid::ledger
