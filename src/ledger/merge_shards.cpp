#include <fmt/format.h>

#include <algorithm>
#include <cardvoid/base/text.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/ledger/merge.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <map>
#include <set>

#include "schema.hpp"
#include "state.hpp"

namespace cardvoid::ledger {

namespace {

Error no_merge(const std::filesystem::path& file, const std::string& why) {
  return {Errc::cannot_create, tr("{}: {}; nothing was merged", file.string(), why)};
}

// What a results database says of itself.
struct Facts {
  std::string job, signer, list;
  std::optional<model::Shard> shard;
  bool has_forgotten = false;
};

std::string text_of(const sqlite::Connection& db, const char* sql) {
  sqlite::Statement s{db, sql};
  return s.bind().step() ? std::string{s.text(0)} : std::string{};
}

Result<Facts> facts_of(Ledger& ledger) {
  return ledger.state().guarded([&] {
    auto& db = ledger.state().db;
    return Facts{text_of(db, "SELECT value FROM main.meta WHERE key = 'job'"),
                 text_of(db, "SELECT value FROM main.meta WHERE key = 'signer'"),
                 text_of(db, "SELECT coalesce(sha256, '') FROM import ORDER BY id DESC LIMIT 1"),
                 shard_in(db),
                 ask(db, "SELECT EXISTS (SELECT 1 FROM main.meta WHERE key = 'forget_key')") != 0};
  });
}

// All of them, to be compared with one another.
struct Found {
  std::filesystem::path file;
  Facts facts;
  std::optional<Ledger> ledger;
};

Result<Found> look_at(const std::filesystem::path& file) {
  if (const auto idle = check_idle(file); !idle) return idle.error();
  auto ledger = Ledger::look_into(file);
  if (!ledger) return ledger.error();
  // A damaged page can hide rows without an error.
  if (const auto sound = ledger->verify(); !sound) return sound.error();
  auto facts = facts_of(*ledger);
  if (!facts) return facts.error();
  if (!facts->shard)
    return no_merge(file,
                    tr("holds the whole job \"{}\", not a shard of it", escape_for_terminal(facts->job)));
  if (facts->has_forgotten)
    return no_merge(file, tr("has forgotten rows, which only merged results can have"));
  return Found{file, std::move(*facts), std::move(*ledger)};
}

Result<void> compare(const Found& first, const Found& other) {
  const auto differ = [&](const std::string& one, const std::string& two) {
    return no_merge(other.file, tr("is of {}, and {} is of {}", escape_for_terminal(one), first.file.string(),
                                   escape_for_terminal(two)));
  };
  const auto& a = first.facts;
  const auto& b = other.facts;
  if (a.job != b.job) return differ(tr("the job \"{}\"", b.job), tr("the job \"{}\"", a.job));
  if (a.shard->count != b.shard->count)
    return differ(tr("shard {}", model::to_text(*b.shard)), tr("shard {}", model::to_text(*a.shard)));
  if (!a.signer.empty() && !b.signer.empty() && a.signer != b.signer) return differ(b.signer, a.signer);
  return {};
}

Result<void> check_whole(const std::vector<Found>& all) {
  const auto* signed_by = &all.front();
  std::map<int, const Found*> by_number;
  for (const auto& each : all) {
    if (signed_by->facts.signer.empty()) signed_by = &each;
    for (const auto* other : {&all.front(), signed_by})
      if (const auto alike = compare(*other, each); !alike) return alike;
    const auto& [there, is_new] = by_number.emplace(each.facts.shard->number, &each);
    if (!is_new)
      return no_merge(each.file, tr("holds shard {}, as {} does", model::to_text(*each.facts.shard),
                                    there->second->file.string()));
  }
  const auto count = all.front().facts.shard->count;
  std::string missing;
  for (int number = 1; number <= count; ++number)
    if (!by_number.contains(number))
      missing += (missing.empty() ? "" : ", ") + model::to_text({number, count});
  if (missing.empty()) return {};
  return Error{
      Errc::cannot_create,
      tr("the job \"{}\" has {} shards, and these are missing: {}; name the results of all of them, since "
         "a part would look like the whole; nothing was merged",
         escape_for_terminal(all.front().facts.job), count, missing)};
}

}  // namespace

Result<void> check_idle(const std::filesystem::path& shard) {
  const auto holder = Lock::holder(shard);
  if (!holder) return {};
  return Error{Errc::stopped,
               tr("{}: {} has it; wait for its end, or stop it, and merge again; nothing was merged",
                  shard.string(), to_text(*holder))};
}

Result<Shards> Shards::open(const std::vector<std::filesystem::path>& files) {
  std::vector<Found> all;
  for (const auto& file : files) {
    auto found = look_at(file);
    if (!found) return found.error();
    all.push_back(std::move(*found));
  }
  if (const auto whole = check_whole(all); !whole) return whole.error();
  std::sort(all.begin(), all.end(), [](const Found& one, const Found& other) {
    return one.facts.shard->number < other.facts.shard->number;
  });
  Shards shards;
  shards.job_ = all.front().facts.job;
  for (auto& each : all) {
    shards.have_different_lists_ = shards.have_different_lists_ || each.facts.list != all.front().facts.list;
    shards.files_.push_back(each.file);
    shards.ledgers_.push_back(std::move(*each.ledger));
  }
  return shards;
}

}  // namespace cardvoid::ledger
