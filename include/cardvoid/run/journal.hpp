#pragma once
// The ledger on its own thread, with group commit: all that was submitted since the last commit goes into one
// transaction. So 5 rows/s cost two fsyncs each, and 2,000 rows/s about one in 10 ms (docs/architecture.md).

#include <boost/asio/any_io_executor.hpp>
#include <cardvoid/ledger/database.hpp>
#include <cardvoid/run/ports.hpp>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace cardvoid::run {

// Work is done on the journal's thread, callbacks come on the executor. submit() is thread-safe.
class Journal final : public Store {
 public:
  // The ledger must outlive the journal. Only the journal uses it until close().
  Journal(ledger::Ledger& ledger, boost::asio::any_io_executor executor);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal() override;

  void on_failure(std::function<void(Error)> failed) override { report_failure_ = std::move(failed); }
  void submit(Work work, std::function<void()> committed = {}) override;
  Result<void> close() override;

  std::uint64_t commits() const { return commits_; }  // after close()

 private:
  struct Entry {
    Work work;
    std::function<void()> committed;
  };
  void serve();
  Result<void> write(std::vector<Entry>& batch);

  ledger::Ledger& ledger_;
  boost::asio::any_io_executor executor_;
  std::function<void(Error)> report_failure_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Entry> queue_;
  bool closing_ = false;
  std::optional<Error> failure_;
  std::uint64_t commits_ = 0;
  std::thread thread_;  // last: it uses the others
};

}  // namespace cardvoid::run
