#include <fmt/format.h>

#include <boost/endian/conversion.hpp>
#include <cardvoid/model/shard.hpp>
#include <charconv>

namespace cardvoid::model {

namespace {

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  const auto* const end = text.data() + text.size();
  const auto [read_to, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || read_to != end || text.front() == '0') return std::nullopt;
  return number;
}

// ".2-of-4".
std::optional<Shard> shard_in_ending(std::string ending) {
  constexpr std::string_view k_of = "-of-";
  const auto of = ending.find(k_of);
  if (of == std::string::npos || of == 0) return std::nullopt;
  return shard_from_text(ending.replace(of, k_of.size(), "/").substr(1));
}

}  // namespace

std::string to_text(const Shard& shard) { return fmt::format("{}/{}", shard.number, shard.count); }

std::optional<Shard> shard_from_text(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto number = number_in(text.substr(0, slash)), count = number_in(text.substr(slash + 1));
  if (!number || !count || *number < 1 || *number > *count || *count > k_most_shards) return std::nullopt;
  return Shard{*number, *count};
}

std::filesystem::path file_of_shard(const std::filesystem::path& file, const Shard& shard) {
  const auto suffix = fmt::format(".{}-of-{}", shard.number, shard.count);
  const auto stem = file.stem().string();
  if (stem.ends_with(suffix)) return file;
  return file.parent_path() / (stem + suffix + file.extension().string());
}

std::pair<std::filesystem::path, std::optional<Shard>> without_shard(const std::filesystem::path& file) {
  const auto stem = file.stem(), ending = file.extension();
  if (const auto shard = shard_in_ending(stem.extension().string()))
    return {file.parent_path() / (stem.stem().string() + ending.string()), shard};
  if (const auto shard = shard_in_ending(ending.string())) return {file.parent_path() / stem, shard};
  return {file, std::nullopt};
}

int ShardOf::operator()(std::string_view brand_id, std::string_view card_id, std::string_view code) {
  for (const auto part : {brand_id, card_id, code}) {
    hash_.add(fmt::format("{}:", part.size()));
    hash_.add(part);
    hash_.add(",");
  }
  const auto digest = hash_.finish();
  return 1 +
         static_cast<int>(boost::endian::load_big_u64(digest.data()) % static_cast<std::uint64_t>(count_));
}

}  // namespace cardvoid::model
