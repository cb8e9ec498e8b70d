#include <doctest/doctest.h>

#include <cardvoid/base/errand.hpp>
#include <future>
#include <memory>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace std::chrono_literals;

  TEST_CASE("errand: work is done in another thread and its end is waited for") {
    Errand errand;
    CHECK(errand.wait(0ms));
    auto who = std::this_thread::get_id();
    CHECK(errand.run([&] { who = std::this_thread::get_id(); }, 10s));
    CHECK(who != std::this_thread::get_id());
  }

  TEST_CASE("errand: work that hangs is waited for only so long and outlives it and no more is begun") {
    std::promise<void> release, ended;
    auto end = ended.get_future();
    {
      Errand errand;
      const auto work = [done = release.get_future().share(), &ended] {
        done.wait();
        ended.set_value();
      };
      CHECK_FALSE(errand.run(work, 20ms));
      CHECK_FALSE(errand.begin([] { FAIL("one at a time"); }));
      CHECK_FALSE(errand.wait(20ms));
    }
    release.set_value();
    CHECK(end.wait_for(10s) == std::future_status::ready);
  }

  // As the last descriptor of a file whose close() hangs.
  TEST_CASE("errand: what work holds and is slow to let go of is waited for no longer than the work") {
    std::promise<void> release;
    Errand errand;
    std::shared_ptr<int> held{new int{1}, [done = release.get_future().share()](const int* number) {
                                done.wait();
                                delete number;
                              }};
    CHECK_FALSE(errand.run([kept = std::move(held)] { CHECK(*kept == 1); }, 20ms));
    CHECK_FALSE(errand.wait(20ms));
    release.set_value();
    CHECK(errand.wait(10s));
  }
}
