#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cardvoid/ledger/import.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/ledger/records.hpp>
#include <cardvoid/run/journal.hpp>
#include <filesystem>
#include <future>
#include <ostream>
#include <semaphore>

#include "support/temp_folder.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using run::Journal;

  namespace {

  // A ledger with the cards 1 … 2000 in a folder of its own, and a second look at its file.
  struct Rig {
    Rig() {
      ledger.emplace(*ledger::Ledger::open(file, "autumn", ledger::Access::create));
      auto under_way = *ledger::Import::begin(*ledger, {}, {});
      for (int i = 1; i <= 2000; ++i)
        REQUIRE(under_way.add({{"1004", "pT", std::to_string(i), "oA", ""}, i + 1}).has_value());
      REQUIRE(under_way.finish("a list", {}).has_value());
    }

    // What another process sees.
    std::int64_t committed_intents() const {
      auto other = *ledger::Ledger::open(file, "autumn", ledger::Access::read_only);
      return ledger::totals(other)->in_flight;
    }
    // Runs what was posted so far and what is being posted, until `done` or a minute has passed.
    void run_until(const auto& done) {
      const auto end = std::chrono::steady_clock::now() + 60s;
      while (!done() && std::chrono::steady_clock::now() < end) {
        io.restart();
        io.run_for(1ms);
      }
      REQUIRE(done());
    }
    void run_what_is_posted() {
      io.restart();
      io.poll();
    }

    support::TempFolder folder;
    const std::filesystem::path file = folder.path / "results.db";
    std::optional<ledger::Ledger> ledger;
    boost::asio::io_context io;
    std::vector<Error> failures;
    std::function<void(Error)> failed = [this](const Error& error) { failures.push_back(error); };
  };

  Journal::Work intent(model::RowId row) {
    return [row](ledger::Ledger& ledger) {
      return ledger::open_attempt(ledger, {row, 1, 1, model::Endpoint::primary, {}});
    };
  }

  Result<void> fail(ledger::Ledger&) { return Error{Errc::io, "the disk is full"}; }

  // Holds the journal's thread inside a work until it is let go, so that what follows piles up.
  struct Gate {
    Journal::Work work() {
      return [this](ledger::Ledger&) -> Result<void> {
        entered.set_value();
        opened.get_future().wait();
        return {};
      };
    }
    std::promise<void> entered, opened;
  };

  }  // namespace

  TEST_CASE("journal: work is done and reported in the order of submission") {
    Rig rig;
    Journal journal{*rig.ledger, rig.io.get_executor()};
    journal.on_failure(rig.failed);
    std::vector<int> done, reported, expected;
    std::counting_semaphore<> begun{0};
    for (int i = 0; i < 500; ++i) {
      expected.push_back(i);
      journal.submit(
          [&done, &begun, i](ledger::Ledger&) -> Result<void> {
            done.push_back(i);
            if (i % 100 == 0) begun.release();
            return {};
          },
          [&reported, i] { reported.push_back(i); });
      if (i % 100 == 0) begun.acquire();  // what follows cannot be in its commit
    }
    REQUIRE(journal.close().has_value());
    rig.run_what_is_posted();
    CHECK(done == expected);
    CHECK(reported == expected);
    CHECK(journal.commits() > 1);
  }

  TEST_CASE("journal: work is done on a thread of its own and reported on the executor's") {
    Rig rig;
    Journal journal{*rig.ledger, rig.io.get_executor()};
    journal.on_failure(rig.failed);
    std::thread::id worker, reporter;
    bool reported = false;
    journal.submit(
        [&](ledger::Ledger&) -> Result<void> {
          worker = std::this_thread::get_id();
          return {};
        },
        [&] { reporter = std::this_thread::get_id(), reported = true; });
    rig.run_until([&] { return reported; });
    CHECK(reporter == std::this_thread::get_id());
    CHECK(worker != reporter);
    CHECK(journal.close().has_value());
  }

  TEST_CASE("journal: when a change is reported every other process sees it") {
    Rig rig;
    Journal journal{*rig.ledger, rig.io.get_executor()};
    journal.on_failure(rig.failed);
    std::int64_t reported = 0;
    for (model::RowId row = 1; row <= 50; ++row) {
      journal.submit(intent(row), [&] {
        ++reported;
        CHECK(rig.committed_intents() >= reported);
      });
      if (row % 10 == 0) rig.run_until([&] { return reported == row; });
    }
    CHECK(reported == 50);
    CHECK(journal.close().has_value());
  }

  TEST_CASE("journal: nothing is reported while its change is not committed yet") {
    Rig rig;
    Gate gate;
    Journal journal{*rig.ledger, rig.io.get_executor()};
    journal.on_failure(rig.failed);
    bool reported = false;
    journal.submit(gate.work(), [&] { reported = true; });
    gate.entered.get_future().wait();
    rig.run_what_is_posted();
    CHECK_FALSE(reported);
    gate.opened.set_value();
    rig.run_until([&] { return reported; });
    CHECK(journal.close().has_value());
  }

  TEST_CASE("journal: a lone change is committed at once without waiting for company") {
    Rig rig;
    Journal journal{*rig.ledger, rig.io.get_executor()};
    journal.on_failure(rig.failed);
    for (model::RowId row = 1; row <= 3; ++row) {
      bool reported = false;
      journal.submit(intent(row), [&] { reported = true; });
      rig.run_until([&] { return reported; });
      CHECK(rig.committed_intents() == row);
      std::this_thread::sleep_for(10ms);  // as at a few rows per second
    }
    CHECK(journal.close().has_value());
    CHECK(journal.commits() == 3);
  }

  TEST_CASE("journal: what piles up during a commit shares the next one") {
    Rig rig;
    Gate gate;
    Journal journal{*rig.ledger, rig.io.get_executor()};
    journal.on_failure(rig.failed);
    std::size_t reported = 0;
    journal.submit(gate.work());
    gate.entered.get_future().wait();
    for (model::RowId row = 1; row <= 2000; ++row) journal.submit(intent(row), [&] { ++reported; });
    gate.opened.set_value();
    REQUIRE(journal.close().has_value());
    rig.run_what_is_posted();
    CHECK(reported == 2000);
    CHECK(journal.commits() == 2);
    CHECK(rig.committed_intents() == 2000);
  }

  TEST_CASE(
      "journal: under load from several threads there are fewer commits than changes and none is lost") {
    Rig rig;
    Journal journal{*rig.ledger, rig.io.get_executor()};
    journal.on_failure(rig.failed);
    std::atomic<int> reported = 0;
    {
      std::vector<std::jthread> threads;
      threads.reserve(4);
      for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
          for (model::RowId row = t + 1; row <= 2000; row += 4)
            journal.submit(intent(row), [&] { ++reported; });
        });
    }
    REQUIRE(journal.close().has_value());
    rig.run_what_is_posted();
    CHECK(reported == 2000);
    CHECK(rig.committed_intents() == 2000);
    CHECK(journal.commits() >= 1);
    CHECK(journal.commits() < 1000);
  }

  TEST_CASE("journal: a change that fails stops everything behind it and is reported once") {
    Rig rig;
    Journal journal{*rig.ledger, rig.io.get_executor()};
    journal.on_failure(rig.failed);
    int before = 0, behind = 0;
    journal.submit(intent(1), [&] { ++before; });
    rig.run_until([&] { return before == 1; });

    std::atomic<bool> done_behind = false;
    journal.submit(fail, [&] { ++behind; });
    rig.run_until([&] { return !rig.failures.empty(); });
    for (int times = 0; times < 20; ++times) {
      journal.submit(
          [&](ledger::Ledger&) -> Result<void> {
            done_behind = true;
            return {};
          },
          [&] { ++behind; });
      journal.submit(fail, [&] { ++behind; });
      if (times == 10)
        std::this_thread::sleep_for(5ms);  // some are late; of these nothing ever happens, so no event
    }
    const auto closed = journal.close();
    rig.run_what_is_posted();
    REQUIRE(closed.has_error());
    CHECK(closed.error().code == Errc::io);
    CHECK(closed.error().what == "the disk is full");
    REQUIRE(rig.failures.size() == 1);
    CHECK(rig.failures[0].what == "the disk is full");
    CHECK_FALSE(done_behind.load());
    CHECK(behind == 0);
    CHECK(journal.commits() == 1);
  }

  TEST_CASE(
      "journal: changes that would have been committed with a failed one are not and are not reported") {
    Rig rig;
    Gate gate;
    Journal journal{*rig.ledger, rig.io.get_executor()};
    journal.on_failure(rig.failed);
    int reported = 0;
    bool done_behind = false;
    journal.submit(gate.work(), [&] { ++reported; });
    gate.entered.get_future().wait();
    journal.submit(intent(1), [&] { ++reported; });
    journal.submit(fail, [&] { ++reported; });
    journal.submit(
        [&](ledger::Ledger&) -> Result<void> {
          done_behind = true;
          return {};
        },
        [&] { ++reported; });
    gate.opened.set_value();
    CHECK(journal.close().has_error());
    rig.run_what_is_posted();
    CHECK(reported == 1);  // the gate alone, whose commit came before
    CHECK_FALSE(done_behind);
    CHECK(rig.failures.size() == 1);
    rig.ledger.reset();  // a process that ends
    CHECK(rig.committed_intents() == 0);
  }

  TEST_CASE("journal: a change that runs out of memory is a failure like any other") {
    Rig rig;
    Journal journal{*rig.ledger, rig.io.get_executor()};
    journal.on_failure(rig.failed);
    journal.submit([](ledger::Ledger&) -> Result<void> { throw std::bad_alloc{}; });
    const auto closed = journal.close();
    rig.run_what_is_posted();
    REQUIRE(closed.has_error());
    CHECK(closed.error().code == Errc::internal);
    CHECK(closed.error().what == "cannot write results: std::bad_alloc");
    CHECK(rig.failures.size() == 1);
  }

  TEST_CASE("journal: the database's own refusal is what close returns") {
    Rig rig;
    Journal journal{*rig.ledger, rig.io.get_executor()};
    journal.on_failure(rig.failed);
    journal.submit(intent(1));
    journal.submit(intent(1));  // the same attempt again
    const auto closed = journal.close();
    rig.run_what_is_posted();
    REQUIRE(closed.has_error());
    CHECK(closed.error().code == Errc::io);
    CHECK(closed.error().what.starts_with(rig.file.string() + ": UNIQUE constraint failed"));
    REQUIRE(rig.failures.size() == 1);
    CHECK(rig.failures[0].what == closed.error().what);
  }

  TEST_CASE("journal: closing right after submitting loses nothing") {
    for (int round = 0; round < 20; ++round) {
      CAPTURE(round);
      Rig rig;
      int reported = 0;
      {
        Journal journal{*rig.ledger, rig.io.get_executor()};
        journal.on_failure(rig.failed);
        for (model::RowId row = 1; row <= round; ++row) journal.submit(intent(row), [&] { ++reported; });
      }  // its end closes it
      CHECK(rig.committed_intents() == round);
      rig.run_what_is_posted();
      CHECK(reported == round);
    }
  }

  TEST_CASE("journal: one that had nothing to do closes without a commit") {
    Rig rig;
    Journal journal{*rig.ledger, rig.io.get_executor()};
    journal.on_failure(rig.failed);
    CHECK(journal.close().has_value());
    CHECK(journal.commits() == 0);
    CHECK(rig.failures.empty());
  }
}
