#include <fmt/format.h>

#include <cardvoid/base/host.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/input/protect_list.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/run/import.hpp>

namespace cardvoid::run {

namespace {

constexpr int k_records_between_questions = 256;

Result<void> read_all(input::Source& source, ledger::Import& under_way,
                      const std::function<bool()>& interrupted) {
  for (int records = 0;; ++records) {
    if (records % k_records_between_questions == 0 && interrupted())
      return Error{Errc::stopped,
                   tr("interrupted while reading the input; nothing of it is kept, nothing was sent")};
    const auto record = source.next();
    if (!record) return record.error();
    if (!*record) return {};
    Result<void> kept;
    if (const auto* row = std::get_if<model::InputRow>(&**record)) {
      kept = under_way.add(*row);
    } else {
      const auto& refused = std::get<input::Refused>(**record);
      kept = under_way.refuse(refused.source_line, refused.cause, refused.raw);
    }
    if (!kept) return kept;
  }
}

// What looks doubtful about safety.protect; empty: nothing does.
struct Doubtful {
  std::string spoken, english;
  bool empty() const { return spoken.empty(); }
};

Result<Doubtful> protect(const model::Job& job, ledger::Ledger& ledger) {
  if (job.safety.protect.empty()) {
    const auto cleared = ledger::protect(ledger, nullptr);
    return cleared ? Result<Doubtful>{Doubtful{}} : cleared.error();
  }
  const auto of_key = [](const Error& error) { return with_context(error, "safety.protect"); };
  auto list = input::ProtectList::open(job.safety.protect, job.input);
  if (!list) return of_key(list.error());
  const auto lines = ledger::protect(ledger, [&]() -> Result<std::optional<model::Protection>> {
    auto next = list->next();
    if (!next) return of_key(next.error());
    return next;
  });
  if (!lines) return lines.error();
  Doubtful doubtful{list->doubtful(), {}};
  const InEnglish of_log;
  doubtful.english = list->doubtful();
  return doubtful;
}

}  // namespace

Result<Imported> import_from(input::Source& source, ledger::Ledger& ledger,
                             const std::function<bool()>& interrupted, model::Vanished vanished) {
  const auto text = [&source](const model::Card& card, bool is_current) {
    return is_current ? source.raw() : source.line_of(card);
  };
  auto under_way = ledger::Import::begin(ledger, read_clocks().wall, text, vanished);
  if (!under_way) return under_way.error();
  if (const auto read = read_all(source, *under_way, interrupted); !read) return read.error();
  std::string description;
  std::vector<std::string> remarks_of_log;
  {
    const InEnglish of_record;
    description = source.description();
    remarks_of_log = source.remarks();
  }
  auto summary = under_way->finish(description, read_clocks().wall, source.file(), user_name());
  if (!summary) return summary.error();
  summary->source = source.description();  // what is on record is English
  return Imported{std::move(*summary), source.dialect(), source.remarks(), std::move(remarks_of_log),
                  source.samples()};
}

Result<Imported> import_input(const model::Job& job, ledger::Ledger& ledger,
                              const std::function<bool()>& interrupted) {
  const auto doubtful = protect(job, ledger);
  if (!doubtful) return doubtful.error();
  const auto source = input::open(job.input, job.defaults, job.merchant.api, job.merchant.brand_id,
                                  {.interrupted = interrupted});
  if (!source) return source.error();
  auto imported = import_from(**source, ledger, interrupted, job.input.vanished);
  if (!imported || job.safety.protect.empty()) return imported;
  auto match = ledger::match_protections(ledger);
  if (!match) return match.error();
  imported->protections = std::move(*match);
  if (!doubtful->empty()) {
    const auto remark = [&](const std::string& words) {
      return tr("safety.protect: such lines may protect no one, please look at these: {}", words);
    };
    imported->remarks.push_back(remark(doubtful->spoken));
    const InEnglish of_log;
    imported->remarks_of_log.push_back(remark(doubtful->english));
  }
  return imported;
}

}  // namespace cardvoid::run
