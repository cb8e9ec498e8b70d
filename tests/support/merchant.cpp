#include "support/merchant.hpp"

#include <boost/json.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/wechatpay/request.hpp>
#include <filesystem>
#include <stdexcept>

#include "credentials.hpp"
#include "parties.hpp"

namespace cardvoid::sandbox {

namespace {

constexpr std::string_view k_openid = "obLatjnx9gnqzS4myYGmLZ7LgLBA";

}  // namespace

std::string spare_key(const std::string& name) {
  const auto path = std::filesystem::path{CARDVOID_SPARE_KEYS} / (name + ".pem");
  if (!std::filesystem::exists(path)) {
    std::filesystem::create_directories(path.parent_path());
    // Two tests may both get here: the file is replaced in one step and either key will do.
    const auto written = write_private_file(path, private_pem(make_rsa_key().value().get()));
    if (!written) throw std::runtime_error{written.error().what};
  }
  return read_file(path, 1 << 16, Errc::no_input).value();
}

Incoming Letter::view() const {
  const auto header = [&](const char* name) -> std::string_view {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string_view{} : std::string_view{found->second};
  };
  return {method,
          target,
          body,
          header("User-Agent"),
          header("Accept"),
          header("Content-Type"),
          header("Authorization"),
          header("Wechatpay-Serial")};
}

std::string Letter::bytes() const {
  auto text = method + " " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  for (const auto& [name, value] : headers) text.append(name).append(": ").append(value).append("\r\n");
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

Merchant::Merchant(const EVP_PKEY* key, std::string serial) : serial_no{std::move(serial)}, signer_{key} {}

Letter Merchant::invalidate(const model::Card& card, model::Api api) {
  return write(card, model::AttemptKind::invalidate, api);
}

Letter Merchant::query(const model::Card& card, model::Api api) {
  return write(card, model::AttemptKind::read_back, api);
}

Letter Merchant::write(const model::Card& card, model::AttemptKind kind, model::Api api) {
  const auto text = wechatpay::build_request(api, kind, card);
  Letter letter{text.method, text.target, text.body, {}};
  letter.headers["User-Agent"] = "cardvoid-test/1";
  letter.headers["Accept"] = "application/json";
  letter.headers["Wechatpay-Serial"] = k_public_key_id;
  if (kind == model::AttemptKind::invalidate) letter.headers["Content-Type"] = "application/json";
  scheme = api == model::Api::partner ? k_partner_scheme : k_brand_scheme;
  id_name = api == model::Api::partner ? "mchid" : "brand_id";
  id = api == model::Api::partner ? k_mchid : k_brand_id;
  sign(letter);
  return letter;
}

void Merchant::sign(Letter& letter) {
  sign(letter, std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
}

void Merchant::sign(Letter& letter, std::int64_t timestamp_s, const std::string& nonce) {
  const auto timestamp = std::to_string(timestamp_s);
  const auto signature = signer_.sign(letter.method + "\n" + letter.target + "\n" + timestamp + "\n" + nonce +
                                      "\n" + letter.body + "\n");
  letter.headers["Authorization"] = scheme + " " + id_name + "=\"" + id + "\",nonce_str=\"" + nonce +
                                    "\",signature=\"" + signature + "\",timestamp=\"" + timestamp +
                                    "\",serial_no=\"" + serial_no + "\"";
}

Desk::Desk(const Settings& settings) : key{read_any_key(spare_key("merchant")).value()} {
  auto world = std::make_unique<World>();
  const auto long_ago = WallTime{std::chrono::seconds{1'700'000'000}};
  const auto know = [&](std::string_view code, CardState state) {
    World::Card known{k_brand_id, k_card_id, code, k_openid, {}};
    known.state = state;
    if (state == CardState::invalid) known.invalid_time = long_ago;
    world->add(known);
  };
  know("1", CardState::effective);
  know("2", CardState::invalid);
  know("3", CardState::expired);
  know("4", CardState::unactivated);
  for (int i = 100; i < 200; ++i) know(std::to_string(i), CardState::effective);
  know("a/b c%", CardState::effective);
  simulator = std::make_unique<Simulator>(settings, key, "SERIAL", std::move(world));
  merchant = std::make_unique<Merchant>(key.get(), "SERIAL");
}

model::Card Desk::card(std::string code) const {
  model::Card asked;
  asked.brand_id = k_brand_id;
  asked.card_id = k_card_id;
  asked.code = std::move(code);
  asked.openid = k_openid;
  asked.reason = "会员计划已结束";
  return asked;
}

Reaction Desk::send(const Letter& letter) { return simulator->react(letter.view(), now); }

Settings plain_settings() {
  Settings settings;
  settings.requests_per_second = 0;
  settings.latency_min = settings.latency_max = milliseconds{0};
  return settings;
}

std::string json_text(std::string_view body, std::string_view name) {
  boost::system::error_code error;
  const auto value = boost::json::parse({body.data(), body.size()}, error);
  if (error || !value.is_object()) return "<not json>";
  const auto* member = value.as_object().if_contains({name.data(), name.size()});
  if (!member || !member->is_string()) return "<absent>";
  return std::string{member->as_string()};
}

}  // namespace cardvoid::sandbox
