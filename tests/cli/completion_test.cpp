// Completions in real shells, and the manual page.

#include <doctest/doctest.h>

#include <algorithm>
#include <ostream>
#include <set>
#include <sstream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  using Offered = std::set<std::string>;

  std::string output_of(const std::string& command) {
    std::FILE* const pipe = ::popen(command.c_str(), "re");
    REQUIRE(pipe != nullptr);
    std::string text;
    char buffer[4096];
    while (const auto got = std::fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, got);
    CHECK_MESSAGE(::pclose(pipe) == 0, command);
    return text;
  }

  bool is_there(const std::string& program) {
    return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
  }

  Offered lines_of(const std::string& text) {
    Offered lines;
    std::istringstream stream{text};
    for (std::string line; std::getline(stream, line);)
      if (!line.empty()) lines.insert(line.substr(0, line.find('\t')));  // fish: then a description
    return lines;
  }

  bool has_all(const Offered& offered, const Offered& expected) {
    return std::includes(offered.begin(), offered.end(), expected.begin(), expected.end());
  }

  // A folder with the script, a job file and others.
  struct Desk {
    explicit Desk(const std::string& shell) : script{(folder.path / "script").string()} {
      const auto made = support::run({"completion", shell});
      CHECK(made.exit_code == 0);
      CHECK(made.err.empty());
      const auto put = [&](const std::string& name, std::string_view text) { folder.write(name, text); };
      put("script", made.out);
      put("gold.toml", "");
      put("members.csv", "");
      std::filesystem::create_directory(folder.path / "jobs");
    }
    TempFolder folder;
    std::string script;
  };

  // What bash offers for the last of these words, split as it splits them.
  Offered bash_offers(const Desk& desk, const std::string& words) {
    return lines_of(output_of("cd '" + desk.folder.path.string() +
                              "' && bash --norc -c 'set -u; source ./script; COMP_WORDS=(" + words +
                              "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _cardvoid; printf \"%s\\n\" " +
                              "\"${COMPREPLY[@]}\"'"));
  }

  }  // namespace

  TEST_CASE("completion: bash completes commands and flags and choices and job files") {
    const Desk desk{"bash"};
    const auto offers = [&](const std::string& words) { return bash_offers(desk, words); };
    CHECK(has_all(offers("cardvoid \"\""), {"check", "plan", "run", "export", "help", "completion"}));
    CHECK(offers("cardvoid re") == Offered{"rehearse", "reconcile", "resume", "report", "retry"});
    CHECK(offers("cardvoid run \"\"") == Offered{"gold.toml", "jobs"});
    CHECK(offers("cardvoid run go") == Offered{"gold.toml"});
    CHECK(offers("cardvoid run m") == Offered{"members.csv"});  // no job file begins so
    CHECK(offers("cardvoid run gold.toml --co") == Offered{"--confirm"});
    CHECK(has_all(offers("cardvoid run gold.toml --"), {"--yes", "--limit", "--set", "--lang", "--help"}));
    CHECK_FALSE(offers("cardvoid plan gold.toml --").contains("--yes"));
    CHECK(offers("cardvoid export gold.toml --format \"\"") == Offered{"csv", "jsonl"});
    CHECK(offers("cardvoid export gold.toml --format = j") == Offered{"jsonl"});
    CHECK(offers("cardvoid export gold.toml --format = ") == Offered{"csv", "jsonl"});
    CHECK(offers("cardvoid --lang z") == Offered{"zh"});
    CHECK(offers("cardvoid --lang zh --set a=b --results = x.db pl") == Offered{"plan"});
    CHECK(offers("cardvoid export gold.toml -o m") == Offered{"members.csv"});
    CHECK(offers("cardvoid run gold.toml --limit \"\"").empty());
    CHECK(offers("cardvoid rate gold.toml \"\"").empty());
    CHECK(offers("cardvoid sandbox --dir \"\"") == Offered{"jobs"});
    CHECK(offers("cardvoid completion \"\"") == Offered{"bash", "zsh", "fish"});
    CHECK(offers("cardvoid help re").contains("retry"));
    CHECK(offers("cardvoid plan gold.toml --diff --pa") == Offered{"--page"});
  }

  TEST_CASE("completion: bash offers every flag that the help of a command has") {
    const Desk desk{"bash"};
    const auto flags_of = [](const std::string& page) {
      Offered flags;
      std::istringstream words{page};
      for (std::string word; words >> word;)
        if (word.starts_with("--") && word.size() > 2 && std::islower(static_cast<unsigned char>(word[2])))
          flags.insert(word);
      return flags;
    };
    const auto offered = bash_offers(desk, "cardvoid \"\"");
    CHECK(offered.size() >= 19);
    for (const auto& command : offered) {
      CAPTURE(command);
      const auto help = support::run({"help", command}).out;
      std::string labels;
      std::istringstream lines{help.substr(help.find("\n\n"))};
      for (std::string line; std::getline(lines, line);)
        if (line.starts_with("  -")) labels += line.substr(0, line.find("  ", 2)) + "\n";
      CHECK(has_all(bash_offers(desk, "cardvoid " + command + " --"), flags_of(labels)));
    }
  }

  TEST_CASE("completion: fish completes commands and flags and choices and job files") {
    const Desk desk{"fish"};
    if (!is_there("fish")) {
      MESSAGE("not checked: this machine has no fish; scripts/setup installs it");
      return;
    }
    const auto offers = [&](const std::string& line) {
      return lines_of(output_of("cd '" + desk.folder.path.string() +
                                "' && HOME=$PWD fish --no-config -c 'source ./script; complete -C \"" + line +
                                "\"'"));
    };
    output_of("fish -n '" + desk.script + "'");
    CHECK(offers("cardvoid re") == Offered{"rehearse", "reconcile", "resume", "report", "retry"});
    CHECK(offers("cardvoid run go") == Offered{"gold.toml"});
    CHECK(offers("cardvoid run gold.toml --co") == Offered{"--confirm"});
    CHECK_FALSE(offers("cardvoid plan gold.toml --").contains("--yes"));
    CHECK(offers("cardvoid --lang zh export gold.toml --format ") == Offered{"csv", "jsonl"});
    CHECK(offers("cardvoid --lang z") == Offered{"zh"});
    CHECK(offers("cardvoid completion ") == Offered{"bash", "zsh", "fish"});
  }

  TEST_CASE("completion: zsh completes commands and flags and choices and job files") {
    const Desk desk{"zsh"};
    if (!is_there("zsh")) {
      MESSAGE("not checked: this machine has no zsh; scripts/setup installs it");
      return;
    }
    output_of("zsh -n '" + desk.script + "'");
    // A zsh on a terminal of its own: what it lists for TAB. It is done when the word $2 has appeared.
    desk.folder.write("ask.zsh",
                      "zmodload zsh/zpty\n"
                      "zpty z 'TERM=dumb PS1= zsh -f -i'\n"
                      "zpty -w z \"LINES=500 COLUMNS=200; autoload -U compinit; compinit -u -d ./dump; \"\\\n"
                      "\"source ./script; LISTMAX=1000; bindkey '^I' list-choices; echo rea''dy\"\n"
                      "zpty -r z out '*ready*'\n"
                      "zpty -n -w z \"$1\"$'\\t'\n"
                      "zpty -r z out \"*$2*\"; print -r -- $out\n"
                      "zpty -n -w z $'\\x15'; zpty -w z \"echo do''ne\"\n"
                      "zpty -r z out '*done*'; print -r -- $out\n");
    const auto says = [&](const std::string& line, const std::vector<std::string>& expected,
                          const std::string& absent = "no such word") {
      const auto text = output_of("cd '" + desk.folder.path.string() + "' && zsh -f ask.zsh '" + line +
                                  "' '" + expected.back() + "'");
      CAPTURE(line);
      CAPTURE(text);
      for (const auto& word : expected) CHECK(text.find(word) != std::string::npos);
      CHECK(text.find(absent) == std::string::npos);
    };
    says("cardvoid re", {"rehearse", "reconcile", "resume", "report", "retry"}, "export");
    says("cardvoid run ", {"gold.toml"}, "members.csv");
    says("cardvoid run gold.toml --", {"--confirm", "--lang", "--yes"}, "--excel");
    says("cardvoid export gold.toml --format ", {"csv", "jsonl"});
    says("cardvoid --lang ", {"zh", "auto"});
  }

  TEST_CASE("completion: another shell is a usage error") {
    const auto ended = support::run({"completion", "tcsh"});
    CHECK(ended.exit_code == 64);
    CHECK(ended.err.find("tcsh: expected bash, zsh or fish") != std::string::npos);
    CHECK(support::run({"completion"}).exit_code == 64);
  }

  TEST_CASE(
      "manual: the page names every command and flag and variable and exit code and is free of faults") {
    const auto made = support::run({"help", "--man"});
    CHECK(made.exit_code == 0);
    CHECK(std::all_of(made.out.begin(), made.out.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
    TempFolder folder;
    const auto file = (folder.path / "cardvoid.1").string();
    folder.write("cardvoid.1", made.out);
    for (const std::string word : {".SH NAME", ".SH SYNOPSIS", ".SS cardvoid run JOB", "\\-\\-confirm",
                                   "CARDVOID_LOG_LEVEL", ".SH EXIT STATUS", "\\-\\-lang"})
      CHECK_MESSAGE(made.out.find(word) != std::string::npos, word);
    if (is_there("mandoc")) CHECK(output_of("mandoc -T lint -W warning '" + file + "' 2>&1").empty());
    if (is_there("groff")) CHECK(output_of("groff -man -ww -z -T utf8 '" + file + "' 2>&1").empty());
    if (is_there("man"))
      CHECK(output_of("MANWIDTH=100 man -P cat -l '" + file + "'").find("cardvoid check gold.toml") !=
            std::string::npos);
  }
}
