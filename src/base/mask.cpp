#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cardvoid/base/ascii.hpp>
#include <cardvoid/base/mask.hpp>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <vector>

namespace cardvoid {

namespace {

constexpr std::size_t k_least_piece = 8;  // of an identifier that tells who it is
constexpr std::size_t k_least_word = 12;  // shorter ones are dates, error codes, versions

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  return lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
}

// A number of up to `most` digits at `at`; moves `at` past them.
std::uint32_t read_number(std::string_view text, std::size_t& at, unsigned base, std::size_t most) {
  std::uint32_t value = 0;
  for (; most > 0 && at < text.size(); ++at, --most) {
    const int digit = hex_value(text[at]);
    if (digit < 0 || static_cast<unsigned>(digit) >= base) break;
    value = value * base + static_cast<unsigned>(digit);
  }
  return value;
}

// One character as a URL, JSON, HTML or a shell may write it: %6f, %256f, \u006f, \x6f, &#111;, &#x6f;. Moves
// `at` past it.
char read_character(std::string_view text, std::size_t& at) {
  const auto rest = text.substr(at);
  const auto escaped = [&](std::size_t prefix, unsigned base, std::size_t most) -> char {
    auto end = at + prefix;
    const auto value = read_number(text, end, base, most);
    if (end == at + prefix || value > 0x7F) return text[at++];
    at = end;
    if (rest.starts_with('&') && at < text.size() && text[at] == ';') ++at;
    return static_cast<char>(value);
  };
  if (rest.starts_with('%')) {
    std::size_t prefix = 1;
    while (rest.substr(prefix).starts_with("25")) prefix += 2;  // encoded again and again
    const bool is_pair =
        rest.size() >= prefix + 2 && hex_value(rest[prefix]) >= 0 && hex_value(rest[prefix + 1]) >= 0;
    return is_pair ? escaped(prefix, 16, 2) : escaped(1, 16, 2);
  }
  if (rest.starts_with("\\u")) return escaped(2, 16, 4);
  if (rest.starts_with("\\x")) return escaped(2, 16, 2);
  if (rest.starts_with("&#x") || rest.starts_with("&#X")) return escaped(3, 16, 6);
  if (rest.starts_with("&#")) return escaped(2, 10, 7);
  return text[at++];
}

// The text without its encoding, in lower case, and where each character came from: nearly always there is
// none, and each stands where it did.
struct Folded {
  std::string text;
  std::vector<std::size_t> begins;  // and the end of the last; empty: no encoding
  std::size_t begin(std::size_t at) const { return begins.empty() ? at : begins[at]; }
};

Folded fold(std::string_view text) {
  Folded folded;
  if (text.find_first_of("%\\&") == std::string_view::npos) {
    folded.text = text;
    std::transform(text.begin(), text.end(), folded.text.begin(), lower);
    return folded;
  }
  folded.text.reserve(text.size());
  folded.begins.reserve(text.size() + 1);
  for (std::size_t at = 0; at < text.size();) {
    folded.begins.push_back(at);
    folded.text += lower(read_character(text, at));
  }
  folded.begins.push_back(text.size());
  return folded;
}

// What stands for the identifier in a text: itself, also decoded, where it has what looks like an encoding
// ("card%41"); its digits in hex; and what does not depend on its neighbours of its base64, at each of the
// three places it may have in a group. All of them folded, and in one piece of memory: each answer is
// searched.
class Forms {
 public:
  Forms(std::string_view identifier, std::string_view decoded) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    text_.reserve(12 * identifier.size() + 32);
    add(identifier);
    if (decoded != of(0)) add(decoded);
    begin();
    for (const char c : identifier) {
      const auto byte = static_cast<unsigned char>(c);
      (text_ += k_digits[byte >> 4]) += k_digits[byte & 0xF];
    }
    const auto padded = std::string(k_places - 1, ' ').append(identifier);
    for (std::size_t before = 0; before < k_places; ++before)
      add_base64(std::string_view{padded}.substr(k_places - 1 - before), before == 0 ? 0 : before + 1);
  }
  std::size_t size() const { return count_; }
  std::string_view of(std::size_t i) const {
    const auto end = i + 1 < count_ ? begins_[i + 1] : text_.size();
    return std::string_view{text_}.substr(begins_[i], end - begins_[i]);
  }

 private:
  static constexpr std::size_t k_places = 3, k_most = 3 + 2 * k_places;

  void begin() { begins_[count_++] = text_.size(); }
  void add(std::string_view form) {
    begin();
    std::transform(form.begin(), form.end(), std::back_inserter(text_), lower);
  }
  // Of whole groups, without the first characters, which are those of what stands before it.
  void add_base64(std::string_view bytes, std::size_t first) {
    const auto size = bytes.size() / 3 * 4;
    if (size <= first) return;
    begin();
    const auto at = text_.size();
    text_.resize(at + size + 1);  // EVP_EncodeBlock ends it with a NUL
    auto* const out = text_.data() + at;
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out),
                    reinterpret_cast<const unsigned char*>(bytes.data()),
                    static_cast<int>(bytes.size() / 3 * 3));
    text_.pop_back();
    text_.erase(at, first);
    std::transform(text_.begin() + static_cast<std::ptrdiff_t>(at), text_.end(),
                   text_.begin() + static_cast<std::ptrdiff_t>(at), lower);
    add_for_urls(at);
  }
  // The last form as URLs write it, if that differs.
  void add_for_urls(std::size_t at) {
    if (text_.find_first_of("+/", at) == std::string::npos) return;
    const auto end = text_.size();
    begin();
    text_.append(text_, at, end - at);
    std::replace(text_.begin() + static_cast<std::ptrdiff_t>(end), text_.end(), '+', '-');
    std::replace(text_.begin() + static_cast<std::ptrdiff_t>(end), text_.end(), '/', '_');
  }

  std::string text_;
  std::array<std::size_t, k_most> begins_{};
  std::size_t count_ = 0;
};

// Tells quickly that no piece of any form begins somewhere: nearly everywhere in nearly every text. By a bit
// for each group of characters that the forms have.
class Beginnings {
 public:
  static constexpr std::size_t k_group = 4;
  explicit Beginnings(const Forms& forms) {
    for (std::size_t i = 0; i < forms.size(); ++i)
      for (std::size_t at = 0; at + k_group <= forms.of(i).size(); ++at) bits_.set(bit_of(forms.of(i), at));
  }
  // False only where no piece of at least `least` characters begins. By its first and its last group.
  bool may_begin(std::string_view text, std::size_t at, std::size_t least) const {
    if (at + least > text.size()) return false;
    return least < k_group ||
           (bits_.test(bit_of(text, at)) && bits_.test(bit_of(text, at + least - k_group)));
  }

 private:
  static constexpr std::size_t k_bits = 4096;
  static std::size_t bit_of(std::string_view text, std::size_t at) {
    std::uint32_t group = 0;
    std::memcpy(&group, text.data() + at, k_group);
    return group * 0x9E3779B1U >> 20;
  }
  std::bitset<k_bits> bits_;
};

// How many characters from `at` are a piece of `form`.
std::size_t length_of_piece(std::string_view text, std::size_t at, std::string_view form) {
  std::size_t longest = 0;
  for (std::size_t from = 0; from < form.size(); ++from) {
    std::size_t length = 0;
    while (at + length < text.size() && from + length < form.size() &&
           text[at + length] == form[from + length])
      ++length;
    longest = std::max(longest, length);
  }
  return longest;
}

// Of a word as identifiers have them, and URLs that carry one. No more is needed: what encodes other
// characters has these.
bool is_of_word(char c) {
  constexpr std::string_view k_others = "_-+/=%.~:@$";
  return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || k_others.find(c) != std::string_view::npos;
}

bool looks_like_identifier(std::string_view word) {
  if (word.size() < k_least_word) return false;
  if (std::any_of(word.begin(), word.end(), is_digit)) return true;
  for (std::size_t i = 1; i < word.size(); ++i)
    if (is_upper(word[i]) && word[i - 1] >= 'a' && word[i - 1] <= 'z') return true;
  return false;
}

// As it is. An encoding in front of it may have its first characters.
std::string mask_plain(std::string_view text, std::string_view identifier) {
  std::string masked{text};
  const auto shown = mask(identifier);
  for (auto at = masked.find(identifier); at != std::string::npos; at = masked.find(identifier, at)) {
    masked.replace(at, identifier.size(), shown);
    at += shown.size();
  }
  return masked;
}

}  // namespace

std::string mask(std::string_view identifier) {
  if (identifier.size() <= 8) return std::string{k_masked};
  return std::string{k_masked} + std::string{identifier.substr(identifier.size() - 4)};
}

std::string mask_in(std::string_view text_of_peer, std::string_view identifier) {
  if (identifier.empty()) return std::string{text_of_peer};
  const auto text = mask_plain(text_of_peer, identifier);
  const auto folded = fold(text);
  const auto decoded = fold(identifier).text;
  const auto least = std::min({k_least_piece, identifier.size(), decoded.size()});
  if (folded.text.size() < least) return text;
  const Forms forms{identifier, decoded};
  const Beginnings beginnings{forms};
  std::string masked;
  std::size_t shown = 0;  // of the text
  for (std::size_t at = 0; at < folded.text.size();) {
    std::size_t length = 0;
    if (beginnings.may_begin(folded.text, at, least))
      for (std::size_t i = 0; i < forms.size(); ++i)
        length = std::max(length, length_of_piece(folded.text, at, forms.of(i)));
    if (length < least) {
      ++at;
      continue;
    }
    masked.append(text, shown, folded.begin(at) - shown).append(k_masked);
    at += length;
    shown = folded.begin(at);
  }
  if (shown == 0) return text;
  return masked.append(text, shown);
}

std::string mask_words(std::string_view text) {
  std::string masked;
  while (!text.empty()) {
    const auto end = std::find_if_not(text.begin(), text.end(), is_of_word);
    const auto word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    masked += looks_like_identifier(word) ? mask(word) : std::string{word};
    text.remove_prefix(word.size());
    const auto next = std::find_if(text.begin(), text.end(), is_of_word);
    masked.append(text.begin(), next);
    text.remove_prefix(static_cast<std::size_t>(next - text.begin()));
  }
  return masked;
}

}  // namespace cardvoid
