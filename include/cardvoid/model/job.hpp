#pragma once
// The job file as plain values (schema/job.schema.json). Paths are already resolved against the job file's
// folder.

#include <cardvoid/base/time.hpp>
#include <cardvoid/model/shard.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace cardvoid::model {

enum class Api { partner, brand };
enum class QuotaPer { merchant, brand };
enum class Encoding { automatic, utf8, gbk, gb18030 };

struct Merchant {
  Api api = Api::partner;
  std::string mchid;     // partner API: the service provider's merchant number
  std::string brand_id;  // brand API: signs in place of mchid
  std::string serial_no;
  std::filesystem::path private_key_file;
  std::filesystem::path passphrase_file;  // empty: the key is not encrypted

  // The account whose key signs, and whose quota the requests count against (docs/platform.md section 3).
  const std::string& signer_id() const { return api == Api::brand ? brand_id : mchid; }
  std::string signer() const { return (api == Api::brand ? "brand " : "mchid ") + signer_id(); }
};

struct Platform {
  std::string public_key_id;  // public-key mode …
  std::filesystem::path public_key_file;
  std::filesystem::path certificates_dir;  // … or platform-certificate mode
};

// An HTTP proxy that tunnels TLS by CONNECT.
struct Proxy {
  std::string host;  // IPv6 in brackets
  std::uint16_t port = 80;
  std::string login;  // "user:password", never shown; empty: none
};

// Scheme is always https.
struct EndpointAddress {
  std::string host;
  std::uint16_t port = 443;
  std::optional<Proxy> proxy = {};  // nullopt: connect directly
  std::string text() const {
    return port == 443 ? host : host + ":" + std::to_string(port);
  }  // the Host header
};

struct Endpoints {
  EndpointAddress primary{"api.mch.weixin.qq.com"};
  EndpointAddress backup{"api2.mch.weixin.qq.com"};
  std::filesystem::path ca_file;  // added to the system's roots; empty: none
  // Why no connection can be made: the proxy that the environment names is none. Empty: nothing is wrong. A
  // command that makes no connection does not mind.
  std::string unusable_proxy;
};

// What becomes of a row that no request was made for when the newest list no longer has it.
enum class Vanished { hold, send };

struct Input {
  std::string csv;  // a path, or "-" for standard input; empty: SQLite
  Encoding encoding = Encoding::automatic;
  char delimiter = 0;  // 0: found from the header
  std::filesystem::path sqlite;
  std::string query;
  Vanished vanished = Vanished::hold;
  bool unwrap = false;                         // undo ="…", a leading ' or ` and trailing tabs
  bool accept_damage = false;                  // --accept-damage: take destroyed digits as they are
  std::map<std::string, std::string> columns;  // our name → the file's name
};

struct Defaults {  // for rows that leave them out
  std::string brand_id, card_id, reason;
};

// What limits.requests_per_second and `cardvoid rate` allow. schema/job.schema.json repeats it.
constexpr double k_least_rate = 0.001, k_greatest_rate = 10'000;  // requests/s
constexpr bool is_allowed_rate(double requests_per_second) {      // false for NaN
  return requests_per_second >= k_least_rate && requests_per_second <= k_greatest_rate;
}
// What the platform documents for this API's family (docs/platform.md section 1.1).
constexpr double k_documented_rate = 5;  // requests/s
std::string allowed_rates();             // "0.001 to 10000", for messages and help

struct Limits {
  double requests_per_second = k_documented_rate;
  QuotaPer per = QuotaPer::merchant;
  int max_in_flight = 32;
  milliseconds connect_timeout{5'000};
  milliseconds request_timeout{10'000};
  int max_attempts = 8;  // per row and run
  milliseconds backoff_base{500};
  milliseconds backoff_cap{60'000};
  int failover_after = 3;
  milliseconds failover_cooldown{30'000};
};

// Hours of every day, in minutes since local midnight: from `opens` up to, not including, `closes`. Spans
// midnight if `opens` is later than `closes`.
struct DailyWindow {
  int opens = 0;   // 0 … 1439
  int closes = 0;  // 0 … 1440, and not `opens`
};

struct Safety {
  std::string acknowledge;
  std::filesystem::path acknowledge_file;  // the proof of it; empty: none
  bool match_openid = true;                // an answer that names another openid is about another card
  std::optional<std::int64_t> max_rows;
  int canary = 5;                     // rows to send first, one by one; 0: off
  bool expect_already = false;        // many cards are INVALID before us: no reason to stop
  double max_failure_rate = 0.2;      // of the last settled rows, 0 … 1; 1: off
  std::filesystem::path protect;      // cards that must never be sent; empty: none
  std::optional<DailyWindow> window;  // when to send; nullopt: always
  std::string timezone;               // of the window, "Asia/Shanghai"; empty: TZ, else this machine's
};

struct Results {
  std::filesystem::path database;
  std::filesystem::path metrics_file;  // empty: none
  std::filesystem::path report_file;   // the page of `report`; empty: none
  std::filesystem::path on_finish;     // a program; empty: none
};

struct Job {
  std::string name;
  std::string contacts;        // who answers for the job, for people; empty: not said
  std::filesystem::path file;  // the job file itself
  Merchant merchant;
  Platform platform;
  Endpoints endpoints;
  Input input;
  Defaults defaults;
  Limits limits;
  Safety safety;
  Results results;
  // The part of the job that this command is about; nullopt: all of it. Then limits.requests_per_second is
  // the shard's part of the job's, and the files of `results` are the shard's own.
  std::optional<Shard> shard;

  // Its name for people: "gold", and of a shard "gold 2/4".
  std::string title() const { return shard ? name + " " + to_text(*shard) : name; }
  // All shards together: what the job file says.
  double requests_per_second_of_all_shards() const {
    return limits.requests_per_second * (shard ? shard->count : 1);
  }
};

}  // namespace cardvoid::model
