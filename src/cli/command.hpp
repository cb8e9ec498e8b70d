#pragma once
// What a command is: a value that says everything about it. Parsing, help, completions and the manual read
// nothing else. Each command is made by one function in a file of its own; commands.hpp lists
// them. Their texts are English, as translatable() marks them; the help speaks the language of the person.

#include <cardvoid/base/error.hpp>
#include <cardvoid/base/time.hpp>
#include <cardvoid/base/translate.hpp>
#include <cardvoid/model/shard.hpp>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "globals.hpp"

namespace cardvoid::cli {

class Console;

// Takes the text of a value. The error says what is expected; the parser puts the flag's name before it.
using Setter = std::function<Result<void>(const std::string&)>;

// What completions offer for a value that has no choices.
enum class ValueKind { text, job_file, file, folder };

struct Flag {
  std::string_view name;  // "--confirm"
  char letter = 0;        // 'o' for -o; 0: none
  std::string_view value =
      {};  // the name of its value, "FILE"; "[FILE]": it may be left out; empty: a switch
  std::string_view help;
  ValueKind kind = ValueKind::text;
  std::vector<std::string> choices = {};  // the only values there are; empty: any
  bool repeatable = false, required = false;
  std::string_view excludes = {};  // a flag that cannot stand beside it
  std::string_view group = {};     // heading in the help; empty: "Flags"
  Setter set = {};                 // of a value; of a switch that does more than to be on, which gets no text
  bool* is_on = nullptr;           // of a switch, and of a flag whose value may be left out

  bool is_switch() const { return value.empty(); }
};

struct Positional {
  std::string_view name;  // "JOB"
  std::string_view help;
  ValueKind kind = ValueKind::text;
  std::vector<std::string> choices = {};  // what completions offer; the setter refuses others
  bool required = true;
  Setter set = {};
  bool repeatable = false;  // the last one: one or more, each handed to the setter
};

struct Words {
  std::vector<Positional> positionals = {};
  std::vector<Flag> flags = {};
  // Of a command that takes --shard: what it was given, for the parser.
  std::shared_ptr<std::optional<model::Shard>> shard = {};
};

// One use of a command: what its words are, and what to do once they have been read. Holds its options.
struct Call {
  Words words;
  // After all words: what a single one cannot know. The error is told as it stands.
  std::function<Result<void>(const Globals&)> check;
  std::function<int(Console&)> run;  // returns the exit code
};

struct Example {
  std::string_view line;  // can be pasted into a shell
};

struct Meaning {
  int code;
  std::string_view text;
};

struct Command {
  std::string_view name;
  std::string_view group;       // heading in the list of commands
  std::string_view purpose;     // one line
  std::string_view about = {};  // paragraphs below the flags
  std::vector<Example> examples;
  std::vector<Meaning> exits = {};  // what exit codes mean here; others mean what exit_codes() says
  std::function<Call()> call;
};

// A command's `call`: its options start as `Options{}` and live as long as the Call.
template <class Options>
std::function<Call()> call_of(Words (*words)(Options&), int (*run)(Console&, const Options&),
                              Result<void> (*check)(Options&, const Globals&) = nullptr) {
  return [=] {
    const auto options = std::make_shared<Options>();
    Call call;
    call.words = words(*options);
    if (check) call.check = [=](const Globals& globals) { return check(*options, globals); };
    call.run = [=](Console& console) { return run(console, *options); };
    return call;
  };
}

// ---- setters ----

Setter into(std::string& text);
Setter into(std::filesystem::path& path);
Setter into(std::vector<std::string>& texts);
Setter into(milliseconds& duration);

// A flag that takes one of a few words, each of which stands for a value.
template <class T>
Flag choice(std::string_view name, std::string_view value, std::string_view help, T& target,
            std::vector<std::pair<std::string, T>> words) {
  Flag flag{.name = name, .value = value, .help = help};
  for (const auto& [word, ignored] : words) flag.choices.push_back(word);
  flag.set = [&target, words = std::move(words)](const std::string& text) -> Result<void> {
    for (const auto& [word, meant] : words)
      if (word == text) target = meant;
    return {};
  };
  return flag;
}

// A number, all of `text`; nullopt for anything else, infinity and NaN among it.
std::optional<double> to_number(const std::string& text);

template <class Number>
std::optional<Number> to_whole_number(const std::string& text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// ---- words that several commands have ----

Positional job_file(std::filesystem::path& file);
// The same words and --shard: of every command that opens the job's results database.
Words of_one_shard(Words words);
Flag accept_damage(bool& is_accepted);
Flag wait_lock(milliseconds& patience);
Flag max_duration(std::optional<milliseconds>& duration);

}  // namespace cardvoid::cli
