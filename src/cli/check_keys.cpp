#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/wechatpay/verifier.hpp>
#include <chrono>

#include "check.hpp"

namespace cardvoid::cli {

namespace {

using namespace std::chrono_literals;

constexpr auto k_soon = 30 * 24h;

std::string date(WallTime time) { return format_rfc3339(time).substr(0, 10); }

std::string days_until(WallTime end, WallTime now) {
  return tr_n(std::chrono::duration_cast<std::chrono::hours>(end - now).count() / 24, "{} day", "{} days");
}

bool are_same(const EVP_PKEY* one, const EVP_PKEY* other) { return EVP_PKEY_eq(one, other) == 1; }

// Leading zeros are a matter of taste.
std::string_view significant(std::string_view serial) {
  return serial.substr(std::min(serial.find_first_not_of('0'), serial.size()));
}

void look_at_rights(const model::Job& job, Findings& findings) {
  const std::string subject = "permissions";
  const auto rights = wechatpay::examine_rights(job);
  if (!rights) return findings.push_back(fault(subject, rights.error()));
  for (const auto& remark : rights->remarks) findings.push_back(warning(subject, remark));
  if (rights->remarks.empty())
    findings.push_back(rights->modes.empty() ? skipped(subject, tr("no key file to look at"))
                                             : fine(subject, rights->modes));
}

// `praise`: what else is right about it.
Finding look_at_validity(const std::string& subject, const std::string& what, const std::string& praise,
                         WallTime from, WallTime until, const std::string& advice) {
  const auto now = read_clocks().wall;
  if (until <= now)
    return fault(subject, {Errc::bad_credentials, tr("{} has expired on {}; {}", what, date(until), advice)});
  if (from > now)
    return fault(subject,
                 {Errc::bad_credentials,
                  tr("{} is valid only from {} on (is this machine's clock right?)", what, date(from))});
  if (until - now < k_soon)
    return warning(subject,
                   tr("{} expires on {}, in {}; {}", what, date(until), days_until(until, now), advice));
  return fine(subject, tr("{}{}, valid until {}", what, praise, date(until)));
}

// `key` is null when it cannot be read.
Finding look_at_certificate(const model::Merchant& merchant, const EVP_PKEY* key) {
  const std::string subject = "certificate";
  const auto looked = wechatpay::find_merchant_certificate(merchant);
  if (!looked) return warning(subject, looked.error().what);
  if (!*looked)
    return skipped(subject, tr("apiclient_cert.pem is not beside the private key: neither the key nor "
                               "serial_no is compared with it"));
  const auto& found = **looked;
  const auto& certificate = found.certificate;
  const auto file = found.file.string();
  const bool same_serial = significant(certificate.serial) == significant(merchant.serial_no);
  const bool same_key = !key || are_same(certificate.key.get(), key);
  if (!same_key && !same_serial && !found.is_named_after_key)
    return skipped(subject, tr("{} belongs to another key: nothing is compared with it", file));
  if (!same_key)
    return fault(subject, {Errc::bad_credentials,
                           tr("{} (serial {}) does not belong to the private key {}; WeChat Pay accepts only "
                              "the pair that was made together",
                              file, certificate.serial, merchant.private_key_file.string())});
  if (!same_serial)
    return fault(subject, {Errc::bad_credentials,
                           tr("merchant.serial_no is {}, yet {} has the serial {}: set serial_no = "
                              "\"{}\"",
                              merchant.serial_no, file, certificate.serial, certificate.serial)});
  auto finding =
      look_at_validity(subject, file, tr(" belongs to the private key and has serial_no"),
                       certificate.valid_from, certificate.valid_until,
                       tr("have a new one issued, and then change private_key_file and serial_no together"));
  const auto& number = certificate.subject;
  const bool is_number = !number.empty() && number.find_first_not_of("0123456789") == std::string::npos;
  if (finding.level == Finding::fine && merchant.api == model::Api::partner && is_number &&
      number != merchant.mchid)
    return warning(subject, tr("{} was issued for the merchant number {}, merchant.mchid is {}", file, number,
                               merchant.mchid));
  return finding;
}

// The newest certificate signs; older ones are kept for answers that still come from them.
std::optional<Finding> look_at_platform_certificates(const wechatpay::PlatformKeys& platform) {
  const auto& all = platform.certificates;
  const auto newest = std::find_if(all.begin(), all.end(), [&](const wechatpay::CertificateFile& each) {
    return each.serial == platform.request_serial;
  });
  if (newest == all.end()) return std::nullopt;
  return look_at_validity(
      "platform cert", tr("{} (the newest of {}, {})", newest->file.string(), all.size(), newest->serial), "",
      newest->valid_from, newest->valid_until, tr("put WeChat Pay's new one beside it"));
}

}  // namespace

std::optional<run::Credentials> look_at_keys(const model::Job& job, Findings& findings) {
  auto merchant = wechatpay::load_merchant_key(job.merchant);
  const bool is_encrypted = !job.merchant.passphrase_file.empty();
  findings.push_back(merchant ? fine("merchant key", is_encrypted ? tr("{}, opened with passphrase_file",
                                                                       job.merchant.private_key_file.string())
                                                                  : job.merchant.private_key_file.string())
                              : fault("merchant key", merchant.error()));
  look_at_rights(job, findings);
  findings.push_back(look_at_certificate(job.merchant, merchant ? merchant->get() : nullptr));

  auto platform = wechatpay::load_platform_keys(job.platform);
  if (!platform) {
    findings.push_back(fault("platform key", platform.error()));
    return std::nullopt;
  }
  bool is_ours = false;
  for (const auto& [serial, key] : platform->keys)
    is_ours = is_ours || (merchant && are_same(key.get(), merchant->get()));
  findings.push_back(
      is_ours
          ? fault("platform key",
                  {Errc::bad_credentials,
                   tr("it is the merchant's own key; WeChat Pay's public key (pub_key.pem) or its platform "
                      "certificates are expected")})
          : fine("platform key",
                 tr("{} loaded, {} is asked for", platform->keys.size(), platform->request_serial)));
  if (auto certificates = look_at_platform_certificates(*platform))
    findings.push_back(*std::move(certificates));
  if (!merchant) return std::nullopt;
  return run::Credentials{std::move(*merchant), std::move(*platform)};
}

}  // namespace cardvoid::cli
