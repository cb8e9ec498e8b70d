#pragma once
// Checks that an answer comes from WeChat Pay (docs/platform.md section 4).

#include <cardvoid/base/time.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/wechatpay/keys.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::wechatpay {

// The headers of an answer that matter; empty if absent. Names are matched case-insensitively.
struct AnswerHeaders {
  std::string timestamp;    // Wechatpay-Timestamp, seconds
  std::string nonce;        // Wechatpay-Nonce
  std::string signature;    // Wechatpay-Signature, base64
  std::string serial;       // Wechatpay-Serial
  std::string request_id;   // Request-ID
  std::string retry_after;  // Retry-After
  std::string date;         // Date
  std::string content_type;
  std::string content_encoding;  // Content-Encoding: never asked for
};

enum class Verdict {
  verified,
  no_signature,  // one of the four headers is missing
  unknown_key,   // the serial is of none of our keys: a wrong set-up, or key rotation
  stale,         // the timestamp is not a number or 300 s or more away from `now`, either way
  probe,         // starts with WECHATPAY/SIGNTEST/ and does not verify (it never does)
  bad_signature,
};
std::string_view to_text(Verdict verdict);

// One per thread (keeps an OpenSSL context). Not thread-safe.
class Verifier {
 public:
  // Serial or public-key id → key. Keys are shared, never changed.
  using Keys = std::map<std::string, std::shared_ptr<EVP_PKEY>, std::less<>>;
  explicit Verifier(Keys keys);  // throws std::runtime_error when one is not RSA
  Verifier(Verifier&&) noexcept;
  Verifier& operator=(Verifier&&) noexcept;
  ~Verifier();

  // Over the raw body, before any parsing. Checked in the order of Verdict's members from no_signature on; so
  // a probe with an unknown serial is unknown_key. Malformed base64 is bad_signature (or probe), never an
  // error.
  Verdict verify(const AnswerHeaders& headers, std::string_view raw_body, WallTime now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A certificate that a key came from.
struct CertificateFile {
  std::filesystem::path file;
  std::string serial;
  WallTime valid_from{}, valid_until{};
};

struct PlatformKeys {
  Verifier::Keys keys;
  // For the header Wechatpay-Serial of our requests, which chooses the key of the answers (docs/platform.md
  // section 4.2): the public key's id, or the serial of the certificate that became valid last.
  std::string request_serial;
  std::vector<CertificateFile> certificates = {};  // of certificates_dir, by name; for `check`
};

// The keys the job names: the public key under its id, every *.pem certificate of certificates_dir under its
// serial. Reads files. Errors: no_input (not there), bad_credentials (unreadable, or not such a key), bad_job
// (neither is named; the job file's check comes first).
Result<PlatformKeys> load_platform_keys(const model::Platform& platform);

// The certificate that WeChat Pay issued for the merchant's key, if it is there.
struct MerchantCertificate {
  std::filesystem::path file;
  Certificate certificate;
  bool is_named_after_key = false;  // so it is this key's and not another merchant's
};

// Looks beside the private key: in its own file, then for the key's name with "cert" in place of "key", then
// for apiclient_cert.pem. nullopt: none of these. Error (bad_credentials): it is there and cannot be read.
Result<std::optional<MerchantCertificate>> find_merchant_certificate(const model::Merchant& merchant);

// Who else can get at the private key and its passphrase: who reads them can invalidate every card of the
// merchant.
struct KeyRights {
  std::string modes;                 // of both files, in words; empty when none is a plain file
  std::vector<std::string> remarks;  // on files that others can read
};
// Error: bad_credentials (77) when others can change or replace one of them, the platform's keys or the
// ca_file: an answer is believed because of these.
Result<KeyRights> examine_rights(const model::Job& job);

// The job's private key. Reads files. Errors as above; a line end after the passphrase is not part of it.
Result<PrivateKey> load_merchant_key(const model::Merchant& merchant);

}  // namespace cardvoid::wechatpay
