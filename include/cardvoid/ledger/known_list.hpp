#pragma once
// The list that was read last, known again by its file without reading it.

#include <cardvoid/ledger/database.hpp>
#include <string>
#include <string_view>

namespace cardvoid::ledger {

// Its SHA-256, hex, while its file has the same mark (base/file_mark.hpp). Empty: it must be read to know.
Result<std::string> known_sha256(Ledger& ledger, std::string_view mark);

// The mark was the same before and after the list was read. Does nothing with an empty mark or digest.
Result<void> know_sha256(Ledger& ledger, std::string_view mark, std::string_view sha256);

}  // namespace cardvoid::ledger
