#pragma once
// What is kept of a plan, worked out in one reading of its rows.

#include <array>
#include <boost/endian/arithmetic.hpp>
#include <cardvoid/base/sha256.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::ledger {

// SHA-256 over the sorted SHA-256 of rows. The digests are sorted and not the rows, which would have to be
// read in the order of their key: a page for each. Memory does not grow with the rows: sorted runs wait in a
// temporary table, which SQLite keeps in a file.
class Fingerprint {
 public:
  // Brand, template, code, openid, reason.
  using Fields = std::array<std::string_view, 5>;

  // Digests of a run, 4 MiB in memory; and those of it that are read at once.
  static constexpr std::size_t k_run = std::size_t{1} << 17, k_part = std::size_t{1} << 10;

  // `run`: a multiple of k_part.
  explicit Fingerprint(sqlite::Connection& db, std::size_t run = k_run) : db_{db}, run_{run} {}
  void add(const Fields& row);
  std::string finish();  // in hexadecimal digits; called once

 private:
  using Digest = std::array<boost::endian::big_uint64_t, 4>;  // ordered as its bytes are
  class Run;

  void put_aside();
  void hash(const Digest& digest);
  void merge();

  sqlite::Connection& db_;
  std::size_t run_;
  Sha256 hash_;
  std::string row_;
  std::vector<Digest> digests_;  // that are not put aside
  std::int64_t runs_ = 0;
};

// In place of a plan's row numbers: which they are is not on record.
inline constexpr std::string_view k_unlisted = "-";

// Row numbers as text, in ascending order: "1-12400 12403". Mostly few ranges even for a large job, since
// rows are sent in the order of their numbers. k_unlisted where they are longer than k_most_bytes.
class RangeWriter {
 public:
  static constexpr std::size_t k_most_bytes = std::size_t{1} << 24;
  void add(model::RowId id);
  std::string finish();

 private:
  void close();
  std::string text_;
  model::RowId first_ = 0, last_ = 0;
  bool is_empty_ = true;
};

// The rows to send, in any order.
class PlanDigester {
 public:
  explicit PlanDigester(sqlite::Connection& db) : db_{db}, fingerprint_{db} {}
  void add(const Fingerprint::Fields& row) {
    ++count_;
    fingerprint_.add(row);
  }
  // `row_ids`: their numbers, as RangeWriter has them. Called once.
  PlanDigest finish(std::string row_ids);

 private:
  sqlite::Connection& db_;
  Fingerprint fingerprint_;
  std::int64_t count_ = 0;
};

}  // namespace cardvoid::ledger
