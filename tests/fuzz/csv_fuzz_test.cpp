// Hostile CSV: no input crashes the reader, and its output keeps the promises of input/source.hpp.

#include <doctest/doctest.h>

#include <array>
#include <cardvoid/base/text.hpp>
#include <cardvoid/model/card_rules.hpp>
#include <ostream>

#include "fuzz/mutator.hpp"
#include "unit/input/csv_text.hpp"

TEST_SUITE("fuzz") {
  using namespace cardvoid;
  using namespace cardvoid::input;
  using namespace cardvoid::input::test;
  using namespace std::string_view_literals;

  namespace {

  constexpr std::array k_corpus{
      "code,openid,card_id,brand_id,reason\n0001,o1,p1,1004,会员计划已结束\n0002,o2,,,\n0003,o3,p3,1005,\"a \"\"b\"\"\"\n"sv,
      "\xEF\xBB\xBF\"openid\",\"note\",\"code\"\r\n\"o\",\"one\r\ntwo\",\"a,b\"\r\n\r\no,x,1 2\r\n\"o\",\"\",\"\"\"\"\r\n"sv,
      "code,openid\n\"a\"\"b\",o\n,\n１２,o\n x,o\nz,o,ragged\ny"sv,
      "code;openid;reason\n=\"0001\";'12;`34\n0002\t;o;a\n\"=\"\"3\"\"\";o;=\"b\"\n"sv,
      "code\topenid\treason\n0001\to1\t\xBB\xE1\xD4\xB1\n0002\to2\t\x81\x30\x81\x30\n"sv,  // GB18030
      "\xFF\xFE"
      "c\0o\0d\0e\0;\0o\0p\0e\0n\0i\0d\0\r\0\n\0001\0;\0o\0\r\0\n\0"sv,
  };
  constexpr std::array k_pieces{"\""sv,           "\"\""sv,   ","sv,     "\n"sv,       "\r\n"sv, "\r"sv,
                                "\n\n"sv,         "\0"sv,     "\xFF"sv,  "\xE4\xBC"sv, "会"sv,   "😀"sv,
                                "\xEF\xBB\xBF"sv, ",\""sv,    "\",\""sv, " "sv,        "code"sv, ";"sv,
                                "\t"sv,           "\"\n\""sv, ".."sv,    "=\""sv,      "'"sv,    "1E+23"sv,
                                "\xBB\xE1"sv};

  constexpr std::array k_encodings{model::Encoding::automatic, model::Encoding::automatic,
                                   model::Encoding::utf8, model::Encoding::gbk, model::Encoding::gb18030};

  void check_promises(const Read& read, const std::string& text) {
    const auto lines = static_cast<std::int64_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    std::int64_t before = 1;  // the header's
    for (const auto& row : read.rows) {
      CHECK(model::find_fault(row.card) == "");
      CHECK(row.source_line > before);
      CHECK(row.source_line <= lines);
      before = row.source_line;
    }
    for (const auto& refused : read.refused) {
      CHECK(refused.source_line > 1);
      CHECK(refused.source_line <= lines);
      CHECK_FALSE(refused.cause.empty());
      CHECK_FALSE(find_invalid_utf8(refused.raw).has_value());
      CHECK(refused.raw.find('\0') == std::string::npos);
    }
    CHECK(escape_for_terminal(read.error) == read.error);
  }

  }  // namespace

  TEST_CASE("fuzz: mutated CSV keeps every promise and reads alike in blocks of any size") {
    const auto seed = fuzz::from_environment("CARDVOID_FUZZ_SEED", 1);
    fuzz::Mutator mutator{seed, k_pieces};
    std::size_t rows = 0, refused = 0, errors = 0;
    for (auto rounds = fuzz::from_environment("CARDVOID_FUZZ_ROUNDS", 6'000); rounds > 0; --rounds) {
      const auto text = mutator.mutate(std::string{k_corpus[mutator.below(k_corpus.size())]});
      CAPTURE(seed);
      CAPTURE(escape_for_terminal(text));
      Options options;
      options.input.encoding = k_encodings[mutator.below(k_encodings.size())];
      options.input.delimiter = ",;\t\0\0\0"[mutator.below(6)];
      options.input.unwrap = mutator.below(2) == 0;
      const auto whole = read_text(text, options);
      check_promises(whole, text);
      options.block_bytes = 1 + mutator.below(8);
      REQUIRE(summary(read_text(text, options)) == summary(whole));
      rows += whole.rows.size();
      refused += whole.refused.size();
      errors += !whole.error.empty();
    }
    MESSAGE(rows, " rows, ", refused, " refused, ", errors, " files refused");
    CHECK((rows > 0 && refused > 0 && errors > 0));  // else the mutations miss the point
  }
}
