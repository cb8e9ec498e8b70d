#include <cardvoid/ledger/lock.hpp>
#include <cardvoid/ledger/merge.hpp>
#include <optional>

#include "component/ledger/rig.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  // Two shards of a job with ten cards.
  struct TwoShards {
    TwoShards() {
      model::ShardOf shard_of{2};
      for (int number = 1; number <= 2; ++number) {
        std::vector<model::Card> cards;
        for (int i = 0; i < 10; ++i)
          if (auto one = card(std::to_string(i)); shard_of(one) == number) cards.push_back(std::move(one));
        const ledger::Owner owner{k_job, model::Shard{number, 2}};
        files.push_back(folder.path / fmt::format("{}.db", number));
        auto opened = must(Ledger::open(files.back(), owner, Access::create));
        REQUIRE(import(opened, cards).added > 0);
      }
    }
    TempFolder folder;
    std::vector<std::filesystem::path> files;
    std::filesystem::path output = folder.path / "whole.db";
  };

  }  // namespace

  TEST_CASE("merge: a run that begins while shards are merged undoes it") {
    const TwoShards two;
    const auto lock = must(ledger::Lock::acquire(two.output, "merge"));
    for (const auto& file : two.files) {
      std::optional<ledger::Lock> run;  // until its connection is closed
      auto shards = must(ledger::Shards::open(two.files));
      run = must(ledger::Lock::acquire(file, "run"));
      const auto merged = ledger::merge(shards, two.output, lock);
      REQUIRE_FALSE(merged.has_value());
      CHECK(merged.error().code == Errc::stopped);
      CHECK(merged.error().what.find(file.string() + ": cardvoid run (pid ") != std::string::npos);
      CHECK(ask(two.output, "SELECT count(*) FROM row UNION ALL SELECT count(*) FROM import") == "0 0");
    }
    auto shards = must(ledger::Shards::open(two.files));
    CHECK(must(ledger::merge(shards, two.output, lock)).rows == 10);
  }
}
