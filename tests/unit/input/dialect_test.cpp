#include <doctest/doctest.h>

#include <array>
#include <ostream>
#include <random>

#include <cardvoid/model/card_rules.hpp>

#include "csv_text.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::input;
  using namespace cardvoid::input::test;
  using model::Encoding;

  namespace {

  struct Writing {
    const char *name, *mark;
    Encoding encoding;
  };
  constexpr std::array k_writings{Writing{"UTF-8", "", Encoding::automatic},
                                  Writing{"UTF-8", "\xEF\xBB\xBF", Encoding::automatic},
                                  Writing{"UTF-16LE", "\xFF\xFE", Encoding::automatic},
                                  Writing{"UTF-16BE", "\xFE\xFF", Encoding::automatic},
                                  Writing{"GBK", "", Encoding::gbk},
                                  Writing{"GB18030", "", Encoding::gb18030},
                                  Writing{"GB18030", "\x84\x31\x95\x33", Encoding::automatic}};

  }  // namespace

  TEST_CASE(
      "dialect: random tables in every delimiter and quoting and line end and encoding come back equal") {
    const auto seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random{seed};
    const auto below = [&](std::size_t n) {
      return std::uniform_int_distribution<std::size_t>{0, n - 1}(random);
    };
    constexpr std::array<std::string_view, 12> pieces{"a",  "1",  ",", ";", "\"", "会员",
                                                      "停", "，", "é", "—", " ",  "'"};

    for (int table = 0; table < 300; ++table) {
      const auto& writing = k_writings[below(k_writings.size())];
      const char delimiter = ",;\t"[below(3)];
      const std::string line_end = below(2) ? "\n" : "\r\n";
      const bool quotes_all = below(2);
      const auto write = [&](const std::string& field) {
        const bool must = field.find_first_of(std::string{"\"\r\n"} + delimiter) != std::string::npos;
        return must || quotes_all ? quoted_field(field) : field;
      };
      const auto write_row = [&](const std::string& a, const std::string& b, const std::string& c) {
        return write(a) + delimiter + write(b) + delimiter + write(c) + line_end;
      };
      std::string text = write_row("reason", "openid", "code");
      std::vector<std::array<std::string, 2>> rows;
      for (auto n = below(20); n > 0; --n) {
        std::string reason{"r"}, code;
        for (auto k = below(10); k > 0; --k) reason += pieces[below(pieces.size())];
        for (auto k = 1 + below(10); k > 0; --k) code += static_cast<char>(0x21 + below(0x7F - 0x21));
        if (code == "." || code == "..") code += 'x';
        while (code.find("**") != std::string::npos) code.replace(code.find("**"), 2, "*x");  // not masked
        if (code.find_first_of("'`=") == 0 || code.find('+') != std::string::npos)
          code.insert(0, 1, 'x');  // neither a wrapper nor a number
        if (model::means_nothing(code) || model::has_fraction_of_zeros(code)) code += 'x';
        text += write_row(reason, "o", code);
        rows.push_back({reason, code});
        if (below(5) == 0) text += line_end;
      }
      Options options{.block_bytes = std::array<std::size_t, 4>{1, 7, 100, 65'536}[below(4)]};
      options.input.encoding = writing.encoding;
      if (below(2)) options.input.delimiter = delimiter;
      CAPTURE(writing.name);
      CAPTURE(text);
      const auto read = read_text(writing.mark + encode(text, writing.name), options);
      REQUIRE(read.error == "");
      REQUIRE(read.refused.empty());
      REQUIRE(read.rows.size() == rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i) {
        REQUIRE(read.rows[i].card.reason == rows[i][0]);
        REQUIRE(read.rows[i].card.code == rows[i][1]);
      }
    }
  }
}
