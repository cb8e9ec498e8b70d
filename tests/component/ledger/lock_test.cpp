#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cardvoid/ledger/lock.hpp>

#include "component/ledger/rig.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;
  using ledger::Lock;

  namespace {

  // Another process that takes the lock and keeps it until it is killed.
  class Holder {
   public:
    explicit Holder(const std::filesystem::path& database) {
      int ends[2];
      REQUIRE(::pipe(ends) == 0);
      pid_ = ::fork();
      if (pid_ == 0) {
        const auto lock = Lock::acquire(database, "run");
        const char word = lock ? 'y' : 'n';
        if (::write(ends[1], &word, 1) != 1) ::_exit(1);
        for (;;) ::pause();
      }
      ::close(ends[1]);
      char word = 0;
      REQUIRE(::read(ends[0], &word, 1) == 1);
      ::close(ends[0]);
      has_lock = word == 'y';
    }
    ~Holder() { kill_it(); }
    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;
    void kill_it() {
      if (pid_ <= 0) return;
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = 0;
    }
    int pid() const { return pid_; }
    bool has_lock = false;

   private:
    pid_t pid_ = 0;
  };

  std::string lock_text(const Books& books) {
    std::string text;
    std::getline(std::ifstream{books.file.string() + ".lock"}, text, '\0');
    return text;
  }

  std::string host_name() {
    char host[256] = "";
    ::gethostname(host, sizeof host - 1);
    return host;
  }

  }  // namespace

  TEST_CASE("lock: a second holder is turned away with the name of the first") {
    const Books books;
    const Holder first{books.file};
    REQUIRE(first.has_lock);
    const auto second = Lock::acquire(books.file, "plan");
    REQUIRE(second.has_error());
    CHECK(second.error().code == Errc::stopped);
    const auto begin = books.file.string() + ": another cardvoid run holds this job: pid " +
                       std::to_string(first.pid()) + " on " + host_name() + ", since 20";
    CHECK(second.error().what.substr(0, begin.size()) == begin);
  }

  TEST_CASE("lock: another one in the same process is turned away too") {
    const Books books;
    const auto first = must(Lock::acquire(books.file, "run"));
    CHECK(Lock::acquire(books.file, "run").has_error());
  }

  TEST_CASE("lock: it is free again when its holder lets go and when its holder was killed") {
    const Books books;
    { const auto lock = must(Lock::acquire(books.file, "run")); }
    Holder other{books.file};
    REQUIRE(other.has_lock);
    REQUIRE(Lock::acquire(books.file, "run").has_error());
    other.kill_it();
    CHECK_FALSE(Lock::holder(books.file).has_value());
    CHECK(Lock::acquire(books.file, "run").has_value());
  }

  TEST_CASE("lock: it moves with the object that holds it") {
    const Books books;
    auto first = std::make_unique<Lock>(must(Lock::acquire(books.file, "run")));
    const auto moved = std::move(*first);
    first.reset();
    CHECK(Lock::acquire(books.file, "run").has_error());
  }

  TEST_CASE("lock: all names of one file share it") {
    const Books books;
    (void)books.open();
    const auto link = books.folder.path / "link.db";
    const std::filesystem::path folder_link = books.folder.path.string() + "-link";
    std::filesystem::create_symlink("results.db", link);
    std::filesystem::create_directory_symlink(books.folder.path, folder_link);
    const auto lock = must(Lock::acquire(link, "run"));
    CHECK(std::filesystem::exists(books.file.string() + ".lock"));
    CHECK_FALSE(std::filesystem::exists(link.string() + ".lock"));
    for (const auto& name : {books.file, link, folder_link / "results.db", folder_link / "." / "link.db"}) {
      CAPTURE(name.string());
      CHECK(Lock::acquire(name, "run").has_error());
      CHECK(Lock::holder(name).has_value());
    }
    std::filesystem::remove(folder_link);
  }

  TEST_CASE("lock: other databases of the same folder are free") {
    const Books books;
    const auto lock = must(Lock::acquire(books.file, "run"));
    CHECK(Lock::acquire(books.folder.path / "other.db", "run").has_value());
  }

  TEST_CASE("lock: asking for the holder tells who it is and disturbs no one") {
    const Books books;
    CHECK_FALSE(Lock::holder(books.file).has_value());
    CHECK_FALSE(std::filesystem::exists(books.file.string() + ".lock"));
    {
      const auto before = std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
      const auto lock = must(Lock::acquire(books.file, "reconcile"));
      for (int times = 0; times < 3; ++times) {
        const auto holder = Lock::holder(books.file);
        REQUIRE(holder.has_value());
        CHECK(holder->pid == ::getpid());
        CHECK(holder->host == host_name());
        CHECK(holder->command == "reconcile");
        CHECK(holder->since >= before);
        CHECK(holder->since <= std::chrono::system_clock::now());
      }
      const Holder other{books.file};
      CHECK_FALSE(other.has_lock);  // it is held as before
    }
    CHECK_FALSE(Lock::holder(books.file).has_value());
  }

  TEST_CASE("lock: its file is JSON of one holder and for its owner alone") {
    const Books books;
    const auto before = ::umask(0);
    { const auto lock = must(Lock::acquire(books.file, "a command with a rather long name")); }
    ::umask(before);
    const auto lock = must(Lock::acquire(books.file, "run"));
    const auto begin = "{\"pid\":" + std::to_string(::getpid()) + ",\"host\":\"" + host_name() +
                       "\",\"command\":\"run\",\"since\":\"20";
    const auto text = lock_text(books);
    CHECK(text.substr(0, begin.size()) == begin);
    CHECK(text.ends_with("Z\"}"));
    struct stat facts {};
    REQUIRE(::stat((books.file.string() + ".lock").c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
  }

  TEST_CASE("lock: no text in its file locks anybody out") {
    const Books books;
    const std::string long_text(5000, '[');
    for (const auto& text :
         {std::string{}, std::string{"nonsense"}, std::string{"[1,2]"}, std::string{"{\"pid\":\"x\"}"},
          std::string{R"({"pid":1,"host":"h","command":"run","since":"2026-11-25T04:01:55Z"})"}, long_text}) {
      CAPTURE(text.substr(0, 40));
      std::ofstream{books.file.string() + ".lock"} << text;
      CHECK_FALSE(Lock::holder(books.file).has_value());
      const auto lock = Lock::acquire(books.file, "run");
      REQUIRE(lock.has_value());
      CHECK(lock_text(books).starts_with("{\"pid\":"));
    }
  }

  TEST_CASE("lock: a holder whose file was spoilt still holds it") {
    const Books books;
    const auto lock = must(Lock::acquire(books.file, "run"));
    std::ofstream{books.file.string() + ".lock"} << "nonsense";
    CHECK(Lock::acquire(books.file, "run").has_error());
    const auto holder = Lock::holder(books.file);
    REQUIRE(holder.has_value());
    CHECK(holder->pid == ::getpid());  // the kernel knows
    CHECK(holder->command.empty());
  }

  TEST_CASE("lock: deleting its file lets no second holder in and the first is named all the same") {
    const Books books;
    const Holder first{books.file};
    REQUIRE(first.has_lock);
    std::filesystem::remove(books.file.string() + ".lock");
    for (int times = 0; times < 2; ++times) {  // the first try makes a new file
      const auto second = Lock::acquire(books.file, "run");
      REQUIRE(second.has_error());
      CHECK(second.error().code == Errc::stopped);
      CHECK(second.error().what.starts_with(books.file.string() + ": another cardvoid holds this job: pid " +
                                            std::to_string(first.pid()) + "; "));
      CHECK(Lock::holder(books.file).value().pid == first.pid());
    }
  }

  TEST_CASE("lock: what a lock file says of another process is not believed") {
    const Books books;
    const auto lock = must(Lock::acquire(books.file, "run"));
    std::ofstream{books.file.string() + ".lock"}
        << R"({"pid":1,"host":"h","command":"plan","since":"2026-11-25T04:01:55Z"})";
    const auto holder = Lock::holder(books.file);
    REQUIRE(holder.has_value());
    CHECK(holder->pid == ::getpid());
    CHECK(holder->host.empty());
  }

  TEST_CASE("lock: an older version that has locked only its file is turned to as well") {
    const Books books;
    (void)books.open();
    const FileDescriptor file{::open((books.file.string() + ".lock").c_str(), O_RDWR | O_CREAT, 0600)};
    struct flock whole {};
    whole.l_type = F_WRLCK;
    REQUIRE(::fcntl(file.get(), F_OFD_SETLK, &whole) == 0);
    std::ofstream{books.file.string() + ".lock"}
        << R"({"pid":7,"host":"h","command":"run","since":"2026-11-25T04:01:55Z"})";
    const auto second = Lock::acquire(books.file, "run");
    REQUIRE(second.has_error());
    CHECK(second.error().what.find("pid 7 on h") != std::string::npos);
    CHECK(Lock::holder(books.file).value().pid == 7);
  }

  TEST_CASE("lock: a hard link shares it and is refused when it is free") {
    const Books books;
    (void)books.open();
    const auto other = books.folder.path / "other.db";
    std::filesystem::create_hard_link(books.file, other);
    {
      const Holder first{other};
      CHECK_FALSE(first.has_lock);
    }
    std::filesystem::remove(other);
    const Holder first{books.file};
    REQUIRE(first.has_lock);
    std::filesystem::create_hard_link(books.file, other);
    const auto second = Lock::acquire(other, "run");
    REQUIRE(second.has_error());
    CHECK(second.error().code == Errc::stopped);
    CHECK(second.error().what.find("pid " + std::to_string(first.pid())) != std::string::npos);
    CHECK(Lock::holder(other).value().pid == first.pid());
  }

  TEST_CASE("lock: asking for the holder leaves SQLite's own locks in this process alone") {
    const Books books;
    sqlite::Connection mine{books.file, sqlite::Mode::create};
    mine.execute("CREATE TABLE t (x); BEGIN EXCLUSIVE");
    CHECK_FALSE(Lock::holder(books.file).has_value());
    const auto child = ::fork();
    if (child == 0) {  // a lock of this process would not stop another connection of its own
      struct flock whole {};
      whole.l_type = F_RDLCK;
      const int fd = ::open(books.file.c_str(), O_RDONLY);
      ::_exit(::fcntl(fd, F_SETLK, &whole) == 0 ? 1 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WEXITSTATUS(status) == 0);
  }

  TEST_CASE("lock: a name that leads to another file by now is told") {
    const Books books;
    (void)books.open();
    const auto lock = must(Lock::acquire(books.file, "run"));
    CHECK(lock.check(books.file).has_value());
    std::filesystem::rename(books.file, books.folder.path / "moved.db");
    CHECK(lock.check(books.file).error().code == Errc::io);
    std::ofstream{books.file} << "another";
    CHECK(lock.check(books.file).error().code == Errc::io);
  }

  TEST_CASE("lock: a folder that is missing is made for its owner alone and a file in its place is told") {
    const Books books;
    {
      const auto lock = must(Lock::acquire(books.folder.path / "none" / "results.db", "run"));
      CHECK(std::filesystem::status(books.folder.path / "none").permissions() ==
            std::filesystem::perms::owner_all);
    }
    std::ofstream{books.folder.path / "file"} << "x";
    const auto lock = Lock::acquire(books.folder.path / "file" / "results.db", "run");
    REQUIRE(lock.has_error());
    CHECK(lock.error().code == Errc::cannot_create);
    CHECK(lock.error().what.find("/file") != std::string::npos);
  }

  TEST_CASE("lock: where it cannot be made the message names the database and what to do") {
    const auto lock = Lock::acquire("/proc/results.db", "run");
    REQUIRE(lock.has_error());
    CHECK(lock.error().code == Errc::cannot_create);
    CHECK(lock.error().what.starts_with("/proc/results.db: cannot create its lock file, "));
    CHECK(lock.error().what.ends_with("name another place in results.database or with --results"));
  }
}
