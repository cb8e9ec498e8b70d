#include "keys.hpp"

#include <algorithm>
#include <array>
#include <cardvoid/base/ascii.hpp>
#include <cardvoid/base/local_time.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/model/card_rules.hpp>

#include "endpoint.hpp"
#include "proxy.hpp"

namespace cardvoid::job {

namespace {

using model::Job;
using enum KeyResult;

KeyResult stored_if(bool right) { return right ? stored : unexpected; }

bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

template <class Test>
bool consists_of(std::string_view text, std::size_t longest, Test test) {
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), test);
}

KeyResult store_identifier(std::string& into, const std::string& text) {
  into = text;
  return stored_if(model::fault_of_identifier(text).empty());
}

KeyResult store_number(std::string& into, const std::string& text) {
  into = text;
  return stored_if(consists_of(text, 32, is_digit));
}

// Not an ID that belongs in public_key_id.
KeyResult store_key_file(std::filesystem::path& into, const Typed& value) {
  into = value.path;
  return stored_if(!value.text.starts_with("PUB_KEY_ID_") || value.text.find('.') != std::string::npos);
}

KeyResult store_text(std::string& into, const std::string& text) {
  into = text;
  return stored_if(text.find_first_not_of(" \t\r\n") != std::string::npos);
}

KeyResult store_path(std::filesystem::path& into, const Typed& value) {
  into = value.path;
  return stored;
}

KeyResult store_duration(milliseconds& into, milliseconds value, milliseconds longest) {
  into = value;
  return stored_if(value > milliseconds{0} && value <= longest);
}

KeyResult store_count(int& into, std::int64_t value, int largest) {
  if (value < 1 || value > largest) return unexpected;
  into = static_cast<int>(value);
  return stored;
}

KeyResult store_endpoint(model::EndpointAddress& into, const std::string& text) {
  auto address = parse_endpoint(text);
  if (address) address->proxy = into.proxy, into = *address;  // endpoints.proxy may come first
  return stored_if(address.has_value());
}

KeyResult store_proxy(model::Job& job, const std::string& text) {
  const auto proxy = parse_proxy(text);
  job.endpoints.primary.proxy = job.endpoints.backup.proxy = proxy;
  return stored_if(proxy.has_value());
}

KeyResult store_name(std::string& into, const std::string& text) {
  const auto allowed = [](char c) { return is_digit(c) || is_letter(c) || c == '-' || c == '_' || c == '.'; };
  into = text;
  return stored_if(consists_of(text, 64, allowed) && (is_digit(text[0]) || is_letter(text[0])));
}

// As programs print it: "serial=1DDE55", "1d:de:55", "0x1dde55", "1D DE 55".
KeyResult store_serial(std::string& into, const std::string& text) {
  into.clear();
  for (const char c : text)
    if (c != ':' && c != ' ') into += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  for (const std::string_view prefix : {"SERIAL=", "0X"})
    if (into.starts_with(prefix)) into.erase(0, prefix.size());
  return stored_if(consists_of(into, 64, is_hex));
}

KeyResult store_reason(std::string& into, const std::string& text) {
  into = text;
  return stored_if(!text.empty() && model::fault_of_reason(text).empty());
}

KeyResult store_encoding(model::Encoding& into, const std::string& text) {
  using enum model::Encoding;
  into = text == "utf-8" ? utf8 : text == "gbk" ? gbk : text == "gb18030" ? gb18030 : automatic;
  return stored_if(text == "auto" || into != automatic);
}

KeyResult store_delimiter(char& into, const std::string& text) {
  into = text == "tab" ? '\t' : text == "," || text == ";" ? text[0] : '\0';
  return stored_if(text == "auto" || into != '\0');
}

// Takes "01:00" from the front of `text`. Returns minutes; -1: there is no time of day.
int take_time_of_day(std::string_view& text) {
  if (text.size() < 5 || text[2] != ':') return -1;
  for (const std::size_t at : {0u, 1u, 3u, 4u})
    if (!is_digit(text[at])) return -1;
  const int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
  if (hour > 24 || minute > 59 || (hour == 24 && minute > 0)) return -1;
  text.remove_prefix(5);
  return hour * 60 + minute;
}

KeyResult store_window(model::Safety& safety, std::string_view text) {
  model::DailyWindow window;
  window.opens = take_time_of_day(text);
  if (!text.starts_with('-')) return unexpected;
  text.remove_prefix(1);
  window.closes = take_time_of_day(text);
  if (window.opens < 0 || window.closes < 0 || !text.empty()) return unexpected;
  safety.window = window;
  constexpr int k_midnight = 24 * 60;
  return stored_if(window.opens < k_midnight && window.opens != window.closes);
}

constexpr std::string_view k_connect_range{
    translatable("a duration such as \"5s\", above 0 and at most \"10m\"")};
constexpr std::string_view k_pause_range{
    translatable("a duration such as \"30s\", above 0 and at most \"1h\"")};
constexpr std::string_view k_a_file{translatable("the path of a file")};
constexpr std::string_view k_an_endpoint{
    translatable("a URL such as \"https://api.mch.weixin.qq.com\": https, a host and perhaps a port")};
constexpr std::string_view k_an_identifier{translatable("1 to 32 printable ASCII characters without spaces")};
constexpr std::string_view k_a_brand{translatable("the brand's ID, digits in quotes such as \"1004\"")};
constexpr std::string_view k_a_public_key{translatable(
    "the path of the WeChat Pay public key, such as \"keys/wxp_pub.pem\" (its ID, PUB_KEY_ID_…, belongs in "
    "public_key_id)")};
constexpr std::string_view k_a_private_key{
    translatable("the path of the merchant's API private key, such as \"keys/apiclient_key.pem\"")};
constexpr std::string_view k_a_column{translatable("the name of a column in the file")};
// WeChat Pay's own words, from the page of the API (docs/platform.md section 1).
constexpr std::string_view k_consent{translatable(
    "in words, who told the members beforehand and got their consent, and when: WeChat Pay demands both "
    "before "
    "cards are invalidated (商家调用作废接口前须与顾客事先告知并取得同意), punishes complaints, and cannot "
    "undo "
    "it; for example \"OPS-1234: members told by template message and agreed, 2026-11-01, Customer Care\"")};
const std::string k_a_rate{"a number from " + model::allowed_rates()};  // above k_keys: made first
constexpr milliseconds k_10_minutes{600'000}, k_1_hour{3'600'000};

// In the order of the job file.
const auto k_keys = std::to_array<Key>({
    {"name", Type::text, translatable("1 to 64 letters, digits or \"-_.\", the first a letter or digit (it names the results database)"),
     [](const Typed& v, Job& job) { return store_name(job.name, v.text); }, true},

    {"contacts", Type::text, translatable("who answers for the job and how to reach them, in words"),
     [](const Typed& v, Job& job) { return store_text(job.contacts, v.text); }},

    {"merchant.api", Type::text, translatable("\"partner\" or \"brand\""),
     [](const Typed& v, Job& job) {
       job.merchant.api = v.text == "brand" ? model::Api::brand : model::Api::partner;
       return stored_if(v.text == "partner" || v.text == "brand");
     }},
    {"merchant.mchid", Type::text, translatable("the service provider's merchant number, digits in quotes such as \"1900000001\""),
     [](const Typed& v, Job& job) { return store_number(job.merchant.mchid, v.text); }},
    {"merchant.brand_id", Type::text, k_a_brand,
     [](const Typed& v, Job& job) { return store_number(job.merchant.brand_id, v.text); }},
    {"merchant.serial_no", Type::text, translatable("the serial number of the signing certificate, up to 64 hexadecimal digits"),
     [](const Typed& v, Job& job) { return store_serial(job.merchant.serial_no, v.text); }, true},
    {"merchant.private_key_file", Type::path, k_a_private_key,
     [](const Typed& v, Job& job) { return store_key_file(job.merchant.private_key_file, v); }, true},
    {"merchant.passphrase_file", Type::path, k_a_file,
     [](const Typed& v, Job& job) { return store_path(job.merchant.passphrase_file, v); }},

    {"platform.public_key_id", Type::text, translatable("the key's ID, which starts with \"PUB_KEY_ID_\""),
     [](const Typed& v, Job& job) {
       job.platform.public_key_id = v.text;
       return stored_if(v.text.starts_with("PUB_KEY_ID_") && consists_of(v.text, 128, is_visible));
     }},
    {"platform.public_key_file", Type::path, k_a_public_key,
     [](const Typed& v, Job& job) { return store_key_file(job.platform.public_key_file, v); }},
    {"platform.certificates_dir", Type::path, translatable("the path of a folder"),
     [](const Typed& v, Job& job) { return store_path(job.platform.certificates_dir, v); }},

    {"endpoints.primary", Type::text, k_an_endpoint,
     [](const Typed& v, Job& job) { return store_endpoint(job.endpoints.primary, v.text); }},
    {"endpoints.backup", Type::text, k_an_endpoint,
     [](const Typed& v, Job& job) { return store_endpoint(job.endpoints.backup, v.text); }},
    {"endpoints.ca_file", Type::path, k_a_file,
     [](const Typed& v, Job& job) { return store_path(job.endpoints.ca_file, v); }},
    {"endpoints.proxy", Type::text, translatable("the URL of an HTTP proxy such as \"http://proxy.example:3128\""),
     [](const Typed& v, Job& job) { return store_proxy(job, v.text); }},

    {"input.csv", Type::path, translatable("the path of a file, or \"-\" for standard input"),
     [](const Typed& v, Job& job) {
       job.input.csv = v.text == "-" ? v.text : v.path.string();
       return stored;
     }},
    {"input.encoding", Type::text, translatable("\"auto\", \"utf-8\", \"gbk\" or \"gb18030\""),
     [](const Typed& v, Job& job) { return store_encoding(job.input.encoding, v.text); }},
    {"input.sqlite", Type::path, translatable("the path of an SQLite database"),
     [](const Typed& v, Job& job) { return store_path(job.input.sqlite, v); }},
    {"input.query", Type::text, translatable("one SELECT statement"),
     [](const Typed& v, Job& job) { return store_text(job.input.query, v.text); }},
    {"input.vanished", Type::text, translatable("\"hold\" or \"send\""),
     [](const Typed& v, Job& job) {
       if (v.text != "hold" && v.text != "send") return unexpected;
       job.input.vanished = v.text == "send" ? model::Vanished::send : model::Vanished::hold;
       return stored;
     }},
    {"input.delimiter", Type::text, translatable("\"auto\", \",\", \";\" or \"tab\""),
     [](const Typed& v, Job& job) { return store_delimiter(job.input.delimiter, v.text); }},
    {"input.unwrap", Type::truth, translatable("true or false"),
     [](const Typed& v, Job& job) {
       job.input.unwrap = v.truth;
       return stored;
     }},
    {"input.columns.code", Type::text, k_a_column,
     [](const Typed& v, Job& job) { return store_text(job.input.columns["code"], v.text); }},
    {"input.columns.card_id", Type::text, k_a_column,
     [](const Typed& v, Job& job) { return store_text(job.input.columns["card_id"], v.text); }},
    {"input.columns.openid", Type::text, k_a_column,
     [](const Typed& v, Job& job) { return store_text(job.input.columns["openid"], v.text); }},
    {"input.columns.reason", Type::text, k_a_column,
     [](const Typed& v, Job& job) { return store_text(job.input.columns["reason"], v.text); }},
    {"input.columns.brand_id", Type::text, k_a_column,
     [](const Typed& v, Job& job) { return store_text(job.input.columns["brand_id"], v.text); }},

    {"defaults.brand_id", Type::text, k_a_brand,
     [](const Typed& v, Job& job) { return store_number(job.defaults.brand_id, v.text); }},
    {"defaults.card_id", Type::text, k_an_identifier,
     [](const Typed& v, Job& job) { return store_identifier(job.defaults.card_id, v.text); }},
    {"defaults.reason", Type::text, translatable("1 to 32 characters without line breaks or emoji and not only spaces"),
     [](const Typed& v, Job& job) { return store_reason(job.defaults.reason, v.text); }},

    {"limits.requests_per_second", Type::number, k_a_rate,
     [](const Typed& v, Job& job) {
       job.limits.requests_per_second = v.number;
       return stored_if(model::is_allowed_rate(v.number));
     }},
    {"limits.per", Type::text, translatable("\"merchant\" or \"brand\""),
     [](const Typed& v, Job& job) {
       job.limits.per = v.text == "brand" ? model::QuotaPer::brand : model::QuotaPer::merchant;
       return stored_if(v.text == "merchant" || v.text == "brand");
     }},
    {"limits.max_in_flight", Type::whole_number, translatable("a whole number from 1 to 1024"),
     [](const Typed& v, Job& job) { return store_count(job.limits.max_in_flight, v.whole_number, 1'024); }},
    {"limits.connect_timeout", Type::duration, k_connect_range,
     [](const Typed& v, Job& job) { return store_duration(job.limits.connect_timeout, v.duration, k_10_minutes); }},
    {"limits.request_timeout", Type::duration, k_connect_range,
     [](const Typed& v, Job& job) { return store_duration(job.limits.request_timeout, v.duration, k_10_minutes); }},
    {"limits.max_attempts", Type::whole_number, translatable("a whole number from 1 to 100"),
     [](const Typed& v, Job& job) { return store_count(job.limits.max_attempts, v.whole_number, 100); }},
    {"limits.backoff_base", Type::duration, k_pause_range,
     [](const Typed& v, Job& job) { return store_duration(job.limits.backoff_base, v.duration, k_1_hour); }},
    {"limits.backoff_cap", Type::duration, k_pause_range,
     [](const Typed& v, Job& job) { return store_duration(job.limits.backoff_cap, v.duration, k_1_hour); }},
    {"limits.failover_after", Type::whole_number, translatable("a whole number from 1 to 100"),
     [](const Typed& v, Job& job) { return store_count(job.limits.failover_after, v.whole_number, 100); }},
    {"limits.failover_cooldown", Type::duration, k_pause_range,
     [](const Typed& v, Job& job) { return store_duration(job.limits.failover_cooldown, v.duration, k_1_hour); }},

    {"safety.acknowledge", Type::text, k_consent,
     [](const Typed& v, Job& job) { return store_text(job.safety.acknowledge, v.text); }, true},
    {"safety.acknowledge_file", Type::path, k_a_file,
     [](const Typed& v, Job& job) { return store_path(job.safety.acknowledge_file, v); }},
    {"safety.match_openid", Type::truth, translatable("true or false"),
     [](const Typed& v, Job& job) { return job.safety.match_openid = v.truth, stored; }},
    {"safety.max_rows", Type::whole_number, translatable("a whole number of at least 1"),
     [](const Typed& v, Job& job) {
       job.safety.max_rows = v.whole_number;
       return stored_if(v.whole_number >= 1);
     }},
    {"safety.canary", Type::whole_number, translatable("a whole number from 0 (off) to 1000000"),
     [](const Typed& v, Job& job) {
       if (v.whole_number < 0 || v.whole_number > 1'000'000) return unexpected;
       job.safety.canary = static_cast<int>(v.whole_number);
       return stored;
     }},
    {"safety.expect_already", Type::truth, translatable("true or false"),
     [](const Typed& v, Job& job) {
       job.safety.expect_already = v.truth;
       return stored;
     }},
    {"safety.max_failure_rate", Type::number, translatable("a number above 0 and at most 1.0 (off)"),
     [](const Typed& v, Job& job) {
       job.safety.max_failure_rate = v.number;
       return stored_if(v.number > 0 && v.number <= 1);
     }},
    {"safety.protect", Type::path, k_a_file,
     [](const Typed& v, Job& job) { return store_path(job.safety.protect, v); }},
    {"safety.window", Type::text,
     translatable("two different times of day such as \"01:00-06:00\" or, over midnight, \"22:00-05:00\""),
     [](const Typed& v, Job& job) { return store_window(job.safety, v.text); }},
    {"safety.timezone", Type::text, translatable("the name of a time zone that this machine knows, such as \"Asia/Shanghai\""),
     [](const Typed& v, Job& job) {
       job.safety.timezone = v.text;
       return stored_if(is_time_zone(v.text));
     }},

    {"results.database", Type::path, k_a_file,
     [](const Typed& v, Job& job) { return store_path(job.results.database, v); }},
    {"results.store_response", Type::text, translatable("\"none\""),
     [](const Typed& v, Job&) { return v.text == "full" ? unsupported : stored_if(v.text == "none"); }, false,
     translatable("whole answers would put personal data into the results; leave it out or set \"none\"")},
    {"results.metrics_file", Type::path, translatable("the path of a file whose name ends in \".prom\": node_exporter reads no other"),
     [](const Typed& v, Job& job) {
       job.results.metrics_file = v.path;
       return stored_if(v.path.extension() == ".prom");
     }},
    {"results.report_file", Type::path, k_a_file,
     [](const Typed& v, Job& job) { return store_path(job.results.report_file, v); }},
    {"results.on_finish", Type::path, translatable("the path of a program, without arguments"),
     [](const Typed& v, Job& job) { return store_path(job.results.on_finish, v); }},
});

}  // namespace

std::span<const Key> keys() { return k_keys; }

const Key* find_key(std::string_view path) {
  const auto found =
      std::find_if(k_keys.begin(), k_keys.end(), [&](const Key& key) { return key.path == path; });
  return found == k_keys.end() ? nullptr : &*found;
}

std::string words_for_expected(const Key& key) {
  if (key.expected == k_a_rate) return tr("a number from {}", model::allowed_rates());
  return tr(key.expected.data());
}

std::string_view table_of(std::string_view path) {
  const auto dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : path.substr(0, dot);
}

bool is_table(std::string_view path) {
  return std::any_of(k_keys.begin(), k_keys.end(), [&](const Key& key) {
    return key.path.size() > path.size() && key.path.starts_with(path) && key.path[path.size()] == '.';
  });
}

}  // namespace cardvoid::job
