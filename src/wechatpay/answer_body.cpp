#include "answer_body.hpp"

#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <cardvoid/base/text.hpp>
#include <cstdint>
#include <limits>
#include <utility>

namespace cardvoid::wechatpay {

namespace {

namespace json = boost::json;

constexpr std::size_t k_deepest =
    4'000;                          // the parser recurses: below 512 bytes of stack a level, with ASan too
constexpr char k_no_text = '\xFF';  // in no UTF-8 text

// ---- before the parser ----

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// The number of a "\uXXXX" at `at`; 0 where there is none.
unsigned read_escape(std::string_view text, std::size_t at) {
  constexpr std::size_t k_size = 6;
  if (text.size() - at < k_size || text[at] != '\\' || text[at + 1] != 'u') return 0;
  unsigned number = 0;
  for (const char c : text.substr(at + 2, 4)) {
    if (!is_hex(c)) return 0;
    number = number * 16 + static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return number;
}

// What follows a backslash inside a string: returns where it ends. Half of a pair of surrogates becomes
// bytes that are no text.
std::size_t mend_escape(std::string& text, std::size_t at) {
  const auto is_between = [](unsigned n, unsigned first, unsigned last) { return n >= first && n <= last; };
  const auto number = read_escape(text, at);
  if (!is_between(number, 0xD800, 0xDFFF)) return at + 2;
  if (number < 0xDC00 && at + 6 < text.size() && is_between(read_escape(text, at + 6), 0xDC00, 0xDFFF))
    return at + 12;
  text.replace(at, 6, 6, k_no_text);
  return at + 6;
}

// `1e99999999999` is a number too; none is read.
std::size_t mend_exponent(std::string& text, std::size_t at) {
  if (++at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) text[at] = '0';
  return at;
}

// Boost.JSON can be told to accept strings with bytes that are not UTF-8, but in strings no raw control
// characters and no half surrogates, and no exponents beyond an int. (simdjson and nlohmann's parser accept
// none of these.) So the first two become such bytes here, and a field that has one is no text.
std::string mend(std::string_view bytes) {
  constexpr std::string_view k_byte_order_mark = "\xEF\xBB\xBF";
  if (bytes.starts_with(k_byte_order_mark)) bytes.remove_prefix(k_byte_order_mark.size());
  std::string text{bytes};
  bool is_inside = false;  // a string
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (is_inside && c == '\\') {
      at = mend_escape(text, at);
    } else if (!is_inside && (c == 'e' || c == 'E')) {
      at = mend_exponent(text, at);
    } else {
      if (is_inside && c < 0x20) text[at] = k_no_text;
      if (c == '"') is_inside = !is_inside;
      ++at;
    }
  }
  return text;
}

// ---- the members that are asked for ----

struct Member {
  std::string_view name;
  enum { absent, text, other } type = absent;
  std::string value = {};
  bool contradicts = false;  // it stands there twice with different values

  void take(decltype(type) new_type, std::string new_value) {
    if (type != absent) {
      contradicts = contradicts || type != new_type || value != new_value;
      return;
    }
    type = new_type;
    value = std::move(new_value);
  }
};

struct Members {
  Member code{"user_card_code"}, card_id{"card_id"}, openid{"openid"}, state{"user_card_state"},
      brand_id{"brand_id"}, invalid_time{"invalid_time"};
  Member error_code{"code"}, error_message{"message"};
  bool is_object = false;

  Member* find(std::string_view name) {
    for (auto* each :
         {&code, &card_id, &openid, &state, &brand_id, &invalid_time, &error_code, &error_message})
      if (each->name == name) return each;
    return nullptr;
  }
};

// What Boost.JSON's parser reports, in order. Its interface wants every function.
class Handler {
 public:
  using Text = json::string_view;
  using Code = json::error_code;
  static constexpr auto max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr auto max_array_size = max_object_size, max_key_size = max_object_size,
                        max_string_size = max_object_size;

  explicit Handler(Members& members) : members_{members} {}

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return open(true); }
  bool on_object_end(std::size_t, Code&) { return close(); }
  bool on_array_begin(Code&) { return open(false); }
  bool on_array_end(std::size_t, Code&) { return close(); }
  bool on_key_part(Text part, std::size_t, Code&) { return gather(part); }
  bool on_key(Text part, std::size_t, Code&) {
    gather(part);
    if (is_ours()) current_ = members_.find(gathered_);
    gathered_.clear();
    return true;
  }
  bool on_string_part(Text part, std::size_t, Code&) { return gather(part); }
  bool on_string(Text part, std::size_t, Code&) {
    gather(part);
    if (current_ && is_ours()) current_->take(Member::text, std::exchange(gathered_, {}));
    gathered_.clear();
    return true;
  }
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t, Text, Code&) { return note_other(); }
  bool on_uint64(std::uint64_t, Text, Code&) { return note_other(); }
  bool on_double(double, Text, Code&) { return note_other(); }
  bool on_bool(bool, Code&) { return note_other(); }
  bool on_null(Code&) { return note_other(); }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }

 private:
  bool is_ours() const { return depth_ == 1 && members_.is_object; }
  bool open(bool is_object) {
    if (depth_ == 0) members_.is_object = is_object;
    note_other();
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }
  bool gather(Text part) {
    if (is_ours()) gathered_.append(part.data(), part.size());
    return true;
  }
  bool note_other() {
    if (current_ && is_ours()) current_->take(Member::other, {});
    return true;
  }

  Members& members_;
  Member* current_ = nullptr;  // the member whose value comes next; null: not asked for
  std::string gathered_;
  std::size_t depth_ = 0;
};

bool parse(std::string_view bytes, Members& members) {
  const auto text = mend(bytes);
  json::parse_options options;
  options.max_depth = k_deepest;
  options.allow_invalid_utf8 = true;
  json::basic_parser<Handler> parser{options, members};
  json::error_code error;
  const auto used = parser.write_some(false, text.data(), text.size(), error);
  return !error && used == text.size();  // nothing but white space behind the value
}

bool is_text(const Member& member) {
  return member.type == Member::text && !find_invalid_utf8(member.value).has_value();
}

std::string find_flaw(const Members& members, Openid openid) {
  if (!members.is_object) return "it is not a JSON object";
  const auto flaw = [](const Member& member, bool is_needed) -> std::string {
    if (member.contradicts) return fmt::format("{} stands twice, with different values", member.name);
    if (!is_needed) return "";
    if (member.type == Member::absent) return fmt::format("{} is missing", member.name);
    if (!is_text(member)) return fmt::format("{} is not a text", member.name);
    return member.value.empty() ? fmt::format("{} is empty", member.name) : "";
  };
  for (const auto* needed : {&members.code, &members.card_id, &members.state})
    if (auto found = flaw(*needed, true); !found.empty()) return found;
  if (openid == Openid::needed)
    if (auto found = flaw(members.openid, true); !found.empty()) return found;
  for (const auto* extra : {&members.brand_id, &members.invalid_time})
    if (auto found = flaw(*extra, false); !found.empty()) return found;
  return "";
}

std::string text_if_any(Member& member) { return is_text(member) ? std::move(member.value) : std::string{}; }

}  // namespace

Body read_body(std::string_view bytes, Openid openid) {
  Body body;
  Members members;
  body.is_json = !bytes.empty() && parse(bytes, members);
  if (!body.is_json) {
    body.flaw = bytes.empty() ? "it is empty" : "it is not JSON";
    return body;
  }
  body.flaw = find_flaw(members, openid);
  if (body.flaw.empty())
    body.card = CardFields{std::move(members.code.value), std::move(members.card_id.value),
                           text_if_any(members.openid),   std::move(members.state.value),
                           text_if_any(members.brand_id), text_if_any(members.invalid_time)};
  const auto &code = members.error_code, &message = members.error_message;
  body.has_two_codes = code.contradicts;
  if (code.type == Member::text && !code.value.empty() && !code.contradicts)
    body.error = ErrorFields{code.value, message.value, message.contradicts};
  return body;
}

}  // namespace cardvoid::wechatpay
