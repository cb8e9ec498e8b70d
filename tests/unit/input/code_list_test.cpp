#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cardvoid/input/code_list.hpp>
#include <ostream>

#include "csv_text.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace cardvoid::input;

  namespace {

  // "code@line code@line", or what is wrong.
  std::string read_in_blocks(const std::string& text, const std::string& column, std::size_t block_bytes) {
    auto list = CodeList::read(test::read_from(text, block_bytes), "picked.txt", column);
    if (!list) return list.error().what;
    std::string found;
    for (;;) {
      const auto code = list->next();
      if (!code) return code.error().what;
      if (!*code) return found;
      found += fmt::format("{}{}@{}", found.empty() ? "" : " ", (*code)->text, (*code)->line);
    }
  }

  std::string codes_in(const std::string& text, const std::string& column = "code") {
    const auto found = read_in_blocks(text, column, 65'536);
    CHECK(read_in_blocks(text, column, 7) == found);
    return found;
  }

  }  // namespace

  TEST_CASE("code list: one code a line with either line end and blank lines between") {
    CHECK(codes_in("007\n008\n") == "007@1 008@2");
    CHECK(codes_in("007\r\n\r\n  \r\n008") == "007@1 008@4");
    CHECK(codes_in("\n\n007") == "007@3");
    CHECK(codes_in("\xEF\xBB\xBF"
                   "007\n") == "007@1");
    CHECK(codes_in("") == "");
    CHECK(codes_in("\n \n") == "");
  }

  TEST_CASE("code list: nothing of a line is altered") {
    CHECK(codes_in("a b\n a\nb \n\"q\"\n1,2\n") == "a b@1  a@2 b @3 \"q\"@4 1,2@5");
  }

  TEST_CASE("code list: a CSV file with a column code is read by that column") {
    CHECK(codes_in("brand_id,code,reason\r\n1004,007,x\r\n1004,\"0,8\",\"two\r\nlines\"\r\n\r\n1004,,"
                   "\r\n1004,009,") == "007@2 0,8@3 009@7");
    CHECK(codes_in("code\n007\n008\n") == "007@2 008@3");
    CHECK(codes_in("code") == "");
    CHECK(codes_in("\xEF\xBB\xBF"
                   "code,openid\n007,o\n") == "007@2");
    CHECK(codes_in("会员卡号,openid\n007,o\n", "会员卡号") == "007@2");
    CHECK(codes_in("会员卡号,openid\n007,o\n") == "会员卡号,openid@1 007,o@2");
  }

  TEST_CASE("code list: what is wrong with a file is said with its line") {
    CHECK(codes_in("code,openid\n007,o\n008,\"o\n").ends_with("none closes before the end of the file"));
    CHECK(codes_in("a,code\n1,007\n2\n")
              .ends_with("picked.txt:3: has no field code; the header has 1 before it"));
    CHECK(codes_in("007\n\xFF\n").find("picked.txt:2: byte 0xFF") != std::string::npos);
    CHECK(codes_in(std::string{"PK\x03\x04"} + std::string(20, 'x')).find("Excel") != std::string::npos);
    CHECK(codes_in("a,code\n\"" + std::string(40'000, 'x') + "\n" + std::string(40'000, 'x') + "\n")
              .find("64 KiB") != std::string::npos);
  }
}
