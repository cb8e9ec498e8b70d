#include <functional>
#include <memory>

#include "component/ledger/rig.hpp"

// Another program holds the database locked.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;
  using namespace std::chrono_literals;

  namespace {

  // Notes what was said; gives up after `patience`.
  struct Witness {
    ledger::WhenLocked when_locked(milliseconds patience = 1min) {
      return {[this, patience](milliseconds waited) {
                if (++asked == 4 && at_fourth) at_fourth();
                longest = std::max(longest, waited);
                return waited < patience;
              },
              [this](milliseconds waited) { over.push_back(waited); }};
    }
    std::function<void()> at_fourth;  // called when it was asked four times
    int asked = 0;
    milliseconds longest{0};
    std::vector<milliseconds> over;
  };

  // Holds the lock until told.
  struct Other {
    explicit Other(const Books& books) : db{books.file, sqlite::Mode::read_write} {
      db.execute("BEGIN IMMEDIATE");
    }
    void let_go() { db.execute("COMMIT"); }
    sqlite::Connection db;
  };

  }  // namespace

  TEST_CASE("locked: a change waits until the other program lets go and tells how long it did") {
    const Books books;
    given_a_plan(books);
    Witness witness;
    auto ledger = must(Ledger::open(books.file, k_job, Access::read_write, witness.when_locked()));
    CHECK(witness.asked == 0);
    Other other{books};
    witness.at_fourth = [&] { other.let_go(); };
    send(ledger, intent(1));
    CHECK(witness.asked == 4);
    REQUIRE(witness.over.size() == 1);
    CHECK(witness.longest > 0ms);
    CHECK(witness.over[0] >= witness.longest);
    send(ledger, intent(2));
    CHECK(witness.over.size() == 1);
    CHECK(must(ledger::totals(ledger)).in_flight == 2);
  }

  TEST_CASE("locked: giving up changes nothing and says so and the ledger can be used again") {
    const Books books;
    given_a_plan(books);
    Witness witness;
    auto ledger = must(Ledger::open(books.file, k_job, Access::create, witness.when_locked(50ms)));
    {
      const Other other{books};
      const auto begin_import = [&]() -> Result<void> {
        const auto begun = Import::begin(ledger, k_now, as_line);
        return begun ? Result<void>{} : Result<void>{begun.error()};
      };
      for (const auto& refused :
           {ledger::begin_changes(ledger), begin_import(), ledger::index_brands(ledger)}) {
        REQUIRE(refused.has_error());
        CHECK(refused.error().code == Errc::stopped);
        CHECK(refused.error().what == books.file.string() +
                                          ": interrupted while waiting for the lock that another program "
                                          "holds; nothing was sent");
      }
    }
    CHECK(witness.over.empty());
    CHECK(import(ledger, {card("1"), card("2")}).known == 2);
  }

  TEST_CASE("locked: an import that lost the lock between two of its transactions can be abandoned") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    must(under_way.add({card("2"), 2}));
    must(ledger::commit_changes(ledger));  // as after 100,000 lines, and the next BEGIN is given up
    give_up(std::move(under_way));
    CHECK(books.codes() == "1");
    CHECK(import(ledger, {card("1"), card("2")}).added == 1);
  }

  TEST_CASE("locked: opening waits too while another program has the database for itself") {
    const Books books;
    given_a_plan(books);
    for (const auto access : {Access::read_only, Access::read_write, Access::create}) {
      Witness witness;
      auto other = std::make_unique<sqlite::Connection>(books.file, sqlite::Mode::read_write);
      other->execute(
          "PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; UPDATE meta SET value = value; COMMIT");
      const auto refused = Ledger::open(books.file, k_job, access, witness.when_locked(100ms));
      REQUIRE(refused.has_error());
      CHECK(refused.error().code == Errc::stopped);
      witness.asked = 0;
      witness.at_fourth = [&] { other.reset(); };
      auto ledger = must(Ledger::open(books.file, k_job, access, witness.when_locked()));
      CHECK(must(ledger::totals(ledger)).pending == 2);
      CHECK(witness.over.size() == 1);
    }
  }

  TEST_CASE("locked: folding the log in does not wait for who only reads") {
    const Books books;
    given_a_plan(books);
    Witness witness;
    auto ledger = must(Ledger::open(books.file, k_job, Access::read_write, witness.when_locked()));
    sqlite::Connection reader{books.file, sqlite::Mode::read_only};
    sqlite::Statement reading{reader, "SELECT id FROM row"};
    reading.bind();
    REQUIRE(reading.step());
    send(ledger, intent(1));
    const auto begun = std::chrono::steady_clock::now();
    must(ledger.checkpoint());
    CHECK(std::chrono::steady_clock::now() - begun < 5s);
    CHECK(witness.asked == 0);
    send(ledger, intent(2));
  }

  TEST_CASE("locked: another program that holds the database is named as the cause after a while") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1")});
    sqlite::Connection other{books.file, sqlite::Mode::read_write};
    other.execute("BEGIN IMMEDIATE");
    const auto begun_at = std::chrono::steady_clock::now();
    const auto begun = ledger::begin_changes(ledger);
    const auto waited = std::chrono::steady_clock::now() - begun_at;
    REQUIRE(begun.has_error());
    CHECK(begun.error().code == Errc::io);
    CHECK(begun.error().what ==
          books.file.string() +
              ": database is locked; another program holds it locked; close that program "
              "and run the same command again");
    CHECK(waited > std::chrono::seconds{8});  // a backup or a browser may hold it for a moment
    CHECK(waited < std::chrono::seconds{20});
    CHECK(must(ledger::totals(ledger)).pending == 1);  // reading goes on
    other.execute("ROLLBACK");
    send(ledger, intent(1));
  }
}
