// Several runs that share one limit through a file, in virtual time.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/shared_pace.hpp>
#include <csignal>
#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <ostream>
#include <random>

#include "support/limited_platform.hpp"
#include "support/temp_folder.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using run::SharedPace;

  namespace {

  struct Rig {
    SharedPace& begin(double requests_per_second, const std::string& boot_id = "this boot") {
      SharedPace::Settings settings;
      settings.file = file;
      settings.requests_per_second = requests_per_second;
      settings.boot_id = boot_id;
      settings.participant = ++last_participant;
      settings.warn = [this](const std::string& why) { warnings.push_back(why); };
      settings.patience = 30s;  // the time of the rig does not stand still while the machine is busy
      auto pace = SharedPace::open(std::move(settings), now);
      REQUIRE(pace.has_value());
      runs.push_back(std::move(*pace));
      sent.emplace_back();
      return *runs.back();
    }

    // All runs that are in `sending` send as fast as they may, each waking a little late as processes do.
    void send_for(milliseconds span, const std::vector<std::size_t>& sending) {
      const auto end = now + span;
      for (;;) {
        std::size_t next = 0;
        auto at = Instant::max();
        for (const auto i : sending) {
          const auto wakes = std::max(runs[i]->next_at(), now) + std::chrono::microseconds{chance() % 300};
          if (wakes < at) at = wakes, next = i;
        }
        if (at >= end) break;
        now = at;
        if (!runs[next]->take(now)) continue;
        // It leaves a little later, and its answer takes some time.
        const auto left = now + std::chrono::microseconds{chance() % 1000};
        runs[next]->left(now, left);
        runs[next]->accepted(left, left);
        sent[next].push_back(left);
        all.push_back(left);
        now = left;
      }
      now = end;
    }

    std::size_t most_in_any(std::chrono::nanoseconds span) const {
      auto times = all;
      std::sort(times.begin(), times.end());
      std::size_t most = 0;
      std::deque<Instant> window;
      for (const auto at : times) {
        window.push_back(at);
        while (at - window.front() >= span) window.pop_front();
        most = std::max(most, window.size());
      }
      return most;
    }
    std::vector<std::size_t> counts() const {
      std::vector<std::size_t> all_counts;
      for (const auto& each : sent) all_counts.push_back(each.size());
      return all_counts;
    }

    support::TempFolder folder;
    const std::filesystem::path file = folder.path / "state" / "quota.pace";
    Instant now = Instant{} + 5h;
    std::vector<std::unique_ptr<SharedPace>> runs;
    std::vector<std::vector<Instant>> sent;
    std::vector<Instant> all;
    std::vector<std::string> warnings;
    std::uint64_t last_participant = 0;
    std::mt19937 chance{7};
  };

  model::Job plain_job() {
    model::Job job;
    job.merchant.mchid = "1900000001";
    return job;
  }

  }  // namespace

  TEST_CASE("shared pace: several runs together stay below the limit and take turns") {
    for (const double limit : {0.5, 5.0, 40.0}) {
      Rig rig;
      rig.begin(limit), rig.begin(limit), rig.begin(limit);
      rig.send_for(10min, {0, 1, 2});
      CAPTURE(limit);
      const auto window = std::chrono::duration<double>{std::ceil(limit) / limit};
      CHECK(rig.most_in_any(std::chrono::duration_cast<std::chrono::nanoseconds>(window)) <=
            std::ceil(limit));
      const auto counts = rig.counts();
      const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
      CHECK(*most - *least <= 2 + *most / 20);
      CHECK(static_cast<double>(rig.all.size()) > limit * 600 * 0.93);
    }
  }

  TEST_CASE("shared pace: alone a run is as fast as without sharing") {
    Rig rig;
    rig.begin(5);
    rig.send_for(2min, {0});
    dispatch::Pacer pacer{5};
    std::size_t taken = 0;
    for (Instant now{5h}; now < Instant{5h} + 2min; now = pacer.next_at(), ++taken) {
      pacer.take(now);
      pacer.accepted(now, now);
    }
    CHECK(rig.all.size() + 5 >= taken);
    CHECK(rig.runs[0]->shared_with() == 0);
  }

  TEST_CASE("shared pace: what an ended run has sent still counts for the next one") {
    Rig rig;
    rig.begin(5);
    for (int i = 0; i < 200; ++i) {  // many short runs, one after the other
      rig.send_for(450ms, {rig.runs.size() - 1});
      rig.runs.back().reset();
      rig.begin(5);
    }
    CHECK(rig.most_in_any(1s) <= 5);
    CHECK(rig.all.size() > 400);
  }

  TEST_CASE("shared pace: a run that died in its turn costs the others nothing for long") {
    Rig rig;
    rig.begin(5), rig.begin(5);
    rig.send_for(10s, {0, 1});
    CHECK(rig.runs[0]->shared_with() == 1);
    const auto before = rig.sent[0].size();
    rig.send_for(60s, {0});  // the second one is not heard of any more
    CHECK(rig.sent[0].size() - before > 60 * 5 * 0.93);
    CHECK(rig.runs[0]->shared_with() == 0);
  }

  TEST_CASE("shared pace: a run that was killed is no member any more from that moment on") {
    Rig rig;
    int done[2], go[2];
    REQUIRE(::pipe(done) == 0);
    REQUIRE(::pipe(go) == 0);
    char byte = 0;
    const auto child = ::fork();
    if (child == 0) {
      rig.begin(5).take(rig.now);
      (void)!::write(done[1], "x", 1);
      (void)!::read(go[0], &byte, 1);  // until it is killed
      ::_exit(0);
    }
    REQUIRE(::read(done[0], &byte, 1) == 1);
    rig.last_participant = 1;
    auto& pace = rig.begin(5);
    CHECK(pace.shared_with() == 1);
    CHECK(pace.next_at() > rig.now);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    rig.send_for(300ms, {0});
    CHECK(pace.shared_with() == 0);
    CHECK(rig.begin(5).shared_with() == 1);
    for (const int fd : {done[0], done[1], go[0], go[1]}) ::close(fd);
  }

  TEST_CASE("shared pace: each stays below its own limit and all below the greatest") {
    Rig rig;
    rig.begin(1), rig.begin(5);
    rig.send_for(2min, {0, 1});
    CHECK(rig.most_in_any(1s) <= 5);
    CHECK(rig.sent[0].size() > 100);  // it may miss its moment by an interval of the faster one
    CHECK(rig.sent[0].size() <= 121);
    CHECK(rig.sent[1].size() > 4 * 105);
    rig.runs[1]->set_limit(1, rig.now);  // as `cardvoid rate` does: the other one is none the slower
    const auto before = rig.counts();
    rig.send_for(1min, {0, 1});
    CHECK(rig.sent[0].size() - before[0] > 55);
    CHECK(rig.sent[1].size() - before[1] > 55);
  }

  TEST_CASE("shared pace: a slow run that was steered up or has left holds no one to its pace") {
    Rig rig;
    auto& slow = rig.begin(0.01);
    rig.send_for(1s, {0});
    REQUIRE(rig.sent[0].size() == 1);
    CHECK(slow.next_at() > rig.now + 90s);
    slow.set_limit(5, rig.now);  // as `cardvoid rate` does
    CHECK(slow.next_at() < rig.now + 200ms);
    rig.send_for(10s, {0});
    CHECK(rig.sent[0].size() > 45);
    slow.set_limit(0.01, rig.now);
    rig.send_for(1s, {0});
    CHECK(rig.begin(5).next_at() < rig.now + 1s);
    rig.send_for(10s, {1});
    CHECK(rig.sent[1].size() > 40);
    CHECK(rig.most_in_any(1s) <= 5);
  }

  TEST_CASE("shared pace: Retry-After to one run holds all of them") {
    Rig rig;
    rig.begin(5), rig.begin(5);
    rig.send_for(5s, {0, 1});
    rig.runs[0]->throttled(rig.now, rig.now - 50ms, 3s);
    const auto count = rig.sent[1].size();
    rig.send_for(2900ms, {1});
    CHECK(rig.sent[1].size() <= count + 1);  // it learns of it when it asks for its next permit
    CHECK(rig.runs[1]->paused(rig.now));
  }

  TEST_CASE("shared pace: three runs together find a lower limit and come back from it") {
    for (const auto& retry_after : {std::optional<milliseconds>{}, std::optional{1000ms}}) {
      Rig rig;
      rig.begin(50), rig.begin(50), rig.begin(50);
      support::Setting setting{
          .limits = {{0ns, 50}, {10s, 25}, {40s, 0}, {60s, 50}},
          .retry_after = retry_after,
          .latency = {.outward = 5ms, .jitter = 2ms, .median = 30ms, .p99 = 250ms, .back = 5ms},
          .lasts = 90s};
      const auto course =
          support::send(setting, {rig.runs[0].get(), rig.runs[1].get(), rig.runs[2].get()}, rig.now);
      CAPTURE(retry_after.has_value());
      CHECK(course.accepted_between(0, 10) >= 0.95 * 50);
      CHECK(course.accepted_between(15, 40) >= 0.9 * 25);
      CHECK(course.accepted_between(75, 89) >= 0.95 * 50);
      CHECK(rig.warnings.empty());
    }
  }

  TEST_CASE("shared pace: the next run knows the guard and the limit that were found") {
    Rig rig;
    rig.begin(50);
    support::Setting setting{.limits = {{0ns, 50}, {5s, 25}},
                             .latency = {.outward = 5ms, .jitter = 2ms, .back = 25ms},
                             .lasts = 10s};
    setting.stray_at = 2s;
    support::send(setting, {rig.runs[0].get()}, rig.now);
    rig.now += 10s;
    CHECK(rig.runs[0]->found_limit() == doctest::Approx(25).epsilon(0.05));
    rig.runs[0].reset();
    CHECK(rig.begin(50).found_limit() == doctest::Approx(25).epsilon(0.05));
    CHECK(rig.runs[1]->guard() == 25ms);
    SUBCASE("and after a boot the guard only") {
      auto& later = rig.begin(50, "another boot");
      CHECK(later.guard() == 25ms);
      CHECK_FALSE(later.found_limit());
    }
  }

  TEST_CASE("shared pace: what another boot left means nothing") {
    Rig rig;
    rig.begin(0.01);
    rig.send_for(1s, {0});
    rig.runs[0].reset();
    CHECK(rig.begin(0.01).next_at() > rig.now + 90s);
    CHECK(rig.begin(0.01, "another boot").next_at() <= rig.now);
  }

  TEST_CASE("shared pace: where the boot is not known the times tell") {
    Rig rig;
    rig.begin(0.01);
    rig.send_for(1s, {0});
    CHECK(rig.begin(0.01, "").next_at() > rig.now + 90s);  // a sandboxed service beside a plain run
    CHECK(rig.begin(0.01).next_at() > rig.now + 90s);
    rig.runs.clear();
    rig.now -= 4h;  // the machine was restarted
    CHECK(rig.begin(0.01, "").next_at() <= rig.now);
  }

  TEST_CASE("shared pace: a file that holds something else costs one window and no more") {
    Rig rig;
    std::filesystem::create_directories(rig.file.parent_path());
    std::ofstream{rig.file} << std::string(5000, 'x');
    auto& pace = rig.begin(5);
    CHECK(pace.next_at() > rig.now + 900ms);
    CHECK(pace.next_at() < rig.now + 1500ms);
    rig.send_for(10s, {0});
    CHECK(rig.sent[0].size() > 40);
    CHECK(rig.begin(5).next_at() < rig.now + 1s);
  }

  TEST_CASE("shared pace: when the file is removed the runs meet at a new one") {
    Rig rig;
    rig.begin(5), rig.begin(5);
    rig.send_for(10s, {0, 1});
    for (int i = 0; i < 20; ++i) {
      std::filesystem::remove(rig.file);
      rig.send_for(3s, {0, 1});
    }
    CHECK(rig.most_in_any(1s) <= 5);
    CHECK(rig.all.size() > 200);
    CHECK(std::filesystem::exists(rig.file));
  }

  TEST_CASE(
      "shared pace: a run that stays suspended with the lock in hand does not stop the others for long") {
    Rig rig;
    rig.begin(5), rig.begin(5);
    rig.send_for(10s, {0, 1});
    FileDescriptor suspended{::open(rig.file.c_str(), O_RDWR | O_CLOEXEC)};
    struct flock lock {};
    lock.l_type = F_WRLCK, lock.l_len = 1;
    REQUIRE(::fcntl(suspended.get(), F_OFD_SETLK, &lock) == 0);
    const auto before = rig.all.size();
    rig.send_for(900ms, {0, 1});
    CHECK(rig.all.size() == before);
    rig.send_for(19s, {0, 1});
    CHECK(rig.all.size() - before > 75);
    CHECK(rig.most_in_any(1s) <= 5);
    CHECK(rig.counts()[0] > 60);  // they have met again
    CHECK(rig.counts()[1] > 60);
    CHECK(rig.warnings.empty());
  }

  TEST_CASE("shared pace: while somebody is suspended with the lock in hand nothing leaves") {
    Rig rig;
    auto& pace = rig.begin(5);
    FileDescriptor other{::open(rig.file.c_str(), O_RDWR | O_CLOEXEC)};
    struct flock lock {};
    lock.l_type = F_WRLCK, lock.l_len = 1;
    REQUIRE(::fcntl(other.get(), F_OFD_SETLK, &lock) == 0);
    CHECK_FALSE(pace.take(rig.now));
    CHECK(pace.next_at() > rig.now);
    CHECK(pace.next_at() <= rig.now + 10ms);
    other = {};
    CHECK(pace.take(pace.next_at()));
    CHECK(rig.warnings.empty());
  }

  TEST_CASE("shared pace: the file is its owner's alone and named after signer and endpoints") {
    Rig rig;
    rig.begin(5);
    struct stat state {};
    REQUIRE(::stat(rig.file.c_str(), &state) == 0);
    CHECK((state.st_mode & 0777) == 0600);
    REQUIRE(::stat(rig.file.parent_path().c_str(), &state) == 0);
    CHECK((state.st_mode & 0777) == 0700);

    auto job = plain_job();
    const auto name = run::pace_file_name(job, std::nullopt);
    CHECK(name.starts_with("1900000001@api.mch.weixin.qq.com+api2.mch.weixin.qq.com@"));
    std::swap(job.endpoints.primary, job.endpoints.backup);
    CHECK(run::pace_file_name(job, std::nullopt) == name);
    CHECK(run::pace_file_name(job, "1004") != name);
    job.merchant.mchid = "1900000002";
    CHECK(run::pace_file_name(job, std::nullopt) != name);
    job.endpoints.primary.host = std::string(250, 'a');
    CHECK(run::pace_file_name(job, std::nullopt).size() < 255);
  }

  TEST_CASE("shared pace: a state directory that cannot be made is an error in words") {
    Rig rig;
    std::ofstream{rig.folder.path / "state"} << "a file";
    SharedPace::Settings settings;
    settings.file = rig.file;
    const auto pace = SharedPace::open(std::move(settings), rig.now);
    REQUIRE_FALSE(pace.has_value());
    CHECK(pace.error().what.find(rig.file.parent_path().string()) != std::string::npos);
  }

  TEST_CASE("shared pace: what somebody has put in place of the file is neither waited for nor written to") {
    Rig rig;
    const auto victim = rig.folder.write("victim", "precious");
    std::filesystem::create_directories(rig.file.parent_path());
    SUBCASE("a pipe") { REQUIRE(::mkfifo(rig.file.c_str(), 0600) == 0); }
    SUBCASE("a link") { std::filesystem::create_symlink(victim, rig.file); }
    SUBCASE("a second name") { std::filesystem::create_hard_link(victim, rig.file); }
    SUBCASE("a file that all may write") {
      std::ofstream{rig.file} << "";
      REQUIRE(::chmod(rig.file.c_str(), 0666) == 0);
    }
    SharedPace::Settings settings;
    settings.file = rig.file;
    const auto pace = SharedPace::open(std::move(settings), rig.now);
    REQUIRE_FALSE(pace.has_value());
    CHECK(pace.error().code == Errc::cannot_create);
    std::ifstream in{victim};
    CHECK(std::string{std::istreambuf_iterator<char>{in}, {}} == "precious");
  }

  TEST_CASE(
      "shared pace: what is put in place of the file while a run works is named once and the run goes on") {
    Rig rig;
    std::string warning;
    SharedPace::Settings settings;
    settings.file = rig.file, settings.participant = 1, settings.requests_per_second = 5;
    settings.warn = [&](const std::string& why) { warning = why; };
    const auto pace = SharedPace::open(std::move(settings), rig.now);
    REQUIRE(pace.has_value());
    std::filesystem::remove(rig.file);
    REQUIRE(::mkfifo(rig.file.c_str(), 0600) == 0);
    CHECK((*pace)->take(rig.now + 1s));
    CHECK(warning == rig.file.string() + ": is not a plain file");
  }

  TEST_CASE("shared pace: no more of a file is read than one of ours can hold") {
    Rig rig;
    std::filesystem::create_directories(rig.file.parent_path());
    std::ofstream{rig.file} << "";
    std::filesystem::permissions(rig.file,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::filesystem::resize_file(rig.file, std::uintmax_t{1} << 40);  // in memory it would be a terabyte
    const auto begun = std::chrono::steady_clock::now();
    auto& pace = rig.begin(5);
    CHECK_FALSE(pace.take(rig.now));  // what was sent recently is not known
    CHECK(pace.take(pace.next_at()));
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
    CHECK(rig.warnings.empty());
  }

  TEST_CASE("pace file: what one participant writes piece by piece another one reads as a whole") {
    const support::TempFolder folder;
    const auto open = [&](std::uint64_t participant) {
      auto file =
          run::PaceFile::open(folder.path / "quota.pace", participant, std::make_shared<Errand>(), 30s);
      REQUIRE(file.has_value());
      return std::move(*file);
    };
    auto writer = open(1), reader = open(2);
    run::PaceFile::Head head{};
    run::PaceFile::Instants sent, refused;
    std::mt19937 chance{7};
    std::string why;
    for (const int writings : {1, 2, 3, 5, 700, 3000}) {
      for (int i = 0; i < writings; ++i) {
        const auto seen = writer.get();
        REQUIRE(seen.outcome == run::PaceFile::Seen::done);
        CHECK(seen.is_own == (i > 0));
        dispatch::Pacer::Changes changes{0, sent.size()};
        sent.push_back((sent.empty() ? Instant{} + 1s : sent.back()) + 1us);
        if (const auto back = chance() % 20; back < 5 && back < sent.size()) {  // it left later
          const auto at = sent.size() - 1 - back;
          changes.unchanged = std::min(changes.unchanged, at);
          std::rotate(sent.end() - 1 - static_cast<int>(back), sent.end() - static_cast<int>(back),
                      sent.end());
          sent.back() -=
              500ns * static_cast<int>(chance() % 3);  // not quite in order, as several processes are
        }
        if (chance() % 97 == 0) refused.push_back(sent.back());
        for (auto count = sent.size() > 300 ? chance() % 5 : 0; count > 0; --count) {
          sent.pop_front();
          ++changes.dropped, changes.unchanged -= changes.unchanged > 0;
        }
        if (refused.size() > 3) refused.erase(refused.begin());
        REQUIRE(writer.put(head, sent, refused, changes, why) == run::PaceFile::Seen::done);
      }
      const auto seen = reader.get();
      REQUIRE(seen.is_whole);
      CHECK_FALSE(seen.is_own);
      CHECK(std::ranges::equal(seen.content.sent, sent));
      CHECK(std::ranges::equal(seen.content.refused, refused));
      REQUIRE(reader.put(head, sent, refused, {}, why) == run::PaceFile::Seen::done);
    }
  }

  TEST_CASE("shared pace: a request that left later than it was permitted stands so in the file") {
    Rig rig;
    auto& pace = rig.begin(50);
    auto reader = run::PaceFile::open(rig.file, 99, std::make_shared<Errand>(), 30s);
    REQUIRE(reader.has_value());
    std::vector<Instant> left;
    const auto take = [&] {
      rig.now = std::max(rig.now, pace.next_at());
      REQUIRE(pace.take(rig.now));
      left.push_back(rig.now);
    };
    // Of the last permits, the one that stands `back` before the newest.
    const auto leave = [&](std::size_t back, milliseconds after) {
      auto& permit = left[left.size() - 1 - back];
      rig.now += after;
      pace.left(std::exchange(permit, rig.now), rig.now);
      std::ranges::sort(left);
    };
    // Some go into the file with the next permit, and some, which the guard does not cover, at once.
    for (int i = 0; i < 40; ++i) {
      take();
      if (i % 3 == 0) leave(0, i % 2 == 0 ? 1ms : 900ms);
      if (i % 7 == 6) leave(2, 2ms);
    }
    take();
    const auto seen = reader->get();
    REQUIRE(seen.is_whole);
    CHECK(seen.content.sent == left);
  }

  TEST_CASE("shared pace: a disk that does not answer does not hold up a run and is given up after a while") {
    Rig rig;
    std::promise<void> release;
    const auto errand = std::make_shared<Errand>();
    SharedPace::Settings settings;
    settings.file = rig.file;
    settings.participant = 1;
    settings.errand = errand, settings.may_hang = true;
    std::vector<std::string> warnings;
    settings.warn = [&](const std::string& why) { warnings.push_back(why); };
    auto pace = SharedPace::open(std::move(settings), rig.now);
    REQUIRE(pace.has_value());
    REQUIRE((*pace)->take(rig.now));
    REQUIRE(
        errand->begin([done = release.get_future().share()] { done.wait(); }));  // as a share that is away
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) {
      rig.now += 90ms;
      CHECK_FALSE((*pace)->take(rig.now));  // nothing leaves while it is not known what others send
    }
    CHECK(warnings.empty());
    rig.now += 2s;
    bool is_taken = (*pace)->take(rig.now);
    for (int i = 0; i < 3 && !is_taken; ++i) is_taken = (*pace)->take(rig.now += 1s);
    CHECK(is_taken);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].find("its disk does not answer") != std::string::npos);
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
    release.set_value();
  }

  TEST_CASE("shared pace: a disk that answers again is used again") {
    Rig rig;
    const auto errand = std::make_shared<Errand>();
    SharedPace::Settings settings;
    settings.file = rig.file;
    settings.participant = 1;
    settings.errand = errand, settings.may_hang = true;
    settings.warn = [](const std::string& why) { FAIL(why); };
    auto pace = SharedPace::open(std::move(settings), rig.now);
    REQUIRE(pace.has_value());
    std::promise<void> release;
    REQUIRE(errand->begin([done = release.get_future().share()] { done.wait(); }));
    CHECK_FALSE((*pace)->take(rig.now += 1s));
    release.set_value();
    REQUIRE(errand->wait(10s));
    CHECK((*pace)->take(rig.now += 1s));
  }
}
