#pragma once
// Shard: one of N parts of a job, for jobs that several machines send. Which part a card belongs to is
// decided by its key alone, so every machine that reads the list takes the same cards, on any day and in any
// order:
//
//   1 + (the first 8 bytes of SHA-256(text) as a big-endian number) mod N
//
// where `text` is brand_id, card_id and code as netstrings (cr.yp.to/proto/netstrings.txt), one behind the
// other: "4:1004,3:abc,6:123456,". This is a promise (docs/scale.md): another rule would send cards twice.

#include <cardvoid/base/sha256.hpp>
#include <cardvoid/model/row.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cardvoid::model {

// So many are never needed: the platform's limit is one merchant's, and a part of it is left for each.
inline constexpr int k_most_shards = 100;

struct Shard {
  int number = 1;  // 1 to count
  int count = 1;   // 1 to k_most_shards
  bool operator==(const Shard&) const = default;
};

// "2/4".
std::string to_text(const Shard& shard);
// nullopt: anything else than K/N with 1 ≤ K ≤ N ≤ k_most_shards.
std::optional<Shard> shard_from_text(std::string_view text);

// The same file for this shard: "gold.db" becomes "gold.2-of-4.db". A name that ends so stays as it is.
std::filesystem::path file_of_shard(const std::filesystem::path& file, const Shard& shard);

// The other way round: "gold.2-of-4.db" is {"gold.db", 2/4}, and "gold.db" is {"gold.db", nullopt}.
std::pair<std::filesystem::path, std::optional<Shard>> without_shard(const std::filesystem::path& file);

// Which shard of `count` a card belongs to. Not thread-safe.
class ShardOf {
 public:
  explicit ShardOf(int count) : count_{count} {}
  int operator()(std::string_view brand_id, std::string_view card_id, std::string_view code);
  int operator()(const Card& card) { return (*this)(card.brand_id, card.card_id, card.code); }

 private:
  int count_;
  Sha256 hash_;
};

}  // namespace cardvoid::model
