// The file in which runs of one merchant share their pace.

#include <fcntl.h>
#include <unistd.h>

#include <cardvoid/base/file.hpp>
#include <cardvoid/run/shared_pace.hpp>
#include <cmath>

#include "fuzz/target.hpp"

namespace cardvoid::fuzz::paces {

using namespace std::chrono_literals;

namespace {

constexpr off_t k_first_participant = off_t{1} << 40;  // as shared_pace.cpp has it

// The participants 1 to 3 are alive, as long as it is.
FileDescriptor open_with_others(const std::filesystem::path& path) {
  FileDescriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  struct flock lock {};
  lock.l_type = F_WRLCK, lock.l_whence = SEEK_SET, lock.l_start = k_first_participant + 1, lock.l_len = 3;
  require(::fcntl(file.get(), F_OFD_SETLK, &lock) == 0, "the fuzzer can lock");
  return file;
}

// The magic of any version becomes today's, so that the kept inputs go on to reach what is behind it.
std::string of_this_version(std::string_view bytes) {
  constexpr auto& k_magic = run::PaceFile::k_magic;
  std::string content{bytes};
  if (content.starts_with("cvpace")) content.replace(0, k_magic.size(), k_magic.data(), k_magic.size());
  return content;
}

}  // namespace

FUZZ_TARGET(pace_file, "a pace file of any bytes neither holds a run up for ever nor lets it go too fast") {
  static const Folder folder;
  static const auto path = folder / "quota.pace2";
  static const auto others = open_with_others(path);
  static const auto errand = std::make_shared<Errand>();  // its thread costs more than all the rest
  const auto content = of_this_version(bytes);
  require(::ftruncate(others.get(), 0) == 0 && ::pwrite(others.get(), content.data(), content.size(), 0) ==
                                                   static_cast<ssize_t>(content.size()),
          "the fuzzer can write");
  constexpr Instant k_now{1'000'000s};
  std::string warning;
  run::SharedPace::Settings settings{};
  settings.file = path, settings.boot_id = "boot", settings.participant = 9;
  settings.errand = errand;
  settings.warn = [&](const std::string& why) { warning = why; };
  auto opened = run::SharedPace::open(std::move(settings), k_now);
  require(opened.has_value(), "any file is taken or begun again");
  auto& pace = **opened;
  const auto rate = pace.rate(k_now);
  require(rate > 0 && rate <= 5, "the rate is within the limit");
  require(pace.next_at() <= k_now + 30h, "the next request comes within a day or so");
  require(pace.due_after(3, k_now) <= k_now + 40h, "the fourth request too");
  require(pace.shared_with() <= 16, "there are at most sixteen participants");
  auto now = k_now;
  int taken = 0;
  for (int turn = 0; turn < 4; ++turn) {
    now = std::max(now + 1ms, pace.next_at());
    require(now <= k_now + 40h, "the next request comes within a day or so");
    taken += pace.take(now);
  }
  pace.accepted(now + 1ms, now);
  pace.left(now, now + 1ms);
  pace.throttled(now + 1ms, now, 1s);
  require(taken > 0, "a run gets its turn");
}

}  // namespace cardvoid::fuzz::paces
