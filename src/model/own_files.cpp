#include <cardvoid/base/file.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/model/own_files.hpp>
#include <initializer_list>

namespace cardvoid::model {

namespace fs = std::filesystem;
using enum OwnFile::Kind;

namespace {

class List {
 public:
  void add(std::string_view key, std::string_view what, const fs::path& path, OwnFile::Kind kind = whole) {
    if (!path.empty()) files_.push_back({key, what, path, real_path(path), kind});
  }
  void add_database(std::string_view key, std::string_view what, const fs::path& path,
                    std::initializer_list<const char*> suffixes) {
    if (path.empty()) return;
    add(key, what, path);
    const auto real = files_.back().real.string();
    for (const auto* suffix : suffixes) add(key, what, real + suffix, companion);
  }
  std::vector<OwnFile> take() { return std::move(files_); }

 private:
  std::vector<OwnFile> files_;
};

}  // namespace

bool OwnFile::is_at(const fs::path& real_file) const {
  std::error_code ignored;
  const auto is_same = [&](const fs::path& file) {
    return file == real || fs::equivalent(file, real, ignored);
  };
  return is_same(real_file) ||
         (kind == pem_folder && real_file.extension() == ".pem" && is_same(real_file.parent_path()));
}

std::vector<OwnFile> own_files(const Job& job) {
  List list;
  list.add("", translatable("job file"), job.file);
  list.add("merchant.private_key_file", translatable("private key"), job.merchant.private_key_file);
  list.add("merchant.passphrase_file", translatable("passphrase file"), job.merchant.passphrase_file);
  list.add("platform.public_key_file", translatable("platform key"), job.platform.public_key_file);
  list.add("platform.certificates_dir", translatable("folder of platform certificates"),
           job.platform.certificates_dir, pem_folder);
  list.add("endpoints.ca_file", translatable("ca_file"), job.endpoints.ca_file);
  if (job.input.csv != "-") list.add("input.csv", translatable("input"), job.input.csv);
  list.add_database("input.sqlite", translatable("input"), job.input.sqlite, {"-wal", "-shm", "-journal"});
  list.add("safety.acknowledge_file", translatable("proof of consent"), job.safety.acknowledge_file);
  list.add("safety.protect", translatable("list of protected cards"), job.safety.protect);
  list.add_database("results.database", translatable("results database"), job.results.database,
                    {"-wal", "-shm", "-journal", k_lock_suffix, k_socket_suffix});
  list.add("results.metrics_file", translatable("metrics file"), job.results.metrics_file);
  list.add("results.report_file", translatable("report"), job.results.report_file);
  list.add("results.on_finish", translatable("program of results.on_finish"), job.results.on_finish);
  return list.take();
}

std::optional<OwnFile> find_own_file(const Job& job, const fs::path& file) {
  const auto real_file = real_path(file);
  for (auto& own : own_files(job))
    if (own.is_at(real_file)) return std::move(own);
  return std::nullopt;
}

}  // namespace cardvoid::model
