#pragma once
// Threads for work that takes long, such as signing.

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <future>
#include <system_error>
#include <thread>
#include <vector>

namespace cardvoid {

// A pool with as many threads as this machine has cores, or as can be had: one is enough. Where the system
// gives a first but no second one, asio's own constructor waits for the first one for ever.
class Workers {
 public:
  // Throws std::system_error where no thread can be had.
  Workers() : pool_{0} {
    const auto wanted = std::max(1U, std::thread::hardware_concurrency());
    while (threads_.size() < wanted) {
      try {
        threads_.emplace_back([this] { pool_.attach(); });
      } catch (const std::system_error& error) {
        if (threads_.empty()) throw std::system_error{error.code(), "cannot start a thread"};
        break;
      }
    }
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers() { stop(); }

  boost::asio::thread_pool& pool() { return pool_; }
  // Ends the threads once all that was posted before is done. Not from one of them.
  void finish() {
    std::promise<void> all_begun;
    boost::asio::post(pool_, [&all_begun] { all_begun.set_value(); });
    all_begun.get_future().wait();
    stop();
  }
  // Ends them once they are done with what they have begun; what waits is dropped.
  void stop() {
    pool_.stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  boost::asio::thread_pool pool_;  // outlives its threads
  std::vector<std::thread> threads_;
};

}  // namespace cardvoid
