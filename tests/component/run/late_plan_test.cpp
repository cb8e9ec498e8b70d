// The plan of a run that begins at once, which is worked out while it sends.

#include <doctest/doctest.h>

#include <cardvoid/ledger/import.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/run/execute.hpp>
#include <cardvoid/run/observer.hpp>
#include <cardvoid/run/ports.hpp>
#include <cardvoid/run/runner.hpp>
#include <chrono>
#include <deque>
#include <ostream>
#include <thread>

#include "support/temp_folder.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace std::chrono_literals;

  namespace {

  struct PlainStore : run::Store {
    explicit PlainStore(ledger::Ledger& of_run) : ledger{of_run} {}
    void on_failure(std::function<void(Error)>) override {}
    void submit(Work work, std::function<void()> committed) override {
      REQUIRE(work(ledger).has_value());
      if (committed) to_tell.push_back(std::move(committed));
    }
    Result<void> close() override { return {}; }
    ledger::Ledger& ledger;
    std::deque<std::function<void()>> to_tell;
  };

  // Somebody stops the run as soon as it has begun.
  struct StoppingLoop : run::Loop {
    explicit StoppingLoop(PlainStore& of_run) : store{of_run} {}
    Now now() override { return read_clocks(); }
    void call_at(Instant, std::function<void()>) override {}
    void run(run::Runner& runner) override {
      runner.stop({Errc::stopped, "interrupted"});
      for (; !store.to_tell.empty(); store.to_tell.pop_front()) store.to_tell.front()();
      REQUIRE(runner.is_finished());
    }
    PlainStore& store;
  };

  struct NoPlatform : run::Transport {
    void connect(model::RowId, model::Endpoint, bool, Connected) override {}
    void send(model::RowId, model::AttemptKind, const model::Card&, Written, Answered) override {
      FAIL("nothing may be sent");
    }
    void release(model::RowId) override {}
    void close() override {}
  };

  struct Notices : run::Observer {
    void notice(const dispatch::Notice& notice) override { all.push_back(notice.text); }
    std::vector<std::string> all;
  };

  }  // namespace

  TEST_CASE("late plan: a run that was stopped does not wait for its plan and says nothing of it") {
    const support::TempFolder folder;
    auto ledger = *ledger::Ledger::open(folder.path / "results.db", "autumn", ledger::Access::create);
    auto under_way = *ledger::Import::begin(ledger, {}, {});
    REQUIRE(under_way.add({{"1004", "pT", "1", "oA", ""}, 2}).has_value());
    REQUIRE(under_way.finish("a list", {}).has_value());

    PlainStore store{ledger};
    StoppingLoop loop{store};
    NoPlatform platform;
    Notices notices;
    bool was_given_up = false;
    run::Order order;
    order.late_plan = [&](const std::function<bool()>& is_given_up) -> Result<ledger::PlanDigest> {
      const auto end = std::chrono::steady_clock::now() + 20s;  // of a list that is long
      while (!is_given_up() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
      was_given_up = is_given_up();
      return Error{Errc::stopped, "given up"};
    };
    const auto report = run::execute(model::Job{}, ledger, order, notices,
                                     run::Ports{loop, platform, store, [] { return 0U; }});
    REQUIRE(report.has_value());
    CHECK(report->exit_code == static_cast<int>(Errc::stopped));
    CHECK(was_given_up);
    CHECK(notices.all.empty());
  }
}
