#include <fmt/format.h>
#include <cardvoid/ledger/plan.hpp>

#include "choose.hpp"
#include "state.hpp"
#include "unchanged.hpp"

// `retry`: rows go back into the plan.
namespace cardvoid::ledger {

namespace {

// An unresolved row is in doubt until the last request that left for it is a read-back with a usable answer
// other than INVALID; the dispatcher has by then waited out the lag between writing and reading
// (dispatch/card.hpp).
// What a person has accepted goes back only by its code: `--status` is typed for rows that still wait for a
// decision.
std::string fates(const NamedCodes& codes) {
  return fmt::format(
      "{but_accepted}"
      "WHEN status = 'rejected' THEN {taken} "
      "WHEN status = 'in_flight' THEN {doubt} "
      "WHEN status <> 'unresolved' THEN {not_eligible} "
      "WHEN (SELECT kind = 'read_back' AND outcome IN {denials} FROM attempt "
      "WHERE row_id = row.id AND {has_a_word} ORDER BY n DESC LIMIT 1) THEN {taken} "
      "ELSE {doubt}",
      fmt::arg("but_accepted", codes.is_any
                                   ? std::string{}
                                   : fmt::format("WHEN {} THEN {} ", k_is_accepted, number(Fate::before))),
      fmt::arg("has_a_word", k_has_a_word), fmt::arg("denials", outcomes_in_sql(model::denies_invalid)),
      fmt::arg("taken", number(Fate::taken)), fmt::arg("doubt", number(Fate::doubt)),
      fmt::arg("not_eligible", number(Fate::not_eligible)));
}

// What the platform said about the row goes, since the platform is asked again; its attempts keep the
// history. The time of its first request stays: a later INVALID may be the effect of that request.
constexpr const char* k_put_back =
    "UPDATE row SET status = 'pending', held = 0, strange = 0, retried_at = max(?2, coalesce(accepted_at, "
    "?2)), retried_by = nullif(?3, ''), settled_by = NULL, answer_signed = NULL, finished_at = NULL, "
    "error_code = NULL, error_message = NULL, http_status = NULL, request_id = NULL, endpoint = NULL "
    "WHERE id IN (SELECT id FROM temp.chosen WHERE fate = ?1)";

// Of rows in doubt, which keep their status: what a person has accepted is never read back, and that is what
// they need now. The word itself stays on record; it is no longer the later one, even if the clock was set
// back.
const std::string k_withdraw_acceptance = fmt::format(
    "UPDATE row SET retried_at = max(?2, accepted_at), retried_by = nullif(?3, '') WHERE {} AND id IN "
    "(SELECT "
    "id FROM temp.chosen WHERE fate = ?1)",
    k_is_accepted);

}  // namespace

Result<PutBack> put_back(Ledger& ledger, const Choice& choice) {
  const auto codes = name_codes(ledger.state(), choice);
  if (!codes) return codes.error();
  return ledger.state().guarded([&] {
    auto& db = ledger.state().db;
    PutBack result;
    sqlite::Transaction transaction{db};
    choose_rows(db, choice, *codes, fates(*codes), result);
    result.retried = count_chosen(db, Fate::taken, "TRUE");
    result.is_protected = count_chosen(db, Fate::taken, "protected");
    result.accepted = count_chosen(db, Fate::before, "TRUE");
    result.acceptances_withdrawn = count_chosen(db, Fate::taken, k_is_accepted);
    sqlite::Statement{db, k_withdraw_acceptance}.bind(number(Fate::doubt), to_ms(choice.at), choice.by).run();
    result.acceptances_withdrawn += db.changes();
    if (result.retried > 0)
      sqlite::Statement{db, k_put_back}.bind(number(Fate::taken), to_ms(choice.at), choice.by).run();
    if (result.retried + result.acceptances_withdrawn > 0)
      db.execute("UPDATE run SET by_confirm = 0 WHERE by_confirm");
    if (result.retried > 0) db.execute(k_forget_canary);
    forget_counts(db);
    forget_recipe(db);
    transaction.commit();
    return result;
  });
}

}  // namespace cardvoid::ledger
