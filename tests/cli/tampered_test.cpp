// A results database or an input that somebody has prepared, in the hands of the program.

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <fstream>

#include "support/stage.hpp"
#include "support/tamper.hpp"

TEST_SUITE("cli") {
  using namespace cardvoid;
  using namespace cardvoid::support;

  namespace {}  // namespace

  TEST_CASE("tampered: a trigger that brings cards sends nothing and every command says so with 73") {
    const auto stage = stage_of(4);
    CHECK(stage.run("plan").exit_code == 0);
    tamper(stage.database(),
           "CREATE TRIGGER evil AFTER INSERT ON run BEGIN INSERT INTO row (brand_id, card_id, code, openid, "
           "reason, source_line) SELECT brand_id, card_id, 'victim', openid, '', 9 FROM row LIMIT 1; UPDATE "
           "import SET last_row = (SELECT max(id) FROM row); END");
    const auto page = (stage.dir / "page.html").string();
    const std::vector<std::pair<std::string, std::vector<std::string>>> commands{
        {"run", {"--yes"}},        {"plan", {}},
        {"reconcile", {}},         {"status", {}},
        {"report", {"-o", page}},  {"export", {}},
        {"show", {"--line", "2"}}, {"retry", {"--status", "rejected"}}};
    for (const auto& [command, flags] : commands) {
      CAPTURE(command);
      const auto ended = stage.run(command, flags);
      CHECK(ended.exit_code == 73);
      CHECK(ended.err.find("holds the trigger \"evil\", which is not cardvoid's; it is left as it is") !=
            std::string::npos);
    }
    CHECK(stage.sandbox->applied().empty());
  }

  TEST_CASE("tampered: a text of the database never moves the terminal") {
    const auto stage = stage_of(4);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    tamper(stage.database(),
           "UPDATE run SET ending = char(27) || '[2Jending' || char(0x202e), user = char(27) || ']0;x' || "
           "char(7), "
           "tripped_by = char(27) || '[2J', acknowledge = char(0x9b) || '2J'; UPDATE row SET status = "
           "'rejected', "
           "settled_by = NULL, error_code = char(27) || '[2JCODE', error_message = char(27) || '[2J', "
           "accepted_by = "
           "char(27) || '[1A', accepted_note = char(13) || 'note', accepted_at = 1, invalid_time = char(27) "
           "|| 'c', "
           "request_id = char(27) || '[5m'; UPDATE attempt SET error_code = char(27) || '[2J', request_id = "
           "char(8); "
           "UPDATE import SET source = char(27) || '[2J', file = char(27) || '[2J', read_by = char(27) || "
           "'[2J'; "
           "UPDATE shown_plan SET made_by = char(27) || 'c', confirmed_by = char(27) || 'c'");
    const auto page = (stage.dir / "page.html").string();
    const std::vector<std::pair<std::string, std::vector<std::string>>> commands{
        {"status", {}},
        {"status", {"--json"}},
        {"show", {"--line", "2"}},
        {"show", {"--line", "2", "--json"}},
        {"report", {"-o", page}},
        {"plan", {}},
        {"plan", {"--diff"}},
        {"run", {"--yes"}}};
    for (const auto& [command, flags] : commands) {
      CAPTURE(command);
      const auto ended = stage.run(command, flags);
      for (const auto* text : {&ended.out, &ended.err})
        for (const std::string_view bytes : {"\x1b", "\x07", "\x08", "\r", "\xc2\x9b", "\xe2\x80\xae"}) {
          const bool is_json = !flags.empty() && flags.back() == "--json";
          if (is_json && bytes.size() > 1) continue;  // text like any other there
          INFO(*text);
          CHECK(text->find(bytes) == std::string::npos);
        }
    }
  }

  TEST_CASE("tampered: a long text in the database or in the input takes no memory") {
    const auto stage = stage_of(4);
    CHECK(stage.run("run", {"--yes"}).exit_code == 0);
    tamper(
        stage.database(),
        "UPDATE row SET error_message = printf('%*c', 150000000, 'x') WHERE id = 2; UPDATE run SET ending = "
        "printf('%*c', 150000000, 'x')");
    const auto page = (stage.dir / "page.html").string();
    const std::vector<std::pair<std::string, std::vector<std::string>>> commands{
        {"run", {"--yes"}},       {"plan", {}},   {"status", {}},
        {"report", {"-o", page}}, {"export", {}}, {"show", {"--line", "3"}}};
    for (const auto& [command, flags] : commands) {
      CAPTURE(command);
      Circumstances small;
#ifndef __SANITIZE_ADDRESS__  // which wants terabytes
      small.soft_limits[RLIMIT_DATA] = 140'000'000;
#endif
      const auto ended = support::run(stage.words(command, flags), small);
      INFO(ended.err);
      CHECK((ended.exit_code == 73 || command == "run" || command == "plan"));
      CHECK(ended.exit_code != 70);
      CHECK(ended.signal == 0);
    }
  }
}
