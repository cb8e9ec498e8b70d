#include <doctest/doctest.h>

#include <array>
#include <ostream>

#include "csv_text.hpp"
#include "decoder.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::input;
  using namespace cardvoid::input::test;
  using namespace std::string_literals;
  using model::Encoding;

  namespace {

  Options in(Encoding encoding, std::size_t block_bytes = 65'536) {
    Options options{.block_bytes = block_bytes};
    options.input.encoding = encoding;
    return options;
  }

  const std::string k_advice =
      "; has it been put together from files in different encodings? Save it as UTF-8";
  const std::string k_members = "code,openid,reason\na,o,会员计划已结束\nb,o,停业，感谢\n";

  void check_members(const Read& read) {
    CHECK(read.error == "");
    REQUIRE(read.rows.size() == 2);
    CHECK(read.rows[0].card.reason == "会员计划已结束");
    CHECK(read.rows[1].card.reason == "停业，感谢");
    CHECK(read.rows[1].source_line == 3);
  }

  std::string description(std::string text, Encoding encoding) {
    const auto source = open_text(std::move(text), in(encoding));
    return source ? (*source)->description() : source.error().what;
  }

  // What encoding = "auto" makes of a file: "GB18030", "" or the error.
  std::string judge(const std::string& text, std::size_t block_bytes = 65'536) {
    const auto from_start = [&]() -> Result<ReadBytes> { return read_from(text, block_bytes); };
    const auto is = is_gb18030(from_start, "members.csv");
    return !is ? is.error().what : *is ? "GB18030" : "";
  }

  }  // namespace

  TEST_CASE("encoding: GBK and GB18030 are decoded when the job says so for any block size") {
    for (const std::size_t block : {1, 2, 3, 7, 65'536}) {
      check_members(read_text(encode(k_members, "GBK"), in(Encoding::gbk, block)));
      check_members(read_text(encode(k_members, "GB18030"), in(Encoding::gb18030, block)));
    }
    CHECK(description(encode(k_members, "GBK"), Encoding::gbk).starts_with("CSV, GBK, comma,"));
  }

  TEST_CASE("encoding: characters across the end of a block of 64 KiB stay whole") {
    for (std::size_t shift = 0; shift < 4; ++shift) {
      std::string text = "code,openid,reason\n";
      for (int row = 0; row < 20'000; ++row) text += "a,o,会员㐀é\n";
      text.insert(19, std::string(shift, '\n'));
      const auto read = read_text(encode(text, "GB18030"), in(Encoding::gb18030));
      CHECK(read.error == "");
      REQUIRE(read.rows.size() == 20'000);
      for (const auto& row : read.rows) REQUIRE(row.card.reason == "会员㐀é");
    }
  }

  TEST_CASE("encoding: the euro sign of Windows is GBK and four-byte characters are GB18030 alone") {
    CHECK(read_text("code,openid,reason\na,o,\x80\n", in(Encoding::gbk)).rows.at(0).card.reason == "€");
    CHECK(read_text("code,openid,reason\na,o,\x80\n", in(Encoding::gb18030)).error ==
          "members.csv:2: byte 0x80 at offset 23 is not valid GB18030" + k_advice);
    CHECK(read_text(encode("code,openid,reason\na,o,㐀\n", "GB18030"), in(Encoding::gbk)).error != "");
  }

  TEST_CASE("encoding: a broken byte refuses the input with its line and offset and is never replaced") {
    const auto broken = encode("code,openid,reason\na,o,会员\nb,o,", "GBK") + "\xFF\n";
    for (const std::size_t block : {1, 5, 65'536}) {
      const auto read = read_text(broken, in(Encoding::gbk, block));
      CHECK(read.error == "members.csv:3: byte 0xFF at offset 32 is not valid GBK" + k_advice);
      CHECK(read.rows.size() <= 1);
    }
    CHECK(read_text("code,openid\na,o\nb,\xB5", in(Encoding::gbk)).error ==
          "members.csv:3: byte 0xB5 at offset 18 is not valid GBK" + k_advice);
    CHECK(read_text("code,openid\na,o\nb,\xB5\nc,o\n", in(Encoding::gb18030)).error ==
          "members.csv:3: byte 0xB5 at offset 18 is not valid GB18030" + k_advice);
  }

  TEST_CASE("encoding: UTF-16 with a byte order mark is decoded in both byte orders") {
    for (const std::size_t block : {1, 3, 65'536}) {
      check_members(read_text("\xFF\xFE" + encode(k_members, "UTF-16LE"), in(Encoding::automatic, block)));
      check_members(read_text("\xFE\xFF" + encode(k_members, "UTF-16BE"), in(Encoding::automatic, block)));
    }
    CHECK(description("\xFF\xFE" + encode("code\topenid\r\n", "UTF-16LE"), Encoding::automatic) ==
          "CSV, UTF-16LE with BOM, tab, columns \"code\", \"openid\"");
  }

  TEST_CASE("encoding: half a surrogate pair and half a character of UTF-16 are refused") {
    const auto begin = "\xFE\xFF" + encode("code,openid\na,", "UTF-16BE");
    CHECK(read_text(begin + "\xD8\x3D\0o\0\n"s).error ==
          "members.csv:2: byte 0xD8 at offset 30 is not valid UTF-16BE" + k_advice);
    CHECK(read_text(begin + "\0o\0"s).error ==
          "members.csv:2: byte 0x00 at offset 32 is not valid UTF-16BE" + k_advice);
  }

  TEST_CASE("encoding: a byte order mark that contradicts the job is refused") {
    CHECK(description("\xEF\xBB\xBF" + k_members, Encoding::gbk) ==
          "members.csv: it begins with the byte order mark of UTF-8, and input.encoding says GBK; set "
          "input.encoding = \"auto\"");
    CHECK(description("\xFF\xFE" + encode(k_members, "UTF-16LE"), Encoding::utf8)
              .starts_with("members.csv: it begins with the byte order mark of UTF-16LE"));
    CHECK(description("\xEF\xBB\xBF" + k_members, Encoding::utf8).starts_with("CSV, UTF-8 with BOM, comma"));
    CHECK(description(encode("\uFEFF" + k_members, "GB18030"), Encoding::automatic)
              .starts_with("CSV, GB18030 with BOM, comma"));
  }

  TEST_CASE("encoding: a stream that is not UTF-8 is refused and told which key to set") {
    const auto read = read_text(encode(k_members, "GBK"));
    CHECK(read.error ==
          "members.csv:2: byte 0xBB at offset 23 is not valid UTF-8; save the file as UTF-8, or set "
          "input.encoding to what it is, \"gbk\" or \"gb18030\"");
  }

  TEST_CASE("encoding: a workbook is named as one for any encoding of the job") {
    const auto workbook = "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + std::string(600, 'x');
    CHECK(description(workbook, Encoding::gbk).starts_with("members.csv: an old Excel workbook"));
    CHECK(judge(workbook) == "");  // left to the reader
  }

  TEST_CASE("encoding auto: a whole file of GB18030 is told from UTF-8") {
    for (const std::size_t block : {1, 7, 65'536}) {
      CHECK(judge(encode(k_members, "GBK"), block) == "GB18030");
      CHECK(judge(encode("code,openid,reason\na,o,㐀\n", "GB18030"), block) == "GB18030");
      CHECK(judge(k_members, block) == "");
      CHECK(judge("code,openid\na,o\n", block) == "");
      CHECK(judge("\xFF\xFE" + encode(k_members, "UTF-16LE"), block) == "");
      CHECK(judge("", block) == "");
    }
  }

  TEST_CASE("encoding auto: GBK that begins like UTF-8 is judged by the whole file") {
    const std::string looks_like_utf8 = "code,openid,reason\na,o,\xC4\xAB\n";  // 墨
    CHECK(judge(looks_like_utf8) == "");
    CHECK(judge(looks_like_utf8 + encode("b,o,会员\n", "GBK")) == "GB18030");
  }

  TEST_CASE("encoding auto: mixed bytes are neither and both places are named") {
    const auto mixed = "code,openid,reason\na,o,会员计\nb,o," + encode("会员", "GBK") + "\n";
    const std::string expected =
        "members.csv:3: byte 0xBB at offset 37 is not valid UTF-8; nor is the file GB18030 as a whole "
        "(members.csv:2: reads as UTF-8 like all before it, from byte 0xE4 at offset 23 on, and the file is "
        "taken for GB18030); has it been put together from files "
        "in "
        "different encodings? Save it as UTF-8";
    CHECK(judge(mixed) == expected);
    CHECK(judge(mixed, 3) == expected);
  }

  TEST_CASE(
      "encoding: a line of UTF-8 in a file of GBK is refused where it stands though all of it decodes") {
    const auto mixed =
        encode("code,openid,reason\na,o,会员\n", "GBK") + "b,o,会员\n" + encode("c,o,停业\n", "GBK");
    for (const std::size_t block : {1, 3, 65'536}) {
      CHECK(read_text(mixed, in(Encoding::gbk, block)).error ==
            "members.csv:3: reads as UTF-8, from byte 0xE4 at offset 32 on, and the file is taken for GBK" +
                k_advice);
      CHECK(judge(mixed, block) ==
            "members.csv:2: byte 0xBB at offset 23 is not valid UTF-8; nor is the file GB18030 as a whole "
            "(members.csv:3: reads as UTF-8, from byte 0xE4 at offset 32 on, and the file is taken for "
            "GB18030); has it been "
            "put together from files in different encodings? Save it as UTF-8");
    }
    // Without a line end behind it, cut off within a character, and where the bytes break later.
    CHECK(read_text("code,openid,reason\na,o,会员计\xE5\x88", in(Encoding::gbk))
              .error.starts_with("members.csv:2: reads as UTF-8"));
    CHECK(read_text("code,openid,reason\na,o,会员", in(Encoding::gbk))
              .error.starts_with("members.csv:2: reads as UTF-8"));
    for (const std::size_t block : {1, 65'536})
      CHECK(read_text("code,openid,reason\na,o,会员\nb,o,\xFF\n", in(Encoding::gbk, block))
                .error.starts_with("members.csv:2: reads as UTF-8"));
  }

  TEST_CASE("encoding: GBK that happens to be valid UTF-8 in a line is no mixture") {
    const std::string lines =
        "code,openid,reason\na,o,\xC1\xAA\xCD\xA8\nb,o,\xE1\xB0\xB2\n";  // 联通 and more
    CHECK(read_text(lines, in(Encoding::gb18030)).error.find("reads as UTF-8") == std::string::npos);
    CHECK(read_text("code,openid,reason\na,o,\xC1\xAA\xCD\xA8\n", in(Encoding::gbk)).rows.size() == 1);
  }

  TEST_CASE("encoding auto: pairs for private use are no text") {
    CHECK(judge("code,openid,reason\na,o,\xAA\xA1\n").find("a private-use character") != std::string::npos);
  }

  TEST_CASE("samples: the first rows beyond ASCII are shown as decoded with identifiers masked") {
    Options options = in(Encoding::gb18030);
    const auto source = open_text(encode("code,openid,reason,姓名\n"
                                         "000000000001,oABCDEFGHIJKL0001,plain,x\n"
                                         "000000000002,oABCDEFGHIJKL0002,再见,张三丰\n"
                                         "\n"
                                         "000000000003,oABCDEFGHIJKL0003,x,李四\n"
                                         "０００,oABCDEFGHIJKL0004,会员,x\n"
                                         "000000000005,oABCDEFGHIJKL0005,会员,x\n",
                                         "GB18030"),
                                  options);
    REQUIRE(source.has_value());
    drain(**source);
    CHECK((*source)->samples() ==
          std::vector<std::string>{"line 3: code ****0002, openid ****0002, reason \"再见\", 姓名 \"张…\"",
                                   "line 5: code ****0003, openid ****0003, reason \"x\", 姓名 \"李…\"",
                                   "line 6: code \"０…\", openid ****0004, reason \"会员\""});
    const auto plain = open_text(k_members);
    drain(**plain);
    CHECK((*plain)->samples().empty());
  }

  TEST_CASE("remark: an input that the job calls GBK and that is valid UTF-8 is doubtful") {
    const auto remarks = [](std::string text) {
      const auto source = open_text(std::move(text), in(Encoding::gbk));
      REQUIRE(source.has_value());
      CHECK(drain(**source).error == "");
      return (*source)->remarks();
    };
    CHECK(remarks("code,openid,reason\na,o,\xC4\xAB\n") ==
          std::vector<std::string>{
              "decoded as GBK, as input.encoding says, but it is also valid UTF-8: which one is it?"});
    CHECK(remarks(encode(k_members, "GBK")).empty());
    CHECK(remarks("code,openid\na,o\n").empty());
  }
}
