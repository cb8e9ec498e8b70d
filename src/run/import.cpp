#include <cardvoid/input/source.hpp>
#include <cardvoid/run/import.hpp>

namespace cardvoid::run {

Result<ledger::ImportSummary> import_input(const model::Job& job, ledger::Ledger& ledger) {
  const auto source = input::open(job.input, job.defaults, job.merchant.api, job.merchant.brand_id);
  if (!source) return source.error();
  if (const auto begun = ledger.begin_import(read_clocks().wall); !begun) return begun.error();
  for (;;) {
    const auto record = (*source)->next();
    if (!record) {
      (void)ledger.abandon_import();
      return record.error();
    }
    if (!*record) break;
    Result<void> kept;
    if (const auto* row = std::get_if<model::InputRow>(&**record))
      kept = ledger.add(*row);
    else {
      const auto& refused = std::get<input::Refused>(**record);
      kept = ledger.refuse(refused.source_line, refused.cause, refused.raw);
    }
    if (!kept) return kept.error();
  }
  return ledger.finish_import((*source)->description(), read_clocks().wall);
}

}  // namespace cardvoid::run
