// Which shard a card belongs to is a promise: machines that disagreed would send a card twice, or not at all.

#include <doctest/doctest.h>

#include <cardvoid/model/shard.hpp>
#include <ostream>

TEST_SUITE("unit") {
  using namespace cardvoid::model;
  namespace fs = std::filesystem;

  namespace {

  std::string shards_of(std::string_view brand_id, std::string_view card_id, std::string_view code) {
    std::string text;
    for (const int count : {1, 2, 3, 4, 7, 100})
      text += " " + std::to_string(ShardOf{count}(brand_id, card_id, code));
    return text;
  }

  }  // namespace

  // printf '4:1004,3:abc,6:123456,' | sha256sum
  TEST_CASE("shard: a card belongs to the shard that an independent computation names") {
    CHECK(shards_of("1004", "pbLatjvWOibDc5-TBnbUk1pD12o0", "card0000") == " 1 2 1 4 3 40");
    CHECK(shards_of("1004", "pbLatjvWOibDc5-TBnbUk1pD12o0", "card0001") == " 1 2 3 2 5 70");
    CHECK(shards_of("1004", "abc", "123456") == " 1 2 2 4 5 92");
    CHECK(shards_of("1004", "abc", "会员1") == " 1 2 1 2 4 98");
    CHECK(shards_of("", "", "") == " 1 1 3 1 6 17");
  }

  TEST_CASE("shard: parts of a key cannot run together") {
    ShardOf of{100};
    CHECK(of("1004", "abc", "123456") == of("1004", "abc", "123456"));
    CHECK(of("1004", "abc1", "23456") != of("1004", "abc", "123456"));
  }

  TEST_CASE("shard: every shard gets about as many cards as another") {
    constexpr int k_shards = 5, k_cards = 10'000;
    int cards[k_shards] = {};
    ShardOf of{k_shards};
    for (int i = 0; i < k_cards; ++i) ++cards[of("1004", "pT", std::to_string(i)) - 1];
    for (const auto count : cards) CHECK(std::abs(count - k_cards / k_shards) < k_cards / k_shards / 10);
  }

  TEST_CASE("shard: K/N is read as it is written and anything else is none") {
    for (const auto* text : {"1/1", "2/4", "100/100"}) {
      const auto shard = shard_from_text(text);
      REQUIRE(shard.has_value());
      CHECK(to_text(*shard) == text);
    }
    for (const auto* text : {"", "/", "a", "1", "1/", "/1", "0/3", "4/3", "-1/3", "+1/3", "1/0", "01/3",
                             "1/03", "1/3 ", " 1/3", "1/2/3", "1.5/3", "1/101", "99999999999/99999999999"}) {
      CAPTURE(text);
      CHECK_FALSE(shard_from_text(text).has_value());
    }
  }

  TEST_CASE("shard: a file of a shard has its number before the ending and only once") {
    const Shard shard{2, 4};
    CHECK(file_of_shard("results/gold.db", shard) == "results/gold.2-of-4.db");
    CHECK(file_of_shard("gold", shard) == "gold.2-of-4");
    CHECK(file_of_shard("/var/cardvoid.prom", shard) == "/var/cardvoid.2-of-4.prom");
    CHECK(file_of_shard("gold.2-of-4.db", shard) == "gold.2-of-4.db");
    CHECK(file_of_shard("gold.1-of-4.db", shard) == "gold.1-of-4.2-of-4.db");
  }

  TEST_CASE("shard: the name of a shard's file tells whose part it is") {
    CHECK((without_shard("results/gold.2-of-4.db") ==
           std::pair{fs::path{"results/gold.db"}, std::optional{Shard{2, 4}}}));
    CHECK((without_shard("gold.2-of-4") == std::pair{fs::path{"gold"}, std::optional{Shard{2, 4}}}));
    for (const auto* other :
         {"gold.db", "gold", "gold.5-of-4.db", "gold.2-of-.db", "gold.of-4.db", "2-of-4.db", ".2-of-4"}) {
      CAPTURE(other);
      CHECK((without_shard(other) == std::pair{fs::path{other}, std::optional<Shard>{}}));
    }
  }
}
