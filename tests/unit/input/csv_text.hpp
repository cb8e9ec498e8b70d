#pragma once
// CSV text in, records out, through the same door as a file.

#include <iconv.h>
#include <cardvoid/input/source.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::input::test {

struct Options {
  model::Input input{};
  model::Defaults defaults{"1004", "pbLatj", ""};
  model::Api api = model::Api::partner;
  std::string brand_of_merchant{};
  std::size_t block_bytes = 65'536;  // at most so many at a time, as a pipe does
};

inline Options separated_by(char delimiter) {
  Options options;
  options.input.delimiter = delimiter;
  return options;
}

inline ReadBytes read_from(std::string text, std::size_t block_bytes) {
  return [text = std::move(text), at = std::size_t{0},
          block_bytes](std::span<char> block) mutable -> Result<std::size_t> {
    const auto size = std::min({block.size(), block_bytes, text.size() - at});
    text.copy(block.data(), size, at);
    at += size;
    return size;
  };
}

inline Result<std::unique_ptr<Source>> open_text(std::string text, const Options& options = {}) {
  return open_csv(read_from(std::move(text), options.block_bytes), "members.csv", options.input,
                  options.defaults, options.api, options.brand_of_merchant);
}

struct Read {
  std::vector<model::InputRow> rows;
  std::vector<Refused> refused;
  std::string error;  // why it ended early; empty: it did not
};

inline Read drain(Source& source) {
  Read read;
  for (;;) {
    auto record = source.next();
    if (!record) {
      read.error = record.error().what;
      return read;
    }
    if (!*record) return read;
    if (auto* row = std::get_if<model::InputRow>(&**record)) read.rows.push_back(std::move(*row));
    if (auto* refused = std::get_if<Refused>(&**record)) read.refused.push_back(std::move(*refused));
  }
}

inline Read read_text(std::string text, const Options& options = {}) {
  const auto source = open_text(std::move(text), options);
  if (!source) return {{}, {}, source.error().what};
  return drain(**source);
}

// All of it in one text, to be compared.
inline std::string summary(const Read& read) {
  std::string text;
  for (const auto& row : read.rows)
    text += std::to_string(row.source_line) + ' ' + row.card.code + ' ' + row.card.openid + ' ' +
            row.card.card_id + ' ' + row.card.brand_id + ' ' + row.card.reason + '\n';
  for (const auto& refused : read.refused)
    text += std::to_string(refused.source_line) + '!' + refused.cause + '!' + refused.raw + '\n';
  return text + read.error;
}

// UTF-8 in another encoding, as a program on Windows would have written it.
inline std::string encode(std::string text, const char* encoding) {
  const auto converter = ::iconv_open(encoding, "UTF-8");
  std::string encoded(text.size() * 4 + 16, '\0');
  char *in = text.data(), *out = encoded.data();
  auto in_left = text.size(), out_left = encoded.size();
  const auto failed = ::iconv(converter, &in, &in_left, &out, &out_left) == static_cast<std::size_t>(-1);
  ::iconv_close(converter);
  if (failed) throw std::runtime_error{"cannot encode it"};
  encoded.resize(encoded.size() - out_left);
  return encoded;
}

// The field as any spreadsheet would write it.
inline std::string quoted_field(std::string_view field) {
  std::string text{'"'};
  for (const char c : field) text += c == '"' ? std::string{"\"\""} : std::string{c};
  return text + '"';
}

}  // namespace cardvoid::input::test
