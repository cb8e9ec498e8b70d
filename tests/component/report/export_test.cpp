#include <doctest/doctest.h>

#include <boost/json.hpp>
#include <cardvoid/report/export.hpp>
#include <ostream>

TEST_SUITE("component") {
  using namespace cardvoid;
  using report::csv_line;

  namespace {

  // A row whose code is `code` and whose status is pending; all else is NULL but the two numbers.
  ledger::ResultRow row_with(const std::string& code) {
    ledger::ResultRow row(ledger::result_columns().size());
    row[2] = code, row[5] = "pending", row[11] = "0", row[14] = "12";
    return row;
  }

  // The code as it stands in the line.
  std::string csv_code(const std::string& code, bool excel = false) {
    const auto line = csv_line(row_with(code), excel);
    const std::string begin = ",,", end = excel ? R"(,,,"=""pending""",,,,,,0,,,12,,,,,,,,,)"
                                                : ",,,pending,,,,,,0,,,12,,,,,,,,,";
    REQUIRE(line.starts_with(begin));
    REQUIRE(line.ends_with(end + "\r\n"));
    return line.substr(begin.size(), line.size() - begin.size() - end.size() - 2);
  }

  // Reads one record as RFC 4180 says, to see what a reader makes of it.
  std::vector<std::string> read_record(std::string_view line) {
    std::vector<std::string> fields{""};
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
      const char c = line[i];
      if (c == '"') {
        if (quoted && i + 1 < line.size() && line[i + 1] == '"')
          fields.back() += line[++i];
        else
          quoted = !quoted;
      } else if (c == ',' && !quoted) {
        fields.emplace_back();
      } else if (c == '\r' && !quoted) {
        REQUIRE(line.substr(i) == "\r\n");
        return fields;
      } else {
        fields.back() += c;
      }
    }
    FAIL("the record does not end");
    return fields;
  }

  }  // namespace

  TEST_CASE("csv: the header names the columns of the results") {
    const std::string names =
        "brand_id,card_id,code,openid,reason,status,card_state,invalid_time,error_code,error_message,http_"
        "status,"
        "attempts,request_id,endpoint,source_line,first_sent_at,finished_at,settled_by,answer_signed,held_"
        "back,"
        "accepted_at,accepted_by,accepted_note,forgotten_at\r\n";
    CHECK(report::csv_header(false) == names);
    CHECK(report::csv_header(true) == "\xEF\xBB\xBF" + names);
  }

  TEST_CASE("csv: plain values stand as they are and NULL is nothing") {
    for (const auto* text : {"0017", "会员卡", "a b", "=1+1", "-5", "a'b", "a;b", "\ttab", "1e5"}) {
      CAPTURE(text);
      CHECK(csv_code(text) == text);
    }
  }

  TEST_CASE("csv: values that a reader would cut or misread are quoted") {
    CHECK(csv_code("a,b") == "\"a,b\"");
    CHECK(csv_code("a\"b") == "\"a\"\"b\"");
    CHECK(csv_code("\"") == "\"\"\"\"");
    CHECK(csv_code("a\nb") == "\"a\nb\"");
    CHECK(csv_code("a\rb") == "\"a\rb\"");
    CHECK(csv_code(" a") == "\" a\"");
    CHECK(csv_code("a ") == "\"a \"");
    CHECK(csv_code(" ") == "\" \"");
  }

  TEST_CASE("csv: a reader gets back every value") {
    for (const bool excel : {false, true}) {
      for (const std::string& text :
           {std::string{"a,b\"c\"\r\nd"}, std::string{" \" "}, std::string{"\"\"\""}, std::string{",,,"},
            std::string{"\r"}, std::string{"卡,号"}}) {
        CAPTURE(text);
        auto expected = text;
        if (excel) {
          for (std::size_t at = 0; (at = expected.find('"', at)) != std::string::npos; at += 2)
            expected.insert(at, 1, '"');
          expected.insert(0, "=\"").append("\"");
        }
        const auto fields = read_record(csv_line(row_with(text), excel));
        REQUIRE(fields.size() == ledger::result_columns().size());
        CHECK(fields[2] == expected);
      }
    }
  }

  TEST_CASE("csv: for a spreadsheet text is a formula that yields it and numbers stay numbers") {
    CHECK(csv_code("00123456789012345678", true) == R"("=""00123456789012345678""")");
    CHECK(csv_code("=1+1", true) == R"("=""=1+1""")");
    CHECK(csv_code("@x", true) == R"("=""@x""")");
    CHECK(csv_code("\t=1", true) == "\"=\"\"\t=1\"\"\"");
    CHECK(csv_code("\r=1", true) == "\"=\"\"\r=1\"\"\"");
    CHECK(csv_code("a\"b", true) == R"("=""a""""b""")");
    CHECK(csv_code("", true) == "");
    auto row = row_with("1");
    row[10] = "404";
    CHECK(csv_line(row, true).find(",404,0,") != std::string::npos);
  }

  TEST_CASE("json: numbers are numbers and NULL is null and text is text") {
    auto row = row_with("0017");
    row[9] = "系统\"错误\"\n";
    row[10] = "500";
    const auto line = report::json_line(row);
    CHECK(line.find('\n') == line.size() - 1);
    const auto object = boost::json::parse(line).as_object();
    CHECK(object.size() == ledger::result_columns().size());
    CHECK(object.at("code") == "0017");
    CHECK(object.at("error_message") == "系统\"错误\"\n");
    CHECK(object.at("http_status") == 500);
    CHECK(object.at("attempts") == 0);
    CHECK(object.at("source_line") == 12);
    CHECK(object.at("reason").is_null());
    row[18] = "0";
    CHECK(boost::json::parse(report::json_line(row)).at("answer_signed") == false);
    CHECK(object.at("settled_by").is_null());
    CHECK(object.begin()->key() == "brand_id");  // in the order of the columns
  }
}
