#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cardvoid/base/file.hpp>
#include <cardvoid/base/other_users.hpp>
#include <cardvoid/base/sha256.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/input/code_list.hpp>
#include <cardvoid/input/columns.hpp>
#include <cardvoid/input/protect_list.hpp>
#include <cerrno>
#include <cstring>

#include "csv_source.hpp"
#include "record_reader.hpp"
#include "row_maker.hpp"
#include "sqlite_source.hpp"

namespace cardvoid::input {

namespace {

// `sentence` has places for the name and for what the system says.
Error cannot(const std::string& name, const char* sentence) {
  const auto why = system_words(errno);
  return {Errc::no_input, fmt::format(fmt::runtime(tr(sentence)), name, why)};
}

// std::function copies what it calls, and a descriptor has one owner.
using SharedFile = std::shared_ptr<FileDescriptor>;

// `interrupted` is asked before every block: a plain file is read without a call that a signal could end.
ReadBytes reader_of(SharedFile file, std::string name, std::function<bool()> interrupted) {
  return [file = std::move(file), name = std::move(name),
          interrupted = std::move(interrupted)](std::span<char> block) -> Result<std::size_t> {
    const auto stopped = [] {
      return Error{Errc::stopped, tr("interrupted while reading the input; nothing was sent")};
    };
    if (interrupted && interrupted()) return stopped();
    const auto got = ::read(file->get(), block.data(), block.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    // Only a signal that asks to stop interrupts a read. Reading on would ignore it.
    if (errno == EINTR) return stopped();
    return cannot(name, translatable("{}: cannot read it: {}"));
  };
}

// What a list turns out to be while it is read.
struct Reading {
  model::ListFile file;
  Sha256 hash = {};
};

// The same bytes; at their end the digest is in the reading.
ReadBytes noting(ReadBytes read, std::shared_ptr<Reading> reading) {
  return [read = std::move(read), reading = std::move(reading)](std::span<char> block) {
    auto got = read(block);
    if (got && *got > 0) reading->hash.add({block.data(), *got});
    if (got && *got == 0 && reading->file.sha256.empty()) reading->file.sha256 = reading->hash.finish_hex();
    return got;
  };
}

std::string name_of(const std::string& file) { return file == "-" ? tr("standard input") : file; }

bool is_plain_file(const FileDescriptor& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode);
}

// A duplicate of standard input: closing it leaves the original open for later questions.
Result<FileDescriptor> open_bytes(const std::string& file, const std::string& name, Pipes pipes) {
  if (file != "-") return open_input(file, Errc::no_input, pipes);
  FileDescriptor copy{::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)};
  if (!copy) return cannot(name, translatable("{}: cannot open it: {}"));
  return copy;
}

// The file as UTF-8. A plain file may be read once before, to find its encoding.
Result<Decoded> open_text(const std::string& path, const std::string& name, model::Encoding encoding,
                          Pipes pipes, const std::function<bool()>& interrupted = {}) {
  auto opened = open_bytes(path, name, pipes);
  if (!opened) return opened.error();
  const auto file = std::make_shared<FileDescriptor>(std::move(*opened));
  const auto reading = std::make_shared<Reading>();
  reading->file.name = name;
  if (path != "-") reading->file.changed_at = changed_at(path);
  const auto decoded = [&](ReadBytes read, model::Encoding from) {
    auto text = decode(noting(std::move(read), reading), name, from);
    if (text) text->file = [reading] { return reading->file; };
    return text;
  };
  if (encoding != model::Encoding::automatic || path == "-" || !is_plain_file(*file))
    return decoded(reader_of(file, name, interrupted), encoding);

  const auto from_start = [&]() -> Result<ReadBytes> {
    if (::lseek(file->get(), 0, SEEK_SET) != 0)
      return cannot(name, translatable("{}: cannot go back to its start: {}"));
    return reader_of(file, name, interrupted);
  };
  const auto assumed = is_gb18030(from_start, name);
  if (!assumed) return assumed.error();
  auto read = from_start();
  if (!read) return read.error();
  auto text = decoded(std::move(*read), *assumed ? model::Encoding::gb18030 : encoding);
  if (text) text->is_assumed = *assumed;
  return text;
}

Result<std::unique_ptr<Source>> open_csv_file(const Settings& settings,
                                              const std::function<bool()>& interrupted) {
  auto name = name_of(settings.input.csv);
  auto text = open_text(settings.input.csv, name, settings.input.encoding, Pipes::meant, interrupted);
  if (!text) return text.error();
  return open_csv(std::move(*text), std::move(name), settings);
}

// SQLite's own messages for these cases, "unable to open database file" or an empty database, are
// misleading.
Result<void> check_database_file(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0)
    return cannot(file.string(), translatable("{}: cannot open it: {}"));
  if (S_ISDIR(status.st_mode))
    return Error{Errc::no_input, tr("{}: a folder, not an SQLite database", file.string())};
  if (!S_ISREG(status.st_mode))  // reading a pipe would never end
    return Error{Errc::no_input, tr("{}: not a plain file, so not an SQLite database", file.string())};
  if (status.st_size == 0)
    return Error{Errc::bad_input, tr("{}: empty, not an SQLite database", file.string())};
  constexpr off_t k_smallest_page = 512;  // for SQLite a shorter file is an empty database
  if (status.st_size < k_smallest_page)
    return Error{Errc::bad_input, tr("{}: too short for an SQLite database", file.string())};
  // Without opening it: closing it again would drop the process's locks on it.
  if (::faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) != 0)
    return cannot(file.string(), translatable("{}: cannot open it: {}"));
  return {};
}

}  // namespace

Result<std::unique_ptr<Source>> open(const model::Input& input, const model::Defaults& defaults,
                                     model::Api api, const std::string& brand_of_merchant,
                                     const Patience& patience) {
  const Settings settings{input, defaults, api, brand_of_merchant};
  // A file that cannot be opened is a mistake in the job: say which key names it.
  const auto of_key = [](const Error& error, const char* key) {
    return error.code == Errc::no_input ? with_context(error, key) : error;
  };
  if (!input.csv.empty()) {
    auto source = open_csv_file(settings, patience.interrupted);
    if (!source) return of_key(source.error(), "input.csv");
    return source;
  }
  if (const auto there = check_database_file(input.sqlite); !there)
    return of_key(there.error(), "input.sqlite");
  auto source = open_sqlite(settings, patience);
  if (!source) return of_key(source.error(), "input.sqlite");
  return source;
}

Result<std::unique_ptr<Source>> open_csv(ReadBytes read, std::string name, const model::Input& input,
                                         const model::Defaults& defaults, model::Api api,
                                         const std::string& brand_of_merchant) {
  const auto reading = std::make_shared<Reading>();
  reading->file.name = name;
  auto text = decode(noting(std::move(read), reading), name, input.encoding);
  if (!text) return text.error();
  text->file = [reading] { return reading->file; };
  return open_csv(std::move(*text), std::move(name), {input, defaults, api, brand_of_merchant});
}

Result<std::string> digest_of(const model::Input& input, const std::function<bool()>& interrupted) {
  if (input.csv.empty() || input.csv == "-") return std::string{};
  // A pipe is read once: it must not even be opened here.
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(input.csv, ignored)) return std::string{};
  auto opened = open_bytes(input.csv, input.csv, Pipes::refused);
  if (!opened) return with_context(opened.error(), "input.csv");
  const auto file = std::make_shared<FileDescriptor>(std::move(*opened));
  const auto read = reader_of(file, input.csv, interrupted);
  std::vector<char> block(std::size_t{1} << 20);
  Sha256 hash;
  for (;;) {
    const auto got = read(block);
    if (!got) return got.error();
    if (*got == 0) return hash.finish_hex();
    hash.add({block.data(), *got});
  }
}

Result<std::vector<std::string>> read_header(const std::string& csv) {
  auto text = open_text(csv, name_of(csv), model::Encoding::automatic, Pipes::refused);
  if (!text) return text.error();
  RecordReader records{LineReader{text->read, name_of(csv)}, 0};
  const auto found = records.next();
  if (!found) return found.error();
  if (!*found)
    return Error{Errc::bad_input,
                 tr("{}: empty; a header with the names of the columns is needed", name_of(csv))};
  std::vector<std::string> names;
  for (const auto& delimiter : k_delimiters)
    if (const auto* fields = records.fields_by(delimiter.mark); fields && fields->size() > names.size())
      names.assign(fields->begin(), fields->end());
  if (!guess_columns(names).contains("code"))
    if (const auto strange = check_names(names, name_of(csv) + ":1"); !strange) return strange.error();
  return names;
}

Result<CodeList> CodeList::open(const std::string& file, const std::string& code_column) {
  const auto name = name_of(file);
  auto text = open_text(file, name, model::Encoding::automatic, Pipes::meant);
  if (!text) return text.error();
  return read(std::move(text->read), name, code_column);
}

Result<ProtectList> ProtectList::open(const std::filesystem::path& file, const model::Input& input) {
  constexpr std::uintmax_t k_most_mebibytes = 256;  // some millions of lines
  if (const auto fault = why_others_lead(way_of(file)); !fault.empty())
    return Error{Errc::no_input,
                 tr("{}: {}, who decides whom it protects; name the file itself", file.string(), fault)};
  std::error_code ignored;
  if (std::filesystem::is_regular_file(file, ignored) &&
      std::filesystem::file_size(file, ignored) > k_most_mebibytes << 20)
    return Error{Errc::bad_input,
                 tr("{}: larger than {} MiB; is it the right file?", file.string(), k_most_mebibytes)};
  auto text = open_text(file.string(), file.string(), model::Encoding::automatic, Pipes::refused);
  if (!text) return text.error();
  return read(std::move(text->read), file.string(), input);
}

}  // namespace cardvoid::input
