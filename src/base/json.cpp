#include <fmt/format.h>

#include <boost/json.hpp>
#include <cardvoid/base/json.hpp>
#include <cardvoid/base/text.hpp>
#include <charconv>
#include <cmath>
#include <utility>

namespace cardvoid {

namespace {

using boost::json::kind;

// The shortest digits that read back as the same number. Without an exponent as far as people read such
// numbers, which is further than any rate or count here.
std::string plain_number(double number) {
  if (!std::isfinite(number)) return "null";
  const double size = std::abs(number);
  const auto format =
      size != 0 && (size < 1e-7 || size >= 1e21) ? std::chars_format::scientific : std::chars_format::fixed;
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, format).ptr;
  return {digits, end};
}

// An answer in JSON may stand on a terminal: what would steer it is written as \uNNNN, which says the same.
std::string for_terminals(std::string serialized) {
  std::string safe;
  std::size_t taken = 0;  // up to here it is in `safe`
  for (std::size_t at = 0; at < serialized.size();) {
    const auto from = at;
    const auto c = static_cast<std::uint32_t>(next_code_point(serialized, at));
    if (!is_unsafe_for_terminal(c)) continue;
    safe.append(serialized, taken, from - taken);
    taken = at;
    if (c < 0x1'0000)
      safe += fmt::format("\\u{:04x}", c);
    else  // as two halves (RFC 8259, section 7)
      safe += fmt::format("\\u{:04x}\\u{:04x}", 0xD7C0 + (c >> 10), 0xDC00 + (c & 0x3FF));
  }
  if (taken == 0) return serialized;
  return safe.append(serialized, taken);
}

// JSON is UTF-8, and what people call their files need not be: each byte that is not becomes U+FFFD.
std::string quoted(std::string_view text) {
  const auto serialized = [](std::string_view valid) {
    return for_terminals(boost::json::serialize(boost::json::string_view{valid.data(), valid.size()}));
  };
  auto at = find_invalid_utf8(text);
  if (!at) return serialized(text);
  std::string valid;
  for (; at; at = find_invalid_utf8(text)) {
    valid.append(text.substr(0, *at)).append("\xEF\xBF\xBD");
    text.remove_prefix(*at + 1);
  }
  return serialized(valid.append(text));
}

std::string quoted(boost::json::string_view text) {
  return quoted(std::string_view{text.data(), text.size()});
}

void append(std::string& text, const boost::json::value& value) {
  switch (value.kind()) {
    case kind::double_: text += plain_number(value.get_double()); return;
    case kind::array: {
      char before = '[';
      for (const auto& element : value.get_array()) {
        text += std::exchange(before, ',');
        append(text, element);
      }
      text += before == '[' ? "[]" : "]";
      return;
    }
    case kind::object: {
      char before = '{';
      for (const auto& member : value.get_object()) {
        text += std::exchange(before, ',');
        text += quoted(member.key());
        text += ':';
        append(text, member.value());
      }
      text += before == '{' ? "{}" : "}";
      return;
    }
    case kind::null:
    case kind::bool_:
    case kind::int64:
    case kind::uint64: text += boost::json::serialize(value); return;
    case kind::string: text += quoted(value.get_string().subview()); return;
  }
}

}  // namespace

std::string to_json(const boost::json::value& value) {
  std::string text;
  append(text, value);
  return text;
}

std::string to_json_line(const boost::json::object& object) { return to_json(object) + "\n"; }

void JsonStream::separate() {
  if (members_.back()++ > 0) write_(",");
}

void JsonStream::begin_object() {
  if (!members_.empty()) separate();
  members_.push_back(0);
  write_("{");
}

void JsonStream::member(std::string_view name, const boost::json::value& value) {
  separate();
  write_(quoted(name) + ":" + to_json(value));
}

void JsonStream::members(const boost::json::object& object) {
  for (const auto& each : object) member(each.key(), each.value());
}

void JsonStream::begin_array(std::string_view name) {
  separate();
  write_(quoted(name) + ":[");
  members_.push_back(0);
}

void JsonStream::element(const boost::json::value& value) {
  separate();
  write_(to_json(value));
}

void JsonStream::end_array() {
  members_.pop_back();
  write_("]");
}

void JsonStream::end_object() {
  members_.pop_back();
  write_(members_.empty() ? "}\n" : "}");
}

std::optional<boost::json::object> object_from_json(std::string_view text) {
  boost::system::error_code error;
  auto parsed = boost::json::parse(boost::json::string_view{text.data(), text.size()}, error);
  if (error || !parsed.is_object()) return std::nullopt;
  return std::move(parsed.get_object());
}

std::optional<std::string> text_in(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(boost::json::string_view{name.data(), name.size()});
  if (!value || !value->is_string()) return std::nullopt;
  return std::string{value->get_string()};
}

std::optional<double> number_in(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(boost::json::string_view{name.data(), name.size()});
  if (!value || !value->is_number()) return std::nullopt;
  const auto number = value->to_number<double>();
  if (!std::isfinite(number)) return std::nullopt;  // 1e999
  return number;
}

std::optional<std::int64_t> whole_number_in(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(boost::json::string_view{name.data(), name.size()});
  if (!value || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

std::vector<boost::json::object> objects_from_json(std::string_view text) {
  boost::system::error_code error;
  auto parsed = boost::json::parse(boost::json::string_view{text.data(), text.size()}, error);
  std::vector<boost::json::object> objects;
  if (error || !parsed.is_array()) return objects;
  for (auto& each : parsed.get_array())
    if (each.is_object()) objects.push_back(std::move(each.get_object()));
  return objects;
}

}  // namespace cardvoid
