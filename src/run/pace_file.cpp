#include <cardvoid/run/pace_file.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cardvoid/base/file_mark.hpp>
#include <cardvoid/model/job.hpp>
#include <cerrno>
#include <cstring>
#include <type_traits>
#include <utility>

namespace cardvoid::run {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;
using Changes = dispatch::Pacer::Changes;

// The lock is held for microseconds.
constexpr int k_lock_tries = 50;
constexpr milliseconds k_patience_at_start = 2s;
// So many instants that are no longer needed may stand before the others, until all are written again.
constexpr std::size_t k_most_unused = 1024;
constexpr std::chrono::nanoseconds k_widest_guard = 10s;  // far more than a pacer learns

// Of the steady clock, which begins at zero.
bool is_time(Instant at, Instant limit) { return at >= Instant{} && at < limit; }

// True if the path still leads to this file, not to one made since.
bool is_at(const fs::path& path, const struct stat& file) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 && found.st_dev == file.st_dev && found.st_ino == file.st_ino;
}

// A plain file of this user: its folder may be one where others can plant a link or a pipe. The error does
// not name it.
Result<FileDescriptor> open_file(const fs::path& path) {
  const auto refused = [](const std::string& why) { return Error{Errc::cannot_create, why}; };
  FileDescriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)};
  if (!file) return refused(fmt::format("cannot be opened: {}", std::strerror(errno)));
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return refused("is not a plain file");
  if (facts.st_nlink > 1) return refused(fmt::format("has {} names (hard links)", facts.st_nlink));
  if (const auto fault = why_others_change(facts); !fault.empty()) return refused(fault);
  return file;
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

// Where the instants of `sent` begin.
std::size_t place_of_sent(const PaceFile::Head& head) {
  return sizeof head + (head.refused + head.first) * sizeof(Instant);
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

}  // namespace

bool PaceFile::Content::is_sound(Instant now) const {
  const auto latest = now + k_most_ahead;
  const auto& learnt = head.learnt;
  for (const auto at : {learnt.schedule, learnt.held_until, learnt.paused_until, learnt.narrowed_at,
                        learnt.reacted_at, learnt.raised_at, learnt.probe_at})
    if (!is_time(at, latest)) return false;
  for (const auto& each : head.participants)
    if (each.id != 0 && (!model::is_allowed_rate(each.limit) || !is_time(each.seen, latest) ||
                         !is_time(each.taken, latest) || !is_time(each.wants_until, latest + k_most_ahead)))
      return false;
  for (const auto* list : {&sent, &refused})
    for (const auto at : *list)
      if (!is_time(at, latest)) return false;
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

// What the work is done with.
struct PaceFile::Hands {
  fs::path path;
  std::uint64_t participant = 0;
  FileDescriptor file;
  struct {
    Head head{};
    Instants refused;
  } written;  // by us, last
  std::vector<Instant> scratch;
  bool is_own = false;  // that is what the file holds
  bool may_hang = true;
  int made = 0;

  Result<void> open() {
    std::error_code error;
    const auto folder = path.parent_path();
    const bool is_new = fs::create_directories(folder, error);
    if (error)
      return Error{Errc::cannot_create,
                   fmt::format("{}: cannot be made: {}", folder.string(), error.message())};
    if (is_new) fs::permissions(folder, fs::perms::owner_all, error);
    may_hang = !is_on_own_file_system(folder);
    if (const auto opened = open_again(); !opened) return with_context(opened.error(), path.string());
    return {};
  }
  Result<void> open_again() {
    auto opened = open_file(path);
    if (!opened) return opened.error();
    file = std::move(*opened);
    written = {};
    join(file, participant);
    return {};
  }
  void get(Seen& seen);
  bool read(Seen& seen);
  Seen::Outcome put(Head head, const Instants& sent, const Instants& refused, Changes changes,
                    std::string& why);
  bool has_room_for(const Changes& changes, const Instants& sent, const Instants& refused) const;
  bool write(const void* from, std::size_t size, std::size_t at);
  bool write_all(Head& head, const Instants& sent, const Instants& refused);
  bool write_end(Head& head, const Instants& sent, Changes changes);
};

void PaceFile::Hands::get(Seen& seen) {
  // If it was removed, the others share a new file, which does not know what was sent.
  struct stat state {};
  if (::fstat(file.get(), &state) == 0 && state.st_nlink == 0) {
    if (const auto again = open_again(); !again) return void(seen.why = again.error().what);
    ++made;
  }
  seen.made = made;
  const auto locking = set_lock(file.get(), F_WRLCK);
  if (locking == Locking::busy) {
    seen.outcome = Seen::busy;
    return;
  }
  if (locking == Locking::done && read(seen)) {
    seen.outcome = Seen::done;
    return;
  }
  seen.why = std::strerror(errno);
  set_lock(file.get(), F_UNLCK);
}

// Never more than a file of ours can hold, however large this one is. The lists only where another one wrote
// last.
bool PaceFile::Hands::read(Seen& seen) {
  static_assert(std::is_trivially_copyable_v<Head> && std::has_unique_object_representations_v<Instant>);
  const auto read_at = [&](void* to, std::size_t size, std::size_t at) {
    ssize_t got = 0;
    do got = ::pread(file.get(), to, size, static_cast<off_t>(at));
    while (got < 0 && errno == EINTR);
    return got;
  };
  auto& [head, sent, refused] = seen.content;
  auto got = read_at(&head, sizeof head, 0);
  if (got < 0) return false;
  seen.is_empty = got == 0;
  is_own = false;
  if (static_cast<std::size_t>(got) < sizeof head || head.magic != k_magic || head.sent > k_most_sent ||
      head.refused > head.sent || head.first > k_most_sent)
    return true;
  // The very bytes are meant.
  // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison)
  is_own = head.writer == participant && std::memcmp(&head, &written.head, sizeof head) == 0;
  for (auto* list : {&refused, &sent}) {
    if (is_own) break;
    list->resize(list == &sent ? head.sent : head.refused);
    const auto size = list->size() * sizeof(Instant);
    got = read_at(list->data(), size, list == &sent ? place_of_sent(head) : sizeof head);
    if (got < 0) return false;
    if (static_cast<std::size_t>(got) < size) return true;
  }
  for (std::size_t i = 0; i < k_most_participants; ++i)
    if (const auto id = head.participants[i].id; id != 0 && id != participant)
      seen.is_alive[i] = is_alive(file, id);
  seen.is_own = is_own;
  seen.is_whole = true;
  return true;
}

bool PaceFile::Hands::write(const void* from, std::size_t size, std::size_t at) {
  const auto done = ::pwrite(file.get(), from, size, static_cast<off_t>(at));
  if (done >= 0 && static_cast<std::size_t>(done) < size) errno = ENOSPC;
  return done == static_cast<ssize_t>(size);
}

// Whether what was written last may stay where it is; else all is written.
bool PaceFile::Hands::has_room_for(const Changes& changes, const Instants& sent,
                                   const Instants& refused) const {
  return is_own && !sent.empty() && refused == written.refused && changes.unchanged <= sent.size() &&
         written.head.first + changes.dropped <= std::max(k_most_unused, sent.size());
}

// In one go: what is written in between would not fit the head that is there.
bool PaceFile::Hands::write_all(Head& head, const Instants& sent, const Instants& refused) {
  head.first = 0;
  constexpr auto k_head = sizeof head / sizeof(Instant);
  static_assert(sizeof head % sizeof(Instant) == 0);
  scratch.resize(k_head);
  std::memcpy(static_cast<void*>(scratch.data()), &head, sizeof head);
  for (const auto* list : {&refused, &sent}) scratch.insert(scratch.end(), list->begin(), list->end());
  written.refused = refused;
  return write(scratch.data(), scratch.size() * sizeof(Instant), 0);
}

// What is new, and then the head, which makes it count.
bool PaceFile::Hands::write_end(Head& head, const Instants& sent, Changes changes) {
  head.first = written.head.first + changes.dropped;
  scratch.assign(sent.begin() + static_cast<std::ptrdiff_t>(changes.unchanged), sent.end());
  const auto at = place_of_sent(head) + changes.unchanged * sizeof(Instant);
  return write(scratch.data(), scratch.size() * sizeof(Instant), at) && write(&head, sizeof head, 0);
}

PaceFile::Seen::Outcome PaceFile::Hands::put(Head head, const Instants& sent, const Instants& refused,
                                             Changes changes, std::string& why) {
  head.magic = k_magic;
  head.sent = sent.size();
  head.refused = refused.size();
  head.writer = participant;
  const bool is_good =
      has_room_for(changes, sent, refused) ? write_end(head, sent, changes) : write_all(head, sent, refused);
  if (!is_good) why = std::strerror(errno);
  if (is_good)
    written.head = head;
  else
    written = {};
  set_lock(file.get(), F_UNLCK);
  return is_good ? Seen::done : Seen::failed;
}

Result<PaceFile> PaceFile::open(const fs::path& path, std::uint64_t participant,
                                std::shared_ptr<Errand> errand, milliseconds patience,
                                std::optional<bool> may_hang) {
  auto hands = std::make_shared<Hands>();
  hands->path = path;
  hands->participant = participant;
  const auto opened = std::make_shared<Result<void>>();
  if (!errand->run([hands, opened] { *opened = hands->open(); }, k_patience_at_start))
    return Error{Errc::cannot_create, path.string() + ": its disk does not answer"};
  if (!*opened) return opened->error();
  const bool waits = may_hang.value_or(hands->may_hang);
  return PaceFile{std::move(hands), std::move(errand), patience, waits};
}

PaceFile::Seen PaceFile::get() {
  Seen seen;
  if (!may_hang_) {
    hands_->get(seen);
    return seen;
  }
  const auto shared = std::make_shared<Seen>();
  if (errand_->run([hands = hands_, shared] { hands->get(*shared); }, patience_)) return std::move(*shared);
  seen.outcome = Seen::late;
  return seen;
}

PaceFile::Seen::Outcome PaceFile::put(Head head, const Instants& sent, const Instants& refused,
                                      Changes changes, std::string& why) {
  if (!std::exchange(was_put_, false)) changes = {};  // since a state that is not known: all of it
  if (!may_hang_) {
    const auto outcome = hands_->put(head, sent, refused, changes, why);
    was_put_ = outcome == Seen::done;
    return outcome;
  }
  struct Put {
    Head head;
    Instants sent, refused;
    Seen::Outcome outcome = Seen::failed;
    std::string why{};
  };
  const auto put = std::make_shared<Put>(Put{head, sent, refused});
  const auto work = [hands = hands_, put, changes] {
    put->outcome = hands->put(put->head, put->sent, put->refused, changes, put->why);
  };
  if (!errand_->run(work, patience_)) return Seen::late;
  why = put->why;
  was_put_ = put->outcome == Seen::done;
  return put->outcome;
}

bool PaceFile::remove() {
  const auto is_gone = std::make_shared<bool>(true);
  const auto work = [hands = hands_, is_gone] {
    struct stat state {};
    if (::fstat(hands->file.get(), &state) == 0 && is_at(hands->path, state))
      *is_gone = ::unlink(hands->path.c_str()) == 0 || errno == ENOENT;
  };
  return !errand_->run(work, patience_) || *is_gone;
}

}  // namespace cardvoid::run
