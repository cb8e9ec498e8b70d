#include <cardvoid/ledger/protection.hpp>
#include "component/ledger/rig.hpp"

#include "state.hpp"

TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  const std::string k_recipe = "settings bytes";

  ledger::ImportSummary import_by_recipe(Ledger& ledger, const std::vector<model::Card>& cards) {
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    std::int64_t line = 1;
    for (const auto& one : cards) must(under_way.add({one, ++line}));
    return must(
        under_way.finish("a list", k_now, {"list.csv", {}, "bytes"}, "olga", {k_recipe, {"look here"}}));
  }

  bool is_unchanged(Ledger& ledger, const std::string& recipe = k_recipe) {
    return must(ledger::unchanged_since_import(ledger, recipe)).has_value();
  }

  // The rows of the plan and their counts as they are kept.
  bool keeps_the_right_counts(Ledger& ledger) {
    return must(ledger::totals(ledger)) == must(ledger::recounted_totals(ledger));
  }

  }  // namespace

  TEST_CASE("unchanged: the same list with the same settings needs no import and is told as one") {
    const Books books;
    auto ledger = books.open();
    CHECK_FALSE(is_unchanged(ledger));
    import_by_recipe(ledger, {card("1"), card("2"), card("2"), card("3")});
    const auto last = must(ledger::unchanged_since_import(ledger, k_recipe));
    REQUIRE(last);
    CHECK(counts(last->summary) == "lines 4 added 0 known 3 duplicates 1 refused 0 conflicts 0 vanished 0/0");
    CHECK(counts(import_by_recipe(ledger, {card("1"), card("2"), card("2"), card("3")})) ==
          counts(last->summary));
    CHECK(last->summary.file.name == "list.csv");
    CHECK(last->summary.read_by == "olga");
    CHECK(last->remarks == std::vector<std::string>{"look here"});
    CHECK_FALSE(is_unchanged(ledger, "settings other bytes"));
    import(ledger, {card("1"), card("2"), card("3")});  // of an input that has no digest
    CHECK_FALSE(is_unchanged(ledger));
  }

  TEST_CASE("unchanged: a list that differs from what was sent or leaves cards out is imported each time") {
    const Books books;
    auto ledger = books.open();
    import_by_recipe(ledger, {card("1"), card("2", "oA"), card("3")});
    SUBCASE("another openid") { import_by_recipe(ledger, {card("1"), card("2", "oB"), card("3")}); }
    SUBCASE("a card less") { import_by_recipe(ledger, {card("1"), card("2", "oA")}); }
    SUBCASE("a card twice with two reasons") {
      import_by_recipe(ledger, {card("1"), card("2", "oA"), card("3"), card("3", "oA", "other")});
    }
    CHECK_FALSE(is_unchanged(ledger));
  }

  TEST_CASE("unchanged: what retry and protect have done makes the next run import") {
    const Books books;
    auto ledger = books.open();
    import_by_recipe(ledger, {card("1"), card("2")});
    SUBCASE("retry") {
      const auto row = id_of(ledger, "1");
      send(ledger, intent(row));
      must(ledger::begin_changes(ledger));
      model::Ruling rejected;
      rejected.status = model::Status::rejected;
      must(ledger::close_attempt(ledger, attempt(row, 1, model::OutcomeKind::refused, 400, "X"), rejected));
      must(ledger::commit_changes(ledger));
      CHECK(is_unchanged(ledger));  // a run is no reason
      must(ledger::put_back(
          ledger, {.status = model::Status::rejected, .codes = {}, .list = {}, .at = k_now, .by = "olga"}));
    }
    SUBCASE("protect") {
      must(ledger::begin_changes(ledger));
      must(ledger::add_protection(ledger, {"1", {}}, {"olga", k_now, "asked"}, std::nullopt,
                                  [](const auto&) {}));
      must(ledger::commit_changes(ledger));
    }
    SUBCASE("protect --remove") {
      must(ledger::begin_changes(ledger));
      must(ledger::remove_protection(ledger, {"1", {}}, {"olga", k_now, "asked"}));
      must(ledger::commit_changes(ledger));
    }
    CHECK_FALSE(is_unchanged(ledger));
    CHECK(keeps_the_right_counts(ledger));
  }

  TEST_CASE("totals: those that are kept follow every step of a row and every command") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3"), card("4")});
    CHECK(must(ledger::totals(ledger)).pending == 4);
    const auto row = id_of(ledger, "1"), other = id_of(ledger, "2");
    send(ledger, intent(row));
    CHECK(must(ledger::totals(ledger)).in_flight == 1);
    CHECK(keeps_the_right_counts(ledger));

    model::Ruling ruling;
    ruling.status = model::Status::invalidated, ruling.settled_by = model::SettledBy::answer;
    must(ledger::begin_changes(ledger));
    must(ledger::close_attempt(ledger, attempt(row, 1, model::OutcomeKind::confirmed, 200), ruling));
    must(ledger::open_attempt(ledger, intent(other)));
    must(ledger::withdraw_attempt(ledger, other, 1, model::Status::pending));
    must(ledger::commit_changes(ledger));
    CHECK(must(ledger::totals(ledger)).invalidated == 1);
    CHECK(keeps_the_right_counts(ledger));
    CHECK(books.ask("SELECT sum(rows) FROM tally") == "4");

    import(ledger, {card("1"), card("2"), card("5")});
    CHECK(must(ledger::totals(ledger)).left == 2);
    CHECK(keeps_the_right_counts(ledger));
  }

  TEST_CASE("totals: a batch that is not committed counts for nothing") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2")});
    CHECK(must(ledger::totals(ledger)).pending == 2);
    must(ledger::begin_changes(ledger));
    must(ledger::open_attempt(ledger, intent(id_of(ledger, "1"))));
    REQUIRE(sqlite3_exec(ledger.state().db.get(), "ROLLBACK", nullptr, nullptr, nullptr) == SQLITE_OK);
    send(ledger, intent(id_of(ledger, "2")));
    CHECK(must(ledger::totals(ledger)).in_flight == 1);
    CHECK(keeps_the_right_counts(ledger));
  }
}
