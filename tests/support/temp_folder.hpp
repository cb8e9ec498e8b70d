#pragma once
// A folder for one test's files.

#include <filesystem>
#include <string>
#include <string_view>

namespace cardvoid::support {

// A new folder that only this user can open. It is deleted with all it holds at the end of this object's
// life. Where CARDVOID_KEEP_FOLDERS is set in the environment it stays, and standard error names it.
class TempFolder {
 public:
  TempFolder();  // throws std::runtime_error
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();

  // Overwrites a file of that name; returns its path.
  std::filesystem::path write(const std::string& name, std::string_view content) const;

  const std::filesystem::path path;
};

}  // namespace cardvoid::support
