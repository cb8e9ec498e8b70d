#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <random>

#include "csv_text.hpp"
#include "damage.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::input;
  using namespace cardvoid::input::test;

  namespace {

  using Codes = std::vector<std::string>;

  std::string list_of(const Codes& codes) {
    std::string text = "code,openid\n";
    for (const auto& code : codes) text += quoted_field(code) + ",o\n";
    return text;
  }

  struct Outcome {
    std::string error, description;
    std::string remarks;  // one behind the other
    std::vector<std::string> causes;
    Codes codes;
  };

  Outcome outcome_of(std::string text, bool unwraps = false, bool accepts = false) {
    Options options;
    options.input.unwrap = unwraps;
    options.input.accept_damage = accepts;
    const auto source = open_text(std::move(text), options);
    REQUIRE(source.has_value());
    const auto read = drain(**source);
    Outcome outcome{read.error, (*source)->description(), {}, {}, {}};
    for (const auto& remark : (*source)->remarks()) outcome.remarks += remark + "\n";
    for (const auto& refused : read.refused) outcome.causes.push_back(refused.cause);
    for (const auto& row : read.rows) outcome.codes.push_back(row.card.code);
    return outcome;
  }

  std::string error_of(const Codes& codes) { return outcome_of(list_of(codes)).error; }
  std::string description_of(const Codes& codes) { return outcome_of(list_of(codes)).description; }
  std::string remarks_of(const Codes& codes) { return outcome_of(list_of(codes)).remarks; }
  bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

  // `count` different codes of so many digits that begin with 1 and end with 7.
  Codes sound(int count, int digits) {
    Codes codes;
    for (int i = 0; i < count; ++i) codes.push_back(fmt::format("1{:0{}}7", i, digits - 2));
    return codes;
  }

  // The same, cut to 15 significant digits.
  Codes zeroed(int count, int digits) {
    Codes codes;
    for (int i = 0; i < count; ++i)
      codes.push_back(fmt::format("4{:013}7", i) + std::string(static_cast<std::size_t>(digits - 15), '0'));
    return codes;
  }

  // Digits as chance gives them, the same every time.
  Codes random_codes(int count, std::size_t digits) {
    std::mt19937_64 random{digits};
    Codes codes;
    for (int i = 0; i < count; ++i) {
      std::string code;
      while (code.size() < digits) code += static_cast<char>('0' + random() % 10);
      codes.push_back(code);
    }
    return codes;
  }

  Codes without_zeros(Codes codes) {
    for (auto& code : codes) code.erase(0, std::min(code.find_first_not_of('0'), code.size() - 1));
    return codes;
  }

  Codes operator+(Codes left, const Codes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
  }

  }  // namespace

  TEST_CASE("damage: scientific notation is told from codes that hold an E") {
    for (const auto* text : {"4.78516E+23", "4.78516e+23", "4E+23", "0.1E+2", "4,78516E+23", "1.00E+05",
                             "4.78516783265123E23", "1.0e10", "4.78516E-05", "-4.7E+23", "+4,7E+23"}) {
      CAPTURE(text);
      CHECK(model::is_scientific(text));
    }
    for (const auto* text : {"", "4", "E+23", "4E23", "4E-23", "-4E23", "4.E+23", "44.7E+23", "4.7E+",
                             "4.7E+2x", "x4E+23", "4.7.1E+2", "4E+23 ", "AE+23", "4.E+", "4F+23"}) {
      CAPTURE(text);
      CHECK_FALSE(model::is_scientific(text));
    }
  }

  TEST_CASE("damage: one code in scientific notation refuses the input at its end") {
    const auto outcome = outcome_of("code,openid\n0123,o\n4.78516E+23,o\n0124,o\n");
    CHECK(outcome.codes.size() == 3);
    CHECK(
        outcome.error ==
        "members.csv: a spreadsheet has destroyed digits: 1 in scientific notation (line 3 ****E+23). They "
        "cannot be recovered from here: the person who made the list has to format the column as text before "
        "pasting the codes into it, and save it again. If the values are real, --accept-damage accepts them "
        "as they are and records that. Nothing of this input is kept");
  }

  TEST_CASE("damage: it is counted in full and shown by three examples with the codes masked") {
    const auto error = error_of({"4.78516E+23", "478516783265", "4.78517E+23", "4.78518E+22", "4.78519E+21"});
    CHECK(has(error, "4 in scientific notation (line 2 ****E+23, line 4 ****E+23, line 5 ****E+22, …)"));
    CHECK_FALSE(has(error, "4.785"));
  }

  TEST_CASE("damage: of an identifier that is too short to show a part of it only the line is named") {
    const auto error = error_of({"4.7E+23", "478516783265"});
    CHECK(has(error, "1 in scientific notation (line 2)."));
    CHECK_FALSE(has(error, "*"));
  }

  TEST_CASE("damage: openid and card_id and brand_id are looked at and the reason never") {
    for (const auto* header :
         {"code,openid,x", "code,x,openid\n", "code,openid,card_id", "code,openid,brand_id"}) {
      const std::string names{header};
      CAPTURE(names);
      const bool is_ours = !names.ends_with(",x");
      const auto line = names.ends_with('\n') ? "" : "\n";
      CHECK(outcome_of(names + line + "0123,o,4.7E+23\n").error.empty() == !is_ours);
    }
    const auto outcome = outcome_of("code,openid,reason\n0123,o,4.7E+23\n0124,o,'123\n0125,o,123\t\n", true);
    CHECK(outcome.error.empty());
    CHECK(outcome.codes == Codes{"0123", "0124"});
    CHECK(outcome.causes ==
          std::vector<std::string>{"reason: control character, such as a tab or a line break"});
    CHECK_FALSE(has(outcome.description, "unwrapped"));
  }

  TEST_CASE("damage: codes with nothing but zeros after the 15th digit refuse the input") {
    CHECK(has(error_of(zeroed(1, 24)),
              "1 of 1 identifiers longer than 15 digits have nothing but zeros after the 15th (line 2 "
              "****0000)"));
    CHECK(has(error_of(sound(9, 24) + zeroed(1, 24)), "1 of 10 identifiers"));
    CHECK(has(
        error_of(zeroed(3, 24)),
        "3 of 3 identifiers longer than 15 digits have nothing but zeros after the 15th (line 2 ****0000, "
        "line 3 ****0000, line 4 ****0000)"));
    CHECK(has(error_of(sound(97, 24) + zeroed(3, 24)), "3 of 100 identifiers"));
    CHECK(has(error_of(zeroed(2, 24)), "2 of 2 identifiers"));
    CHECK(has(error_of(zeroed(400, 24)), "line 4 ****0000, …)"));
  }

  TEST_CASE("damage: where chance plays no part one zeroed code among thousands refuses the input") {
    CHECK(has(error_of(sound(5000, 24) + zeroed(1, 24)), "1 of 5001 identifiers longer than 15 digits"));
    CHECK(has(error_of(sound(998, 19) + zeroed(3, 19)), "3 of 1001"));
    CHECK(has(remarks_of(sound(999, 19) + zeroed(2, 19)), "2 of 1001"));
    CHECK(description_of(sound(1000, 24)) == "CSV, UTF-8, comma, columns \"code\", \"openid\"");
  }

  TEST_CASE("damage: short codes hide no long ones whose digits are gone") {
    CHECK(has(error_of(sound(1000, 16) + zeroed(20, 24)), "20 of 20 identifiers longer than 15 digits"));
    CHECK(
        has(error_of(sound(1000, 16) + zeroed(3, 18) + zeroed(2, 24) + sound(1, 24)), "5 of 6 identifiers"));
  }

  TEST_CASE("damage: of 16 and 17 digits a few more zeroed codes than chance are taken and shown") {
    const auto few = sound(990, 17) + zeroed(25, 17);
    CHECK(error_of(few).empty());
    CHECK(has(remarks_of(few),
              "please look at these: 25 of 1015 identifiers longer than 15 digits have nothing but "
              "zeros after the 15th (line 992 ****"));
    CHECK(has(error_of(sound(960, 17) + zeroed(50, 17)), "50 of 1010 identifiers"));
  }

  TEST_CASE("damage: zeroed openids and templates are damage like codes") {
    CHECK(has(outcome_of("code,openid\n1,478516783265123000000000\n").error, "1 of 1 identifiers"));
    CHECK(has(outcome_of("code,openid,card_id\n1,o,478516783265123000000000\n").error, "1 of 1 identifiers"));
  }

  TEST_CASE("damage: it is found inside wrappers and blanks too") {
    for (const auto* code :
         {"'4.7E+23", "\t4.7E+23 ", "=\"4.7E+23\"", "4.7E+23\t", "`478516783265123000000000"}) {
      CAPTURE(code);
      CHECK(has(error_of({code}), "a spreadsheet has destroyed digits"));
    }
  }

  TEST_CASE("damage: a zero that chance puts behind 15 digits is none") {
    const auto by_chance = sound(900, 16) + zeroed(100, 16);  // every tenth number ends with 0
    CHECK(error_of(by_chance).empty());
    CHECK(remarks_of(by_chance) == "");
    CHECK(has(error_of(sound(700, 16) + zeroed(300, 16)), "300 of 1000 identifiers"));
    CHECK(has(error_of(zeroed(4, 16)), "4 of 4"));
    CHECK(error_of(zeroed(3, 16)).empty());
    CHECK(has(remarks_of(zeroed(3, 16)), "3 of 3"));
    CHECK(remarks_of(zeroed(1, 16)).empty());
    CHECK(error_of(sound(1, 16) + zeroed(1, 16)).empty());
  }

  TEST_CASE("damage: zeros up to the 15th digit and among letters are none") {
    CHECK(error_of(Codes(5, "100000000000000")).empty());
    CHECK(error_of(Codes(5, "A00000000000000000000000")).empty());
    CHECK(error_of(Codes(5, "100000000000000000000000X")).empty());
    CHECK(error_of(Codes(5, "100000000000000000000001")).empty());
  }

  TEST_CASE("damage: a serial number that ends in zeros is none beside its neighbours") {
    const auto serials = [](int from, int count) {
      Codes codes;
      for (int i = from; i < from + count; ++i) codes.push_back(fmt::format("4785{:020}", i));
      return codes;
    };
    CHECK(error_of(serials(0, 50)).empty());
    CHECK(remarks_of(serials(0, 50)).empty());
    CHECK(error_of(serials(1, 50) + serials(0, 1)).empty());
    CHECK(error_of(serials(1, 50) + serials(0, 1) + serials(60, 5)).empty());
    CHECK(has(error_of(Codes(50, serials(0, 1)[0])), "50 of 50"));
    CHECK(has(error_of(serials(1, 50) + zeroed(2, 24)), "2 of 52"));
  }

  TEST_CASE(
      "damage: lost leading zeros are told by the first digit that is missing and by the shorter codes") {
    const auto whole = random_codes(300, 12);
    CHECK(error_of(whole).empty());
    CHECK(remarks_of(whole).empty());
    CHECK(has(
        error_of(without_zeros(whole)),
        "a spreadsheet has destroyed digits: none of the 271 card codes of 12 digits begins with 0, about "
        "31 begin with each other digit, and 28 are one or two digits shorter, as where leading zeros are "
        "lost (line 26 ****1212, line 44 ****9828, line 60 ****4209, …)."));
  }

  TEST_CASE("damage: each length is judged by itself and a code that begins with 0 proves its own") {
    const auto own = random_codes(300, 12), platforms = random_codes(200, 24);
    CHECK(error_of(own + platforms).empty());
    CHECK(remarks_of(own + platforms).empty());
    CHECK(has(error_of(without_zeros(own) + platforms), "card codes of 12 digits begins with 0"));
    CHECK(has(error_of(own + without_zeros(platforms)), "card codes of 24 digits begins with 0"));
    const auto both = error_of(without_zeros(own) + without_zeros(platforms));
    CHECK(has(both, "card codes of 24 digits begins with 0"));
    CHECK(has(both, "card codes of 12 digits begins with 0"));
    // One is enough: the others are shorter for another reason.
    const auto proved = without_zeros(own) + Codes{"012345678901"};
    CHECK(error_of(proved).empty());
    CHECK(has(remarks_of(proved), "digits fewer than the"));
  }

  TEST_CASE("damage: evidence of two lengths adds up") {
    const auto ones = without_zeros(random_codes(90, 12)), others = without_zeros(random_codes(90, 24));
    CHECK(error_of(ones).empty());
    CHECK(has(remarks_of(ones), "as where leading zeros are lost"));
    CHECK(has(error_of(ones + others), "as where leading zeros are lost"));
  }

  TEST_CASE("damage: a few shorter codes among many are shown and refuse nothing") {
    const auto two = sound(98, 12) + sound(1, 11) + sound(1, 10);
    CHECK(error_of(two).empty());
    CHECK(
        remarks_of(two) ==
        "please look at these: 2 card codes have up to 3 digits fewer than the 98 of 12 digits: mistyped, or "
        "leading zeros lost? (line 100 ****0007, line 101 ****0007)\n");
    CHECK(has(remarks_of(sound(98, 12) + sound(1, 9)), "1 card code has up to 3 digits fewer"));
    CHECK(has(remarks_of(sound(997, 12) + sound(3, 11)), "3 card codes have up to 3 digits fewer"));
    CHECK(remarks_of(sound(98, 12) + sound(2, 8)) == "");
    CHECK(remarks_of(sound(98, 5) + sound(2, 4)) == "");
  }

  TEST_CASE("damage: two lengths of codes are none where the shorter ones are no tenth or all alike") {
    const auto no_zeros = [](int count, std::size_t digits) {
      auto codes = random_codes(count, digits);
      std::erase_if(codes, [](const std::string& code) { return code[0] == '0'; });
      return codes;
    };
    const auto twelve = no_zeros(500, 12);
    CHECK(error_of(twelve + sound(45, 11)).empty());  // mobile numbers: all begin with 1
    CHECK(error_of(twelve + no_zeros(200, 11)).empty());
    CHECK(remarks_of(twelve + random_codes(200, 11)) == "");
    CHECK_FALSE(error_of(twelve + no_zeros(50, 11)).empty());  // it cannot be told
  }

  TEST_CASE("damage: longer codes and codes with letters and serial numbers are no lost zeros") {
    CHECK(error_of(sound(95, 12) + sound(5, 13)).empty());
    CHECK(error_of(sound(95, 12) + Codes(5, "A12345")).empty());
    for (const int most : {12'000, 199'999}) {
      Codes serials;
      for (int i = 1; i <= most; ++i) serials.push_back(std::to_string(i));
      CHECK(error_of(serials).empty());
    }
    CHECK(has(remarks_of(without_zeros(random_codes(1000, 7))), "as where leading zeros are lost"));
    CHECK(error_of(without_zeros(random_codes(1000, 7))).empty());  // perhaps own numbers up to 9,999,999
  }

  TEST_CASE("damage: words for nothing and numbers with a fraction are shown by column") {
    const auto outcome = outcome_of(
        "code,openid,reason\nNULL,o,r\n1,\\N,r\n2,#N/A,r\n3,o,nan\n4,o,2.0\n478516783262.0,o,r\n5,o,r\n");
    CHECK(outcome.error.empty());
    CHECK(outcome.codes == Codes{"3", "4", "5"});
    const std::string word = "a word that programs write for no value, such as NULL or #N/A";
    CHECK(outcome.causes ==
          std::vector<std::string>{"code: " + word, "openid: " + word, "openid: " + word,
                                   "code: digits with .0 at the end: a program took them for a number"});
    CHECK(
        outcome.remarks ==
        "please look at these: 4 words such as NULL or #N/A, which programs write for no value: 1 in code, 2 "
        "in openid, 1 in reason (line 2, line 3, line 4, …); 2 values with .0 at the end, as where a program "
        "took digits for a number: 1 in code, 1 in reason (line 6, line 7)\n");
  }

  TEST_CASE("input: a list of which no line can be used is refused with the cause that is the most common") {
    const auto outcome = outcome_of("code,openid\n1.0,o\n2.0,o\n,o\n3.0\n4.0,o\n");
    CHECK(outcome.error ==
          "members.csv: no line can be used: 5 lines refused, 3 of them for this cause: code: digits with .0 "
          "at "
          "the end: a program took them for a number (line 2, line 3, line 6). Correct the list and plan it "
          "again. Nothing of this input is kept");
    CHECK(outcome_of("code,openid\n1.0,o\n2,o\n").error.empty());
    CHECK(outcome_of("code,openid\n").error.empty());
    CHECK(outcome_of("code,openid\n").remarks == "it has no lines, so no card is in it\n");
  }

  TEST_CASE("damage: several kinds are named together") {
    const auto error = error_of(zeroed(3, 24) + Codes{"4.78516E+23"});
    CHECK(has(error, "1 in scientific notation (line 5 ****E+23); 3 of 3 identifiers"));
  }

  TEST_CASE("damage: where it is accepted the values stay as they stand and the description says so") {
    const auto accepted = outcome_of(list_of({"4.78516E+23", "0123"}), false, true);
    CHECK(accepted.error.empty());
    CHECK(accepted.codes == Codes{"4.78516E+23", "0123"});
    CHECK(accepted.description.ends_with("; --accept-damage: 1 in scientific notation (line 2 ****E+23)"));
    CHECK(outcome_of(list_of({"0123"}), false, true)
              .description.ends_with("; --accept-damage: nothing to accept"));
  }

  TEST_CASE("damage: a refused line shifts no column into another's judgement") {
    CHECK(outcome_of("code,openid\n4.7E+23\n0123,o\n").error.empty());
  }

  TEST_CASE("unwrap: without it each wrapper is refused with its own cause") {
    const auto outcome = outcome_of(list_of({"=\"0123\"", "'0123", "`0123", "0123\t", "0123\t\t", "0123"}));
    CHECK(outcome.error.empty());
    CHECK(outcome.codes == Codes{"0123"});
    const std::string mark =
        "code: an apostrophe or backtick before digits, for a spreadsheet; input.unwrap = true undoes that";
    const std::string tab = "code: trailing tab, for a spreadsheet; input.unwrap = true undoes that";
    CHECK(outcome.causes == std::vector<std::string>{
                                "code: wrapped as =\"…\" for a spreadsheet; input.unwrap = true undoes that",
                                mark, mark, tab, tab});
    CHECK_FALSE(has(outcome.description, "unwrapped"));
  }

  TEST_CASE("unwrap: with it each wrapper is undone and counted") {
    const auto outcome = outcome_of(
        list_of({"=\"0123\"", "'0124", "`0125", "0126\t", "0127\t\t", "=\"0128\"\t", "=\"ab c\"", "0129"}),
        true);
    CHECK(outcome.error.empty());
    CHECK(outcome.causes.empty());
    CHECK(outcome.codes == Codes{"0123", "0124", "0125", "0126", "0127", "0128", "ab c", "0129"});
    CHECK(outcome.description.ends_with("; unwrapped: 3 =\"…\", 2 leading ' or `, 3 trailing tabs"));
  }

  TEST_CASE("unwrap: a formula needs no quotation marks of its own") {
    const std::string text =
        "code,openid,reason\n=\"0123\",o,r\n=\"ab c\",=\"o\",=\"r\"\r\n\"a,=\"\"1\"\"\",o,=1\n0124,=\"o\"";
    const auto wrapped = outcome_of(text);
    CHECK(wrapped.error.empty());
    CHECK(wrapped.causes ==
          std::vector<std::string>(2,
                                   "code: wrapped as =\"…\" for a spreadsheet; input.unwrap = true undoes "
                                   "that") +
              std::vector<std::string>{"2 fields, the header has 3"});
    CHECK(wrapped.codes == Codes{"a,=\"1\""});
    const auto undone = outcome_of(text, true);
    CHECK(undone.codes == Codes{"0123", "ab c", "a,=\"1\""});
    CHECK(undone.description.ends_with("; unwrapped: 3 =\"…\", 0 leading ' or `, 0 trailing tabs"));
  }

  TEST_CASE("unwrap: what a spreadsheet would split is no formula") {
    const auto of = [](const std::string& line) { return outcome_of("code,openid\n" + line + "\n", true); };
    CHECK(of("=\"0,1\"").codes == Codes{"=\"0"});
    CHECK(of("=\"01\"2,o").codes == Codes{"=\"01\"2"});
    CHECK(of("x=\"01\",o").codes == Codes{"x=\"01\""});
    CHECK(of("=\"0\"\"1\",o").causes == std::vector<std::string>{"code: wrapped as =\"…\" for a spreadsheet; "
                                                                 "input.unwrap = true undoes that"});
  }

  TEST_CASE("unwrap: openid and card_id and brand_id are unwrapped too and an empty cell takes the default") {
    Options options;
    options.input.unwrap = true;
    const auto read = read_text(
        "code,openid,card_id,brand_id\n1,\"=\"\"o\"\"\",p\t,'1005\n2,o,\"=\"\"\"\"\",\t\n\"=\"\"\"\"\",o,,\n",
        options);
    REQUIRE(read.rows.size() == 2);
    CHECK(read.rows[0].card.openid == "o");
    CHECK(read.rows[0].card.card_id == "p");
    CHECK(read.rows[0].card.brand_id == "1005");
    CHECK(read.rows[1].card.card_id == "pbLatj");
    CHECK(read.rows[1].card.brand_id == "1004");
    REQUIRE(read.refused.size() == 1);
    CHECK(read.refused[0].cause == "code: empty");
  }

  TEST_CASE("unwrap: punctuation of a code is no wrapper") {
    const Codes codes{"'a/b",  "`%&",   "'",   "`",        "''0123", "'0123'",
                      "0123'", "=0123", "=\"", "\"0123\"", "\"="};
    for (const bool unwraps : {false, true}) {
      const auto outcome = outcome_of(list_of(codes), unwraps);
      CHECK(outcome.codes == codes);
      CHECK(outcome.causes.empty());
    }
  }

  TEST_CASE("unwrap: nothing but the named wrappers is undone") {
    const auto outcome = outcome_of(
        list_of({" 1", "1 ", "\t1", "1\xC2\xA0", "１２３", "1\xE2\x80\x8B", "=\"a\"\"b\"", "1 \t"}), true);
    CHECK(outcome.codes.empty());
    CHECK(outcome.causes == std::vector<std::string>{
                                "code: leading or trailing space", "code: leading or trailing space",
                                "code: leading or trailing space",
                                "code: invisible character (no-break or zero-width space)",
                                "code: full-width characters; half-width ones are needed",
                                "code: invisible character (no-break or zero-width space)",
                                "code: wrapped as =\"…\" for a spreadsheet; input.unwrap = true undoes that",
                                "code: leading or trailing space"});
  }

  TEST_CASE("unwrap: damage inside a wrapper is found") {
    CHECK(has(outcome_of(list_of({"=\"4.7E+23\"", "0123"}), true).error, "1 in scientific notation"));
    CHECK(outcome_of(list_of({"'478516783265001000000000", "'478516783265002000000000",
                              "'478516783265003000000000"}),
                     true)
              .error.find("3 of 3 identifiers") != std::string::npos);
  }
}
