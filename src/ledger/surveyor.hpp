#pragma once
// What the rows of a plan are together: the one rule, for rows that are read from the file and for those that
// a first import adds. So a first import has its survey when it ends, without another reading of all rows.

#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frequent.hpp"
#include "plan_digest.hpp"

namespace cardvoid::ledger {

// A row of the plan. The defaults are those of a row that was just added.
struct SurveyedRow {
  model::RowId id = 0;
  std::string_view brand_id, card_id, code, openid,
      reason;  // valid until add() returns; no openid: forgotten
  model::Status status = model::Status::pending;
  bool is_to_send = true;
  bool is_accepted = false;  // a person has settled it
  bool has_conflict = false;
  bool is_named = true;  // by the latest list
  bool was_requested = false;
};

// Rows come in any order. Where that is not the order of their ids, lower bounds may differ (Survey), and so
// may which templates are counted as others.
class Surveyor {
 public:
  Surveyor(sqlite::Connection& db, std::size_t most_templates);
  void add(const SurveyedRow& row);
  // `ids_to_send`: the numbers of those rows, as RangeWriter has them. Called once. Throws sqlite::Failure,
  // as add() does: digests wait in a temporary table.
  Survey finish(std::string ids_to_send);

 private:
  void add_to_brand(const SurveyedRow& row);
  void add_to_template(const SurveyedRow& row);

  std::size_t most_templates_;
  PlanDigester plan_;
  FrequentValues openids_, reasons_;
  // Of the row before: rows of one template mostly stand together.
  TemplateTotals* template_ = nullptr;
  BrandTotals* brand_ = nullptr;
  std::map<std::pair<std::string, std::string>, TemplateTotals> templates_;
  std::map<std::string, BrandTotals> brands_;
  TemplateTotals other_templates_;
  BrandTotals other_brands_;
};

// Equal: nothing has written to the database meanwhile, through this connection or another one.
struct Writes {
  std::int64_t ours = 0, of_others = 0;
  bool operator==(const Writes&) const = default;
};
Writes writes_to(const sqlite::Connection& db);

// The survey of the rows as they were then.
struct KeptSurvey {
  Survey survey;
  Writes then;
};

}  // namespace cardvoid::ledger
