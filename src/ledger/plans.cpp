#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "state.hpp"

// Plans that were shown, and what has changed since.
namespace cardvoid::ledger {

namespace {

constexpr std::int64_t k_plans_kept = 8;
constexpr std::size_t k_examples = 3;

// Row numbers as text, in ascending order: "1-12400 12403". Few ranges whatever the size of the job, since
// rows are sent in the order of their numbers.
class RangeWriter {
 public:
  void add(model::RowId id) {
    if (count_++ > 0 && id == last_ + 1) {
      last_ = id;
      return;
    }
    close();
    first_ = last_ = id;
  }
  std::int64_t count() const { return count_; }
  std::string finish() {
    close();
    return std::move(text_);
  }

 private:
  void close() {
    if (last_ == 0) return;
    if (!text_.empty()) text_ += ' ';
    text_ += first_ == last_ ? fmt::format("{}", first_) : fmt::format("{}-{}", first_, last_);
  }
  std::string text_;
  model::RowId first_ = 0, last_ = 0;
  std::int64_t count_ = 0;
};

// Asked for ascending numbers.
class RangeReader {
 public:
  explicit RangeReader(std::string text) : text_{std::move(text)}, at_{text_.data()} { read(); }
  RangeReader(const RangeReader&) = delete;  // at_ points into text_
  bool has(model::RowId id) {
    while (last_ != 0 && id > last_) read();
    return last_ != 0 && id >= first_;
  }

 private:
  void read() {
    const char* const end = text_.data() + text_.size();
    first_ = last_ = 0;
    if (at_ < end && *at_ == ' ') ++at_;
    at_ = std::from_chars(at_, end, first_).ptr;
    last_ = first_;
    if (at_ < end && *at_ == '-') at_ = std::from_chars(at_ + 1, end, last_).ptr;
  }
  std::string text_;
  const char* at_;
  model::RowId first_ = 0, last_ = 0;  // of the range that is looked at; 0: behind the last one
};

}  // namespace

Result<void> Ledger::remember_plan(std::string_view fingerprint, WallTime now) {
  return state_->guarded([&] {
    auto& db = state_->db;
    sqlite::Transaction transaction{db};
    RangeWriter ranges;
    sqlite::Statement rows{
        db,
        fmt::format("SELECT id FROM row WHERE {} AND id <= (SELECT max(last_row) FROM import) ORDER BY id",
                    k_to_send)};
    for (rows.bind(); rows.step();) ranges.add(rows.int64(0));
    const auto count = ranges.count();
    const auto ids = ranges.finish();
    sqlite::Statement{db, "DELETE FROM shown_plan WHERE fingerprint = ?1"}.bind(fingerprint).run();
    sqlite::Statement{db,
                      "INSERT INTO shown_plan (fingerprint, made_at, last_row, to_send, row_ids) "
                      "VALUES (?1, ?2, (SELECT coalesce(max(last_row), 0) FROM import), ?3, ?4)"}
        .bind(fingerprint, now.time_since_epoch().count(), count, ids)
        .run();
    sqlite::Statement{
        db,
        "DELETE FROM shown_plan WHERE id <= (SELECT id FROM shown_plan ORDER BY id DESC LIMIT 1 OFFSET ?1)"}
        .bind(k_plans_kept)
        .run();
    transaction.commit();
  });
}

Result<std::optional<PlanChange>> Ledger::change_since(std::string_view fingerprint_digits) {
  return state_->guarded([&]() -> std::optional<PlanChange> {
    sqlite::Statement plan{state_->db,
                           "SELECT fingerprint, made_at, to_send, last_row, row_ids FROM shown_plan "
                           "WHERE substr(fingerprint, 1, length(?1)) = ?1 ORDER BY id DESC LIMIT 1"};
    plan.bind(fingerprint_digits);
    if (!plan.step()) return std::nullopt;
    PlanChange change;
    change.fingerprint = plan.text(0);
    change.made_at = WallTime{milliseconds{plan.int64(1)}};
    change.to_send = plan.int64(2);
    const auto last_row = plan.int64(3);
    RangeReader planned{std::string{plan.text(4)}};
    plan.reset();

    sqlite::Statement rows{
        state_->db, fmt::format("SELECT id, {}, status, conflict, code, source_line, protected FROM row "
                                "WHERE id <= (SELECT max(last_row) FROM import) ORDER BY id",
                                k_to_send)};
    const auto note = [&rows](std::int64_t& count, std::vector<PlanChange::Row>* examples = nullptr) {
      ++count;
      if (examples && examples->size() < k_examples)
        examples->push_back({std::string{rows.text(4)}, rows.int64(5)});
    };
    for (rows.bind(); rows.step();) {
      const auto id = rows.int64(0);
      const bool to_send = rows.int64(1) != 0, was_to_send = planned.has(id);
      if (to_send == was_to_send) continue;
      if (to_send && id > last_row)
        note(change.added, &change.rows_added);
      else if (to_send)
        note(change.returned, &change.rows_returned);
      else if (rows.int64(6) != 0)
        note(change.is_protected);
      else if (rows.int64(3) != 0)
        note(change.conflicts, &change.rows_in_conflict);
      else if (rows.text(2) == model::to_text(model::Status::invalidated))
        note(change.invalidated);
      else if (rows.text(2) == model::to_text(model::Status::rejected))
        note(change.rejected);
      else
        note(change.held);
    }
    return change;
  });
}

}  // namespace cardvoid::ledger
