#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include <algorithm>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/other_users.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <vector>

namespace cardvoid::wechatpay {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_limit_bytes = 65'536;  // a key file has 2 KB, a chain of certificates below 20

// Overwrites a secret at the end of its scope. The text must not be moved from.
struct Wiped {
  std::string& text;
  ~Wiped() { OPENSSL_cleanse(text.data(), text.size()); }
};

// A missing file is a mistake in the job (66), an unusable one is a bad credential (77).
Result<std::string> read_key_file(const fs::path& path) {
  std::error_code ignored;
  return read_guarded_file(path, k_limit_bytes,
                           fs::exists(path, ignored) ? Errc::bad_credentials : Errc::no_input);
}

std::shared_ptr<EVP_PKEY> share(PublicKey key) { return {key.release(), EVP_PKEY_free}; }

// Not the hidden ones, such as ._NAME.pem, in which macOS keeps what other file systems cannot hold. In a
// fixed order, so that the first fault reported does not depend on the file system.
Result<std::vector<fs::path>> list_pem_files(const fs::path& dir) {
  std::error_code error;
  std::vector<fs::path> files;
  const bool exists = fs::exists(dir, error);
  for (fs::directory_iterator at{dir, error}, end; !error && at != end; at.increment(error))
    if (at->path().extension() == ".pem" && !at->path().filename().string().starts_with('.'))
      files.push_back(at->path());
  if (error)
    return Error{exists ? Errc::bad_credentials : Errc::no_input,
                 tr("{}: cannot list it: {}", dir.string(), error.message())};
  if (files.empty()) return Error{Errc::bad_credentials, tr("{}: holds no *.pem file", dir.string())};
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<PlatformKeys> load_platform_keys(const model::Platform& platform) {
  PlatformKeys loaded;
  auto& keys = loaded.keys;
  if (!platform.public_key_file.empty()) {
    const auto failed = [&](const Error& error) { return with_context(error, "platform.public_key_file"); };
    auto pem = read_key_file(platform.public_key_file);
    if (!pem) return failed(pem.error());
    auto key = read_public_key(*pem);
    if (!key) return failed(with_context(key.error(), platform.public_key_file.string()));
    keys.emplace(platform.public_key_id, share(*std::move(key)));
    loaded.request_serial = platform.public_key_id;
  }
  if (!platform.certificates_dir.empty()) {
    const auto failed = [&](const Error& error) { return with_context(error, "platform.certificates_dir"); };
    WallTime latest = WallTime::min();
    auto files = list_pem_files(platform.certificates_dir);
    if (!files) return failed(files.error());
    for (const auto& file : *files) {
      auto pem = read_key_file(file);
      if (!pem) return failed(pem.error());
      auto certificate = read_certificate(*pem);
      if (!certificate) return failed(with_context(certificate.error(), file.string()));
      if (certificate->valid_from > latest)
        latest = certificate->valid_from, loaded.request_serial = certificate->serial;
      loaded.certificates.push_back(
          {file, certificate->serial, certificate->valid_from, certificate->valid_until});
      keys.emplace(certificate->serial, share(std::move(certificate->key)));
    }
  }
  if (keys.empty())
    return Error{Errc::bad_job, tr("[platform] names neither public_key_file nor certificates_dir")};
  return loaded;
}

Result<std::optional<MerchantCertificate>> find_merchant_certificate(const model::Merchant& merchant) {
  const auto& key_file = merchant.private_key_file;
  const auto folder = key_file.parent_path();
  auto named_alike = key_file.filename().string();
  if (const auto at = named_alike.rfind("key"); at != std::string::npos) named_alike.replace(at, 3, "cert");
  std::error_code ignored;
  for (const auto& file : {key_file, folder / named_alike, folder / "apiclient_cert.pem"}) {
    if (!fs::exists(file, ignored)) continue;
    auto pem = read_file(file, k_limit_bytes, Errc::bad_credentials);  // public, and no answer rests on it
    if (!pem) return pem.error();
    const Wiped wiped{*pem};
    if (file == key_file && pem->find("CERTIFICATE-----") == std::string::npos) continue;
    auto certificate = read_certificate(*pem);
    if (!certificate) return with_context(certificate.error(), file.string());
    return MerchantCertificate{file, std::move(*certificate),
                               file == key_file || file == folder / named_alike};
  }
  return std::optional<MerchantCertificate>{};
}

namespace {

// Whose keys the answers are believed by. What is missing is told when it is read.
Result<void> check_public_files(const model::Job& job) {
  std::vector<fs::path> files{job.platform.public_key_file, job.endpoints.ca_file};
  if (const auto& folder = job.platform.certificates_dir; !folder.empty()) {
    files.push_back(folder);
    if (const auto listed = list_pem_files(folder)) files.insert(files.end(), listed->begin(), listed->end());
  }
  for (const auto& file : files) {
    struct stat facts {};
    if (file.empty() || ::stat(file.c_str(), &facts) != 0) continue;
    if (const auto fault = why_others_decide(file, facts); !fault.empty())
      return Error{Errc::bad_credentials,
                   tr("{} {}; who can change it decides which answers are believed", file.string(), fault)};
  }
  return {};
}

}  // namespace

Result<KeyRights> examine_rights(const model::Job& job) {
  if (const auto ours = check_public_files(job); !ours) return ours.error();
  const auto& merchant = job.merchant;
  KeyRights rights;
  for (const auto& file : {merchant.private_key_file, merchant.passphrase_file}) {
    struct stat facts {};
    if (file.empty() || ::stat(file.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode)) continue;
    const auto words = tr("{} has mode {:04o}", file.string(), facts.st_mode & 07777U);
    if (const auto fault = why_others_decide(file, facts); !fault.empty())
      return Error{Errc::bad_credentials,
                   tr("{} {}; chmod 600 it, and think of a new key", file.string(), fault)};
    if ((facts.st_mode & S_IROTH) != 0)
      rights.remarks.push_back(
          tr("{}, open to every user of this machine: chmod 600 it, and think of a new key if there "
             "are others",
             words));
    else if ((facts.st_mode & S_IRGRP) != 0)
      rights.remarks.push_back(tr("{}, open to its group; 0600 keeps it to one user", words));
    rights.modes += (rights.modes.empty() ? "" : ", ") + words;
  }
  return rights;
}

Result<PrivateKey> load_merchant_key(const model::Merchant& merchant) {
  Result<std::string> passphrase = std::string{};
  if (!merchant.passphrase_file.empty()) passphrase = read_key_file(merchant.passphrase_file);
  if (!passphrase) return with_context(passphrase.error(), "merchant.passphrase_file");
  const Wiped passphrase_wiped{*passphrase};
  const std::string_view line_end = "\r\n";  // added by an editor, not part of the passphrase
  const auto used = std::string_view{*passphrase}.substr(0, passphrase->find_last_not_of(line_end) + 1);

  const auto failed = [&](const Error& error) { return with_context(error, "merchant.private_key_file"); };
  auto pem = read_key_file(merchant.private_key_file);
  if (!pem) return failed(pem.error());
  const Wiped pem_wiped{*pem};
  auto key = read_private_key(*pem, used);
  if (!key) return failed(with_context(key.error(), merchant.private_key_file.string()));
  return key;
}

}  // namespace cardvoid::wechatpay
