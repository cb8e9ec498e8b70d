#include <algorithm>
#include <array>
#include <cardvoid/ledger/forget.hpp>
#include <chrono>
#include <limits>
#include <random>
#include <utility>

#include "component/ledger/rig.hpp"
#include "state.hpp"

// A list in another order than the rows is sorted, and one with many new rows makes the index again.
// Both mean what they mean line by line.
TEST_SUITE("component") {
  using namespace cardvoid;
  using namespace cardvoid::ledger_test;

  namespace {

  constexpr std::int64_t k_never = std::numeric_limits<std::int64_t>::max();

  const WallTime k_later = k_now + std::chrono::hours{24 * 365};

  // A first list, what has become of some of its cards, and a second list.
  struct Lists {
    explicit Lists(unsigned seed) : random{seed} {
      const int cards = 20 + below(100);
      for (int i = 0; i < cards; ++i) first.push_back(card_of(i));
      std::shuffle(first.begin(), first.end(), random);
      const int lines = below(300);
      for (int i = 0; i < lines; ++i) {
        auto one = card_of(below(cards + below(cards)));  // some are new
        if (below(6) == 0) one.openid = "o" + std::to_string(below(3));
        if (below(6) == 0) one.reason = "because " + std::to_string(below(3));
        second.push_back(std::move(one));
      }
    }
    int below(int end) { return std::uniform_int_distribution{0, end - 1}(random); }
    static model::Card card_of(int i) {
      return {"100" + std::to_string(i % 2), "p" + std::to_string(i % 3), std::to_string(i), "o0",
              "because 0"};
    }
    std::mt19937 random;
    std::vector<model::Card> first, second;
  };

  struct Outcome {
    std::string counts, rows, order, refused, totals, fingerprint, ids;
  };

  Outcome import_both(unsigned seed, std::int64_t many_lines, std::size_t filter_words) {
    Lists lists{seed};
    const Books books;
    auto ledger = books.open();
    if (lists.below(3) == 0) {
      auto named = std::optional{model::Protection{.code = "3", .card_id = {}, .openid = {}, .brand_id = {}}};
      must(ledger::protect(ledger, [&]() -> Result<std::optional<model::Protection>> {
        return std::exchange(named, std::nullopt);
      }));
    }
    if (lists.below(8) > 0) import(ledger, lists.first);  // else the second list is a first import
    const auto next = [&] {
      return books.ask(
          "SELECT code FROM results WHERE status = 'pending' AND attempts = 0 AND held_back IS NULL "
          "ORDER BY code LIMIT 1");
    };
    for (const auto status : {Status::invalidated, Status::rejected, Status::unresolved, Status::pending})
      for (int i = lists.below(5); i > 0; --i)
        if (const auto code = next(); code.empty())
          break;
        else if (status == Status::pending)
          send_in_vain(ledger, code);
        else
          settle(ledger, code, status);
    if (lists.below(3) == 0) must(ledger::forget(ledger, k_later, k_later));
    ledger.state().many_lines = many_lines;
    ledger.state().filter_words = filter_words;
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    std::int64_t line = 1;
    for (const auto& one : lists.second) {
      must(under_way.add({one, ++line}));
      if (lists.below(40) == 0) must(under_way.refuse(++line, "code: empty", "line"));
    }
    Outcome outcome;
    const auto summary = must(under_way.finish("a list", k_now));
    outcome.counts =
        fmt::format("{} changed {} corrected {} repeatable {} left {}", counts(summary), summary.changed,
                    summary.corrected, summary.is_repeatable, summary.newly_left);
    outcome.rows = books.ask(
        "SELECT code || ',' || openid || ',' || reason || ',' || status || ',' || source_line || ',' || "
        "coalesce(held_back, '') FROM results ORDER BY brand_id, card_id, code");
    outcome.order = books.ask("SELECT iif(forgotten_at IS NULL, code, '') FROM row ORDER BY id");
    outcome.ids = books.ask("SELECT min(id) || '-' || max(id) || ' ' || count(*) FROM row");
    outcome.refused =
        books.ask("SELECT source_line || cause || raw FROM refused ORDER BY source_line, cause, raw");
    outcome.totals = counts(must(ledger::totals(ledger)));
    outcome.fingerprint = must(ledger::fingerprint(ledger));
    return outcome;
  }

  }  // namespace

  TEST_CASE("sorted lines: a list in another order means sorted what it means line by line") {
    for (unsigned seed = 1; seed <= 48; ++seed) {
      CAPTURE(seed);
      const bool is_filter_full = seed % 2 == 0;  // then nearly every card has to wait
      const std::size_t words = is_filter_full ? 1 : 1'000;
      const std::int64_t many_lines = std::array{1, 5, 40}[seed / 2 % 3];  // all wait, or some, or few
      const auto line_by_line = import_both(seed, k_never, words),
                 sorted = import_both(seed, many_lines, words);
      CHECK(sorted.counts == line_by_line.counts);
      CHECK(sorted.rows == line_by_line.rows);
      CHECK(sorted.refused == line_by_line.refused);
      CHECK(sorted.totals == line_by_line.totals);
      CHECK(sorted.fingerprint == line_by_line.fingerprint);
      if (is_filter_full) continue;  // what it took for known comes behind the others
      CHECK(sorted.order == line_by_line.order);
      CHECK(sorted.ids == line_by_line.ids);
    }
  }

  TEST_CASE("sorted lines: a list is sorted only when most of its lines are out of order") {
    for (const auto in_order : {1'000, 700, 100}) {
      CAPTURE(in_order);
      const Books books;
      auto ledger = books.open();
      std::vector<model::Card> cards;
      for (int i = 0; i < 1'000; ++i) cards.push_back(card(std::to_string(i)));
      import(ledger, cards);
      ledger.state().many_lines = 40;
      std::shuffle(cards.begin() + in_order, cards.end(), std::mt19937{1});
      auto under_way = must(Import::begin(ledger, k_now, as_line));
      std::int64_t line = 1;
      for (const auto& one : cards) must(under_way.add({one, ++line}));
      CHECK(ledger::ask(ledger.state().db, "SELECT count(*) FROM temp.sqlite_schema WHERE name = 'line'") ==
            int{in_order == 100});
      CHECK(must(under_way.finish("a list", k_now)).known == 1'000);
    }
  }

  TEST_CASE("sorted lines: an import that is given up leaves the rows as they were") {
    const Books books;
    auto ledger = books.open();
    import(ledger, {card("1"), card("2"), card("3")});
    ledger.state().many_lines = 1;
    auto under_way = must(Import::begin(ledger, k_now, as_line));
    for (const auto* code : {"3", "1", "2", "4"}) must(under_way.add({card(code, "oB"), 2}));
    give_up(std::move(under_way));
    CHECK(books.ask("SELECT code || openid FROM results ORDER BY code") == "1oA 2oA 3oA");
    CHECK(import(ledger, {card("3", "oB"), card("1"), card("2")}).known == 2);
    CHECK(books.ask("SELECT code || openid FROM results ORDER BY code") == "1oA 2oA 3oB");
  }
}
