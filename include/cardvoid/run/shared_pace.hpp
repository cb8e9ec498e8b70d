#pragma once
// One rate limit for all jobs on this machine that sign for the same merchant: the pacer's memory is a
// file in the user's state directory. Every run reads and updates it before it sends, under a lock that is
// held for microseconds and ends with its holder.
//
// Each run stays below its own limit; together they stay below the greatest of their limits, which for a
// shard is that of its whole job. The run that sent last lets the others go first, so that they take turns.
// Their head start is at most 5 ms. Requests of a run that was killed still count, and the run itself does
// not: every one holds a lock that the kernel takes back when it dies. No server is needed. The state
// directory and not the runtime directory, which differs between cron and a login.

#include <algorithm>
#include <array>
#include <cardvoid/base/error.hpp>
#include <cardvoid/dispatch/pacer.hpp>
#include <cardvoid/run/pace_file.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cardvoid::model {
struct Job;
}

namespace cardvoid::run {

// The folder for such files: $XDG_STATE_HOME/cardvoid, else ~/.local/state/cardvoid (XDG Base Directory
// Specification 0.8). Not the runtime directory: cron and a login shell must share it.
// Error: cannot_create, when the user has no home.
Result<std::filesystem::path> state_folder();

// The file of one quota: signer, endpoints, this machine, and the brand if each brand has its own limit.
std::string pace_file_name(const model::Job& job, const std::optional<std::string>& brand);

class SharedPace final : public dispatch::Pace {
 public:
  struct Settings {
    std::filesystem::path file;      // created if missing (0600), with its folders
    double requests_per_second = 5;  // this run's
    // What this run lets all runs send together: of a shard the whole job's limit. 0: the same.
    double together = 0;
    // Of this boot, at most 40 characters: times of another boot mean nothing. Empty: not known.
    std::string boot_id;
    std::uint64_t participant = 0;                 // random, different for each run
    std::function<void(const std::string&)> warn;  // called once, when the file has become unusable; then
                                                   // this run is paced by itself
    std::shared_ptr<Errand> errand = {};  // works on a file whose disk may hang; none: one of its own
    milliseconds patience{100};           // how long a step of its work is waited for, real time
    std::optional<bool> may_hang = {};    // as of PaceFile::open()
  };
  // Error: cannot_create, when the file cannot be made or locked.
  static Result<std::unique_ptr<SharedPace>> open(Settings settings, Instant now);
  SharedPace(const SharedPace&) = delete;
  SharedPace& operator=(const SharedPace&) = delete;
  ~SharedPace() override;

  Instant next_at() const override;
  Instant due_after(std::size_t ahead, Instant now) const override;
  bool take(Instant now) override;
  void left(Instant permit, Instant at) override;
  void accepted(Instant now, Instant sent) override;
  void throttled(Instant now, Instant sent, std::optional<milliseconds> retry_after) override;
  void hold(Instant until) override { own_.hold(until); }
  void set_limit(double requests_per_second, Instant now) override;
  double rate(Instant now) const override { return std::min(own_.rate(now), all_.rate(now)); }
  std::optional<double> found_limit() const override { return pacer().found_limit(); }
  Instant paused_until() const override { return std::max(own_.paused_until(), all_.paused_until()); }
  std::size_t shared_with() const override { return present_; }
  std::chrono::nanoseconds guard() const { return pacer().guard(); }

 private:
  using Participant = PaceFile::Participant;

  SharedPace(Settings settings, std::unique_ptr<PaceFile> file, Instant now);
  // Reads the file, applies `change`, and writes it back. False: another process holds the lock now, or the
  // file is unusable.
  bool update(Instant now, const std::function<void(Participant& self)>& change);
  void tell(Instant now, std::function<void(dispatch::Pacer& all)> what);
  bool is_hindered(const PaceFile::Seen& seen);
  void is_late();
  void recall(const PaceFile::Seen& seen, Instant now);
  void learn_again(dispatch::Pacer::Memory memory, Instant now);
  PaceFile::Head head(const dispatch::Pacer::Learnt& learnt) const;
  void count_others(const PaceFile::Seen& seen, Instant now);
  Participant& self();
  // A run that was steered to a lower rate still lets the others use its job's limit.
  double own_limit() const { return std::max(settings_.together, own_.limit()); }
  std::chrono::nanoseconds head_start() const;
  void give_up(const std::string& why);
  // The one that learns: what the platform counts is what all runs send together.
  const dispatch::Pacer& pacer() const { return file_ ? all_ : own_; }

  Settings settings_;
  std::unique_ptr<PaceFile> file_;  // none: this run is paced by itself
  dispatch::Pacer own_;
  dispatch::Pacer all_;  // as of the last read of the file
  PaceFile::Participants participants_{};
  double greatest_limit_ = 0;
  std::size_t present_ = 0, wanting_ = 0;  // others
  int turn_ = 0;                           // how many of those go first
  std::vector<std::function<void(dispatch::Pacer&)>> untold_;
  Instant look_again_{};  // the file was locked
  std::optional<Instant> locked_since_, late_since_;
  Instant last_now_;
  int made_ = 0;  // of what was seen last
  std::array<char, 40> boot_id_;
};

// The paces of a job's lanes, for Ports::paces. Where the file cannot be used that is said in `warn`, and the
// run is paced by itself.
std::vector<std::unique_ptr<dispatch::Pace>> shared_paces(
    const model::Job& job, const std::vector<std::optional<std::string>>& brands, Instant now,
    const std::function<void(const std::string&)>& warn);

}  // namespace cardvoid::run
