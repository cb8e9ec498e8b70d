#include <boost/asio/post.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/records.hpp>
#include <cardvoid/run/journal.hpp>

namespace cardvoid::run {

namespace {
using namespace std::chrono_literals;
// A commit costs some 90 us of CPU, and at full speed there are two changes a row. A dispatcher that looks
// ahead has rows ready for longer than a change waits here.
constexpr auto k_busy = 10ms, k_company = 8ms;
constexpr std::size_t k_crowd = 64;
}  // namespace

Journal::Journal(ledger::Ledger& ledger, boost::asio::any_io_executor executor)
    : ledger_{ledger}, executor_{std::move(executor)}, thread_{[this] { serve(); }} {}

Journal::~Journal() { (void)close(); }

void Journal::submit(Work work, std::function<void()> committed) {
  std::size_t waiting = 0;
  {
    const std::lock_guard lock{mutex_};
    queue_.push_back({std::move(work), std::move(committed)});
    waiting = queue_.size();
  }
  if (waiting == 1 || waiting == k_crowd)
    arrived_.notify_one();  // in between the thread does not wait for it
}

Result<void> Journal::close() {
  if (!thread_.joinable()) return {};
  {
    const std::lock_guard lock{mutex_};
    closing_ = true;
  }
  arrived_.notify_one();
  thread_.join();
  if (failure_) return *failure_;
  return {};
}

void Journal::serve() {
  const InEnglish of_record;  // why a run ended is on record
  Instant last_commit{};
  for (;;) {
    std::vector<Entry> batch;
    {
      std::unique_lock lock{mutex_};
      arrived_.wait(lock, [&] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      // Under load a commit waits a moment for more changes. A change that comes later than that after the
      // last commit, as at 5 rows/s, does not wait.
      if (!closing_ && std::chrono::steady_clock::now() - last_commit < k_busy)
        arrived_.wait_for(lock, k_company, [&] { return closing_ || queue_.size() >= k_crowd; });
      batch.swap(queue_);
    }
    if (failure_) continue;  // a failed commit is never retried, and nothing is written after it
    Result<void> written;
    try {
      written = write(batch);
    } catch (const std::exception& failure) {  // out of memory
      written = Error{Errc::internal, std::string{"cannot write results: "} + failure.what()};
    }
    last_commit = std::chrono::steady_clock::now();
    if (!written) {
      failure_ = written.error();
      boost::asio::post(executor_, [report = report_failure_, error = *failure_] { report(error); });
      continue;
    }
    boost::asio::post(executor_, [done = std::move(batch)] {
      for (const auto& entry : done)
        if (entry.committed) entry.committed();
    });
  }
}

Result<void> Journal::write(std::vector<Entry>& batch) {
  if (const auto begun = ledger::begin_changes(ledger_); !begun) return begun;
  for (auto& entry : batch)
    if (const auto done = entry.work(ledger_); !done) return done;
  ++commits_;
  return ledger::commit_changes(ledger_);
}

}  // namespace cardvoid::run
