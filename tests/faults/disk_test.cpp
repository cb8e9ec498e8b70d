// Disk trouble: a quota, a full disk at any moment, files that vanish. Sending stops with 74, what is on
// record stays true, and the same command carries on.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <ostream>

#include "faults/small_disk.hpp"
#include "faults/witness.hpp"

TEST_SUITE("faults") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  using namespace std::chrono_literals;
  namespace fs = std::filesystem;

  namespace {

  constexpr const char* k_no_mount = "mounting a small disk is not permitted here; only quotas are tested";

  // A job whose every request is witnessed, its database perhaps on another disk.
  struct Job {
    explicit Job(int members, milliseconds latency = 0ms, const SmallDisk* disk = nullptr)
        : stage{witness.watching(slow(latency)), {{"members.csv", plain_members(members)}}},
          database{disk ? disk->folder() / "sandbox.db" : stage.database()} {}

    static sandbox::Settings slow(milliseconds latency) {
      auto settings = sandbox::plain_settings();
      settings.latency_min = settings.latency_max = latency;
      return settings;
    }

    std::vector<std::string> words(const std::string& command) const {
      std::vector<std::string> flags{"--results", database.string(), "--set",
                                     "limits.requests_per_second=100"};
      if (command == "run") flags.emplace_back("--yes");
      return stage.words(command, flags);
    }
    Ended run(const std::string& command, Circumstances circumstances = {}) const {
      return support::run(words(command), std::move(circumstances));
    }
    void check_truth(bool settled) const {
      for (const auto& contradiction : contradictions(database, *stage.sandbox, witness, settled))
        FAIL_CHECK(contradiction);
    }
    std::int64_t number(std::string_view sql) const { return DatabaseCopy{database}.number(sql); }
    void check_completes() const {
      const auto ended = run("run");
      INFO(ended.err, ended.out);
      CHECK(ended.exit_code == 0);
      check_truth(true);
      CHECK(witness.requests().after_invalid == 0);
    }

    Witness witness;
    Stage stage;
    fs::path database;
  };

  Circumstances file_size_limit(std::uint64_t bytes) {
    Circumstances circumstances;
    circumstances.file_size_limit_bytes = bytes;
    return circumstances;
  }

  // A file that no one may write, not even a process that has it open; until the end of this. For root on
  // some file systems.
  class Unchangeable {
   public:
    explicit Unchangeable(const fs::path& file) : file_{::open(file.c_str(), O_RDONLY | O_CLOEXEC)} {
      is_unchangeable_ =
          ::ioctl(file_.get(), FS_IOC_GETFLAGS, &before_) == 0 && set(before_ | FS_IMMUTABLE_FL);
    }
    Unchangeable(const Unchangeable&) = delete;
    Unchangeable& operator=(const Unchangeable&) = delete;
    ~Unchangeable() {
      if (is_unchangeable_) set(before_);
    }
    explicit operator bool() const { return is_unchangeable_; }

   private:
    bool set(int flags) { return ::ioctl(file_.get(), FS_IOC_SETFLAGS, &flags) == 0; }
    FileDescriptor file_;
    int before_ = 0;
    bool is_unchangeable_ = false;
  };

  // Ended for want of room, in words that help.
  void check_says_what_to_do(const Ended& ended, const std::string& advice) {
    INFO(ended.err, ended.out);
    CHECK(ended.exit_code == 74);
    CHECK(ended.err.find("sandbox.db: ") != std::string::npos);
    CHECK(ended.err.find(advice) != std::string::npos);
    CHECK(ended.err.find("run the same command again") != std::string::npos);
  }

  }  // namespace

  TEST_CASE("a quota reached in the middle of a run stops the sending and the same command completes") {
    const Job job{300, 50ms};
    const auto cut_short = job.run("run", file_size_limit(400'000));
    check_says_what_to_do(cut_short, "see to the disk");
    job.check_truth(false);
    CHECK(job.number("SELECT count(*) FROM results WHERE status = 'invalidated'") > 0);
    CHECK(job.number("SELECT count(*) FROM results WHERE status = 'pending'") > 100);
    CHECK(job.witness.requests().invalidations <= job.number("SELECT count(*) FROM attempts"));
    job.check_completes();
  }

  TEST_CASE("a quota reached while the input is imported ends with 74 and nothing of it is planned") {
    const Job job{3000};
    for (const auto* command : {"plan", "run"}) {
      check_says_what_to_do(job.run(command, file_size_limit(300'000)), "see to the disk");
      CHECK(job.number("SELECT count(*) FROM results") == 0);
    }
    CHECK(job.witness.requests().all() == 0);
    const auto planned = job.run("plan");
    INFO(planned.err, planned.out);
    CHECK(planned.exit_code == 0);
    CHECK(job.number("SELECT count(*) FROM results WHERE status = 'pending'") == 3000);
  }

  TEST_CASE("a disk that fills up in the middle of a run stops the sending and the same command completes") {
    const auto disk = SmallDisk::mount(2000);
    if (!disk) {
      MESSAGE(k_no_mount);
      return;
    }
    const Job job{300, 50ms, disk.get()};
    Program program{job.words("run")};
    REQUIRE(job.witness.wait_for_requests(30, 20s));
    disk->leave(3);
    const auto ended = program.wait();
    check_says_what_to_do(ended, "free some space");
    job.check_truth(false);
    CHECK(job.number("SELECT count(*) FROM results WHERE status = 'pending'") > 100);
    disk->leave(1000);
    job.check_completes();
  }

  TEST_CASE("however little room is left a plan says so and works when there is more") {
    const auto disk = SmallDisk::mount(2000);
    if (!disk) {
      MESSAGE(k_no_mount);
      return;
    }
    const Job job{50, 0ms, disk.get()};
    std::int64_t pages = 0;
    for (;; ++pages) {
      disk->leave(pages);
      const auto ended = job.run("plan");
      if (ended.exit_code == 0) break;
      INFO("pages left: ", pages, "\n", ended.err);
      CHECK(ended.exit_code == 74);
      CHECK(ended.err.find(job.database.string()) != std::string::npos);
      REQUIRE(pages < 200);
    }
    CHECK(pages > 10);  // the lock file, then the tables, then the rows
    CHECK(job.number("SELECT count(*) FROM results WHERE status = 'pending'") == 50);
  }

  TEST_CASE("however little room is left a run sends nothing that is not on record") {
    const auto disk = SmallDisk::mount(2000);
    if (!disk) {
      MESSAGE(k_no_mount);
      return;
    }
    const Job job{60, 0ms, disk.get()};
    int ended_amid = 0;
    for (std::int64_t pages = 30;; pages += 8) {
      disk->leave(pages);
      const auto ended = job.run("run");
      INFO("pages left: ", pages, "\n", ended.err);
      job.check_truth(ended.exit_code == 0);
      if (ended.exit_code == 0) break;
      CHECK(ended.exit_code == 74);
      CHECK(ended.err.find(job.database.string()) != std::string::npos);
      ended_amid += job.witness.requests().invalidations > 0;
      REQUIRE(pages < 500);
    }
    CHECK(ended_amid > 0);
    CHECK(job.witness.requests().after_invalid == 0);
  }

  TEST_CASE("without room for another file a plan names the lock file") {
    const auto disk = SmallDisk::mount(2000, 2);  // the folder itself and the ballast
    if (!disk) {
      MESSAGE(k_no_mount);
      return;
    }
    disk->leave(1000);
    const Job job{5, 0ms, disk.get()};
    const auto ended = job.run("plan");
    INFO(ended.err);
    CHECK(ended.exit_code == 73);
    CHECK(ended.err.find("sandbox.db.lock: No space left") != std::string::npos);
  }

  TEST_CASE("check says before a run that the disk has no room for the plan") {
    const auto disk = SmallDisk::mount(2000);
    if (!disk) {
      MESSAGE(k_no_mount);
      return;
    }
    const Job job{2000, 0ms, disk.get()};
    const auto roomy = job.run("check");
    INFO(roomy.out);
    CHECK(roomy.exit_code == 0);
    CHECK(roomy.out.find("WARN  disk space") !=
          std::string::npos);  // enough for the rows, not for all of the log
    disk->leave(100);
    const auto ended = job.run("check");
    INFO(ended.out);
    CHECK(ended.exit_code == 74);
    CHECK(ended.out.find("FAIL  disk space") != std::string::npos);
    CHECK(ended.out.find("2,000 rows to send") != std::string::npos);
    CHECK(ended.out.find("results.database") != std::string::npos);
  }

  TEST_CASE("a write-ahead log that can be written no more stops the sending") {
    const Job job{200, 50ms};
    Program program{job.words("run")};
    REQUIRE(job.witness.wait_for_requests(30, 20s));
    {
      const Unchangeable log{job.database.string() + "-wal"};
      if (!log) {
        MESSAGE("no file can be made unchangeable here (chattr +i), so this is not tested");
        return;
      }
      check_says_what_to_do(program.wait(), "see to the disk");
    }
    job.check_truth(false);
    CHECK(job.number("SELECT count(*) FROM results WHERE status = 'pending'") > 0);
    job.check_completes();
  }

  TEST_CASE("taking away the right to write does not touch a run under way and is named by the next") {
    if (::geteuid() == 0) {
      MESSAGE("root may write everywhere, so this is not tested");
      return;
    }
    const Job job{100, 20ms};
    Program program{job.words("run")};
    REQUIRE(job.witness.wait_for_requests(30, 20s));
    fs::permissions(job.database, fs::perms::owner_read);
    const auto ended = program.wait();
    INFO(ended.err);
    CHECK(ended.exit_code == 0);
    job.check_truth(true);
    const auto next = job.run("run");
    INFO(next.err);
    CHECK(next.exit_code == 73);
    CHECK(next.err.find(job.database.string()) != std::string::npos);
    CHECK(next.err.find("permissions") != std::string::npos);
  }

  TEST_CASE("a results database that is removed or replaced in mid-run stops the sending") {
    for (const bool replaced : {false, true}) {
      CAPTURE(replaced);
      const Job job{300, 50ms};
      const auto copy = job.stage.dir / "copy.db";
      Program program{job.words("run")};
      REQUIRE(job.witness.wait_for_requests(30, 20s));
      if (replaced) {
        fs::copy_file(job.database, copy);
        fs::rename(copy, job.database);
      } else {
        fs::remove(job.database);
      }
      const auto ended = program.wait();
      INFO(ended.err, ended.out);
      CHECK(ended.exit_code == 74);
      CHECK(job.witness.requests().invalidations < 300);
    }
  }
}
