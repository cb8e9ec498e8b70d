#pragma once
// The lists of a simulated job, one after another, and what the newest complete one means for each card:
// docs/input.md. Knows nothing of the results database.

#include <cardvoid/input/source.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "platform.hpp"
#include "world.hpp"

namespace cardvoid::simulation {

class Lists {
 public:
  // What a line says beside the card.
  struct Named {
    std::string openid, reason;
    bool operator==(const Named&) const = default;
  };

  Lists(const std::vector<Card>& cards, std::uint64_t seed) : cards_{cards}, chance_{seed} {}

  // --- the file ---
  // It begins with the first `count` cards, and has no others yet.
  void begin(std::size_t count);
  // The other cards come too.
  void complete();
  // Rows leave, come back and are corrected, or spoilt.
  void change();
  // What is wrong is corrected, but for cards that were sent as `as_sent` says; some of what has left stays
  // away.
  void settle(const std::function<std::optional<Named>(std::size_t)>& as_sent);
  std::unique_ptr<input::Source> source() const;
  // Of the newest list, from 0 on: its source says it.
  std::size_t number() const { return all_.size() - 1; }
  static std::string description(std::size_t number);

  // --- after an import ---
  // This list is the newest that is complete. True: it has cards that none had before.
  bool imported(std::size_t number);
  // There is no database.
  void forget() { complete_.clear(), note_complete(); }
  bool is_planned(std::size_t card) const { return planned_.at(card); }
  std::size_t planned() const;
  // By the newest complete list; nullptr: it has left.
  const Named* listed(std::size_t card) const;
  // What a first request must say: as the newest complete list, else as the last one that had it.
  const Named& named(std::size_t card) const { return named_.at(card); }

 private:
  using List = std::vector<std::optional<Named>>;  // by card

  void note_complete();

  const std::vector<Card>& cards_;
  Chance chance_;
  std::vector<List> all_;
  std::vector<std::size_t> complete_;  // in ascending order
  std::vector<bool> planned_;
  std::vector<Named> named_;
};

}  // namespace cardvoid::simulation
