#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <cardvoid/base/sha256.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/wechatpay/keys.hpp>
#include <cstring>
#include <ctime>
#include <optional>

namespace cardvoid::wechatpay {

namespace {

constexpr int k_least_bits = 2048;

Error unusable(std::string what) { return {Errc::bad_credentials, std::move(what)}; }

// One "-----BEGIN label-----" … "-----END label-----" of a PEM file; without an END, the rest of the file.
struct Block {
  std::string_view label, text;
};

std::string printable(std::string_view label) { return escape_for_terminal(label.substr(0, 40)); }

std::optional<Block> next_block(std::string_view& pem) {
  constexpr std::string_view k_begin = "-----BEGIN ", k_dashes = "-----";
  const auto begin = pem.find(k_begin);
  if (begin == std::string_view::npos) return std::nullopt;
  pem.remove_prefix(begin);
  const auto label_end = pem.find(k_dashes, k_begin.size());
  if (label_end == std::string_view::npos) return std::nullopt;
  const auto label = pem.substr(k_begin.size(), label_end - k_begin.size());
  const auto end_line = fmt::format("-----END {}-----", label);
  const auto end = pem.find(end_line, label_end);
  const Block block{label, end == std::string_view::npos ? pem : pem.substr(0, end + end_line.size())};
  pem.remove_prefix(block.text.size());
  return block;
}

// The first block with a label ending in `label`: a file may hold a certificate beside its key.
std::optional<Block> find_block(std::string_view pem, std::string_view label) {
  while (const auto block = next_block(pem))
    if (block->label.ends_with(label)) return block;
  return std::nullopt;
}

// Why `find_block` found nothing, with a hint at the right file.
Error not_there(std::string_view pem, std::string_view expected) {
  if (pem.empty()) return unusable(tr("the file is empty"));
  auto rest = pem;
  if (const auto other = next_block(rest)) {
    const auto& label = other->label;
    const auto what = label.ends_with("PRIVATE KEY")   ? tr("a private key")
                      : label.ends_with("PUBLIC KEY")  ? tr("a public key")
                      : label.ends_with("CERTIFICATE") ? tr("a certificate")
                                                       : fmt::format("\"{}\"", printable(label));
    return unusable(tr("it holds {} where {} is expected", what, expected));
  }
  if (pem.front() == 0x30)  // the start of every DER structure, PKCS#12 included
    return unusable(tr("not PEM but binary (DER or PKCS#12); {} in PEM form is expected", expected));
  return unusable(tr("not PEM: no \"-----BEGIN …-----\" line; {} is expected", expected));
}

// Empties this thread's error queue.
struct Failure {
  std::string words;
  std::string missing;  // the algorithm that no active provider has; empty: that is not why
};

Failure drain() {
  Failure failure;
  std::string before;
  const char* data = nullptr;
  int flags = 0;
  while (const auto code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
    const auto* const library = ERR_lib_error_string(code);
    const auto* const reason = ERR_reason_error_string(code);
    auto line = fmt::format("{}: {}", library ? library : "OpenSSL", reason ? reason : std::to_string(code));
    // "Global default library context, Algorithm (DES-CBC : 10), Properties ()"
    constexpr std::string_view k_algorithm = "Algorithm (";
    const std::string_view detail = data && (flags & ERR_TXT_STRING) ? data : "";
    if (const auto at = detail.find(k_algorithm);
        at != std::string_view::npos && ERR_GET_LIB(code) == ERR_LIB_EVP && failure.missing.empty()) {
      const auto name = detail.substr(at + k_algorithm.size());
      failure.missing = printable(name.substr(0, name.find_first_of(" :)")));
    }
    if (line == before) continue;  // decoders repeat a message for every format they tried
    failure.words += (failure.words.empty() ? "" : "; ") + line;
    before = std::move(line);
  }
  if (failure.words.empty()) failure.words = tr("OpenSSL gave no reason");
  return failure;
}

// An encrypted key that did not open. The default provider has none of the ciphers of old key files.
Error not_opened() {
  const auto failure = drain();
  if (failure.missing.empty())
    return unusable(
        tr("the passphrase does not open the private key (or the file is damaged): {}", failure.words));
  return unusable(
      tr("the private key is encrypted with {}, an old algorithm that OpenSSL 3 has only in its legacy "
         "provider; nothing is wrong with the passphrase. Encrypt it again: openssl pkcs8 -topk8 -v2 "
         "aes-256-cbc -provider legacy -provider default -in OLD.pem -out NEW.pem",
         failure.missing));
}

Error garbled(std::string_view what) {
  return unusable(tr("{} cannot be read, the file is damaged or cut off: {}", what, drain_errors()));
}

Owned<BIO, BIO_free> reading(std::string_view text) {
  ERR_clear_error();  // so that only our own errors are reported
  return Owned<BIO, BIO_free>{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

// Replaces OpenSSL's own callback, which would ask on the terminal. May be called more than once.
int answer_passphrase(char* buffer, int size, int /*writing*/, void* argument) {
  const auto& secret = *static_cast<const std::string_view*>(argument);
  if (secret.empty() || secret.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(buffer, secret.data(), secret.size());
  return static_cast<int>(secret.size());
}

std::optional<Error> find_weakness(const EVP_PKEY* key) {
  if (!EVP_PKEY_is_a(key, "RSA")) {
    const auto* const type = EVP_PKEY_get0_type_name(key);
    return unusable(tr("not an RSA key but {}; WeChat Pay uses RSA",
                       type ? std::string{type} : tr("of an unknown kind")));
  }
  if (const auto bits = EVP_PKEY_get_bits(key); bits < k_least_bits)
    return unusable(tr("an RSA key of {} bits is too short; at least {} are needed", bits, k_least_bits));
  return std::nullopt;
}

std::optional<WallTime> read_time(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return std::nullopt;
  return WallTime{std::chrono::seconds{::timegm(&fields)}};
}

// Empty when it has none.
std::string common_name(const X509* certificate) {
  const auto* const name = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  unsigned char* text = nullptr;
  const int size =
      at < 0 ? -1 : ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return {};
  std::string found{reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
  OPENSSL_free(text);
  return found;
}

// A PEM file with one wrong character often still gives a key, but all its signatures are wrong.
bool is_consistent(EVP_PKEY* key) {
  const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context{EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr)};
  return context && EVP_PKEY_pairwise_check(context.get()) == 1;
}

}  // namespace

std::string drain_errors() { return drain().words; }

Result<PrivateKey> read_private_key(std::string_view pem, std::string_view passphrase) {
  if (const auto checked = check_openssl(); !checked) return checked.error();
  const auto block = find_block(pem, "PRIVATE KEY");
  if (!block) return not_there(pem, tr("the merchant's private key (apiclient_key.pem)"));
  const bool encrypted = block->label == "ENCRYPTED PRIVATE KEY" ||
                         block->text.find("Proc-Type: 4,ENCRYPTED") != std::string_view::npos;
  if (encrypted && passphrase.empty())
    return unusable(tr("the private key is encrypted; passphrase_file must name its passphrase"));

  const auto bio = reading(block->text);
  PrivateKey key{bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, answer_passphrase, &passphrase) : nullptr};
  if (!key && encrypted) return not_opened();
  if (!key) return garbled(tr("the private key"));
  if (auto weakness = find_weakness(key.get())) return *std::move(weakness);
  if (!is_consistent(key.get()))
    return unusable(tr("the private key is damaged, its numbers do not belong together: {}", drain_errors()));
  ERR_clear_error();
  return key;
}

Result<PublicKey> read_public_key(std::string_view pem) {
  if (const auto checked = check_openssl(); !checked) return checked.error();
  const auto block = find_block(pem, "PUBLIC KEY");
  if (!block) return not_there(pem, tr("WeChat Pay's public key (pub_key.pem)"));
  if (block->label != "PUBLIC KEY")
    return unusable(
        tr("a \"BEGIN {}\" where \"BEGIN PUBLIC KEY\" is expected; convert it with "
           "openssl rsa -RSAPublicKey_in -pubout",
           printable(block->label)));
  const auto bio = reading(block->text);
  PublicKey key{bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr) : nullptr};
  if (!key) return garbled(tr("the public key"));
  if (auto weakness = find_weakness(key.get())) return *std::move(weakness);
  return key;
}

Result<Certificate> read_certificate(std::string_view pem) {
  if (const auto checked = check_openssl(); !checked) return checked.error();
  const auto block = find_block(pem, "CERTIFICATE");
  if (!block) return not_there(pem, tr("a certificate"));
  const auto bio = reading(block->text);
  const Owned<X509, X509_free> certificate{bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)
                                               : nullptr};
  if (!certificate) return garbled(tr("the certificate"));
  PublicKey key{X509_get_pubkey(certificate.get())};
  if (!key) return garbled(tr("the certificate's public key"));
  if (auto weakness = find_weakness(key.get())) return *std::move(weakness);

  const Owned<BIGNUM, BN_free> number{ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr)};
  char* const hex = number ? BN_bn2hex(number.get()) : nullptr;  // upper case, as in Wechatpay-Serial
  if (!hex) return garbled(tr("the certificate's serial number"));
  std::string serial{hex};
  OPENSSL_free(hex);
  const auto valid_from = read_time(X509_get0_notBefore(certificate.get()));
  const auto valid_until = read_time(X509_get0_notAfter(certificate.get()));
  if (!valid_from || !valid_until) return garbled(tr("the certificate's validity"));
  return Certificate{std::move(serial), common_name(certificate.get()), std::move(key), *valid_from,
                     *valid_until};
}

}  // namespace cardvoid::wechatpay
