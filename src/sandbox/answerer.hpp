#pragma once
// Turns a reaction into the bytes of an HTTP/1.1 answer, signed if needed (docs/platform.md section 4). Safe
// to call from any thread.

#include <atomic>
#include <cardvoid/base/time.hpp>
#include <cardvoid/wechatpay/signer.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "simulator.hpp"

namespace cardvoid::sandbox {

class Answerer {
 public:
  Answerer(std::shared_ptr<EVP_PKEY> platform_key, milliseconds idle_limit);

  // `now` is the time of signing. The body is at the end of the bytes.
  std::string render(const Reaction& reaction, WallTime now, bool keep_alive);

 private:
  std::string sign(const std::string& message);
  std::string signature_headers(const Reaction& reaction, WallTime now);

  std::shared_ptr<EVP_PKEY> key_;
  std::string keep_alive_;
  std::atomic<std::uint64_t> answers_{0};
  std::mutex mutex_;
  std::vector<wechatpay::Signer> idle_signers_;  // as many as have signed at the same time
};

}  // namespace cardvoid::sandbox
