// What somebody else may have put where the program reads and writes.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <ostream>

#include "support/stage.hpp"
#include "support/tamper.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;
  namespace fs = std::filesystem;

  namespace {

  constexpr uid_t k_nobody = 65'534;

  // A test of another user's files needs root; else it says that it did not look.
  bool can_be_others() {
    if (::geteuid() == 0) return true;
    MESSAGE("not looked at: only root can give a file to another user");
    return false;
  }

  void plant_pipe(const fs::path& file) {
    fs::remove(file);
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
  }

  // With a pipe in its way it ends at once, or not at all.
  Ended outcome(const Stage& stage, const std::string& command, std::vector<std::string> flags = {}) {
    return stage.start(command, std::move(flags))->wait(std::chrono::seconds{20});
  }

  std::string text_of(const fs::path& file) {
    std::ifstream in{file};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  mode_t mode_of(const fs::path& file) {
    struct stat facts {};
    REQUIRE(::lstat(file.c_str(), &facts) == 0);
    return facts.st_mode & 07777;
  }

  }  // namespace

  TEST_CASE("planted: a pipe in place of a file that is read is refused and not waited for") {
    const auto stage = stage_of(2);
    struct Place {
      const char* key;
      int exit_code;
    };
    for (const auto& place : {Place{"merchant.private_key_file", 77}, Place{"merchant.passphrase_file", 77},
                              Place{"endpoints.ca_file", 66}, Place{"safety.protect", 66},
                              Place{"safety.acknowledge_file", 66}}) {
      CAPTURE(place.key);
      const auto pipe = stage.dir / "pipe";
      plant_pipe(pipe);
      const auto ended =
          outcome(stage, "run", {"--set", fmt::format("{}={}", place.key, pipe.string()), "--yes"});
      CAPTURE(ended.err);
      CHECK(ended.exit_code == place.exit_code);
      CHECK(stage.sandbox->applied().empty());
    }
  }

  TEST_CASE("planted: a pipe in place of the job file is refused by every command") {
    const auto stage = stage_of(1);
    plant_pipe(stage.job());
    for (const auto* command : {"check", "plan", "run", "status", "show", "report", "export", "reconcile"}) {
      CAPTURE(command);
      const auto ended = outcome(stage, command);
      CAPTURE(ended.err);
      CHECK((ended.exit_code == 66 || ended.exit_code == 64));  // show wants a card
    }
  }

  TEST_CASE("planted: a pipe in place of the database or beside it ends every command") {
    for (const auto* suffix : {"", "-wal", "-shm", "-journal", ".lock"}) {
      CAPTURE(suffix);
      const auto stage = stage_of(1);
      if (*suffix != 0) CHECK(stage.run("plan").exit_code == 0);
      plant_pipe(stage.database().string() + suffix);
      for (const auto* command : {"run", "plan", "check", "status", "export", "report"}) {
        CAPTURE(command);
        std::vector<std::string> flags;
        if (std::string_view{command} == "run") flags = {"--yes"};
        if (std::string_view{command} == "report") flags = {"-o", (stage.dir / "page.html").string()};
        const auto ended = outcome(stage, command, flags);
        CAPTURE(ended.err);
        const bool reads = std::string_view{suffix} == ".lock" &&
                           (std::string_view{command} == "status" || std::string_view{command} == "export" ||
                            std::string_view{command} == "report");
        CHECK(ended.exit_code == (reads ? 0 : 73));
      }
      CHECK(stage.sandbox->applied().empty());
    }
  }

  TEST_CASE("planted: a pipe beside a list in SQLite is refused and not waited for") {
    const auto stage = stage_of(2);
    const auto list = stage.dir / "crm.db";
    tamper(list,
           "CREATE TABLE members (code, card_id, openid, reason); INSERT INTO members VALUES ('card0000', "
           "'pbLatjvWOibDc5-TBnbUk1pD12o0', 'oPlain0000uMuAJO_M2pxb1Q9zN', 'x')");
    stage.job_with("csv = \"members.csv\"", "sqlite = \"crm.db\"\nquery = \"SELECT * FROM members\"",
                   "sandbox.toml");
    CHECK(outcome(stage, "plan").exit_code == 0);
    for (const auto* suffix : {"-journal", "-wal", "-shm"}) {
      INFO(std::string{suffix});
      const fs::path pipe{list.string() + suffix};
      plant_pipe(pipe);
      for (const auto* command : {"plan", "run", "check"}) {
        CAPTURE(command);
        const auto ended = outcome(stage, command,
                                   command == std::string_view{"run"} ? std::vector<std::string>{"--yes"}
                                                                      : std::vector<std::string>{});
        CAPTURE(ended.err);
        CHECK(ended.exit_code == 66);
        CHECK((ended.err + ended.out).find(suffix + std::string{": is not a plain file"}) !=
              std::string::npos);
      }
      const auto new_job = (stage.dir / "new.toml").string();
      const auto begun = Program{{"init", new_job, "--list", list.string()}}.wait();
      CHECK(begun.err.find("is not a plain file") != std::string::npos);
      fs::remove(pipe);
    }
  }

  TEST_CASE("planted: a pipe in place of an output is refused") {
    const auto stage = stage_of(1);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    const auto pipe = stage.dir / "out";
    plant_pipe(pipe);
    CHECK(outcome(stage, "export", {"-o", pipe.string()}).exit_code == 74);
    CHECK(outcome(stage, "report", {"-o", pipe.string()}).exit_code == 74);
    CHECK(outcome(stage, "plan", {"--page", pipe.string()}).exit_code == 74);
    CHECK(outcome(stage, "plan", {"--refused", pipe.string()}).exit_code == 74);
    const auto refused = outcome(stage, "export", {"-o", pipe.string()}).err;
    CHECK(refused.find("is a named pipe; name a file, or - for standard output") != std::string::npos);
  }

  TEST_CASE("planted: a pipe in place of the metrics or the report costs a warning and no time") {
    const auto stage = stage_of(2);
    plant_pipe(stage.dir / "m.prom");
    plant_pipe(stage.dir / "page.html");
    const auto ended = outcome(stage, "run",
                               {"--yes", "--set", "results.metrics_file=" + (stage.dir / "m.prom").string(),
                                "--set", "results.report_file=" + (stage.dir / "page.html").string()});
    CAPTURE(ended.err);
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("results.metrics_file: ") != std::string::npos);
    CHECK(ended.err.find("results.report_file: ") != std::string::npos);
    stage.check_against_truth();
  }

  // Until somebody looks, a scraper would show a run under way.
  TEST_CASE("planted: metrics that cannot be written at the end get a warning of their own") {
    const auto stage = stage_of(20);
    plant_pipe(stage.dir / "m.prom");
    const auto ended = outcome(stage, "run",
                               {"--yes", "--set", "limits.requests_per_second=20", "--set",
                                "results.metrics_file=" + (stage.dir / "m.prom").string()});
    CAPTURE(ended.err);
    CHECK(ended.exit_code == 0);
    const auto times = [&](std::string_view words) {
      int count = 0;
      for (auto at = ended.err.find(words); at != std::string::npos; at = ended.err.find(words, at + 1))
        ++count;
      return count;
    };
    CHECK(times("is a named pipe; name a file, or - for standard output; the run goes on without") == 1);
    CHECK(
        times(
            "is a named pipe; name a file, or - for standard output; what it says is from before the end") ==
        1);
  }

  TEST_CASE("planted: an output through a link of this user goes to its target and the link stays") {
    const auto stage = stage_of(1);
    CHECK(stage.run("plan").exit_code == 0);
    stage.write("target.csv", "old");
    const auto link = stage.dir / "link.csv";
    fs::create_symlink("target.csv", link);
    CHECK(stage.run("export", {"-o", link.string()}).exit_code == 0);
    CHECK(fs::is_symlink(link));
    CHECK(text_of(stage.dir / "target.csv").find("card0000") != std::string::npos);
    CHECK(mode_of(stage.dir / "target.csv") == 0600);
    fs::remove(stage.dir / "target.csv");  // also where there is nothing yet
    CHECK(stage.run("export", {"-o", link.string()}).exit_code == 0);
    CHECK(text_of(stage.dir / "target.csv").find("card0000") != std::string::npos);
  }

  TEST_CASE("planted: nothing is written through a link of another user or into a file of theirs") {
    if (!can_be_others()) return;
    const auto stage = stage_of(1);
    CHECK(stage.run("plan").exit_code == 0);
    stage.write("victim", "precious");
    const auto link = stage.dir / "link.csv", theirs = stage.dir / "theirs.csv";
    fs::create_symlink("victim", link);
    REQUIRE(::lchown(link.c_str(), k_nobody, k_nobody) == 0);
    stage.write("theirs.csv", "");
    REQUIRE(::chmod(theirs.c_str(), 0666) == 0);
    REQUIRE(::chown(theirs.c_str(), k_nobody, k_nobody) == 0);
    for (const auto& file : {link, theirs}) {
      const auto ended = stage.run("export", {"-o", file.string()});
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 74);
    }
    CHECK(text_of(stage.dir / "victim") == "precious");
    CHECK(text_of(theirs).empty());
  }

  TEST_CASE("planted: a lock file that is a link leaves its target as it is") {
    for (const bool is_hard : {false, true}) {
      CAPTURE(is_hard);
      const auto stage = stage_of(1);
      stage.write("victim", "precious");
      const auto lock = stage.database().string() + ".lock";
      if (is_hard)
        fs::create_hard_link(stage.dir / "victim", lock);
      else
        fs::create_symlink("victim", lock);
      CHECK(stage.run("run", {"--yes"}).exit_code == 73);
      CHECK(stage.run("check").exit_code == 73);
      CHECK(text_of(stage.dir / "victim") == "precious");
      CHECK(stage.sandbox->applied().empty());
    }
  }

  TEST_CASE("planted: a database that others can change is refused by run and by check") {
    const auto stage = stage_of(1);
    CHECK(stage.run("plan").exit_code == 0);
    std::vector<std::string> flags;
    const auto result_of = [&](const std::string& command) {
      auto all = flags;
      if (command == "run") all.emplace_back("--yes");
      return stage.run(command, all);
    };
    const auto both_refuse = [&] {
      for (const std::string command : {"run", "check"}) {
        CAPTURE(command);
        const auto ended = result_of(command);
        CAPTURE(ended.err);
        CHECK(ended.exit_code == 73);
        CHECK((ended.out + ended.err).find("who can change it decides what is sent") != std::string::npos);
      }
      CHECK(stage.sandbox->applied().empty());
    };
    SUBCASE("by its mode") {
      for (const mode_t mode : {0666, 0620}) {
        REQUIRE(::chmod(stage.database().c_str(), mode) == 0);
        both_refuse();
      }
    }
    SUBCASE("by its owner") {
      if (!can_be_others()) return;
      REQUIRE(::chown(stage.database().c_str(), k_nobody, k_nobody) == 0);
      both_refuse();
    }
    SUBCASE("by its owner while it is empty") {
      if (!can_be_others()) return;
      fs::remove(stage.database());
      stage.write("sandbox.db", "");
      REQUIRE(::chmod(stage.database().c_str(), 0666) == 0);
      REQUIRE(::chown(stage.database().c_str(), k_nobody, k_nobody) == 0);
      both_refuse();
    }
    SUBCASE("by what lies beside it") {
      if (!can_be_others()) return;
      const auto journal = stage.database().string() + "-journal";
      std::ofstream{journal} << "";
      REQUIRE(::chown(journal.c_str(), k_nobody, k_nobody) == 0);
      both_refuse();
    }
    SUBCASE("by its folder") {
      const auto folder = stage.dir / "folder";
      fs::create_directory(folder);
      flags = {"--results", (folder / "results.db").string()};
      for (const mode_t mode : {0777, 0770}) {
        REQUIRE(::chmod(folder.c_str(), mode) == 0);
        both_refuse();
      }
      REQUIRE(::chmod(folder.c_str(), 01777) == 0);  // as /tmp
      CHECK(result_of("check").exit_code == 0);
      CHECK(result_of("run").exit_code == 0);
    }
  }

  TEST_CASE("planted: a program for the end or a key that others can change is refused by run and by check") {
    const auto stage = stage_of(1);
    stage.write("hook.sh", "#!/bin/sh\ntouch ran\n");
    const auto hook = stage.dir / "hook.sh";
    const std::vector<std::string> with_hook{"--set", "results.on_finish=" + hook.string()};
    const auto run = [&](const std::string& command, std::vector<std::string> flags) {
      if (command == "run") flags.emplace_back("--yes");
      return stage.run(command, flags);
    };
    REQUIRE(::chmod(hook.c_str(), 0772) == 0);
    for (const auto* command : {"run", "check"}) CHECK(run(command, with_hook).exit_code == 78);
    CHECK_FALSE(fs::exists(stage.dir / "ran"));
    REQUIRE(::chmod(hook.c_str(), 0700) == 0);
    for (const auto* file : {"ca.pem", "wxp_pub.pem", "apiclient_key.pem"}) {
      CAPTURE(file);
      REQUIRE(fs::exists(stage.dir / file));
      const auto before = mode_of(stage.dir / file);
      REQUIRE(::chmod((stage.dir / file).c_str(), 0666) == 0);
      for (const auto* command : {"run", "check"}) CHECK(run(command, with_hook).exit_code == 77);
      REQUIRE(::chmod((stage.dir / file).c_str(), before) == 0);
    }
    CHECK(stage.sandbox->applied().empty());
  }

  namespace {

  enum class Place { own_folder, open_folder, sticky_folder };

  struct Planted {
    const char* what;
    Place place;
    bool is_link, link_is_theirs, has_second_name, is_refused;
  };

  constexpr Planted k_planted[] = {
      {"a folder that others can write", Place::open_folder, false, false, false, true},
      {"a link in such a folder", Place::open_folder, true, false, false, true},
      {"a link of theirs", Place::own_folder, true, true, false, true},
      {"a link of theirs beside theirs", Place::sticky_folder, true, true, false, true},
      {"a hard link where they make names", Place::sticky_folder, false, false, true, true},
      {"a link of our own", Place::own_folder, true, false, false, false},
      {"a sticky folder, as a volume of Kubernetes", Place::sticky_folder, true, false, false, false},
      {"a second name in a folder of our own", Place::own_folder, false, false, true, false},
  };

  // The name for `file` of the stage that leads to it in such a way. Leaves the file itself where it is.
  fs::path plant(const Stage& stage, const Planted& planted, const std::string& file) {
    const auto folder = stage.dir / "place";
    fs::remove_all(folder);
    fs::create_directory(folder);
    const auto name = folder / file;
    if (planted.is_link)
      fs::create_symlink(stage.dir / file, name);
    else if (planted.has_second_name)
      fs::create_hard_link(stage.dir / file, name);
    else
      fs::copy_file(stage.dir / file, name);
    if (planted.link_is_theirs) REQUIRE(::lchown(name.c_str(), k_nobody, k_nobody) == 0);
    const mode_t mode = planted.place == Place::own_folder    ? 0755
                        : planted.place == Place::open_folder ? 0777
                                                              : 01777;
    REQUIRE(::chmod(folder.c_str(), mode) == 0);
    return name;
  }

  }  // namespace

  TEST_CASE("planted: a program a key or a list that others can put another in place of is refused") {
    if (!can_be_others()) return;
    const auto stage = stage_of(1);
    stage.write("hook.sh", "#!/bin/sh\n");
    REQUIRE(::chmod((stage.dir / "hook.sh").c_str(), 0700) == 0);
    struct Named {
      const char *key, *file;
      int exit_code;
    };
    for (const auto& named :
         {Named{"results.on_finish", "hook.sh", 78},
          Named{"merchant.private_key_file", "apiclient_key.pem", 77},
          Named{"platform.public_key_file", "wxp_pub.pem", 77}, Named{"endpoints.ca_file", "ca.pem", 77}})
      for (const auto& planted : k_planted) {
        CAPTURE(std::string{named.key});
        CAPTURE(std::string{planted.what});
        const auto set = fmt::format("{}={}", named.key, plant(stage, planted, named.file).string());
        for (const auto* command : {"check", "run"}) {
          if (!planted.is_refused && command[0] == 'r') continue;  // a run sends
          const auto ended =
              stage.run(command, command[0] == 'r' ? std::vector<std::string>{"--set", set, "--yes"}
                                                   : std::vector<std::string>{"--set", set});
          CAPTURE(command);
          CAPTURE(ended.out);
          CAPTURE(ended.err);
          CHECK(ended.exit_code == (planted.is_refused ? named.exit_code : 0));
        }
      }
    CHECK(stage.sandbox->applied().empty());
  }

  TEST_CASE("planted: a protect list through a link of another user is refused") {
    if (!can_be_others()) return;
    const auto stage = stage_of(1);
    stage.write("protect.csv", "code\nnobody-has-it\n");
    for (const bool is_theirs : {true, false}) {
      const Planted planted{"", Place::sticky_folder, true, is_theirs, false, is_theirs};
      const auto set = "safety.protect=" + plant(stage, planted, "protect.csv").string();
      CHECK(stage.run("check", {"--set", set}).exit_code == (is_theirs ? 66 : 0));
      if (is_theirs) CHECK(stage.run("run", {"--set", set, "--yes"}).exit_code == 66);
    }
    CHECK(stage.sandbox->applied().empty());
  }

  TEST_CASE("planted: a database through a link of another user is neither made nor written") {
    if (!can_be_others()) return;
    const auto stage = stage_of(1);
    const auto folder = stage.dir / "shared", link = folder / "results.db", far = stage.dir / "far/away.db";
    fs::create_directory(folder);
    REQUIRE(::chmod(folder.c_str(), 01777) == 0);
    SUBCASE("of the file") { fs::create_symlink(far, link); }
    SUBCASE("of its folder") {
      fs::remove(folder);
      fs::create_directory_symlink(far.parent_path(), folder);
      REQUIRE(::lchown(folder.c_str(), k_nobody, k_nobody) == 0);
    }
    if (fs::is_symlink(link)) REQUIRE(::lchown(link.c_str(), k_nobody, k_nobody) == 0);
    for (const auto* command : {"check", "plan", "run"}) {
      CAPTURE(command);
      std::vector<std::string> flags{"--results", link.string()};
      if (command[0] == 'r') flags.emplace_back("--yes");
      const auto ended = stage.run(command, flags);
      CAPTURE(ended.out);
      CAPTURE(ended.err);
      CHECK(ended.exit_code == 73);
      CHECK((ended.out + ended.err).find("a symbolic link of ") != std::string::npos);
    }
    CHECK_FALSE(fs::exists(far.parent_path()));
    CHECK(stage.sandbox->applied().empty());
  }

  TEST_CASE("planted: what a lock file says reaches the terminal without its control characters") {
    const auto stage = stage_of(1);
    CHECK(stage.run("plan").exit_code == 0);
    const auto lock = stage.database().string() + ".lock";
    std::ofstream{lock} << "{\"pid\":" << ::getpid()
                        << ",\"host\":\"h\\u001b]0;title\\u0007\",\"command\":\"run\\u001b[2J\\u202e\"}";
    const FileDescriptor held{::open(lock.c_str(), O_RDWR | O_CLOEXEC)};
    struct flock all {};
    all.l_type = F_WRLCK;
    REQUIRE(::fcntl(held.get(), F_OFD_SETLK, &all) == 0);
    for (const std::string command : {"run", "status", "check", "pause", "plan"}) {
      CAPTURE(command);
      const auto ended = stage.run(
          command, command[0] == 'r' ? std::vector<std::string>{"--yes"} : std::vector<std::string>{});
      const auto all_said = ended.out + ended.err;
      CHECK(all_said.find('\x1B') == std::string::npos);
      CHECK(all_said.find('\x07') == std::string::npos);
      CHECK(all_said.find("\u202E") == std::string::npos);
    }
  }

  namespace {

  // A folder whose file system never answers, as a share whose server is away.
  class HangingFolder {
   public:
    explicit HangingFolder(const fs::path& folder) : folder_{folder} {
      fs::create_directory(folder);
      device_ = FileDescriptor{::open("/dev/fuse", O_RDWR | O_CLOEXEC)};
      const auto options = fmt::format("fd={},rootmode=40000,user_id=0,group_id=0", device_.get());
      is_there_ =
          device_ && ::mount("none", folder.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
    }
    HangingFolder(const HangingFolder&) = delete;
    HangingFolder& operator=(const HangingFolder&) = delete;
    ~HangingFolder() {
      device_ = {};  // what waits in it gets an error
      if (is_there_) ::umount2(folder_.c_str(), MNT_DETACH);
    }
    bool is_there() const { return is_there_; }
    // The search for leaks stops every thread, and one that waits in the folder cannot be stopped.
    static Circumstances circumstances() {
      Circumstances without_search;
      without_search.set_asan_option("detect_leaks=0");
      return without_search;
    }

   private:
    fs::path folder_;
    FileDescriptor device_;
    bool is_there_ = false;
  };

  }  // namespace

  TEST_CASE("planted: a folder that begins to hang holds up neither the run nor its end") {
    const auto stage = stage_of(40);
    fs::create_directory(stage.dir / "away");
    Program program{stage.words("run", {"--yes", "--set", "limits.requests_per_second=20", "--set",
                                        "results.metrics_file=" + (stage.dir / "away/m.prom").string()}),
                    HangingFolder::circumstances()};
    stage.wait_until("status = 'invalidated'", 1);
    const HangingFolder hanging{stage.dir / "away"};
    const auto ended = program.wait(std::chrono::seconds{40});
    if (!hanging.is_there()) {
      MESSAGE("not looked at: a file system cannot be mounted here");
      return;
    }
    CAPTURE(ended.err);
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("results.metrics_file: its folder does not answer") != std::string::npos);
    stage.check_against_truth();
  }

  TEST_CASE("planted: a home that hangs does not hold up a run") {
    const auto stage = stage_of(5);
    const HangingFolder hanging{stage.dir / "away"};
    if (!hanging.is_there()) {
      MESSAGE("not looked at: a file system cannot be mounted here");
      return;
    }
    auto there = HangingFolder::circumstances();
    there.environment["XDG_STATE_HOME"] = (stage.dir / "away").string();
    Program program{stage.words("run", {"--yes"}), there};
    const auto ended = program.wait(std::chrono::seconds{40});
    CAPTURE(ended.err);
    CHECK(ended.exit_code == 0);
    CHECK(ended.err.find("its disk does not answer") != std::string::npos);
    stage.check_against_truth();
  }
}
