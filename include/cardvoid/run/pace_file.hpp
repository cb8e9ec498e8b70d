#pragma once
// The file that the paces of one quota share, as bytes under locks. Work on it is done at once on a file
// system of this machine. Elsewhere an errand does it, which the thread that sends waits for only so long: a
// home directory on a server that is away does not hold it. To hand work over and back costs more than the
// work.

#include <array>
#include <cardvoid/base/errand.hpp>
#include <cardvoid/base/error.hpp>
#include <cardvoid/base/file.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/dispatch/pacer.hpp>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::run {

class PaceFile {
 public:
  static constexpr std::size_t k_most_participants = 16;
  static constexpr std::size_t k_most_sent = 1'000'000;
  static constexpr std::array<char, 8> k_magic{'c', 'v', 'p', 'a', 'c', 'e', '4', '\n'};
  // A file that puts the next request later than this is not valid.
  static constexpr std::chrono::hours k_most_ahead{24};

  struct Participant {
    std::uint64_t id = 0;  // 0: free
    double limit = 0;
    Instant seen{}, taken{};  // when it last read the file, and last took a permit
    Instant wants_until{};    // it wants a permit until then
  };
  using Participants = std::array<Participant, k_most_participants>;
  using Instants = std::deque<Instant>;

  // What it begins with; then come the instants of `refused`, and behind `first` unused ones those of `sent`.
  // In this machine's byte order: it never leaves the machine.
  struct Head {
    std::array<char, 8> magic;
    std::array<char, 40> boot_id;
    dispatch::Pacer::Learnt learnt;
    Participants participants;
    std::uint64_t sent, refused, first;  // numbers of instants
    std::uint64_t writer;                // the participant that wrote last
  };
  struct Content {
    Head head{};
    std::vector<Instant> sent, refused;

    // False: no run of ours writes this. Who can write the file must not make the pacer compute with
    // anything.
    bool is_sound(Instant now) const;
  };

  struct Seen {
    // busy: another process holds the lock; late: the disk does not answer; failed: `why` says it.
    enum Outcome { done, busy, late, failed } outcome = failed;
    std::string why;
    int made = 0;  // how often it was removed and begun again so far
    bool is_empty = true;
    bool is_own = false;    // as put() has written it last; then `content` has only the head
    bool is_whole = false;  // it has the right shape: `content` is what it holds
    Content content;
    std::array<bool, k_most_participants> is_alive{};
  };

  // `patience`: with each step of its work. `may_hang`: its disk; nullopt: unless its file system is this
  // machine's own. Errors: cannot_create (73), when it cannot be made, is not a plain file of this user, or
  // its disk does not answer.
  static Result<PaceFile> open(const std::filesystem::path& path, std::uint64_t participant,
                               std::shared_ptr<Errand> errand, milliseconds patience,
                               std::optional<bool> may_hang = {});

  // Locks and reads. After `done` the lock is held until put().
  Seen get();
  // Writes and releases the lock. `magic`, the numbers and `writer` of the head are filled in here. `changes`
  // of `sent` since the last call: where that one's content still stands, no more is written.
  Seen::Outcome put(Head head, const Instants& sent, const Instants& refused,
                    dispatch::Pacer::Changes changes, std::string& why);
  // So that others share a new file, where this one is still locked by somebody who does not move. False: it
  // is still there.
  bool remove();

 private:
  struct Hands;
  PaceFile(std::shared_ptr<Hands> hands, std::shared_ptr<Errand> errand, milliseconds patience, bool may_hang)
      : hands_{std::move(hands)}, errand_{std::move(errand)}, patience_{patience}, may_hang_{may_hang} {}
  std::shared_ptr<Hands> hands_;  // with the errand's work, which may outlive us
  std::shared_ptr<Errand> errand_;
  milliseconds patience_;
  bool may_hang_;
  bool was_put_ = false;  // what the last put() was given is known to be written
};

}  // namespace cardvoid::run
