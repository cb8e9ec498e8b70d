#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cardvoid/base/host.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/shared_pace.hpp>
#include <cctype>
#include <cstdlib>
#include <random>
#include <utility>

namespace cardvoid::run {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;

// A participant that was not seen for this long does not count: it has nothing to send.
constexpr auto k_forgotten_after = 10s;
// The others wait this long for a participant that was told when to come again.
constexpr auto k_grace = 50ms;
// Head start of the next in turn; at high rates a twentieth of the interval.
constexpr std::chrono::nanoseconds k_most_head_start = 5ms, k_least_head_start = 100us;
// If the lock's holder is suspended, the others try again; if that lasts, they remove the file and share a
// new one. A disk that does not answer for longer is given up.
constexpr milliseconds k_look_again = 1ms, k_lock_patience = 1s;
constexpr milliseconds k_look_again_when_late = 20ms, k_disk_patience = 10s;
// Times later than this are of another boot.
constexpr auto k_most_early = 1s;
// Files that were not used for this long are removed; a sandbox leaves one for every port.
constexpr auto k_unused_after = 7 * 24h;
constexpr std::string_view k_suffix = ".pace4";  // each version has a format of its own
constexpr std::string_view k_suffix_of_all = ".pace";

std::array<char, 40> as_stored(const std::string& boot_id) {
  std::array<char, 40> stored{};
  std::copy_n(boot_id.begin(), std::min(boot_id.size(), stored.size()), stored.begin());
  return stored;
}

// Removes files that have not been used for k_unused_after.
void remove_unused(const fs::path& folder) {
  std::error_code ended, ignored;
  for (fs::directory_iterator entry{folder, ended}; !ended && entry != fs::directory_iterator{};
       entry.increment(ended)) {
    if (!entry->path().extension().string().starts_with(k_suffix_of_all) || !entry->is_regular_file(ignored))
      continue;
    const auto age = fs::file_time_type::clock::now() - entry->last_write_time(ignored);
    if (!ignored && age > k_unused_after) fs::remove(entry->path(), ignored);
  }
}

}  // namespace

Result<fs::path> state_folder() {
  // The specification says to ignore a relative path.
  if (const auto* named = std::getenv("XDG_STATE_HOME"); named && *named == '/')
    return fs::path{named} / "cardvoid";
  if (const auto* home = std::getenv("HOME"); home && *home == '/')
    return fs::path{home} / ".local/state/cardvoid";
  std::array<char, 4096> buffer{};
  passwd entry{}, *found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found &&
      found->pw_dir && *found->pw_dir == '/')
    return fs::path{found->pw_dir} / ".local/state/cardvoid";
  return Error{Errc::cannot_create, "neither XDG_STATE_HOME nor HOME names a folder"};
}

std::string pace_file_name(const model::Job& job, const std::optional<std::string>& brand) {
  auto first = job.endpoints.primary.text(), second = job.endpoints.backup.text();
  for (auto* host : {&first, &second})  // host names are case-insensitive
    for (auto& c : *host) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (second < first) std::swap(first, second);
  auto name = fmt::format("{}{}@{}+{}@{}", job.merchant.signer_id(), brand ? "-brand-" + *brand : "", first,
                          second, host_name());
  for (auto& c : name)
    if (c == '/' || static_cast<unsigned char>(c) <= ' ') c = '_';
  constexpr std::size_t k_longest = 200;  // of the 255 bytes of a file name
  if (name.size() > k_longest)
    name = fmt::format("{}-{:016x}", name.substr(0, k_longest), std::hash<std::string>{}(name));
  return name + std::string{k_suffix};
}

Result<std::unique_ptr<SharedPace>> SharedPace::open(Settings settings, Instant now) {
  if (!settings.errand) settings.errand = std::make_shared<Errand>();
  settings.together = std::max(settings.together, settings.requests_per_second);
  auto file = PaceFile::open(settings.file, settings.participant, settings.errand, settings.patience,
                             settings.may_hang);
  if (!file) return file.error();
  std::unique_ptr<SharedPace> pace{
      new SharedPace{std::move(settings), std::make_unique<PaceFile>(std::move(*file)), now}};
  std::string fault;
  const auto warn = std::exchange(pace->settings_.warn, [&](const std::string& why) { fault = why; });
  pace->update(now, [](Participant&) {});
  if (!fault.empty()) return Error{Errc::cannot_create, fault};
  pace->settings_.warn = warn;
  return pace;
}

SharedPace::SharedPace(Settings settings, std::unique_ptr<PaceFile> file, Instant now)
    : settings_{std::move(settings)},
      file_{std::move(file)},
      own_{settings_.requests_per_second},
      all_{settings_.together},
      last_now_{now},
      boot_id_{as_stored(settings_.boot_id)} {}

SharedPace::~SharedPace() {
  if (!file_) return;
  settings_.warn = nullptr;
  update(last_now_, [](Participant& self) { self = {}; });
}

Instant SharedPace::next_at() const {
  auto at = own_.next_at();
  if (file_) at = std::max({at, all_.next_at() + head_start(), look_again_});
  return at;
}

// How long the participants that go first may take the next permit before us.
std::chrono::nanoseconds SharedPace::head_start() const {
  return turn_ * std::clamp(all_.interval(last_now_) / 20, k_least_head_start, k_most_head_start);
}

Instant SharedPace::due_after(std::size_t ahead, Instant now) const {
  if (!file_) return own_.due_after(ahead, now);
  return std::max({own_.due_after(ahead, now), all_.due_after(ahead * (1 + wanting_), now), look_again_});
}

bool SharedPace::take(Instant now) {
  if (!file_) return own_.take(now);
  bool taken = false;
  const bool known = update(now, [&](Participant& self) {
    if (const auto next = next_at(); next > now) {
      self.wants_until = next + k_grace;
      return;
    }
    taken = own_.take(now) && all_.take(now);
    self.taken = now;
    self.wants_until = {};
  });
  if (!file_) return own_.next_at() <= now && own_.take(now);
  if (!known) look_again_ = now + (late_since_ ? k_look_again_when_late : k_look_again);
  return taken;
}

// The others see it at the next update of the file.
void SharedPace::set_limit(double requests_per_second, Instant now) {
  own_.set_limit(requests_per_second, now);
  all_.set_limit(std::max(greatest_limit_, own_limit()), now);
}

// Who is alone says it with the next update, unless the guard does not cover the delay. A run that joins
// meanwhile knows the permit.
void SharedPace::left(Instant permit, Instant at) {
  own_.left(permit, at);
  const auto what = [permit, at](dispatch::Pacer& all) { all.left(permit, at); };
  if (file_ && present_ == 0 && at - permit <= all_.guard())
    untold_.push_back(what);
  else
    tell(at, what);
}

// Goes into the file with the next update, unless all wait for it.
void SharedPace::accepted(Instant now, Instant sent) {
  if (!file_) return own_.accepted(now, sent);
  untold_.push_back([now, sent](dispatch::Pacer& all) { all.accepted(now, sent); });
  if (all_.memory().phase == dispatch::Pacer::Learnt::Phase::blocked) update(now, [](Participant&) {});
}

void SharedPace::throttled(Instant now, Instant sent, std::optional<milliseconds> retry_after) {
  if (!file_) return own_.throttled(now, sent, retry_after);
  tell(now, [=](dispatch::Pacer& all) { all.throttled(now, sent, retry_after); });
}

// If the file is locked, the change goes into it with the next update.
void SharedPace::tell(Instant now, std::function<void(dispatch::Pacer&)> what) {
  if (!file_) return;
  untold_.push_back(std::move(what));
  update(now, [](Participant&) {});
}

// What stands in the way. False: it is read, and its lock is held.
bool SharedPace::is_hindered(const PaceFile::Seen& seen) {
  switch (seen.outcome) {
    case PaceFile::Seen::done: break;
    case PaceFile::Seen::failed: give_up(seen.why); return true;
    case PaceFile::Seen::busy:
      if (!locked_since_) locked_since_ = last_now_;
      if (last_now_ - *locked_since_ >= k_lock_patience && !file_->remove())
        give_up("another process holds its lock and does not move, and the file cannot be removed");
      return true;
    case PaceFile::Seen::late: is_late(); return true;
  }
  locked_since_.reset();
  late_since_.reset();
  return false;
}

void SharedPace::is_late() {
  if (!late_since_) late_since_ = last_now_;
  if (last_now_ - *late_since_ >= k_disk_patience) give_up("its disk does not answer");
}

bool SharedPace::update(Instant now, const std::function<void(Participant&)>& change) {
  last_now_ = std::max(last_now_, now);
  const auto seen = file_->get();
  if (seen.outcome != PaceFile::Seen::late && std::exchange(made_, seen.made) != seen.made)
    own_.hold(last_now_ + own_.window());
  if (is_hindered(seen)) return false;
  recall(seen, last_now_);
  for (const auto& each : std::exchange(untold_, {})) each(all_);
  own_.recall_guard(all_.guard());
  auto& mine = self();
  mine.limit = own_limit();
  mine.seen = last_now_;
  change(mine);
  std::string why;
  const auto& memory = all_.memory();
  const auto put = file_->put(head(memory), memory.sent, memory.refused, all_.take_changes(), why);
  if (put == PaceFile::Seen::failed) give_up(why);
  if (put == PaceFile::Seen::late) is_late();
  return put == PaceFile::Seen::done;
}

void SharedPace::recall(const PaceFile::Seen& seen, Instant now) {
  if (seen.is_own) {  // it is what all_ has in memory
    const auto limit_before = greatest_limit_;
    count_others(seen, now);
    if (limit_before != greatest_limit_) learn_again(all_.memory(), now);
    return;
  }
  const auto& content = seen.content;
  const bool is_ours = seen.is_whole && content.is_sound(now);
  const auto& stored = content.head;
  // Without /proc, as in a sandboxed service, only the times themselves can show it.
  const bool may_be_of_this_boot = stored.boot_id == as_stored(settings_.boot_id) ||
                                   stored.boot_id == as_stored({}) || settings_.boot_id.empty();
  participants_ = {};
  dispatch::Pacer::Memory memory;
  const bool is_past = !is_ours || content.sent.empty() || content.sent.back() < now + k_most_early;
  boot_id_ = as_stored(settings_.boot_id);
  if (is_ours && may_be_of_this_boot && is_past) {
    if (settings_.boot_id.empty()) boot_id_ = stored.boot_id;
    participants_ = stored.participants;
    static_cast<dispatch::Pacer::Learnt&>(memory) = stored.learnt;
    memory.sent.assign(content.sent.begin(), content.sent.end());
    memory.refused.assign(content.refused.begin(), content.refused.end());
  } else if (is_ours) {
    memory.guard = stored.learnt.guard;  // the way to the platform is as it was
  } else if (!seen.is_empty) {
    memory.schedule = now + own_.window();  // what was sent recently is unknown
  }
  count_others(seen, now);
  learn_again(std::move(memory), now);
}

void SharedPace::learn_again(dispatch::Pacer::Memory memory, Instant now) {
  all_ = dispatch::Pacer{greatest_limit_};
  all_.recall(std::move(memory), now);
}

void SharedPace::count_others(const PaceFile::Seen& seen, Instant now) {
  greatest_limit_ = own_limit();
  present_ = wanting_ = 0, turn_ = 0;
  const auto my_last = self().taken;
  for (std::size_t i = 0; i < participants_.size(); ++i) {
    auto& other = participants_[i];
    if (other.id == 0 || other.id == settings_.participant) continue;
    if (!seen.is_alive[i]) {
      other = {};
      continue;
    }
    const bool wants = other.wants_until >= now;
    if (!wants && now - other.seen > k_forgotten_after) continue;
    ++present_;
    greatest_limit_ = std::max(greatest_limit_, other.limit);
    if (!wants) continue;
    ++wanting_;
    if (other.taken < my_last) ++turn_;
  }
}

PaceFile::Head SharedPace::head(const dispatch::Pacer::Learnt& learnt) const {
  PaceFile::Head head{};
  head.boot_id = boot_id_;
  head.learnt = learnt;
  head.participants = participants_;
  return head;
}

// Our entry; a new one replaces a free one or the one that was silent for longest.
SharedPace::Participant& SharedPace::self() {
  auto* place = participants_.data();
  for (auto& each : participants_) {
    if (each.id == settings_.participant) return each;
    if (each.id == 0 ? place->id != 0 : (place->id != 0 && each.seen < place->seen)) place = &each;
  }
  *place = {settings_.participant, settings_.together, {}, {}, {}};
  return *place;
}

void SharedPace::give_up(const std::string& why) {
  if (file_) {
    auto memory = all_.memory();
    memory.held_until = std::max(memory.held_until, own_.memory().held_until);
    own_.recall(std::move(memory), last_now_);
  }
  file_.reset();
  untold_.clear();
  present_ = wanting_ = 0, turn_ = 0;
  if (settings_.warn) settings_.warn(fmt::format("{}: {}", settings_.file.string(), why));
}

std::vector<std::unique_ptr<dispatch::Pace>> shared_paces(
    const model::Job& job, const std::vector<std::optional<std::string>>& brands, Instant now,
    const std::function<void(const std::string&)>& warn) {
  std::vector<std::unique_ptr<dispatch::Pace>> paces;
  const auto unshared = [warn](const std::string& why) {
    warn(
        fmt::format("the limit is not shared with other jobs of this merchant: {}; give each its part of "
                    "limits.requests_per_second, or run one after the other",
                    why));
  };
  const auto folder = state_folder();
  if (!folder) {
    unshared(folder.error().what);
    return paces;
  }
  std::string boot_id;
  if (auto text = read_file("/proc/sys/kernel/random/boot_id", 100, Errc::io)) boot_id = std::move(*text);
  std::random_device random;
  const auto errand = std::make_shared<Errand>();
  for (const auto& brand : brands) {
    SharedPace::Settings settings;
    settings.file = *folder / pace_file_name(job, brand);
    settings.requests_per_second = job.limits.requests_per_second;
    settings.together = job.requests_per_second_of_all_shards();
    settings.boot_id = boot_id;
    settings.participant = (std::uint64_t{random()} << 32) | random() | 1;
    settings.warn = unshared;
    settings.errand = errand;
    auto pace = SharedPace::open(std::move(settings), now);
    if (!pace) {
      unshared(pace.error().what);
      return paces;
    }
    paces.push_back(std::move(*pace));
  }
  (void)errand->begin([folder = *folder] { remove_unused(folder); });
  return paces;
}

}  // namespace cardvoid::run
