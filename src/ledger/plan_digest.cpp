#include "plan_digest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <boost/endian/conversion.hpp>
#include <cstring>
#include <functional>
#include <optional>
#include <queue>
#include <span>
#include <utility>

#include "state.hpp"

namespace cardvoid::ledger {

namespace {

// With its length before it, so that no two rows can run together.
void add_field(std::string& row, std::string_view field) {
  const auto length = boost::endian::native_to_little(std::uint64_t{field.size()});
  row.append(reinterpret_cast<const char*>(&length), sizeof length).append(field);
}

}  // namespace

// To hash one text is faster than to hash its parts.
void Fingerprint::add(const Fields& row) {
  row_.clear();
  for (const auto field : row) add_field(row_, field);
  hash_.add(row_);
  digests_.push_back(std::bit_cast<Digest>(hash_.finish()));
  if (digests_.size() == run_) put_aside();
}

void Fingerprint::put_aside() {
  if (runs_++ == 0)
    db_.execute(
        "PRAGMA temp.cache_size = -2048; CREATE TEMP TABLE IF NOT EXISTS digests (part INTEGER PRIMARY KEY, "
        "bytes); DELETE FROM temp.digests");  // of one that was given up
  std::sort(digests_.begin(), digests_.end());
  sqlite::Statement insert{db_, "INSERT INTO temp.digests (bytes) VALUES (?1)"};
  for (std::size_t at = 0; at < digests_.size(); at += k_part) {
    const auto count = std::min(k_part, digests_.size() - at);
    insert.bind(std::as_bytes(std::span{digests_}.subspan(at, count))).run();
  }
  digests_.clear();
}

void Fingerprint::hash(const Digest& digest) {
  hash_.add({reinterpret_cast<const char*>(&digest), sizeof digest});
}

// A sorted run, read part by part.
class Fingerprint::Run {
 public:
  Run(std::int64_t number, std::int64_t parts) : next_part_{number * parts + 1}, end_{next_part_ + parts} {}
  std::optional<Digest> next(sqlite::Statement& read) {
    if (at_ == part_.size() && !fill(read)) return std::nullopt;
    return part_[at_++];
  }

 private:
  bool fill(sqlite::Statement& read) {
    if (next_part_ == end_ || !read.bind(next_part_++).step()) return false;
    const auto bytes = read.bytes(0);
    part_.resize(bytes.size() / sizeof(Digest));
    std::memcpy(part_.data(), bytes.data(), part_.size() * sizeof(Digest));
    read.reset();
    at_ = 0;
    return !part_.empty();
  }
  std::int64_t next_part_, end_;
  std::vector<Digest> part_;
  std::size_t at_ = 0;
};

void Fingerprint::merge() {
  put_aside();
  digests_.shrink_to_fit();
  sqlite::Statement read{db_, "SELECT bytes FROM temp.digests WHERE part = ?1"};
  std::vector<Run> runs;
  using Head = std::pair<Digest, std::size_t>;  // the least digest of a run, and which one
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
  const auto parts = static_cast<std::int64_t>(run_ / k_part);
  for (std::int64_t number = 0; number < runs_; ++number)
    if (const auto least = runs.emplace_back(number, parts).next(read))
      heads.emplace(*least, runs.size() - 1);
  while (!heads.empty()) {
    const auto [digest, run] = heads.top();
    heads.pop();
    hash(digest);
    if (const auto next = runs[run].next(read)) heads.emplace(*next, run);
  }
}

std::string Fingerprint::finish() {
  if (runs_ > 0) {
    merge();
    db_.execute("DROP TABLE temp.digests");
  } else {
    std::sort(digests_.begin(), digests_.end());
    for (const auto& digest : digests_) hash(digest);
  }
  return hash_.finish_hex();
}

void RangeWriter::add(model::RowId id) {
  if (std::exchange(is_empty_, false) || id != last_ + 1) {
    close();
    first_ = id;
  }
  last_ = id;
}

std::string RangeWriter::finish() {
  close();
  return text_.size() <= k_most_bytes ? std::move(text_) : std::string{k_unlisted};
}

void RangeWriter::close() {
  if (last_ == 0 || text_.size() > k_most_bytes) return;
  if (!text_.empty()) text_ += ' ';
  text_ += first_ == last_ ? fmt::format("{}", first_) : fmt::format("{}-{}", first_, last_);
}

PlanDigest PlanDigester::finish(std::string row_ids) {
  PlanDigest plan;
  plan.fingerprint = fingerprint_.finish();
  plan.to_send = count_;
  plan.row_ids = std::move(row_ids);
  plan.last_row = ask(db_, fmt::format("SELECT {}", k_last_in_plan));
  plan.last_correction = ask(db_, "SELECT coalesce(max(id), 0) FROM correction");
  return plan;
}

}  // namespace cardvoid::ledger
