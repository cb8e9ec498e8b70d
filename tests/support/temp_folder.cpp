#include "support/temp_folder.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace cardvoid::support {

namespace fs = std::filesystem;

namespace {

fs::path make_folder() {
  auto name = (fs::temp_directory_path() / "cardvoid-test-XXXXXX").string();
  if (!::mkdtemp(name.data())) throw std::runtime_error{"cannot make a folder like " + name};
  return name;
}

}  // namespace

TempFolder::TempFolder() : path{make_folder()} {}

TempFolder::~TempFolder() {
  if (std::getenv("CARDVOID_KEEP_FOLDERS")) {
    std::fprintf(stderr, "kept: %s\n", path.c_str());
    return;
  }
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

fs::path TempFolder::write(const std::string& name, std::string_view content) const {
  std::ofstream file{path / name, std::ios::binary};
  file << content;
  if (!file.flush()) throw std::runtime_error{"cannot write " + (path / name).string()};
  return path / name;
}

}  // namespace cardvoid::support
