#pragma once
// Siblings: results databases in the same folder that hold another part of the same job, told by their names
// (model/shard.hpp): "gold.db", "gold.1-of-3.db" and "gold.2-of-4.db".

#include <cardvoid/ledger/database.hpp>
#include <filesystem>

namespace cardvoid::ledger {

// To be asked before anything is sent. Error: cannot_create (73) where a sibling has run and this database
// does not know of it, so that its cards would be sent again: the whole job beside shards, unless all their
// runs were merged into it; a shard beside the whole job, unless `merge` alone made that; a shard beside
// those of another number of shards. Also where a sibling cannot be read. It sees one folder of one machine
// only.
//
// Before the database is opened for writing: that makes what `merge` made a result of its own.
Result<void> check_siblings(const std::filesystem::path& database, const Owner& owner);

}  // namespace cardvoid::ledger
