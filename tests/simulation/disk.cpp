#include "disk.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace cardvoid::simulation {

namespace {

using Bytes = std::string;

constexpr std::size_t k_torn_at = 512;  // bytes
constexpr int k_told_sector_size = 4096;

void put(Bytes& image, std::size_t offset, std::string_view bytes, char filler = '\0') {
  if (image.size() < offset) image.resize(offset, filler);
  image.replace(offset, bytes.size(), bytes);
}

// The index of a write-ahead log. Every connection that maps it keeps it alive, those of dead processes too,
// until they are closed. The last one removes it, so the next connection finds it empty and recovers the log,
// as it does when the unix VFS finds a -shm file without a lock.
struct SharedMemory {
  std::vector<std::unique_ptr<char[]>> regions;
};

// Not synced yet.
struct Pending {
  bool truncates;
  std::size_t offset;    // of a write; the new size of a truncated file
  std::size_t bytes_at;  // of a write, in pending_bytes
  std::size_t size;
};

}  // namespace

struct Disk::File {
  std::string name;
  Bytes content, durable;  // as reads see it; what is surely on the disk
  std::vector<Pending> pending;
  Bytes pending_bytes;
  std::vector<Handle*> handles;  // of the living
  std::weak_ptr<SharedMemory> shared_memory;

  void clear() {
    for (auto* bytes : {&name, &content, &durable, &pending_bytes}) bytes->clear();
    pending.clear();
    shared_memory.reset();
  }
  void write(std::size_t offset, std::string_view bytes) {
    put(content, offset, bytes);
    pending.push_back({false, offset, pending_bytes.size(), bytes.size()});
    pending_bytes.append(bytes);
  }
  void truncate(std::size_t size) {
    content.resize(size);
    pending.push_back({true, size, 0, 0});
  }
  void sync() {
    for (const auto& one : pending)
      if (one.truncates)
        durable.resize(one.offset);
      else
        put(durable, one.offset, {pending_bytes.data() + one.bytes_at, one.size});
    pending.clear();
    pending_bytes.clear();
  }

  // Lets chance decide what is on the disk of what is pending. Afterwards nothing is.
  void settle(std::mt19937_64& random) {
    const auto kept_share = random() % 257;  // of 256: now a careful disk, now a careless one
    for (const auto& one : pending) {
      const bool kept = random() % 256 < kept_share;
      if (one.truncates) {
        if (kept) durable.resize(one.offset);
        continue;
      }
      const bool torn = !kept && random() % 2 == 0;
      // A file may have grown before its bytes came: zeros, or what lay there before.
      const char filler = random() % 2 == 0 ? '\0' : static_cast<char>(random());
      const auto end = one.offset + one.size;
      for (std::size_t at = one.offset, next; at < end; at = next) {
        next = std::min(end, (at / k_torn_at + 1) * k_torn_at);
        if (kept || (torn && random() % 2 == 0))
          put(durable, at, {pending_bytes.data() + one.bytes_at + (at - one.offset), next - at}, filler);
      }
      if (durable.size() < end && random() % 2 == 0) durable.resize(end, filler);
    }
    pending.clear();
    pending_bytes.clear();
  }
};

// SQLite gives the room for it, and only ever sees the base.
struct Disk::Handle : sqlite3_file {
  Handle(Disk& on, std::shared_ptr<File> of, int flags)
      : sqlite3_file{}, disk{&on}, file{std::move(of)}, process{on.process_} {
    const auto journals = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL;
    sync_folder = (flags & SQLITE_OPEN_CREATE) && (flags & journals);
    file->handles.push_back(this);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { std::erase(file->handles, this); }

  bool lives() const { return process == disk->process_ && !disk->crashed_; }
  int level_of_others() const {
    int most = SQLITE_LOCK_NONE;
    for (const auto* other : file->handles)
      if (other != this) most = std::max(most, other->level);
    return most;
  }
  unsigned slots_of_others(unsigned Handle::*member) const {
    unsigned slots = 0;
    for (const auto* other : file->handles)
      if (other != this) slots |= other->*member;
    return slots;
  }

  Disk* disk;
  std::shared_ptr<File> file;
  std::uint64_t process;
  bool sync_folder;
  int level = SQLITE_LOCK_NONE;
  unsigned shared_slots = 0, exclusive_slots = 0;  // one bit for each lock of the shared memory
  std::shared_ptr<SharedMemory> shared_memory;
};

// SQLite's calls.
struct Disk::Calls {
  static Handle& handle(sqlite3_file* file) { return *static_cast<Handle*>(file); }
  static Disk& disk(sqlite3_vfs* vfs) { return *static_cast<Disk*>(vfs->pAppData); }

  // --- on the disk ---

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* place, int flags,
                  int* out_flags) noexcept {
    auto& on = disk(vfs);
    place->pMethods = nullptr;
    if (on.crashed_) return SQLITE_IOERR;
    const auto* there = name ? on.find(name) : nullptr;
    if (name && !there && !(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
    auto file = there ? on.entries_[name].now : on.make_file();
    if (name && !there) {
      file->name = name;
      on.entries_[name].now = file;
    }
    auto* opened = new (place) Handle{on, std::move(file), flags};
    opened->pMethods = &k_methods;
    if (out_flags) *out_flags = flags;
    return SQLITE_OK;
  }

  static int remove(sqlite3_vfs* vfs, const char* name, int sync_folder) noexcept {
    auto& on = disk(vfs);
    if (on.crashed_) return SQLITE_IOERR;
    if (!on.find(name)) return SQLITE_IOERR_DELETE_NOENT;
    if (const int code = on.admit(Operation::remove, name, 0, 0)) return code;
    on.entries_[name].now.reset();
    if (sync_folder) on.sync_folder();
    return SQLITE_OK;
  }

  static int access(sqlite3_vfs* vfs, const char* name, int, int* found) noexcept {
    if (disk(vfs).crashed_) return SQLITE_IOERR;
    const auto* file = disk(vfs).find(name);
    *found = file && !file->content.empty();  // the unix VFS takes an empty file for none, too
    return SQLITE_OK;
  }

  static int full_path(sqlite3_vfs*, const char* name, int size, char* full) noexcept {
    sqlite3_snprintf(size, full, "%s", name);
    return SQLITE_OK;
  }

  static int randomness(sqlite3_vfs* vfs, int size, char* bytes) noexcept {
    std::generate_n(bytes, size, [&] { return static_cast<char>(disk(vfs).random_()); });
    return size;
  }

  static int sleep(sqlite3_vfs* vfs, int microseconds) noexcept {
    disk(vfs).slept_ += std::chrono::microseconds{microseconds};
    return microseconds;
  }

  static int current_time_int64(sqlite3_vfs* vfs, sqlite3_int64* julian_milliseconds) noexcept {
    const sqlite3_int64 start = 212'649'624'000'000;  // 2026-07-01T00:00:00Z
    *julian_milliseconds = start + disk(vfs).slept_.count() / 1000;
    return SQLITE_OK;
  }

  // --- on a file ---

  static int close(sqlite3_file* file) noexcept {
    handle(file).~Handle();
    return SQLITE_OK;
  }

  static int read(Handle& of, void* to, int size, sqlite3_int64 offset) noexcept {
    const auto& content = of.file->content;
    const auto wanted = static_cast<std::size_t>(size);
    const auto at = std::min(static_cast<std::size_t>(offset), content.size());
    const auto got = std::min(wanted, content.size() - at);
    std::memcpy(to, content.data() + at, got);
    if (got == wanted) return SQLITE_OK;
    std::memset(static_cast<char*>(to) + got, 0, wanted - got);
    return SQLITE_IOERR_SHORT_READ;
  }

  static int write(Handle& of, const void* from, int size, sqlite3_int64 offset) noexcept {
    const int code = of.disk->admit(Operation::write, of.file->name, offset, size);
    auto written = static_cast<std::size_t>(size);
    if (code != SQLITE_OK) written = of.disk->random_() % written;
    if (written > 0)
      of.file->write(static_cast<std::size_t>(offset), {static_cast<const char*>(from), written});
    return code;
  }

  static int truncate(Handle& of, sqlite3_int64 size) noexcept {
    if (const int code = of.disk->admit(Operation::truncate, of.file->name, size, 0)) return code;
    of.file->truncate(static_cast<std::size_t>(size));
    return SQLITE_OK;
  }

  static int sync(Handle& of, int) noexcept {
    auto& on = *of.disk;
    const int code = on.admit(Operation::sync, of.file->name, 0, 0);
    if (on.crashed_) return code;
    if (code != SQLITE_OK) {
      of.file->settle(on.random_);
      return code;
    }
    of.file->sync();
    if (on.find(of.file->name) == of.file.get()) on.entries_[of.file->name].durable = of.file;
    if (std::exchange(of.sync_folder, false)) on.sync_folder();
    return SQLITE_OK;
  }

  static int size(Handle& of, sqlite3_int64* size) noexcept {
    *size = static_cast<sqlite3_int64>(of.file->content.size());
    return SQLITE_OK;
  }

  // sqlite.org/lockingv3.html
  static int lock(Handle& of, int level) noexcept {
    if (of.level >= level) return SQLITE_OK;
    const int others = of.level_of_others();
    if (others >= (level == SQLITE_LOCK_SHARED ? SQLITE_LOCK_PENDING : SQLITE_LOCK_RESERVED))
      return SQLITE_BUSY;
    if (level == SQLITE_LOCK_EXCLUSIVE && others >= SQLITE_LOCK_SHARED) {
      of.level = SQLITE_LOCK_PENDING;  // no new readers come
      return SQLITE_BUSY;
    }
    of.level = level;
    return SQLITE_OK;
  }

  static int unlock(Handle& of, int level) noexcept {
    of.level = std::min(of.level, level);
    return SQLITE_OK;
  }

  static int check_reserved_lock(Handle& of, int* reserved) noexcept {
    *reserved = std::max(of.level, of.level_of_others()) >= SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
  }

  static int control(sqlite3_file*, int, void*) noexcept { return SQLITE_NOTFOUND; }
  static int sector_size(sqlite3_file*) noexcept { return k_told_sector_size; }
  static int characteristics(sqlite3_file*) noexcept { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

  // --- on the shared memory of a database (sqlite.org/walformat.html, section 2) ---

  static int map(Handle& of, int number, int size, int extend, void volatile** region) noexcept {
    *region = nullptr;
    if (!of.shared_memory) of.shared_memory = of.file->shared_memory.lock();
    if (!of.shared_memory) of.file->shared_memory = of.shared_memory = std::make_shared<SharedMemory>();
    auto& regions = of.shared_memory->regions;
    const auto at = static_cast<std::size_t>(number);
    while (extend && regions.size() <= at)
      regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
    if (at < regions.size()) *region = regions[at].get();
    return SQLITE_OK;
  }

  static int lock_slots(Handle& of, int first, int count, int flags) noexcept {
    const unsigned slots = ((1U << count) - 1) << first;
    const bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
    auto& held = exclusive ? of.exclusive_slots : of.shared_slots;
    if (flags & SQLITE_SHM_UNLOCK) {
      held &= ~slots;
      return SQLITE_OK;
    }
    auto in_the_way = of.slots_of_others(&Handle::exclusive_slots);
    if (exclusive) in_the_way |= of.slots_of_others(&Handle::shared_slots);
    if (in_the_way & slots) return SQLITE_BUSY;
    held |= slots;
    return SQLITE_OK;
  }

  static void barrier(sqlite3_file*) noexcept {}  // there is one thread

  static int unmap(sqlite3_file* file, int) noexcept {
    auto& of = handle(file);
    of.shared_slots = of.exclusive_slots = 0;
    of.shared_memory.reset();
    return SQLITE_OK;
  }

  // What is called on a handle, if its process lives.
  template <auto Call, class... Arguments>
  static int living(sqlite3_file* file, Arguments... arguments) noexcept {
    auto& of = handle(file);
    return of.lives() ? Call(of, arguments...) : SQLITE_IOERR;
  }
  static constexpr sqlite3_io_methods k_methods{.iVersion = 2,
                                                .xClose = close,
                                                .xRead = living<read>,
                                                .xWrite = living<write>,
                                                .xTruncate = living<truncate>,
                                                .xSync = living<sync>,
                                                .xFileSize = living<size>,
                                                .xLock = living<lock>,
                                                .xUnlock = living<unlock>,
                                                .xCheckReservedLock = living<check_reserved_lock>,
                                                .xFileControl = control,
                                                .xSectorSize = sector_size,
                                                .xDeviceCharacteristics = characteristics,
                                                .xShmMap = living<map>,
                                                .xShmLock = living<lock_slots>,
                                                .xShmBarrier = barrier,
                                                .xShmUnmap = unmap,
                                                .xFetch = nullptr,
                                                .xUnfetch = nullptr};
};

Disk::Disk(std::string vfs_name, std::uint64_t seed) : vfs_name_{std::move(vfs_name)} {
  vfs_.iVersion = 2;
  vfs_.szOsFile = sizeof(Handle);
  vfs_.mxPathname = 512;
  vfs_.zName = vfs_name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = Calls::open;
  vfs_.xDelete = Calls::remove;
  vfs_.xAccess = Calls::access;
  vfs_.xFullPathname = Calls::full_path;
  vfs_.xRandomness = Calls::randomness;
  vfs_.xSleep = Calls::sleep;
  vfs_.xCurrentTimeInt64 = Calls::current_time_int64;
  sqlite3_vfs_register(&vfs_, 0);
  reset(seed);
}

Disk::~Disk() {
  sqlite3_vfs_unregister(&vfs_);
  if (former_default_) sqlite3_vfs_register(former_default_, 1);
}

void Disk::become_default() {
  if (former_default_) return;
  former_default_ = sqlite3_vfs_find(nullptr);
  sqlite3_vfs_register(&vfs_, 1);
  sqlite3_randomness(0, nullptr);
}

void Disk::reset(std::uint64_t seed) {
  end_process();
  entries_.clear();
  faults_.clear();
  operations_ = 0;
  slept_ = {};
  random_.seed(seed);
  sqlite3_randomness(0, nullptr);  // SQLite asks its default VFS for a new seed
}

void Disk::kill() { end_process(); }

void Disk::power_loss() {
  end_process();
  for (auto& [name, entry] : entries_) {
    auto& [now, durable] = entry;
    if (now != durable && random_() % 2 == 0) now = durable;
    durable = now;
    if (!now) continue;
    now->settle(random_);
    now->content = now->durable;
  }
  std::erase_if(entries_, [](const auto& one) { return !one.second.now; });
}

void Disk::end_process() {
  ++process_;
  crashed_ = false;
  crash_at_ = UINT64_MAX;
  for (auto& [name, entry] : entries_)
    for (auto* file : {entry.now.get(), entry.durable.get()})
      if (file) {
        file->handles.clear();
        file->shared_memory.reset();
      }
}

void Disk::fail_at(std::uint64_t number, Fault fault, Lasting lasting) {
  faults_.push_back({number, fault, lasting});
}

std::map<std::string, std::string> Disk::contents() const {
  std::map<std::string, std::string> all;
  for (const auto& [name, entry] : entries_)
    if (entry.now) all.emplace(name, entry.now->content);
  return all;
}

// Numbers an operation and says what is to become of it: SQLITE_OK, or the code to fail with.
int Disk::admit(Operation::Kind kind, std::string_view file, std::int64_t offset, std::int64_t size) {
  if (before) before({operations_, kind, file, offset, size});
  if (operations_ >= crash_at_) {
    crashed_ = true;
    return SQLITE_IOERR;
  }
  const auto number = operations_++;
  const auto fits = [&](const PlannedFault& one) {
    return number >= one.from &&
           kind == (one.fault == Fault::sync_error ? Operation::sync : Operation::write);
  };
  const auto planned = std::find_if(faults_.begin(), faults_.end(), fits);
  if (planned == faults_.end()) return SQLITE_OK;
  const auto fault = planned->fault;
  if (planned->lasting == Lasting::once) faults_.erase(planned);
  switch (fault) {
    case Fault::disk_full: return SQLITE_FULL;
    case Fault::write_error: return SQLITE_IOERR_WRITE;
    case Fault::sync_error: return SQLITE_IOERR_FSYNC;
  }
  return SQLITE_INTERNAL;
}

std::shared_ptr<Disk::File> Disk::make_file() {
  if (spare_.empty()) spare_.push_back(std::make_unique<File>());
  auto file = std::move(spare_.back());
  spare_.pop_back();
  return {file.release(), [this](File* gone) {
            gone->clear();
            spare_.emplace_back(gone);
          }};
}

Disk::File* Disk::find(std::string_view name) const {
  const auto entry = entries_.find(name);
  return entry == entries_.end() ? nullptr : entry->second.now.get();
}

void Disk::sync_folder() {
  for (auto& [name, entry] : entries_) entry.durable = entry.now;
}

}  // namespace cardvoid::simulation
