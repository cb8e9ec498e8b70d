#pragma once
// A merchant who writes letters to the platform: requests that are right, until a test spoils them.

#include <cardvoid/base/time.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/model/outcome.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/wechatpay/signer.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "call.hpp"
#include "simulator.hpp"

namespace cardvoid::sandbox {

struct Letter {
  std::string method, target, body;
  std::map<std::string, std::string> headers;
  Incoming view() const;      // for the simulator
  std::string bytes() const;  // for the wire
};

class Merchant {
 public:
  Merchant(const EVP_PKEY* key, std::string serial_no);

  Letter invalidate(const model::Card& card, model::Api api = model::Api::partner);
  Letter query(const model::Card& card, model::Api api = model::Api::partner);

  // Writes the Authorization header again, for the present content.
  void sign(Letter& letter, std::int64_t timestamp_s, const std::string& nonce = wechatpay::make_nonce());
  void sign(Letter& letter);

  WallTime now = read_clocks().wall;
  std::string scheme{"WECHATPAY2-SHA256-RSA2048"}, id_name{"mchid"}, id{"1900000001"}, serial_no;

 private:
  Letter write(const model::Card& card, model::AttemptKind kind, model::Api api);
  wechatpay::Signer signer_;
};

// A simulator and its merchant, who share a fresh key. One card of each state is known, all of brand 1004 and
// the template `k_card_id`: "1" EFFECTIVE, "2" INVALID, "3" EXPIRED, "4" UNACTIVATED; more with add().
class Desk {
 public:
  explicit Desk(const Settings& settings = {});

  model::Card card(std::string code) const;
  Reaction send(const Letter& letter);  // at `now`, which a test moves
  Counters counters() const { return simulator->counters(); }

  Now now = read_clocks();
  std::shared_ptr<EVP_PKEY> key;
  std::unique_ptr<Simulator> simulator;
  std::unique_ptr<Merchant> merchant;
};

// Settings that answer at once and never throttle.
Settings plain_settings();

// An RSA key (PEM) kept in the build folder between tests: making one takes longer than most tests.
std::string spare_key(const std::string& name);

// A string member of the JSON object `body`; "<absent>" and "<not json>" where there is none.
std::string json_text(std::string_view body, std::string_view name);

}  // namespace cardvoid::sandbox
