// The commands that the pages show in blocks are typed as they stand there.

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <set>
#include <sstream>

#include "support/stage.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {

  namespace fs = std::filesystem;

  const fs::path k_root = fs::path{CARDVOID_DATA}.parent_path().parent_path();
  constexpr const char* k_code = "478515832665";
  constexpr const char* k_openid = "oXbLatjvWOibDc5M2pxb1Q9zN01";

  // The words of a line as a shell takes them; what stands behind # is left out.
  std::vector<std::string> words_of(const std::string& line) {
    std::vector<std::string> words;
    std::string word;
    bool is_quoted = false, is_word = false;
    for (const char c : line + " ") {
      if (c == '"')
        is_quoted = !is_quoted, is_word = true;
      else if (c != ' ' || is_quoted) {
        if (c == '#' && !is_word) break;
        word += c, is_word = true;
      } else if (is_word) {
        words.push_back(std::exchange(word, {}));
        is_word = false;
      }
    }
    return words;
  }

  // Without the name of the program.
  std::vector<std::vector<std::string>> commands_of(const fs::path& page) {
    std::istringstream lines{read_file(page, 1 << 20, Errc::no_input).value()};
    std::vector<std::vector<std::string>> commands;
    bool is_block = false;
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("```")) is_block = !is_block;
      if (!is_block || !line.starts_with("cardvoid ")) continue;
      auto words = words_of(line);
      words.erase(words.begin());
      commands.push_back(std::move(words));
    }
    return commands;
  }

  std::vector<fs::path> pages() {
    std::vector<fs::path> pages{k_root / "README.md", k_root / "README.zh-CN.md"};
    for (const auto& entry : fs::recursive_directory_iterator{k_root / "docs"})
      if (entry.path().extension() == ".md") pages.push_back(entry.path());
    std::sort(pages.begin(), pages.end());
    return pages;
  }

  // Of the plan as it stands.
  std::string fingerprint(const Stage& stage) {
    const auto plan = stage.run("plan").out;
    const auto at = plan.find("\nfingerprint ");
    return at == std::string::npos ? "00000000" : plan.substr(at + 13, 12);
  }

  // With what the reader has to put in.
  std::vector<std::string> filled_in(std::vector<std::string> words, const Stage& stage) {
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] == "3f9c2a1e") words[i] = fingerprint(stage);
      if (i > 0 && words[i - 1] == "--code") words[i] = k_code;
      if (i > 0 && words[i - 1] == "--openid") words[i] = k_openid;
    }
    std::erase(words, "--watch");  // it has no end
    return words;
  }

  }  // namespace

  TEST_CASE("docs: every command in a block does what its page says") {
    // What prepares, sends or tells must be done; others say why they cannot be, and were understood.
    const std::set<std::string> done{"check", "plan", "status", "show", "reconcile", "export", "report"};
    std::set<std::vector<std::string>> rehearsed;
    std::set<std::string> seen;
    for (const auto& page : pages()) {
      const auto commands = commands_of(page);
      if (commands.empty()) continue;
      auto list = plain_members(15);
      list += std::string{k_code} + ",pbLatjvWOibDc5-TBnbUk1pD12o0," + k_openid + ",\r\n";
      const Stage stage{sandbox::plain_settings(), {{"members.csv", list}}};
      fs::copy_file(stage.job(), stage.dir / "gold.toml");
      Circumstances circumstances;
      circumstances.folder = stage.dir;
      const bool has_run = std::any_of(commands.begin(), commands.end(),
                                       [](const auto& words) { return words.front() == "plan"; });
      if (!has_run) REQUIRE(stage.run("run", {"--yes"}).exit_code == 0);
      for (const auto& command : commands) {
        if (command.front() == "rehearse" && !rehearsed.insert(command).second) continue;
        const auto words = filled_in(command, stage);
        const auto ended = run(words, circumstances);
        std::string line = "cardvoid";
        for (const auto& word : words) line += " " + word;
        INFO(page.string() << ": " << line << "\n" << ended.out << ended.err);
        CHECK(ended.signal == 0);
        for (const int misunderstood : {64, 70, 77, 78}) CHECK(ended.exit_code != misunderstood);
        if (done.contains(command.front())) CHECK(ended.exit_code == 0);
        if (command.front() == "rehearse") CHECK(ended.exit_code <= 1);
        seen.insert(page.filename().string() + " " + command.front());
      }
    }
    for (const auto* each : {"README.md plan", "README.md run", "first-job.md rehearse", "complaint.md show"})
      CHECK_MESSAGE(seen.contains(each), each);
  }
}
