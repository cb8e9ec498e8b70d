// Threads where the system gives none, or not all that are asked for.

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <cardvoid/base/workers.hpp>
#include <cerrno>
#include <ostream>

namespace {
std::atomic<int> g_threads_left = 1000;  // that pthread_create still gives
}

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* argument) noexcept {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
  return --g_threads_left < 0 ? EAGAIN : create(thread, attributes, start, argument);
}

TEST_SUITE("base") {
  using namespace cardvoid;

  TEST_CASE("workers: with fewer threads than wanted all work is done") {
    for (const int threads : {1000, 1}) {
      g_threads_left = threads;
      std::atomic<int> done = 0;
      {
        Workers workers;
        for (int i = 0; i < 100; ++i) boost::asio::post(workers.pool(), [&done] { ++done; });
        workers.finish();
      }
      CHECK(done == 100);
    }
    g_threads_left = 1000;
  }

  TEST_CASE("workers: without any thread it is an error and no waiting for ever") {
    g_threads_left = 0;
    CHECK_THROWS_AS(Workers{}, std::system_error);
    g_threads_left = 1000;
  }
}
