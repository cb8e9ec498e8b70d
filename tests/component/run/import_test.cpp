// An input that is read and added to the ledger at the same time.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cardvoid/input/source.hpp>
#include <cardvoid/ledger/queries.hpp>
#include <cardvoid/run/import.hpp>
#include <cardvoid/sqlite/connection.hpp>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "inserter.hpp"
#include "state.hpp"
#include "support/temp_folder.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;

  namespace {

  constexpr int k_batch = run::Inserter::k_records_of_a_batch;
  const auto never = [] { return false; };

  std::string line_of(int n) { return fmt::format("{},oA,pT,{}", 100'000 + n, "a  note"); }

  // A list and a results database. Line n + 1 of the list is line_of(n), if nothing else is written there.
  struct Desk {
    Desk() : ledger{*ledger::Ledger::open(file, "autumn", ledger::Access::create)} {}
    void write(int lines) {
      std::ofstream out{list};
      out << "code,openid,card_id,note\n";
      for (int n = 1; n <= lines; ++n) out << (n == odd_line - 1 ? odd : line_of(n)) << '\n';
    }
    std::unique_ptr<input::Source> source() const {
      model::Input input;
      input.csv = list, input.encoding = model::Encoding::utf8;
      return *input::open(input, {"1004", "pT", ""}, model::Api::partner, "");
    }
    Result<run::Imported> import(const std::function<bool()>& interrupted = never) {
      return run::import_from(*source(), ledger, interrupted);
    }
    std::string ask(const std::string& sql) const {
      const sqlite::Connection db{file, sqlite::Mode::read_only};
      sqlite::Statement statement{db, sql};
      statement.bind();
      return statement.step() ? std::string{statement.text(0)} : std::string{};
    }
    const support::TempFolder folder;
    const std::filesystem::path file = folder.path / "results.db", list = folder.path / "list.csv";
    std::string odd;
    int odd_line = 0;
    ledger::Ledger ledger;
  };

  // Its text is at hand, and it says what the test wants.
  struct Script : input::Source {
    Result<std::optional<input::Record>> next() override {
      if (++line > end) return at_end();
      return std::optional<input::Record>{
          model::InputRow{{"1004", "pT", std::to_string(line), "oA", ""}, line + 1}};
    }
    std::string_view raw() override { return {}; }
    bool has_raw_at_hand() const override { return true; }
    std::string line_of(const model::Card&) const override { return {}; }
    input::Dialect dialect() const override { return {}; }
    std::string description() const override { return "a script"; }
    int line = 0, end = 0;
    std::function<Result<std::optional<input::Record>>()> at_end;
  };

  }  // namespace

  TEST_CASE("import: every record comes in the order of the list and none is lost between two batches") {
    for (const int lines : {0, 1, k_batch - 1, k_batch, k_batch + 1, 4 * k_batch, 5 * k_batch + 7}) {
      CAPTURE(lines);
      Desk desk;
      desk.write(lines);
      const auto imported = desk.import();
      REQUIRE(imported.has_value());
      CHECK(imported->added == lines);
      CHECK(desk.ask("SELECT count(*) FROM row WHERE id = source_line - 1 AND code = 100000 + id") ==
            std::to_string(lines));
    }
  }

  TEST_CASE("import: a refused line is on record with its own text") {
    Desk desk;
    const int lines = 4 * k_batch;
    std::string expected;
    SUBCASE("by the source") {
      desk.odd_line = k_batch + 100, desk.odd = "7,o A,pT,\"x, \"\"y\"\"\"";
      expected = fmt::format("{} {}", desk.odd_line, desk.odd);
    }
    SUBCASE("by the ledger") {  // the earlier line is made again from its card
      desk.odd_line = 3 * k_batch, desk.odd = "100007,oB,pT,  as  it  stands";
      expected = fmt::format("8 100007,oA,pT, | {} {}", desk.odd_line, desk.odd);
    }
    desk.write(lines);
    REQUIRE(desk.import().has_value());
    CHECK(desk.ask("SELECT group_concat(source_line || ' ' || raw, ' | ') FROM (SELECT * FROM refused ORDER "
                   "BY source_line)") == expected);
  }

  TEST_CASE("import: lines so long that a few fill a batch are on record as they stand") {
    Desk desk;
    std::ofstream out{desk.list};
    out << "code,openid,card_id,note\n";
    const std::string note(60'000, 'x');
    for (int n = 1; n <= 40; ++n) out << 100'000 + n << ",o A,pT," << note << n << '\n' << line_of(n) << '\n';
    out.close();
    CHECK(desk.import()->added == 40);
    CHECK(
        desk.ask("SELECT count(*) FROM refused_line WHERE raw = (100000 + source_line / 2) || ',o A,pT,' || "
                 "printf('%.*c', 60000, 'x') || (source_line / 2)") == "40");
  }

  TEST_CASE("import: an error of the list names its line and nothing of it is kept") {
    Desk desk;
    desk.odd_line = 3 * k_batch + 5, desk.odd = "\xFF";
    desk.write(4 * k_batch);
    const auto imported = desk.import();
    REQUIRE(imported.has_error());
    CHECK(imported.error().code == Errc::bad_input);
    CHECK(imported.error().what.find(fmt::format(":{}: byte 0xFF", desk.odd_line)) != std::string::npos);
    CHECK(desk.ask("SELECT count(*) FROM row") == "0");
    desk.odd_line = 0;
    desk.write(2 * k_batch);
    CHECK(desk.import()->added == 2 * k_batch);
  }

  TEST_CASE("import: it stops where it is interrupted and nothing of it is kept") {
    Desk desk;
    desk.write(8 * k_batch);
    int questions = 0;
    const auto imported = desk.import([&] { return ++questions == 12; });
    REQUIRE(imported.has_error());
    CHECK(imported.error().code == Errc::stopped);
    CHECK(desk.ask("SELECT count(*) FROM row") == "0");
  }

  TEST_CASE("import: an error of the results ends the reading") {
    Desk desk;
    auto& db = desk.ledger.state().db;
    db.execute(fmt::format("PRAGMA max_page_count = {}", ledger::ask(db, "PRAGMA page_count") + 20));
    Script script;
    script.end = 100'000;
    const auto imported = run::import_from(script, desk.ledger, never);
    REQUIRE(imported.has_error());
    CHECK(imported.error().code == Errc::io);
    CHECK(script.line < script.end / 2);
  }

  TEST_CASE("import: what the source throws reaches the caller and no thread is left") {
    Desk desk;
    Script script;
    script.end = 3 * k_batch + 3;
    script.at_end = []() -> Result<std::optional<input::Record>> { throw std::runtime_error{"out of ink"}; };
    CHECK_THROWS_WITH((void)run::import_from(script, desk.ledger, never), "out of ink");
    CHECK(desk.ask("SELECT count(*) FROM row") == "0");
    script.line = 0;
    script.at_end = [] { return std::optional<input::Record>{}; };
    CHECK(run::import_from(script, desk.ledger, never)->added == script.end);
  }
}
