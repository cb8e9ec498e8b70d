#include <doctest/doctest.h>

#include <cardvoid/dispatch/retry.hpp>
#include <ostream>

TEST_SUITE("unit") {
  using namespace cardvoid;
  using namespace std::chrono_literals;
  using dispatch::RetryBudget;
  using dispatch::RetryPolicy;

  namespace {
  constexpr std::uint32_t k_lowest = 0, k_middle = 0x80000000, k_highest = 0xffffffff;
  constexpr Instant k_start{100h};
  }  // namespace

  TEST_CASE("retry policy: waits grow twofold with full jitter") {
    const RetryPolicy policy{.base = 500ms, .cap = 60s, .max_attempts = 8};
    auto ceiling = 500ms;
    for (int attempt = 1; attempt <= 7; ++attempt, ceiling *= 2) {
      CHECK(policy.wait(attempt, k_lowest) == 0ms);
      CHECK(policy.wait(attempt, k_middle) == ceiling / 2);
      CHECK(policy.wait(attempt, k_highest) >= ceiling - 1ms);
      CHECK(policy.wait(attempt, k_highest) < ceiling);
    }
  }

  TEST_CASE("retry policy: the cap ends the growth") {
    const RetryPolicy policy{.base = 500ms, .cap = 60s, .max_attempts = 100};
    for (const int attempt : {8, 9, 31, 64, 1'000'000}) {
      CHECK(policy.wait(attempt, k_highest) == 59'999ms);
      CHECK(policy.wait(attempt, k_middle) == 30s);
    }
  }

  TEST_CASE("retry policy: an attempt number of none is the first one") {
    CHECK(RetryPolicy{}.wait(0, k_highest) == 499ms);
  }

  TEST_CASE("retry budget: fifty failures in a row stop fresh rows") {
    RetryBudget budget;
    for (int i = 0; i < 49; ++i) budget.failed(k_start);
    CHECK_FALSE(budget.exhausted());
    CHECK(budget.allows_fresh_row(k_start));
    budget.failed(k_start);
    CHECK(budget.exhausted());
    CHECK_FALSE(budget.allows_fresh_row(k_start));
  }

  TEST_CASE("retry budget: a third of failures is borne for ever and more is not") {
    RetryBudget budget;
    for (int i = 0; i < 10'000; ++i) i % 3 == 0 ? budget.failed(k_start) : budget.succeeded();
    CHECK_FALSE(budget.exhausted());
    for (int i = 0; i < 1'000 && !budget.exhausted(); ++i)
      i % 5 < 2 ? budget.failed(k_start) : budget.succeeded();
    CHECK(budget.exhausted());
  }

  TEST_CASE("retry budget: probes come after 1 then 2 then 4 seconds and at least every 30") {
    RetryBudget budget;
    auto now = k_start;
    for (int i = 0; i < 50; ++i) budget.failed(now);
    for (const auto gap : {1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s}) {
      CHECK_FALSE(budget.allows_fresh_row(now + gap - 1ms));
      CHECK(budget.next_probe() == now + gap);
      now += gap;
      CHECK(budget.allows_fresh_row(now));
      budget.started_fresh_row(now);
      budget.failed(now);  // and that moves no probe
    }
  }

  TEST_CASE("retry budget: one success opens it again and later trouble counts from zero") {
    RetryBudget budget;
    for (int i = 0; i < 60; ++i) budget.failed(k_start);
    budget.started_fresh_row(k_start + 1s);
    budget.succeeded();
    CHECK(budget.allows_fresh_row(k_start + 1s));
    CHECK_FALSE(budget.exhausted());
    for (int i = 0; i < 24; ++i) budget.failed(k_start + 8s);
    CHECK_FALSE(budget.exhausted());
    budget.failed(k_start + 9s);
    CHECK(budget.exhausted());
    CHECK(budget.next_probe() == k_start + 10s);
  }
}
