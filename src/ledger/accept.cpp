#include <fmt/format.h>
#include <cardvoid/ledger/plan.hpp>

#include "choose.hpp"
#include "state.hpp"

// `accept`: a person's word settles rows that the platform has rejected or left unresolved.
namespace cardvoid::ledger {

namespace {

// An acceptance that holds stays as it is on record. A row in flight is not settled by anybody's word: its
// request may still arrive.
std::string fates() {
  return fmt::format(
      "WHEN status = 'in_flight' THEN {doubt} "
      "WHEN status NOT IN ('rejected', 'unresolved') THEN {not_eligible} "
      "WHEN {is_accepted} THEN {before} "
      "ELSE {taken}",
      fmt::arg("is_accepted", k_is_accepted), fmt::arg("taken", number(Fate::taken)),
      fmt::arg("before", number(Fate::before)), fmt::arg("doubt", number(Fate::doubt)),
      fmt::arg("not_eligible", number(Fate::not_eligible)));
}

}  // namespace

Result<Accepted> accept(Ledger& ledger, const Choice& choice, const Acceptance& acceptance) {
  const auto codes = name_codes(ledger.state(), choice);
  if (!codes) return codes.error();
  return ledger.state().guarded([&] {
    auto& db = ledger.state().db;
    Accepted result;
    sqlite::Transaction transaction{db};
    choose_rows(db, choice, *codes, fates(), result);
    result.rejected = count_chosen(db, Fate::taken, "status = 'rejected'");
    result.unresolved = count_chosen(db, Fate::taken, "status = 'unresolved'");
    result.before = count_chosen(db, Fate::before, "TRUE");
    sqlite::Statement{db,
                      // After what it overrules, even if the clock was set back.
                      "UPDATE row SET accepted_at = max(?2, coalesce(retried_at + 1, ?2)), accepted_by = ?3, "
                      "accepted_note = ?4 WHERE id IN "
                      "(SELECT id FROM temp.chosen WHERE fate = ?1)"}
        .bind(number(Fate::taken), to_ms(acceptance.at), acceptance.by, acceptance.note)
        .run();
    forget_counts(db);
    transaction.commit();
    return result;
  });
}

}  // namespace cardvoid::ledger
