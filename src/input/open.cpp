#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cardvoid/base/file.hpp>
#include <cerrno>
#include <cstring>

#include "sqlite_source.hpp"

namespace cardvoid::input {

namespace {

Error cannot(const std::string& name, const char* doing) {
  return {Errc::no_input, fmt::format("{}: cannot {}: {}", name, doing, std::strerror(errno))};
}

// std::function wants to copy what it calls, and a descriptor has one owner.
ReadBytes reader_of(FileDescriptor file, std::string name) {
  return [file = std::make_shared<FileDescriptor>(std::move(file)),
          name = std::move(name)](std::span<char> block) -> Result<std::size_t> {
    const auto got = ::read(file->get(), block.data(), block.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    // Only a signal that asks to stop interrupts a read; waiting on would make its sender wait too.
    if (errno == EINTR) return Error{Errc::stopped, "interrupted while reading the input; nothing was sent"};
    return cannot(name, "read it");
  };
}

Result<std::unique_ptr<Source>> open_csv_file(const Settings& s) {
  const bool is_standard_input = s.input.csv == "-";
  const std::string name = is_standard_input ? "standard input" : s.input.csv;
  // A duplicate of its own, so that closing it leaves standard input to whoever asks on it later.
  FileDescriptor file{is_standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                        : ::open(s.input.csv.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return cannot(name, "open it");
  return open_csv(reader_of(std::move(file), name), name, s.input, s.defaults, s.api, s.brand_of_merchant);
}

// SQLite's own words for these, "unable to open database file" and an empty database, would send people the
// wrong way.
Result<void> check_database_file(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return cannot(file.string(), "open it");
  if (S_ISDIR(status.st_mode))
    return Error{Errc::no_input, file.string() + ": a folder, not an SQLite database"};
  if (status.st_size == 0) return Error{Errc::bad_input, file.string() + ": empty, not an SQLite database"};
  return {};
}

}  // namespace

Result<std::unique_ptr<Source>> open(const model::Input& input, const model::Defaults& defaults,
                                     model::Api api, const std::string& brand_of_merchant) {
  const Settings settings{input, defaults, api, brand_of_merchant};
  // A file that cannot be opened is the job's mistake: say which key names it.
  const auto of_key = [](const Error& error, const char* key) {
    return error.code == Errc::no_input ? with_context(error, key) : error;
  };
  if (!input.csv.empty()) {
    auto source = open_csv_file(settings);
    if (!source) return of_key(source.error(), "input.csv");
    return source;
  }
  if (const auto there = check_database_file(input.sqlite); !there)
    return of_key(there.error(), "input.sqlite");
  return open_sqlite(settings);
}

}  // namespace cardvoid::input
