#pragma once
// What other users of this machine decide about a name: which file it leads to. Whose file that is, and who
// can write it, says why_others_change().

#include <sys/stat.h>
#include <sys/types.h>

#include <cardvoid/base/error.hpp>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace cardvoid {

// This user, or root.
bool is_ours(uid_t owner);

// How the kernel gets from a name to its file.
struct Way {
  std::filesystem::path name;                // as it was given
  std::filesystem::path file;                // without links; it need not exist
  std::vector<std::filesystem::path> links;  // every symbolic link on the way, also of a folder
  bool leads_nowhere = false;                // in a circle
};

// Ends before a descriptor of a process (/dev/fd/3, /proc/…): what that leads to has no name.
Way way_of(const std::filesystem::path& name);
bool leads_to_descriptor(const std::filesystem::path& file);

// The link of a user other than this one and root that it leads through: "is a symbolic link of guest".
// Empty: there is none.
std::string why_others_lead(const Way& way);

// Why another user can put another file there: a link of theirs on the way, or a folder, of a link or of the
// file, that they can change. In a folder with the sticky bit they can add names: there the file must have no
// other name, which could be a hard link to any file of ours. Empty: they cannot.
std::string why_others_replace(const std::filesystem::path& name);

// Why another user decides what is in this file: by why_others_change(), of the file's `facts`, or by
// why_others_replace(). Empty: none does.
std::string why_others_decide(const std::filesystem::path& name, const struct stat& facts);

// Reads a plain file that no other user decides about. They are asked of the file that was opened, so that
// none can take its place after the question. Errors carry `code`.
Result<std::string> read_guarded_file(const std::filesystem::path& path, std::size_t limit_bytes, Errc code);

}  // namespace cardvoid
