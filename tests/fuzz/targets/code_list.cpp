// --where-code-in: a list of codes, or what `export` wrote.

#include <cardvoid/base/text.hpp>
#include <cardvoid/input/code_list.hpp>

#include "fuzz/target.hpp"
#include "unit/input/csv_text.hpp"

namespace cardvoid::fuzz::code_lists {

static std::string read(std::string_view text, std::size_t block_bytes) {
  auto list = input::CodeList::read(input::test::read_from(std::string{text}, block_bytes), "codes.csv",
                                    "\xE5\x8D\xA1\xE5\x8F\xB7");
  if (!list) return list.error().what;
  std::string found;
  std::int64_t before = 0;
  for (;;) {
    const auto code = list->next();
    if (!code) return found + code.error().what;
    if (!*code) return found;
    require((*code)->line > before, "lines rise");
    before = (*code)->line;
    found += std::to_string(before) + ' ' + std::string{(*code)->text} + '\n';
  }
}

FUZZ_TARGET(code_list, "a list of codes reads alike in blocks of any size") {
  fuzz::Input input{bytes};
  const auto block_bytes = 1 + input.below(8);
  const auto whole = read(input.rest(), 65'536);
  require(read(input.rest(), block_bytes) == whole, "blocks of any size give the same");
  require(!find_invalid_utf8(whole), "what is read is text");
}

}  // namespace cardvoid::fuzz::code_lists
