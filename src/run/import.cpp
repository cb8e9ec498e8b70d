#include <fmt/format.h>

#include <cardvoid/base/host.hpp>
#include <cardvoid/base/sha256.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/input/protect_list.hpp>
#include <cardvoid/ledger/plan.hpp>
#include <cardvoid/run/import.hpp>

#include "inserter.hpp"

namespace cardvoid::run {

namespace {

constexpr int k_records_between_questions = 256;

// Which records are this shard's.
class Part {
 public:
  explicit Part(const std::optional<model::Shard>& shard) : shard_{shard} {
    if (shard) shard_of_.emplace(shard->count);
  }
  bool has(const input::Record& record) {
    if (!shard_) return true;
    const auto* const row = std::get_if<model::InputRow>(&record);
    return (row ? (*shard_of_)(row->card) : 1) == shard_->number;
  }

 private:
  std::optional<model::Shard> shard_;
  std::optional<model::ShardOf> shard_of_;
};

Result<void> read_all(input::Source& source, Inserter& inserter, const std::function<bool()>& interrupted,
                      Part part) {
  for (int records = 0;; ++records) {
    if (records % k_records_between_questions == 0 && interrupted())
      return Error{Errc::stopped,
                   tr("interrupted while reading the input; nothing of it is kept, nothing was sent")};
    auto record = source.next();
    if (!record) return record.error();
    if (!*record) return {};
    const bool is_ours = part.has(**record);
    if (const auto added = inserter.add(**std::move(record), is_ours); !added) return added;
  }
}

// Raised with every change of what an import makes of the same bytes and settings.
constexpr std::string_view k_rules = "1";

// So that no two texts can run together.
void add(Sha256& hash, std::string_view text) {
  hash.add(fmt::format("{} ", text.size()));
  hash.add(text);
}

// What looks doubtful about safety.protect; empty: nothing does.
struct Doubtful {
  std::string spoken, english;
  bool empty() const { return spoken.empty(); }
};

struct ProtectedByList {
  std::string digest;  // of what the list says
  Doubtful doubtful;
};

Result<ProtectedByList> protect(const model::Job& job, ledger::Ledger& ledger) {
  if (job.safety.protect.empty()) {
    const auto cleared = ledger::protect(ledger, nullptr);
    return cleared ? Result<ProtectedByList>{ProtectedByList{}} : cleared.error();
  }
  const auto of_key = [](const Error& error) { return with_context(error, "safety.protect"); };
  auto list = input::ProtectList::open(job.safety.protect, job.input);
  if (!list) return of_key(list.error());
  Sha256 hash;
  const auto lines = ledger::protect(ledger, [&]() -> Result<std::optional<model::Protection>> {
    auto next = list->next();
    if (!next) return of_key(next.error());
    if (const auto& line = *next)
      for (const auto* part : {&line->code, &line->openid, &line->card_id, &line->brand_id}) add(hash, *part);
    return next;
  });
  if (!lines) return lines.error();
  ProtectedByList by_list{hash.finish_hex(), {list->doubtful(), {}}};
  const InEnglish of_log;
  by_list.doubtful.english = list->doubtful();
  return by_list;
}

// Of all that decides what the bytes of the input become.
std::string digest_of_settings(const model::Job& job, std::string_view protections) {
  const auto& input = job.input;
  Sha256 hash;
  for (const auto text :
       {k_rules, std::string_view{job.merchant.mchid}, std::string_view{job.merchant.brand_id},
        std::string_view{job.defaults.brand_id}, std::string_view{job.defaults.card_id},
        std::string_view{job.defaults.reason}, protections})
    add(hash, text);
  add(hash, fmt::format("{} {} {} {} {} {}", static_cast<int>(job.merchant.api),
                        static_cast<int>(input.encoding), static_cast<int>(input.delimiter),
                        static_cast<int>(input.vanished), input.unwrap, input.accept_damage));
  for (const auto& [ours, theirs] : input.columns) add(hash, ours), add(hash, theirs);
  return hash.finish_hex();
}

// nullopt: it must be imported. Only its content tells: times of a file can stay as they are while it
// changes.
Result<std::optional<Imported>> find_unchanged(const model::Job& job, ledger::Ledger& ledger,
                                               std::string_view settings,
                                               const std::function<bool()>& interrupted) {
  const auto sha256 = input::digest_of(job.input, interrupted);
  if (!sha256) return sha256.error();
  const auto recipe = recipe_of(settings, *sha256);
  if (recipe.empty()) return std::optional<Imported>{};
  auto last = ledger::unchanged_since_import(ledger, recipe);
  if (!last) return last.error();
  if (!*last) return std::optional<Imported>{};
  Imported imported{std::move((**last).summary), {}, true, (**last).remarks, (**last).remarks, {}};
  return std::optional{std::move(imported)};
}

}  // namespace

std::string recipe_of(std::string_view settings, const std::string& sha256_of_input) {
  return settings.empty() || sha256_of_input.empty() ? std::string{}
                                                     : fmt::format("{} {}", settings, sha256_of_input);
}

Result<Imported> import_from(input::Source& source, ledger::Ledger& ledger,
                             const std::function<bool()>& interrupted, model::Vanished vanished,
                             std::string_view settings, const std::optional<model::Shard>& shard) {
  Inserter inserter{source};
  if (const auto begun = inserter.begin(ledger, read_clocks().wall, vanished); !begun) return begun.error();
  if (const auto read = read_all(source, inserter, interrupted, Part{shard}); !read) return read.error();
  const auto under_way = inserter.finish();
  if (!under_way) return under_way.error();
  std::string description;
  std::vector<std::string> remarks_of_log;
  {
    const InEnglish of_record;
    description = source.description();
    remarks_of_log = source.remarks();
  }
  auto summary = (*under_way)
                     ->finish(description, read_clocks().wall, source.file(), user_name(),
                              {recipe_of(settings, source.file().sha256), remarks_of_log});
  if (!summary) return summary.error();
  summary->source = source.description();  // what is on record is English
  return Imported{std::move(*summary), source.dialect(),          false,
                  source.remarks(),    std::move(remarks_of_log), source.samples()};
}

Result<Imported> import_input(const model::Job& job, ledger::Ledger& ledger,
                              const std::function<bool()>& interrupted, Again again) {
  const auto by_list = protect(job, ledger);
  if (!by_list) return by_list.error();
  const auto settings = digest_of_settings(job, by_list->digest);
  std::optional<Imported> imported;
  if (again == Again::if_changed) {
    auto unchanged = find_unchanged(job, ledger, settings, interrupted);
    if (!unchanged) return unchanged.error();
    imported = std::move(*unchanged);
  }
  if (!imported) {
    const auto source = input::open(job.input, job.defaults, job.merchant.api, job.merchant.brand_id,
                                    {.interrupted = interrupted});
    if (!source) return source.error();
    auto read = import_from(**source, ledger, interrupted, job.input.vanished, settings, job.shard);
    if (!read) return read;
    imported = std::move(*read);
  }
  if (job.safety.protect.empty()) return *std::move(imported);
  auto match = ledger::match_protections(ledger);
  if (!match) return match.error();
  imported->protections = std::move(*match);
  if (!by_list->doubtful.empty()) {
    const auto remark = [&](const std::string& words) {
      return tr("safety.protect: such lines may protect no one, please look at these: {}", words);
    };
    imported->remarks.push_back(remark(by_list->doubtful.spoken));
    const InEnglish of_log;
    imported->remarks_of_log.push_back(remark(by_list->doubtful.english));
  }
  return *std::move(imported);
}

}  // namespace cardvoid::run
