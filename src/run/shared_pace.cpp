#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cardvoid/base/host.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/shared_pace.hpp>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <random>
#include <type_traits>
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
// The lock is held for microseconds. If its holder is suspended, the others try again; if that lasts, they
// remove the file and share a new one.
constexpr int k_lock_tries = 50;
constexpr milliseconds k_look_again = 1ms, k_lock_patience = 1s;
// Times later than this are of another boot.
constexpr auto k_most_early = 1s;
// A file that puts the next request later than this is not valid.
constexpr auto k_most_ahead = 24h;
constexpr std::size_t k_most_sent = 1'000'000;
constexpr std::chrono::nanoseconds k_widest_guard = 10s;  // far more than a pacer learns
// Files that were not used for this long are removed; a sandbox leaves one for every port.
constexpr auto k_unused_after = 7 * 24h;
constexpr std::string_view k_suffix = ".pace3";  // version 2 had another guard
constexpr std::string_view k_suffix_of_all = ".pace";

constexpr std::array<char, 8> k_magic{'c', 'v', 'p', 'a', 'c', 'e', '3', '\n'};

std::array<char, 40> as_stored(const std::string& boot_id) {
  std::array<char, 40> stored{};
  std::copy_n(boot_id.begin(), std::min(boot_id.size(), stored.size()), stored.begin());
  return stored;
}

// Of the steady clock, which begins at zero.
bool is_time(Instant at, Instant limit) { return at >= Instant{} && at < limit; }

Result<FileDescriptor> open_file(const fs::path& path) {
  FileDescriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (file) return file;
  return Error{Errc::cannot_create,
               fmt::format("{}: cannot be opened: {}", path.string(), std::strerror(errno))};
}

// True if the path still leads to this file, not to one made since.
bool is_at(const fs::path& path, const struct stat& file) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 && found.st_dev == file.st_dev && found.st_ino == file.st_ino;
}

// Two kinds of locks, both the kernel's, which end with their holder: byte 0 is locked for the moment of an
// update, and each participant has a byte of its own, far behind the content, for as long as it lives.
struct flock byte_lock(short type, off_t at) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = at;
  lock.l_len = 1;
  return lock;
}

off_t byte_of(std::uint64_t participant) {
  return (off_t{1} << 40) + static_cast<off_t>(participant & ((std::uint64_t{1} << 62) - 1));
}

void join(const FileDescriptor& file, std::uint64_t participant) {
  auto lock = byte_lock(F_WRLCK, byte_of(participant));
  (void)::fcntl(file.get(), F_OFD_SETLK, &lock);  // without it the others let us have no turn, and no more
}

bool is_alive(const FileDescriptor& file, std::uint64_t participant) {
  auto lock = byte_lock(F_WRLCK, byte_of(participant));
  return ::fcntl(file.get(), F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

enum class Locking { done, busy, failed };

Locking set_lock(int fd, short type) {
  auto lock = byte_lock(type, 0);
  for (int i = 0; i < k_lock_tries; ++i) {
    if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return Locking::done;
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) return Locking::failed;
    ::sched_yield();
  }
  return Locking::busy;
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

// The content of the file. In this machine's byte order: it never leaves the machine.
struct SharedPace::Stored {
  std::array<char, 8> magic;
  std::array<char, 40> boot_id;
  dispatch::Pacer::Learnt learnt;
  Participants participants;
  std::uint64_t sent, refused;  // numbers of instants that follow

  // False: no run of ours writes this. Who can write the file must not make the pacer compute with anything.
  bool is_sound(Instant now) const {
    const auto latest = now + k_most_ahead;
    for (const auto at : {learnt.schedule, learnt.held_until, learnt.paused_until, learnt.narrowed_at,
                          learnt.reacted_at, learnt.raised_at, learnt.probe_at})
      if (!is_time(at, latest)) return false;
    for (const auto& each : participants)
      if (each.id != 0 && (!model::is_allowed_rate(each.limit) || !is_time(each.seen, latest) ||
                           !is_time(each.taken, latest) || !is_time(each.wants_until, latest + k_most_ahead)))
        return false;
    using Phase = dispatch::Pacer::Learnt::Phase;
    const auto is_rate = [](double rate) {
      return rate == 0 || (rate >= model::k_least_rate / 10 && rate <= model::k_greatest_rate);
    };
    const auto is_guard = [](std::chrono::nanoseconds guard) {
      return guard.count() >= 0 && guard <= k_widest_guard;
    };
    return is_rate(learnt.level) && is_rate(learnt.base) && is_guard(learnt.guard) &&
           is_guard(learnt.guard_before) && learnt.sent_since >= 0 && learnt.accepted_since >= 0 &&
           (learnt.phase == Phase::held || learnt.phase == Phase::raised || learnt.phase == Phase::blocked);
  }
};

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
  std::error_code error;
  const auto folder = settings.file.parent_path();
  const bool is_new = fs::create_directories(folder, error);
  if (error)
    return Error{Errc::cannot_create,
                 fmt::format("{}: cannot be made: {}", folder.string(), error.message())};
  if (is_new) fs::permissions(folder, fs::perms::owner_all, error);
  auto file = open_file(settings.file);
  if (!file) return file.error();
  std::unique_ptr<SharedPace> pace{new SharedPace{std::move(settings), std::move(*file), now}};
  std::string fault;
  const auto warn = std::exchange(pace->settings_.warn, [&](const std::string& why) { fault = why; });
  pace->update(now, [](Participant&) {});
  if (!fault.empty()) return Error{Errc::cannot_create, fault};
  pace->settings_.warn = warn;
  return pace;
}

SharedPace::SharedPace(Settings settings, FileDescriptor file, Instant now)
    : settings_{std::move(settings)},
      file_{std::move(file)},
      own_{settings_.requests_per_second},
      all_{std::max(settings_.together, settings_.requests_per_second)},
      last_now_{now},
      boot_id_{as_stored(settings_.boot_id)} {
  settings_.together = std::max(settings_.together, settings_.requests_per_second);
  join(file_, settings_.participant);
}

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
  if (!known) look_again_ = now + k_look_again;
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

bool SharedPace::update(Instant now, const std::function<void(Participant&)>& change) {
  last_now_ = std::max(last_now_, now);
  // If it was removed, the others share a new file, which does not know what was sent.
  struct stat state {};
  if (::fstat(file_.get(), &state) == 0 && state.st_nlink == 0) {
    auto again = open_file(settings_.file);
    if (!again) {
      give_up(again.error().what);
      return false;
    }
    file_ = std::move(*again);
    join(file_, settings_.participant);
    own_.hold(last_now_ + own_.window());
  }
  const auto locking = set_lock(file_.get(), F_WRLCK);
  if (locking == Locking::failed) {
    give_up(std::strerror(errno));
    return false;
  }
  if (locking == Locking::busy) {
    if (!locked_since_) locked_since_ = last_now_;
    if (last_now_ - *locked_since_ >= k_lock_patience && is_at(settings_.file, state))
      ::unlink(settings_.file.c_str());
    return false;
  }
  locked_since_.reset();
  bool good = read(last_now_);
  if (good) {
    for (const auto& each : std::exchange(untold_, {})) each(all_);
    own_.recall_guard(all_.guard());
    auto& mine = self();
    mine.limit = own_limit();
    mine.seen = last_now_;
    change(mine);
    good = write();
  }
  const int error = errno;
  set_lock(file_.get(), F_UNLCK);
  if (!good) give_up(std::strerror(error));
  return good;
}

bool SharedPace::read(Instant now) {
  ssize_t got = 0;
  for (;;) {
    buffer_.resize(std::max(buffer_.capacity(), sizeof(Stored) + 64 * sizeof(Instant)));
    got = ::pread(file_.get(), buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (static_cast<std::size_t>(got) < buffer_.size()) break;
    buffer_.resize(buffer_.size() * 2);
  }
  // A longer list that was there before may have left its end.
  const bool is_as_written = !written_.empty() && static_cast<std::size_t>(got) >= written_.size() &&
                             std::equal(written_.begin(), written_.end(), buffer_.begin());
  if (is_as_written) {  // no one has written since: it is what all_ has in memory
    const auto limit_before = greatest_limit_;
    count_others(now);
    if (limit_before == greatest_limit_) return true;
  }
  static_assert(std::is_trivially_copyable_v<Stored>);
  Stored stored{};
  const auto size = static_cast<std::size_t>(got);
  if (size >= sizeof stored) std::memcpy(&stored, buffer_.data(), sizeof stored);
  const auto time_at = [&](std::size_t i) {
    Instant at;
    std::memcpy(&at, buffer_.data() + sizeof stored + i * sizeof at, sizeof at);
    return at;
  };
  bool is_ours = size >= sizeof stored && stored.magic == k_magic && stored.sent <= k_most_sent &&
                 stored.refused <= stored.sent &&
                 size >= sizeof stored + (stored.sent + stored.refused) * sizeof(Instant) &&
                 stored.is_sound(now);
  for (std::size_t i = 0; is_ours && i < stored.sent + stored.refused; ++i)
    is_ours = is_time(time_at(i), now + k_most_ahead);
  // Without /proc, as in a sandboxed service, only the times themselves can show it.
  const bool may_be_of_this_boot = stored.boot_id == as_stored(settings_.boot_id) ||
                                   stored.boot_id == as_stored({}) || settings_.boot_id.empty();
  participants_ = {};
  dispatch::Pacer::Memory memory;
  const bool is_past = stored.sent == 0 || !is_ours || time_at(stored.sent - 1) < now + k_most_early;
  boot_id_ = as_stored(settings_.boot_id);
  if (is_ours && may_be_of_this_boot && is_past) {
    if (settings_.boot_id.empty()) boot_id_ = stored.boot_id;
    participants_ = stored.participants;
    static_cast<dispatch::Pacer::Learnt&>(memory) = stored.learnt;
    for (std::size_t i = 0; i < stored.sent; ++i) memory.sent.push_back(time_at(i));
    for (std::size_t i = 0; i < stored.refused; ++i) memory.refused.push_back(time_at(stored.sent + i));
  } else if (is_ours) {
    memory.guard = stored.learnt.guard;  // the way to the platform is as it was
  } else if (size > 0 && !is_ours) {
    memory.schedule = now + own_.window();  // what was sent recently is unknown
  }
  count_others(now);
  all_ = dispatch::Pacer{greatest_limit_};
  all_.recall(std::move(memory), now);
  return true;
}

void SharedPace::count_others(Instant now) {
  greatest_limit_ = own_limit();
  present_ = wanting_ = 0, turn_ = 0;
  const auto my_last = self().taken;
  for (auto& other : participants_) {
    if (other.id == 0 || other.id == settings_.participant) continue;
    if (!is_alive(file_, other.id)) {
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

bool SharedPace::write() {
  Stored stored{};
  const auto& memory = all_.memory();
  stored.magic = k_magic;
  stored.boot_id = boot_id_;
  stored.learnt = memory;
  stored.participants = participants_;
  stored.sent = memory.sent.size();
  stored.refused = memory.refused.size();
  buffer_.resize(sizeof stored + (memory.sent.size() + memory.refused.size()) * sizeof(Instant));
  std::memcpy(buffer_.data(), &stored, sizeof stored);
  auto* to = buffer_.data() + sizeof stored;
  for (const auto* list : {&memory.sent, &memory.refused})
    for (const auto at : *list) {
      std::memcpy(to, &at, sizeof at);
      to += sizeof at;
    }
  const auto put = ::pwrite(file_.get(), buffer_.data(), buffer_.size(), 0);
  if (put >= 0 && static_cast<std::size_t>(put) < buffer_.size()) errno = ENOSPC;
  written_ = buffer_;
  return put == static_cast<ssize_t>(buffer_.size());
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
  file_ = {};
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
  for (const auto& brand : brands) {
    SharedPace::Settings settings;
    settings.file = *folder / pace_file_name(job, brand);
    settings.requests_per_second = job.limits.requests_per_second;
    settings.together = job.requests_per_second_of_all_shards();
    settings.boot_id = boot_id;
    settings.participant = (std::uint64_t{random()} << 32) | random() | 1;
    settings.warn = unshared;
    auto pace = SharedPace::open(std::move(settings), now);
    if (!pace) {
      unshared(pace.error().what);
      return paces;
    }
    paces.push_back(std::move(*pace));
  }
  remove_unused(*folder);
  return paces;
}

}  // namespace cardvoid::run
