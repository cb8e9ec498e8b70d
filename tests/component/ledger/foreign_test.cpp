#include <cardvoid/base/file_mark.hpp>
#include <cardvoid/ledger/lock.hpp>
#include <fstream>

#include "component/ledger/rig.hpp"

// What is not this job's, or not whole, is refused and keeps every byte.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  TEST_CASE("open: a database of another program is left alone") {
    const Books books;
    sqlite::Connection{books.file, sqlite::Mode::create}.execute("CREATE TABLE members (code)");
    check_refused(books, ": is not a cardvoid results database" + k_advice);
    change(books, "PRAGMA application_id = 1196444487");
    check_refused(books, ": is not a cardvoid results database" + k_advice);
  }

  TEST_CASE("open: a newer schema is left alone") {
    const Books books;
    given_a_plan(books);
    change(books, "PRAGMA user_version = 99");
    check_refused(
        books,
        ": was made by a newer cardvoid (schema version 99; this one knows 6); it is left as it is; upgrade "
        "cardvoid, or name another file in results.database or with --results");
  }

  TEST_CASE("open: the database of another job is left alone") {
    const Books books;
    given_a_plan(books);
    change(books, "UPDATE meta SET value = 'spring'");
    check_refused(books, ": belongs to the job \"spring\", not to \"autumn\"" + k_advice);
  }

  TEST_CASE("open: a database that does not say whose it is is not taken for ours") {
    const Books books;
    { (void)books.open(); }
    { sqlite::Connection{books.file, sqlite::Mode::read_write}.execute("DELETE FROM meta"); }
    const auto nobodys = Ledger::open(books.file, k_job, Access::read_write);
    REQUIRE(nobodys.has_error());
    CHECK(nobodys.error().code == Errc::cannot_create);
    { sqlite::Connection{books.file, sqlite::Mode::read_write}.execute("DROP TABLE meta"); }
    const auto torn = Ledger::open(books.file, k_job, Access::read_write);
    REQUIRE(torn.has_error());
    CHECK(torn.error().code == Errc::cannot_create);
  }

  TEST_CASE("open: a file that is no database is left as it is") {
    const Books books;
    std::ofstream{books.file} << "code,openid\n" << std::string(5000, 'x');
    check_refused(books, ": file is not a database" + k_advice_for_damage);
  }

  TEST_CASE("open: a results database whose header was overwritten is left as it is") {
    const Books books;
    given_a_plan(books);
    overwrite(books.file, 0, "damaged, damaged");
    check_refused(books, ": file is not a database" + k_advice_for_damage);
  }

  TEST_CASE("open: what another program has not folded into its database yet stays in its log") {
    const Books books, theirs;
    sqlite::Connection owner{theirs.file, sqlite::Mode::create};
    owner.execute(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE members (code); "
        "INSERT INTO members VALUES ('1')");
    for (const auto* suffix : {"", "-wal"})  // as if it had died
      std::filesystem::copy_file(theirs.file.string() + suffix, books.file.string() + suffix);
    REQUIRE(std::filesystem::file_size(books.file.string() + "-wal") > 0);
    check_refused(books, ": is not a cardvoid results database" + k_advice);
  }

  TEST_CASE("open: an unfinished transaction of another program is not rolled back") {
    const Books books, theirs;
    sqlite::Connection owner{theirs.file, sqlite::Mode::create};
    owner.execute(
        "PRAGMA cache_size = 5; CREATE TABLE members (code); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL "
        "SELECT i "
        "+ 1 FROM n WHERE i < 5000) INSERT INTO members SELECT i FROM n; BEGIN; UPDATE members SET code = "
        "code + "
        "1");
    for (const auto* suffix : {"", "-journal"})
      std::filesystem::copy_file(theirs.file.string() + suffix, books.file.string() + suffix);
    check_refused(books, ": holds an unfinished transaction of another program" + k_advice);
  }

  TEST_CASE("open: a new database in which another program has only put its mark is left alone") {
    const Books books;
    sqlite::Connection{books.file, sqlite::Mode::create}.execute("PRAGMA user_version = 6");
    check_refused(books, ": is not a cardvoid results database" + k_advice);
  }

  TEST_CASE("open: zeros are no empty database") {
    const Books books;
    for (const std::size_t size : {100U, 4096U, 65536U}) {
      std::ofstream{books.file, std::ios::binary} << std::string(size, '\0');
      check_refused(books, ": file is not a database" + k_advice_for_damage);
    }
    std::ofstream{books.file, std::ios::binary} << '\0';  // SQLite takes a single byte for nothing
    check_refused(books, ": is not a cardvoid results database" + k_advice);
  }

  TEST_CASE("open: a log whose database was emptied or removed is not lost") {
    const Books books, wreck;
    auto writer = books.open();
    import(writer, {card("1")});
    send(writer, intent(1));
    std::filesystem::copy_file(books.file.string() + "-wal", wreck.file.string() + "-wal");
    const auto expected = ": is empty or gone while its write-ahead log, " + wreck.file.string() +
                          "-wal, is not" + k_advice_for_damage;
    const auto missing = Ledger::open(wreck.file, k_job, Access::create);
    REQUIRE(missing.has_error());
    CHECK(missing.error().what == wreck.file.string() + expected);
    std::ofstream{wreck.file} << "";
    check_refused(wreck, expected);
  }

  TEST_CASE("open: a results database of which the end is missing is left as it is") {
    const Books books;
    given_a_plan(books);
    std::filesystem::resize_file(books.file, std::filesystem::file_size(books.file) / 2);
    check_refused(books, ": database disk image is malformed" + k_advice_for_damage);
  }

  TEST_CASE("open: a damaged page is found before anything is written and told when it is read") {
    const Books books;
    given_a_plan(books);
    const auto page_size = std::stoll(books.ask("PRAGMA page_size"));
    const auto page = std::stoll(books.ask("SELECT rootpage FROM sqlite_schema WHERE name = 'row'"));
    overwrite(books.file, (page - 1) * page_size, std::string(static_cast<std::size_t>(page_size), '\xEE'));
    const auto before = content_of(books.file);
    for (const auto access : {Access::read_write, Access::create}) {
      const auto writer = Ledger::open(books.file, k_job, access);
      REQUIRE(writer.has_error());
      CHECK(writer.error().code == Errc::cannot_create);
      CHECK(writer.error().what.starts_with(books.file.string() + ": is damaged ("));
      CHECK(writer.error().what.ends_with(")" + k_advice_for_damage));
      CHECK(writer.error().what.find('\n') == std::string::npos);
    }
    {
      auto reader = books.open(Access::read_only);
      const auto expected = books.file.string() + ": database disk image is malformed" + k_advice_for_damage;
      const auto totals = ledger::recounted_totals(reader);
      REQUIRE(totals.has_error());
      CHECK(totals.error().code == Errc::cannot_create);
      CHECK(totals.error().what == expected);
      ledger::Cursor cursor;
      const auto rows = ledger::fetch(reader, cursor, 10);
      REQUIRE(rows.has_error());
      CHECK(rows.error().what == expected);
      CHECK(ledger::fingerprint(reader).has_error());
    }
    CHECK(content_of(books.file) == before);
  }

  TEST_CASE("open: what cardvoid left whole is looked through again only when somebody has touched it") {
    const Books books;
    const auto lock = must(ledger::Lock::acquire(books.file, "run"));
    given_a_plan(books);
    const auto mark = settled_mark_of(books.file);
    if (mark.empty()) return;  // a file system whose times say nothing
    const auto text = content_of(books.file.string() + ".lock");
    CHECK(text.find(mark) != std::string::npos);
    const auto page_size = std::stoll(books.ask("PRAGMA page_size"));
    const auto page = std::stoll(books.ask("SELECT rootpage FROM sqlite_schema WHERE name = 'refused_line'"));
    overwrite(books.file, (page - 1) * page_size, std::string(static_cast<std::size_t>(page_size), '\xEE'));
    CHECK(Ledger::open(books.file, k_job, Access::read_write).has_error());
    // As if no one had: then only who reads the page meets it.
    auto forged = text;
    forged.replace(forged.find(mark), mark.size(), settled_mark_of(books.file));
    std::ofstream{books.file.string() + ".lock"} << forged;
    auto ledger = books.open();
    CHECK(ledger::refused_causes(ledger).has_error());
    CHECK(ledger.verify().has_error());
  }

  TEST_CASE("open: after an error nothing vouches for the database") {
    const Books books;
    const auto lock = must(ledger::Lock::acquire(books.file, "run"));
    given_a_plan(books);
    const auto mark = settled_mark_of(books.file);
    if (mark.empty()) return;
    CHECK(content_of(books.file.string() + ".lock").find(mark) != std::string::npos);
    {
      auto ledger = books.open();
      must(ledger::begin_changes(ledger));
      const auto opened = ledger::open_attempt(ledger, intent(99));
      REQUIRE(opened.has_error());
      CHECK(opened.error().what.find("row 99 is not there") != std::string::npos);
    }
    CHECK(content_of(books.file.string() + ".lock").find(mark) == std::string::npos);
  }

  TEST_CASE("open: a page that is damaged while the database is open stops the writing") {
    const Books books;
    given_a_plan(books);
    auto ledger = books.open();
    const auto page_size = std::stoll(books.ask("PRAGMA page_size"));
    const auto page = std::stoll(books.ask("SELECT rootpage FROM sqlite_schema WHERE name = 'attempt'"));
    overwrite(books.file, (page - 1) * page_size, std::string(static_cast<std::size_t>(page_size), '\xEE'));
    must(ledger::begin_changes(ledger));
    const auto opened = ledger::open_attempt(ledger, intent(1));
    REQUIRE(opened.has_error());
    CHECK(opened.error().code == Errc::io);
  }

  TEST_CASE("open: a table of ours whose columns are others is left alone") {
    const Books books;
    { (void)books.open(); }
    {
      sqlite::Connection{books.file, sqlite::Mode::read_write}.execute(
          "ALTER TABLE row RENAME COLUMN held TO kept");
    }
    for (const auto access : {Access::read_only, Access::read_write, Access::create}) {
      const auto opened = Ledger::open(books.file, k_job, access);
      REQUIRE(opened.has_error());
      CHECK(opened.error().code == Errc::cannot_create);
    }
  }
}
