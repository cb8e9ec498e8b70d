// safety.protect: cards that must never be sent.

#include <cardvoid/base/text.hpp>
#include <cardvoid/input/protect_list.hpp>

#include "fuzz/target.hpp"
#include "unit/input/csv_text.hpp"

namespace cardvoid::fuzz::protect_lists {

static std::string read(std::string_view text, const model::Input& input, std::size_t block_bytes) {
  auto list =
      input::ProtectList::read(input::test::read_from(std::string{text}, block_bytes), "protect.csv", input);
  if (!list) return list.error().what;
  std::string found;
  for (;;) {
    const auto line = list->next();
    if (!line) return found + line.error().what;
    if (!*line) return found + list->doubtful();
    const auto& it = **line;
    require(!(it.code + it.card_id + it.openid + it.brand_id).empty(), "a protection protects something");
    found += it.code + ' ' + it.card_id + ' ' + it.openid + ' ' + it.brand_id + ' ' +
             std::to_string(it.source_line) + '\n';
  }
}

FUZZ_TARGET(protect_list, "a list of protected cards reads alike in blocks of any size") {
  fuzz::Input input{bytes};
  model::Input settings;
  settings.unwrap = input.flag();
  settings.accept_damage = input.flag();
  const auto block_bytes = 1 + input.below(8);
  const auto whole = read(input.rest(), settings, 65'536);
  require(read(input.rest(), settings, block_bytes) == whole, "blocks of any size give the same");
  require(!find_invalid_utf8(whole), "what is read is text");
}

}  // namespace cardvoid::fuzz::protect_lists
