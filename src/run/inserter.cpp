#include "inserter.hpp"

#include <csignal>

#include <system_error>
#include <utility>
#include <variant>

namespace cardvoid::run {

Inserter::~Inserter() { end(true); }

Result<void> Inserter::begin(ledger::Ledger& ledger, WallTime now, model::Vanished vanished) {
  const auto text = [this](const model::Card& card, bool is_current) {
    return is_current ? std::string{line_ ? *line_ : source_.raw()} : source_.line_of(card);
  };
  auto begun = ledger::Import::begin(ledger, now, text, vanished);
  if (!begun) return begun.error();
  import_.emplace(std::move(*begun));
  return {};
}

Result<void> Inserter::add(input::Record record, bool is_ours) {
  if (!source_.has_raw_at_hand()) return insert(record, is_ours);
  auto& batch = current();
  const auto line_end = batch.lines.append(source_.raw()).size();
  batch.items.push_back({std::move(record), is_ours, line_end});
  return batch.is_full() ? hand_over() : Result<void>{};
}

bool Inserter::start() try {
  if (!thread_.joinable()) thread_ = std::thread{[this] { serve(); }};
  return true;
} catch (const std::system_error&) {
  return false;
}

Result<void> Inserter::hand_over() {
  if (!start()) {
    auto inserted = insert(current());
    current().clear();
    return inserted;
  }
  bool has_failed = false;
  {
    std::unique_lock lock{mutex_};
    ++filled_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return has_failed_ || filled_ - inserted_ < k_batches; });
    has_failed = has_failed_;
  }
  if (!has_failed) {
    current().clear();
    return {};
  }
  end(true);
  if (thrown_) std::rethrow_exception(thrown_);
  return outcome_;
}

Result<ledger::Import*> Inserter::finish() {
  end(false);
  if (thrown_) std::rethrow_exception(thrown_);
  if (!outcome_) return outcome_.error();
  const auto inserted = insert(current());  // the last ones, fewer than a batch
  line_.reset();
  return inserted ? Result<ledger::Import*>{&*import_} : inserted.error();
}

void Inserter::end(bool gives_up) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock{mutex_};
    is_complete_ = true, is_given_up_ = gives_up;
  }
  changed_.notify_all();
  thread_.join();
}

void Inserter::serve() {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);  // they are for the thread that reads
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [&] { return is_complete_ || inserted_ < filled_; });
    if (is_given_up_ || inserted_ == filled_) return;
    const auto& batch = batches_[inserted_ % k_batches];
    lock.unlock();
    Result<void> inserted;
    std::exception_ptr thrown;
    try {
      inserted = insert(batch);
    } catch (...) {
      thrown = std::current_exception();
    }
    lock.lock();
    ++inserted_;
    has_failed_ = !inserted || thrown;
    changed_.notify_all();
    if (!has_failed_) continue;
    outcome_ = std::move(inserted), thrown_ = std::move(thrown);
    return;
  }
}

Result<void> Inserter::insert(const Batch& batch) {
  std::size_t line_begin = 0;
  for (const auto& item : batch.items) {
    line_ = std::string_view{batch.lines}.substr(line_begin, item.line_end - line_begin);
    line_begin = item.line_end;
    if (const auto inserted = insert(item.record, item.is_ours); !inserted) return inserted;
  }
  return {};
}

Result<void> Inserter::insert(const input::Record& record, bool is_ours) {
  const auto* const row = std::get_if<model::InputRow>(&record);
  if (!is_ours) {
    import_->pass_over(row != nullptr);
    return {};
  }
  if (row) return import_->add(*row);
  const auto& refused = std::get<input::Refused>(record);
  return import_->refuse(refused.source_line, refused.cause, refused.raw);
}

}  // namespace cardvoid::run
