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
  using namespace std::string_literals;

  namespace {

  std::vector<std::string> codes_of(const Read& read) {
    std::vector<std::string> codes;
    codes.reserve(read.rows.size());
    for (const auto& row : read.rows) codes.push_back(row.card.code);
    return codes;
  }

  std::vector<std::int64_t> lines_of(const auto& records) {
    std::vector<std::int64_t> lines;
    lines.reserve(records.size());
    for (const auto& record : records) lines.push_back(record.source_line);
    return lines;
  }

  using Lines = std::vector<std::int64_t>;
  using Codes = std::vector<std::string>;

  }  // namespace

  TEST_CASE("csv: line ends of either kind and a missing last one are accepted") {
    for (const auto* text :
         {"code,openid\na,o\nb,o\n", "code,openid\r\na,o\r\nb,o\r\n", "code,openid\na,o\r\nb,o",
          "code,openid\r\r\na,o\r\r\nb,o\r", "code,openid\na,o\n\"b\",\"o\""}) {
      const auto read = read_text(text);
      CHECK(read.error == "");
      CHECK(codes_of(read) == Codes{"a", "b"});
      CHECK(lines_of(read.rows) == Lines{2, 3});
      for (const auto& row : read.rows) CHECK(row.card.openid == "o");
    }
  }

  TEST_CASE("csv: a byte order mark is no part of the first name") {
    CHECK(codes_of(read_text("\xEF\xBB\xBF"
                             "code,openid\na,o\n")) == Codes{"a"});
    CHECK(codes_of(read_text("\xEF\xBB\xBF\"code\",openid\na,o\n")) == Codes{"a"});
  }

  TEST_CASE("csv: blank lines are skipped and counted") {
    const auto read = read_text("\n\r\ncode,openid\n\n\na,o\n\r\nb,o\n\n");
    CHECK(codes_of(read) == Codes{"a", "b"});
    CHECK(lines_of(read.rows) == Lines{6, 8});
  }

  TEST_CASE("csv: line numbers are those of the text where quoted fields span lines") {
    const auto read = read_text(
        "code,openid,note\n"
        "a,o,\"one\ntwo\r\nthree\"\n"
        "b,o,x\n"
        "\n"
        "\"c\n\",o,x\n"
        "d,o,\"\n\n\"\n"
        "e,o\n"
        "f,o,\"end\"");
    CHECK(read.error == "");
    CHECK(codes_of(read) == Codes{"a", "b", "d", "f"});
    CHECK(lines_of(read.rows) == Lines{2, 5, 9, 13});
    REQUIRE(lines_of(read.refused) == Lines{7, 12});
    CHECK(read.refused[0].cause == "code: control character, such as a tab or a line break");
    CHECK(read.refused[0].raw == "\"c\n\",o,x");
    CHECK(read.refused[1].cause == "2 fields, the header has 3");
  }

  TEST_CASE("csv: ragged rows are refused one by one and shift nothing") {
    const auto read = read_text("code,openid,reason\na,o,r\nb\nc,o,r,x\nd,o,r\ne,o,r,\n");
    CHECK(codes_of(read) == Codes{"a", "d"});
    REQUIRE(lines_of(read.refused) == Lines{3, 4, 6});
    CHECK(read.refused[0].cause == "1 field, the header has 3");
    CHECK(read.refused[1].cause == "4 fields, the header has 3");
    CHECK(read.refused[1].raw == "c,o,r,x");
    CHECK(read.refused[2].cause == "4 fields, the header has 3");
  }

  TEST_CASE("csv: full-width commas separate nothing and are named") {
    const auto read = read_text("code,openid\na，o\n");
    REQUIRE(read.refused.size() == 1);
    CHECK(read.refused[0].cause == "1 field, the header has 2; a full-width comma separates no fields");
  }

  TEST_CASE("csv: spaces are part of the field and never trimmed") {
    const auto read = read_text("code,openid,reason\n a,o,r\nb ,o,r\nc\t,o,r\nd,o, r \n\" e\",o,r\n");
    REQUIRE(read.refused.size() == 4);
    for (const auto line : {0, 1, 3})
      CHECK(read.refused[static_cast<std::size_t>(line)].cause == "code: leading or trailing space");
    CHECK(read.refused[2].cause.starts_with("code: trailing tab"));
    REQUIRE(read.rows.size() == 1);
    CHECK(read.rows[0].card.reason == " r ");
  }

  TEST_CASE("csv: hostile codes arrive as they are") {
    for (const auto* code :
         {"/",    "?",     "#",    "%2F",  "&",  "+",  "=", ",",  ";", "~", "\"", "a/b?c#d%e&f+g=h",
          "\"\"", ",,\",", "../x", "=1+1", "'a", "\\", "`", "1 2"}) {
      CAPTURE(code);
      CHECK(codes_of(read_text("openid,code\no," + quoted_field(code) + "\n")) == Codes{code});
      CHECK(codes_of(read_text("code,openid\r\n" + quoted_field(code) + ",o\r\n")) == Codes{code});
    }
  }

  TEST_CASE("csv: a line whose code or openid is masked is refused") {
    const auto read = read_text("code,openid\n****3220,o\n4785,****gLBA\n4786,o\n");
    CHECK(codes_of(read) == Codes{"4786"});
    REQUIRE(read.refused.size() == 2);
    CHECK(read.refused[0].cause.starts_with("code: masked with **, so not whole"));
    CHECK(read.refused[1].cause.starts_with("openid: masked with **, so not whole"));
  }

  TEST_CASE("csv: Chinese reasons arrive byte for byte") {
    const auto read = read_text("code,openid,reason\na,o,会员计划已结束\nb,o,\"停业，感谢\"\n");
    REQUIRE(read.rows.size() == 2);
    CHECK(read.rows[0].card.reason == "会员计划已结束");
    CHECK(read.rows[1].card.reason == "停业，感谢");
  }

  TEST_CASE("csv: a stray quotation mark stops with the line where the record starts") {
    CHECK(read_text("co\"de,openid\n").error ==
          "members.csv:1: a quotation mark inside a field that is not in quotes; quote the field and double "
          "the mark");
    CHECK(read_text("code,openid\na,o\n\"b\"x,o\n").error ==
          "members.csv:3: text after a closing quotation mark; a quotation mark inside a field must be "
          "doubled");
    CHECK(read_text("code,openid\n\"b\" ,o\n")
              .error.starts_with("members.csv:2: text after a closing quotation mark"));
    CHECK(read_text("code,openid\na,o\n\"b,o\nc,o\nd,\"o\"\n").error ==
          "members.csv:3: text after a closing quotation mark; a quotation mark inside a field must be "
          "doubled (found in "
          "line 5; the record starts in line 3)");
  }

  TEST_CASE("csv: quotation marks inside a field that does not begin with one stand for themselves") {
    const auto read = read_text(
        "openid,code,reason\no,a\"b,\"x "
        "\"\"y\"\"\"\r\no,c\"\"d,5\"\n\"o\",\"e,\"\"f\",\"new\nline\"\no,g\",");
    CHECK(read.error == "");
    CHECK(codes_of(read) == Codes{"a\"b", "c\"\"d", "g\""});
    CHECK(read.rows[0].card.reason == "x \"y\"");
    CHECK(read.rows[1].card.reason == "5\"");
    CHECK(read.refused.at(0).raw == "\"o\",\"e,\"\"f\",\"new\nline\"");
    // Behind a record that goes on, too, and with another delimiter.
    const auto more = read_text("note;openid;code\n\"two\nlines\";o;a\"b\nx\"y,;o;\"c;\"\"\"\n");
    CHECK(codes_of(more) == Codes{"a\"b", "c;\""});
  }

  TEST_CASE("csv: a quotation mark that is never closed is named where it opens") {
    CHECK(read_text("code,openid\na,o\n\nb,\"o\nc,o\n").error ==
          "members.csv:4: a quotation mark opens here and none closes before the end of the file");
    CHECK(read_text("\"code,openid\n").error.starts_with("members.csv:1: a quotation mark opens here"));
  }

  TEST_CASE("csv: an error is the end and rows before it were handed out") {
    const auto source = open_text("code,openid\na,o\n\"b\"x,o\nc,o\n");
    REQUIRE(source.has_value());
    const auto read = drain(**source);
    CHECK(codes_of(read) == Codes{"a"});
    CHECK(read.error != "");
    const auto after = (*source)->next();
    REQUIRE(after.has_value());
    CHECK_FALSE(after->has_value());
  }

  TEST_CASE("csv: a carriage return of its own splits no row in silence") {
    CHECK(read_text("code,openid\na\rb,o\n").error ==
          "members.csv:2: a carriage return without a line feed; save the file with CRLF or LF line ends");
    CHECK(read_text("code,openid\ra,o\rb,o\r")
              .error.starts_with("members.csv:1: a carriage return without a line feed"));
    CHECK(read_text("code,openid\n\ra,o\n").error.starts_with("members.csv:2: a carriage return"));
    CHECK(read_text("code,openid\n\"a\"\r,o\n").error.starts_with("members.csv:2: a carriage return"));
    const auto inside_quotes = read_text("code,openid\n\"a\rb\",o\nc,o\n");
    CHECK(codes_of(inside_quotes) == Codes{"c"});
    CHECK(inside_quotes.refused.size() == 1);
  }

  TEST_CASE("csv: invalid UTF-8 refuses the file with its place") {
    CHECK(read_text("code,openid,reason\na,o,ok\nb,o,\xBB\xE1\xD4\xB1\n").error ==
          "members.csv:3: byte 0xBB at offset 30 is not valid UTF-8; save the file as UTF-8, or set "
          "input.encoding to what it is, \"gbk\" or \"gb18030\"");
    CHECK(read_text("\xEF\xBB\xBF"
                    "code,openid\n\xFFz,o\n")
              .error.starts_with("members.csv:2: byte 0xFF at offset 15 is"));
    CHECK(
        read_text("code,openid\na,o\nb,\xE5\x91").error.starts_with("members.csv:3: byte 0xE5 at offset 18"));
  }

  TEST_CASE("csv: a zero byte refuses its line and leaves the others alone") {
    const auto read = read_text("code,openid\na\0b,o\nc,o\n"s);
    CHECK(codes_of(read) == Codes{"c"});
    REQUIRE(read.refused.size() == 1);
    CHECK(read.refused[0].cause == "a zero byte in the line");
    CHECK(read.refused[0].raw == "a\\x00b,o,(not as it stood)");
  }

  TEST_CASE("csv: lines and records above 64 KiB are refused where they start") {
    const std::string just_right(64 * 1024 - 10, 'x');
    const auto fits = read_text("code,openid,note\na,o," + just_right + "\nb,o,x\n");
    CHECK(codes_of(fits) == Codes{"a", "b"});
    CHECK(read_text("code,openid,note\na,o,\"" + just_right + "\nmore and more\"\n").error ==
          "members.csv:2: the record that starts here is longer than 64 KiB; is a closing quotation mark "
          "missing?");
    CHECK(read_text("code,openid,note\na,o," + std::string(200'000, 'x')).error ==
          "members.csv:2: longer than 64 KiB without a line feed; is this a CSV file?");
  }

  TEST_CASE("csv: a zero byte in an unused column refuses the line too") {
    using namespace std::string_literals;
    CHECK(codes_of(read_text("code,openid,note\na,o,x\0y\nb,o,\n"s)) == Codes{"b"});
  }

  TEST_CASE("csv: a quotation mark that is missing pairs no card with another one's openid") {
    const auto read = read_text("code,note,openid\nC1,\"broken,O1\nC2,x\",O2\nC3,\"two\nlines, even\",O3\n");
    CHECK(codes_of(read) == Codes{"C3"});
    REQUIRE(read.refused.size() == 1);
    CHECK(read.refused[0].source_line == 2);
    CHECK(read.refused[0].cause ==
          "a field over several lines that holds what looks like another row; is a quotation mark missing?");
    CHECK(read_text("code,openid,note\nA,o,\"broken\nB,o,x\nC,o,3 inch\"\nD,o,y\n").rows.size() == 1);
  }

  TEST_CASE("csv: the header again is no card") {
    const auto read = read_text("code,openid\na,o\ncode,openid\nb,o\n");
    CHECK(codes_of(read) == Codes{"a", "b"});
    REQUIRE(read.refused.size() == 1);
    CHECK(read.refused[0].cause == "the header again, as in files that were joined");
  }

  TEST_CASE("remark: lines with nothing but delimiters are skipped and counted") {
    const auto source = open_text("code,openid\n,\na,o\n\"\",\n,,\n");
    REQUIRE(source.has_value());
    const auto read = drain(**source);
    CHECK(codes_of(read) == Codes{"a"});
    REQUIRE(read.refused.size() == 1);  // one delimiter too many
    CHECK((*source)->remarks() ==
          std::vector<std::string>{"2 lines with nothing but delimiters are skipped (the first is line 2)"});
  }

  TEST_CASE("csv: a refused line is kept whole as it stood") {
    std::string notes;
    while (notes.size() < 60'000) notes += "会员";
    const auto read = read_text("code,openid,note\n,o," + notes + "\r\n,o,x\r\n,o,\"a\nb\"\n");
    REQUIRE(read.refused.size() == 3);
    CHECK(read.refused[0].raw == ",o," + notes);
    CHECK(read.refused[1].raw == ",o,x");
    CHECK(read.refused[2].raw == ",o,\"a\nb\"");
  }

  TEST_CASE("csv: what a failing read says is passed on") {
    const ReadBytes failing = [first = true](std::span<char> block) mutable -> Result<std::size_t> {
      if (!std::exchange(first, false))
        return Error{Errc::no_input, "members.csv: cannot read it: Input/output error"};
      return std::string_view{"code,openid\na,o\nb,"}.copy(block.data(), block.size());
    };
    const auto source = open_csv(failing, "members.csv", {}, {"1004", "p", ""}, model::Api::partner, "");
    REQUIRE(source.has_value());
    const auto read = drain(**source);
    CHECK(codes_of(read) == Codes{"a"});
    CHECK(read.error == "members.csv: cannot read it: Input/output error");
  }

  TEST_CASE("csv: several byte order marks are skipped with a remark and one in front of a joined file too") {
    const std::string mark = "\xEF\xBB\xBF";
    for (const std::size_t block_bytes : {1, 65'536}) {
      const auto source = open_text(mark + mark + "code,openid\na,o\n" + mark + "code,openid\nb,o\n",
                                    {.block_bytes = block_bytes});
      REQUIRE(source.has_value());
      const auto read = drain(**source);
      CHECK(codes_of(read) == std::vector<std::string>{"a", "b"});
      REQUIRE(read.refused.size() == 1);
      CHECK(read.refused[0].cause == "the header again, as in files that were joined");
      CHECK((*source)->remarks() ==
            std::vector<std::string>{
                "it begins with 2 byte order marks, as where programs add one each; all of "
                "them are skipped"});
      CHECK((*source)->dialect().header == "code,openid");
      CHECK((*source)->dialect().has_byte_order_mark);
    }
    const auto quoted = read_text(mark + mark + "\"code\",openid\na,o\n");
    CHECK(codes_of(quoted) == std::vector<std::string>{"a"});
  }

  TEST_CASE("csv: random tables come back as they were written for any block size") {
    const auto seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random{seed};
    const auto below = [&](std::size_t n) {
      return std::uniform_int_distribution<std::size_t>{0, n - 1}(random);
    };
    constexpr std::array<std::string_view, 12> pieces{"a",  "1", ",",    "\"", "\n", "\r\n",
                                                      "\r", " ", "会员", "é",  "\t", ";"};

    for (int table = 0; table < 200; ++table) {
      const std::string line_end = below(2) ? "\n" : "\r\n";
      std::string text = "note,openid,code" + line_end;
      std::vector<std::string> codes;
      Lines lines;
      std::int64_t line = 2;
      for (std::size_t row = 0; row < 20; ++row) {
        std::string note, code;
        for (auto n = below(12); n > 0; --n) note += pieces[below(pieces.size())];
        if (note.find('\n') != std::string::npos)
          std::replace(note.begin(), note.end(), ',', ';');  // it would look like another row
        for (auto n = 1 + below(10); n > 0; --n) code += static_cast<char>(0x21 + below(0x7F - 0x21));
        if (code == "." || code == "..") code += 'x';
        while (code.find("**") != std::string::npos) code.replace(code.find("**"), 2, "*x");  // not masked
        if (code.find_first_of("'`=") == 0 || code.find('+') != std::string::npos)
          code.insert(0, 1, 'x');  // neither a wrapper nor a number
        if (model::means_nothing(code) || model::has_fraction_of_zeros(code)) code += 'x';
        const bool is_plain = code.find_first_of(",\"") == std::string::npos && below(2);
        lines.push_back(line);
        const auto record = quoted_field(note) + ",o," + (is_plain ? code : quoted_field(code)) + line_end;
        line += std::count(record.begin(), record.end(), '\n');
        text += record;
        codes.push_back(code);
        if (below(5) == 0) text += line_end, ++line;
      }
      if (below(2)) text.resize(text.find_last_not_of("\r\n") + 1);
      const auto read =
          read_text(text, {.block_bytes = std::array<std::size_t, 4>{1, 7, 100, 65536}[below(4)]});
      CAPTURE(text);
      REQUIRE(read.error == "");
      REQUIRE(read.refused.empty());
      REQUIRE(codes_of(read) == codes);
      REQUIRE(lines_of(read.rows) == lines);
    }
  }
}
