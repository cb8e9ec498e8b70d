#pragma once
// Whether a file was touched since it was last looked at, without reading it.

#include <filesystem>
#include <string>

namespace cardvoid {

// True on a file system that this machine's kernel keeps by itself, and whose times it makes: no network, no
// FUSE, no overlay.
bool is_on_own_file_system(const std::filesystem::path& file);

// What tells a plain file that was touched since from one that was not: device, inode, size, and both times
// to the nanosecond. The kernel sets the second one (ctime) at every change, and no program can set it.
// Empty: nothing would tell it, as the file is gone or not a plain one, was changed within the same tick of
// the kernel's clock, or is on a file system whose times another machine or a program makes or are whole
// seconds (small inodes of ext4). A page that a program has mapped and goes on writing to is not told.
std::string mark_of(const std::filesystem::path& file);

// The same, once the tick has passed in which the file was changed: at most some milliseconds.
std::string settled_mark_of(const std::filesystem::path& file);

}  // namespace cardvoid
