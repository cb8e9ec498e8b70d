#pragma once
// Authenticates a request: the Authorization header, its time, its signature, its nonce (docs/platform.md
// section 3). Written independently of cardvoid::wechatpay, so that a mistake there is not repeated here.
// Pure.

#include <openssl/evp.h>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cardvoid/base/owned.hpp>
#include <cardvoid/base/time.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "call.hpp"

namespace cardvoid::sandbox {

struct Authorization {
  std::string_view scheme, signer_id, nonce, signature, timestamp, serial_no;
};

// `scheme mchid="…",nonce_str="…",signature="…",timestamp="…",serial_no="…"` in any order of attributes, each
// once; the brand scheme has brand_id in place of mchid. Views into `header`; nullopt for any other spelling.
std::optional<Authorization> parse_authorization(std::string_view header);

class Gate {
 public:
  // `merchant_key` is the public half of the merchant's key; both APIs sign with it. `brand_id`: who signs
  // for the brand API.
  Gate(std::shared_ptr<EVP_PKEY> merchant_key, std::string serial_no, std::string brand_id);

  struct Admission {
    std::optional<Refusal> refusal;  // none: the request is the merchant's
    bool replayed = false;           // refused only for its nonce
  };
  // Remembers the nonces of admitted requests.
  Admission admit(const Incoming& in, model::Api api, const Now& now);

 private:
  bool is_signed(std::string_view message, std::string_view signature_base64);
  bool is_fresh(std::string_view signer_id, std::string_view nonce, Instant now);

  std::shared_ptr<EVP_PKEY> key_;
  std::string serial_no_, brand_id_;
  Owned<EVP_MD_CTX, EVP_MD_CTX_free> context_;
  boost::unordered_flat_set<std::uint64_t> nonces_;              // as hashes: millions fit
  std::deque<std::pair<Instant, std::uint64_t>> nonces_by_age_;  // the same, oldest first
};

}  // namespace cardvoid::sandbox
