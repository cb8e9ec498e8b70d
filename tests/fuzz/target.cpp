#include "fuzz/target.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cardvoid/base/file.hpp>
#include <vector>

namespace cardvoid::fuzz {

void write(const std::filesystem::path& file, std::string_view bytes) {
  const FileDescriptor out{::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  while (out && !bytes.empty()) {
    const auto put = ::write(out.get(), bytes.data(), bytes.size());
    if (put <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  if (!out || !bytes.empty()) throw std::runtime_error{"cannot write " + file.string()};
}

#ifndef CARDVOID_LIBFUZZER
void replay(const char* target, void (*run)(std::string_view)) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator{std::filesystem::path{CARDVOID_CORPUS} / target})
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  REQUIRE_FALSE(files.empty());
  for (const auto& file : files) {
    CAPTURE(file.string());
    const auto bytes = read_file(file, 1 << 20, Errc::no_input);
    REQUIRE(bytes.has_value());
    CHECK_NOTHROW(run(*bytes));
  }
}
#endif

}  // namespace cardvoid::fuzz
