#pragma once
// The story of a card, for a person who answers a customer months later and knows no HTTP: how the card
// stands, since when and by whom, what to tell the customer, what to do next, and all that happened to it.
// Pure. Codes are masked, openids never shown.

#include <boost/json/fwd.hpp>

#include <cardvoid/ledger/story.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace cardvoid::report {

// What a story is told with, besides what is on record.
struct Telling {
  std::string job;                   // its name
  std::string merchant;              // as WeChat Pay's support asks for it: "mchid 1900000001"
  std::optional<int> run_under_way;  // its process; of `run` or `reconcile`
  bool is_sending = false;           // it is `run`
  std::size_t columns = 79;          // of the page
  std::string protect_list;          // the file safety.protect; empty: the job has none
  // The rows that it names now, by its line; nullopt: it has not been read.
  std::optional<std::map<model::RowId, std::int64_t>> on_protect_list;
  // A command on this job that can be pasted into a shell: ("protect", "--code CODE").
  std::function<std::string(std::string_view name, std::string_view flags)> command;
};

// Of cards that match; there must be one. Only a command or a Request-ID may be wider than the page.
std::string story_text(const ledger::Stories& stories, const Telling& telling);

// Why there is none, and what is known all the same: lines of a message.
std::string words_for_no_card(const ledger::Stories& stories, const ledger::Question& question);

// The same for programs, with or without a card. Times are RFC 3339, UTC; what is not on record is null.
boost::json::object story_json(const ledger::Stories& stories, const ledger::Question& question,
                               const Telling& telling);

}  // namespace cardvoid::report
