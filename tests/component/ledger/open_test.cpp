#include <sys/stat.h>
#include <cardvoid/ledger/folder.hpp>
#include <cardvoid/ledger/lock.hpp>

#include "component/ledger/rig.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  unsigned mode_of(const std::filesystem::path& file) {
    struct stat facts {};
    CAPTURE(file.string());
    REQUIRE(::stat(file.c_str(), &facts) == 0);
    return facts.st_mode & 0777;
  }

  }  // namespace

  TEST_CASE("open: one that is missing is created only when that was asked for") {
    const Books books;
    for (const auto access : {Access::read_only, Access::read_write}) {
      const auto opened = Ledger::open(books.file, k_job, access);
      REQUIRE(opened.has_error());
      CHECK(opened.error().code == Errc::no_input);
      CHECK(opened.error().what ==
            books.file.string() + ": there is no results database yet; `cardvoid plan` creates it");
    }
    CHECK(std::filesystem::is_empty(books.folder.path));
    auto ledger = books.open(Access::create);
    CHECK(must(ledger::totals(ledger)).rows() == 0);
    CHECK(books.ask("SELECT value FROM meta WHERE key = 'job'") == k_job);
    CHECK(books.ask("PRAGMA journal_mode") == "wal");
  }

  TEST_CASE("open: an existing database is opened again with its rows for every access") {
    const Books books;
    given_a_plan(books);
    for (const auto access : {Access::read_only, Access::read_write, Access::create}) {
      auto ledger = books.open(access);
      CHECK(must(ledger::totals(ledger)).pending == 2);
    }
  }

  TEST_CASE("open: SQLite spends no time on counting what it allocates") {
    const Books books;
    const auto ledger = books.open();
    CHECK(sqlite3_memory_used() == 0);
  }

  TEST_CASE("open: a missing folder is made for its owner alone and one that is there keeps its rights") {
    const Books books;
    const auto before = ::umask(0);
    const auto file = books.folder.path / "new" / "deep" / "results.db";
    (void)must(Ledger::open(file, k_job, Access::create));
    REQUIRE(::mkdir((books.folder.path / "shared").c_str(), 0755) == 0);
    (void)must(Ledger::open(books.folder.path / "shared" / "results.db", k_job, Access::create));
    ::umask(before);
    CHECK(mode_of(books.folder.path / "new" / "deep") == 0700);
    CHECK(mode_of(books.folder.path / "shared") == 0755);
  }

  TEST_CASE("open: a folder that cannot be made is told") {
    const Books books;
    std::ofstream{books.folder.path / "plain"} << "a file";
    const auto opened = Ledger::open(books.folder.path / "plain" / "results.db", k_job, Access::create);
    REQUIRE(opened.has_error());
    CHECK(opened.error().code == Errc::cannot_create);
    const auto folder = Ledger::open(books.folder.path, k_job, Access::create);
    REQUIRE(folder.has_error());
    CHECK(folder.error().code == Errc::cannot_create);
    CHECK(folder.error().what == books.folder.path.string() + ": is a folder" + k_advice);
  }

  TEST_CASE("open: the file and its write-ahead log are readable by their owner alone") {
    const Books books;
    const auto before = ::umask(0);
    auto ledger = books.open();
    import(ledger, {card("1")});
    ::umask(before);
    for (const auto* suffix : {"", "-wal", "-shm"}) CHECK(mode_of(books.file.string() + suffix) == 0600);
  }

  const std::string k_none_yet = ": there is no results database yet; `cardvoid plan` creates it";

  TEST_CASE("open: an empty file that was made beforehand belongs to its owner alone with its log") {
    const Books books;
    std::ofstream{books.file} << "";
    REQUIRE(::chmod(books.file.c_str(), 0644) == 0);
    auto ledger = books.open();
    import(ledger, {card("1")});
    for (const auto* suffix : {"", "-wal", "-shm"}) CHECK(mode_of(books.file.string() + suffix) == 0600);
  }

  TEST_CASE("open: only a regular file is made private and a device keeps its rights") {
    const Books books;
    // In place of /dev/null, which would be closed to everybody else.
    const auto pipe = books.folder.path / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    REQUIRE(::chmod(pipe.c_str(), 0666) == 0);
    ledger::make_private_file(pipe);
    CHECK(mode_of(pipe) == 0666);
  }

  TEST_CASE("open: a database with a second name is refused by readers and writers") {
    const Books books;
    (void)books.open();
    const auto other = books.folder.path / "other.db";
    std::filesystem::create_hard_link(books.file, other);
    for (const auto access : {Access::read_only, Access::read_write, Access::create})
      for (const auto& name : {books.file, other}) {
        const auto opened = Ledger::open(name, k_job, access);
        REQUIRE(opened.has_error());
        CHECK(opened.error().code == Errc::cannot_create);
        CHECK(opened.error().what.starts_with(name.string() + ": has 2 names (hard links)"));
      }
    std::filesystem::remove(other);
    CHECK(Ledger::open(books.file, k_job, Access::read_write).has_value());
  }

  TEST_CASE("open: an empty file becomes a results database only when one is to be created") {
    const Books books;
    std::ofstream{books.file} << "";
    for (const auto access : {Access::read_only, Access::read_write}) {
      const auto opened = Ledger::open(books.file, k_job, access);
      REQUIRE(opened.has_error());
      CHECK(opened.error().code == Errc::no_input);
      CHECK(opened.error().what == books.file.string() + k_none_yet);
    }
    CHECK(std::filesystem::file_size(books.file) == 0);
    CHECK(totals_of(books, Access::create).rows() == 0);
  }

  TEST_CASE("open: a database whose creation was cut short is created again") {
    const Books books;
    sqlite::Connection{books.file, sqlite::Mode::create}.execute("PRAGMA journal_mode = WAL");
    CHECK(std::filesystem::file_size(books.file) > 0);
    CHECK(Ledger::open(books.file, k_job, Access::read_only).error().what ==
          books.file.string() + k_none_yet);
    CHECK(totals_of(books, Access::create).rows() == 0);
  }

  TEST_CASE("open: a database that died in its very first transaction is created again") {
    const Books books;
    std::ofstream{books.file, std::ios::binary} << "SQLite format 3" << '\0'
                                                << std::string(500, 'x');  // torn
    std::string journal{
        "\xD9\xD5\x05\xF9\x20\xA1\x63\xD7"
        "\0\0\0\0nonc\0\0\0\0\0\0\x02\0\0\0\x10\0",
        28};
    journal.resize(512);
    std::ofstream{books.file.string() + "-journal", std::ios::binary} << journal;
    CHECK(Ledger::open(books.file, k_job, Access::read_only).error().what ==
          books.file.string() + k_none_yet);
    CHECK(totals_of(books, Access::create).rows() == 0);
    CHECK_FALSE(std::filesystem::exists(books.file.string() + "-journal"));
  }

  TEST_CASE("open: a journal that a database of some size has beside it is not played back") {
    const Books books, theirs;
    {
      sqlite::Connection first{theirs.file, sqlite::Mode::create};
      first.execute(
          "PRAGMA cache_size = 5; BEGIN; CREATE TABLE t (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL "
          "SELECT i "
          "+ 1 FROM n WHERE i < 5000) INSERT INTO t SELECT hex(randomblob(50)) FROM n");
      for (const auto* suffix : {"", "-journal"})
        std::filesystem::copy_file(theirs.file.string() + suffix, books.file.string() + suffix);
    }
    check_refused(books, ": holds an unfinished transaction of another program" + k_advice);
  }

  TEST_CASE("open: a database that has lost its write-ahead log gets it back from the next writer") {
    const Books books;
    given_a_plan(books);
    sqlite::Connection{books.file, sqlite::Mode::read_write}.execute("PRAGMA journal_mode = DELETE");
    REQUIRE(books.ask("PRAGMA journal_mode") == "delete");
    CHECK(totals_of(books, Access::read_write).pending == 2);
    CHECK(books.ask("PRAGMA journal_mode") == "wal");
  }

  TEST_CASE("read-only: reading everything and failing to write leave the files as they were") {
    const Books books, wreck;
    auto writer = books.open();
    import(writer, {card("1"), card("2")});
    send(writer, intent(1));
    for (const auto* suffix : {"", "-wal"})
      std::filesystem::copy_file(books.file.string() + suffix, wreck.file.string() + suffix);
    const auto file = content_of(wreck.file), wal = content_of(wreck.file.string() + "-wal");
    const auto written_at = std::filesystem::last_write_time(wreck.file);
    {
      auto reader = wreck.open(Access::read_only);
      CHECK(must(ledger::totals(reader)).in_flight == 1);  // from the write-ahead log of the one that died
      CHECK(must(ledger::each_result(reader, {}, [](const auto&) {})) == 2);
      CHECK_FALSE(must(ledger::fingerprint(reader)).empty());
      CHECK(must(ledger::errors(reader, 5)).empty());
      CHECK(must(ledger::refused_causes(reader)).empty());
      CHECK(must(ledger::last_runs(reader, 5)).empty());
      const auto import_error = Import::begin(reader, k_now, as_line).error();
      for (const auto& refused :
           {Result<void>{import_error}, ledger::index_brands(reader), ledger::save_pulse(reader, {})}) {
        REQUIRE(refused.has_error());
        CHECK(refused.error().code == Errc::cannot_create);
        CHECK(refused.error().what.ends_with("see to the permissions of the file and its folder"));
      }
    }
    CHECK(content_of(wreck.file) == file);
    CHECK(content_of(wreck.file.string() + "-wal") == wal);
    CHECK(std::filesystem::last_write_time(wreck.file) == written_at);
  }

  TEST_CASE("read-only: the run under way goes on and what it commits is seen") {
    const Books books;
    auto writer = books.open();
    import(writer, {card("1"), card("2")});
    auto reader = books.open(Access::read_only);
    must(ledger::begin_changes(writer));
    must(ledger::open_attempt(writer, intent(1)));
    CHECK(must(ledger::totals(reader)).in_flight == 0);
    must(ledger::commit_changes(writer));
    CHECK(must(ledger::totals(reader)).in_flight == 1);
    send(writer, intent(2));
    CHECK(must(ledger::totals(reader)).in_flight == 2);
  }

  TEST_CASE("open: a bare file name is one in the working folder") {
    const Books books;
    const auto before = std::filesystem::current_path();
    std::filesystem::current_path(books.folder.path);
    const bool opened = Ledger::open("plain.db", k_job, Access::create).has_value();
    const auto lock = ledger::Lock::acquire("plain.db", "run");
    std::filesystem::current_path(before);
    CHECK(opened);
    CHECK(lock.has_value());
    CHECK(ledger::Lock::acquire(books.folder.path / "plain.db", "run").has_error());
  }

  TEST_CASE("open: a link to a file that is not there yet leads there with one lock and private rights") {
    const Books books;
    std::filesystem::create_directory(books.folder.path / "real");
    std::filesystem::create_symlink("real/target.db", books.folder.path / "link.db");
    const auto before = ::umask(022);
    const auto lock = ledger::Lock::acquire(books.folder.path / "link.db", "run");
    (void)must(Ledger::open(books.folder.path / "link.db", k_job, Access::create));
    (void)must(Ledger::open(books.folder.path / "a" / "b" / "results.db", k_job, Access::create));
    ::umask(before);
    CHECK(lock.has_value());
    CHECK(ledger::Lock::acquire(books.folder.path / "link.db", "run").has_error());
    CHECK(ledger::Lock::acquire(books.folder.path / "real" / "target.db", "run").has_error());
    struct stat facts {};
    REQUIRE(::stat((books.folder.path / "real" / "target.db").c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
    REQUIRE(::stat((books.folder.path / "a").c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0700);
  }

  TEST_CASE("place: a network file system is known by its number and looking makes no folder") {
    CHECK(ledger::network_file_system(0x6969) == "NFS");
    CHECK(ledger::network_file_system(static_cast<std::int32_t>(0xFF534D42)) == "SMB");  // f_type is signed
    CHECK(ledger::network_file_system(0xEF53).empty());                                  // ext4
    const Books books;
    CHECK(ledger::check_file_system(books.folder.path / "not" / "there" / "results.db").has_value());
    CHECK(std::filesystem::is_empty(books.folder.path));
  }
}
