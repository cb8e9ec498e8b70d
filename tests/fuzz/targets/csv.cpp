// A list as CSV, in any encoding and in blocks of any size.

#include <array>
#include <cardvoid/base/csv.hpp>
#include <cardvoid/base/text.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/model/card_rules.hpp>

#include "fuzz/target.hpp"
#include "unit/input/csv_text.hpp"

namespace cardvoid::fuzz::csv_lists {

namespace {

using namespace input::test;

constexpr std::array k_encodings{model::Encoding::automatic, model::Encoding::utf8, model::Encoding::gbk,
                                 model::Encoding::gb18030};

void check(const Read& read) {
  for (const auto& row : read.rows) require(model::find_fault(row.card).empty(), "rows keep the rules");
  for (const auto& refused : read.refused) {
    require(!refused.cause.empty(), "a refused line has a cause");
    require(!find_invalid_utf8(refused.raw) && refused.raw.find('\0') == std::string::npos,
            "a refused line is text");
  }
  require(escape_for_terminal(read.error) == read.error, "an error is safe for a terminal");
}

// What we write is read as it was.
void check_round_trip(const model::InputRow& row) {
  const auto& card = row.card;
  std::string line;
  for (const auto* field : {&card.code, &card.openid, &card.card_id, &card.brand_id, &card.reason}) {
    if (!line.empty()) line += ',';
    append_csv_field(line, *field);
  }
  const auto again = read_text("code,openid,card_id,brand_id,reason\n" + line + "\n");
  require(again.rows.size() == 1, "a row that was written is read");
  const auto& same = again.rows.front().card;
  require(same.code == card.code && same.openid == card.openid && same.card_id == card.card_id &&
              same.brand_id == card.brand_id && same.reason == card.reason,
          "a row that was written is read as it was");
}

}  // namespace

FUZZ_TARGET(csv, "a list reads alike in blocks of any size") {
  fuzz::Input input{bytes};
  Options options;
  options.input.encoding = k_encodings[input.below(k_encodings.size())];
  options.input.delimiter = ",;\t\0"[input.below(4)];
  options.input.unwrap = input.flag();
  const auto block_bytes = 1 + input.below(8);
  const std::string text{input.rest()};
  const auto whole = read_text(text, options);
  check(whole);
  options.block_bytes = block_bytes;
  require(summary(read_text(text, options)) == summary(whole), "blocks of any size give the same");
  if (!whole.rows.empty()) check_round_trip(whole.rows.front());
}

}  // namespace cardvoid::fuzz::csv_lists
