// How well damage is told from what only looks like it: random lists of twelve kinds, as they are and after a
// spreadsheet. The table stands in docs/input.md.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "damage.hpp"

TEST_SUITE("unit") {
  using namespace cardvoid::input;

  namespace {

  using Codes = std::vector<std::string>;

  constexpr int k_lists = 500;  // of each kind and state: 10,000 in all
  constexpr std::uint64_t k_seed = 20261129;

  class Chance {
   public:
    explicit Chance(std::uint64_t seed) : bits_{seed} {}
    std::int64_t below(std::int64_t end) {
      return static_cast<std::int64_t>(bits_() % static_cast<std::uint64_t>(end));
    }
    bool happens(double share) { return static_cast<double>(bits_() >> 11) * 0x1p-53 < share; }
    // As many lists below ten times the least size as above.
    std::size_t size(double least, double most) {
      const auto where = static_cast<double>(bits_() >> 11) * 0x1p-53;
      return static_cast<std::size_t>(least * std::pow(most / least, where));
    }
    std::string digits(std::size_t count) {
      std::string text(count, '0');
      std::uint64_t rest = 0;
      for (std::size_t i = 0; i < count; ++i, rest /= 10) {
        if (i % 15 == 0) rest = bits_();
        text[i] = static_cast<char>('0' + rest % 10);
      }
      return text;
    }
    std::string number(std::size_t count) {  // without a leading zero
      auto text = digits(count);
      if (text[0] == '0') text[0] = static_cast<char>('1' + below(9));
      return text;
    }

   private:
    std::mt19937_64 bits_;
  };

  std::string with_check_digit(std::string code) {
    int sum = 0;
    for (std::size_t i = 0; i < code.size(); ++i) {
      const int digit = code[code.size() - 1 - i] - '0';
      sum += i % 2 == 1 ? digit : digit < 5 ? 2 * digit : 2 * digit - 9;
    }
    return code + static_cast<char>('0' + (10 - sum % 10) % 10);
  }

  Codes times(std::size_t count, const std::function<std::string()>& make) {
    Codes codes(count);
    std::generate(codes.begin(), codes.end(), make);
    return codes;
  }

  // What becomes of a code in a cell for numbers.
  std::string as_number(std::string code, bool keeps_all_digits) {
    code.erase(0, std::min(code.find_first_not_of('0'), code.size() - 1));
    if (!keeps_all_digits && code.size() > 15) std::fill(code.begin() + 15, code.end(), '0');
    return code;
  }

  struct Kind {
    const char* name;
    std::function<Codes(Chance&, std::size_t)> make;
    enum Loss { nothing, zeros, digits } loss;  // what a spreadsheet takes from it, if that can be known
  };

  Codes serial_numbers(Chance& chance, std::size_t count) {
    const auto most = static_cast<std::int64_t>(chance.size(2, 2e9));
    auto next = chance.happens(0.5) ? 1 : most;
    return times(count, [&] { return std::to_string(next++); });
  }

  Codes short_numbers(Chance& chance, std::size_t count) {
    const auto most = static_cast<std::int64_t>(chance.size(100, 1e7));
    return times(count, [&] { return std::to_string(1 + chance.below(most)); });
  }

  Codes prefixed_serial_numbers(Chance& chance, std::size_t count) {
    const auto prefix = chance.number(4);
    std::int64_t next = chance.below(2);
    return times(count, [&] { return fmt::format("{}{:016}", prefix, next++); });
  }

  // Mistyped ones lack a digit or two; a mobile number has 11 digits and begins with 1.
  Codes without_zeros_and_others(Chance& chance, std::size_t count) {
    const auto mistyped = static_cast<double>(chance.below(20)) / 1000;
    const auto mobile = static_cast<double>(chance.below(300)) / 1000;
    return times(count, [&] {
      auto code = chance.number(12);
      if (chance.happens(mobile)) return "1" + chance.digits(10);
      for (; chance.happens(mistyped); code.erase(static_cast<std::size_t>(1 + chance.below(10)), 1))
        continue;
      return code;
    });
  }

  // The platform's codes beside the merchant's own: of another length, or of the same with a prefix.
  Codes two_lengths(Chance& chance, std::size_t count) {
    const auto share = 0.3 + static_cast<double>(chance.below(41)) / 100;
    return times(count, [&] { return chance.digits(chance.happens(share) ? 12 : 24); });
  }

  Codes one_length_of_two_kinds(Chance& chance, std::size_t count) {
    const auto prefix = chance.number(4);
    const auto more = static_cast<double>(chance.below(67)) / 100;
    auto codes = times(count, [&] { return chance.digits(12); });
    for (std::size_t i = 0; i < count; ++i)
      if (chance.happens(more)) codes.push_back(prefix + chance.digits(8));
    return codes;
  }

  std::function<Codes(Chance&, std::size_t)> random_of(std::size_t digits) {
    return [digits](Chance& chance, std::size_t count) {
      return times(count, [&] { return chance.digits(digits); });
    };
  }

  const std::vector<Kind>& kinds() {
    static const std::vector<Kind> all{
        {"8 digits", random_of(8), Kind::zeros},
        {"12 digits", random_of(12), Kind::zeros},
        {"16 digits", random_of(16), Kind::digits},
        {"24 digits", random_of(24), Kind::digits},
        {"11 digits, the last one for checking",
         [](Chance& chance, std::size_t count) {
           return times(count, [&] { return with_check_digit(chance.digits(10)); });
         },
         Kind::zeros},
        {"12 and 24 digits", two_lengths, Kind::zeros},
        {"12 digits, and up to two with a prefix for three of them", one_length_of_two_kinds, Kind::zeros},
        {"20 digits, a prefix and serial numbers", prefixed_serial_numbers, Kind::digits},
        {"6 to 20 digits, none begins with 0",
         [](Chance& chance, std::size_t count) {
           const auto digits = static_cast<std::size_t>(6 + chance.below(15));
           return times(count, [&] { return chance.number(digits); });
         },
         Kind::nothing},
        {"serial numbers, from 1 or from anywhere", serial_numbers, Kind::nothing},
        {"own numbers up to 7 digits, a sample", short_numbers, Kind::nothing},
        {"12 digits without zeros, mobile numbers and mistyped ones among them", without_zeros_and_others,
         Kind::nothing}};
    return all;
  }

  struct Verdict {
    bool is_refused, is_remarked;
  };

  Verdict judge(const Codes& codes) {
    Damage damage;
    std::int64_t line = 1;
    for (const auto& code : codes) damage.note(Column::code, code, ++line);
    return {!damage.destroyed().empty(), !damage.doubtful().empty()};
  }

  struct Score {
    int lists = 0, refused = 0, remarked = 0;
    void add(const Verdict& verdict) {
      ++lists;
      refused += verdict.is_refused ? 1 : 0;
      remarked += !verdict.is_refused && verdict.is_remarked ? 1 : 0;
    }
  };

  Score intact(const Kind& kind, Chance& chance) {
    Score score;
    for (int i = 0; i < k_lists; ++i) score.add(judge(kind.make(chance, chance.size(20, 2000))));
    return score;
  }

  Score damaged(const Kind& kind, Chance& chance) {
    Score score;
    for (int i = 0; i < k_lists; ++i) {
      auto codes = kind.make(chance, chance.size(200, 2000));
      const bool keeps_all = kind.loss == Kind::zeros;
      for (auto& code : codes) code = as_number(std::move(code), keeps_all);
      score.add(judge(codes));
    }
    return score;
  }

  }  // namespace

  TEST_CASE("damage: of 10 thousand lists of twelve kinds it is told by evidence") {
    Chance chance{k_seed};
    Score all_intact, all_damaged;
    const auto add = [](Score& sum, const Score& one) {
      sum.lists += one.lists, sum.refused += one.refused, sum.remarked += one.remarked;
    };
    std::string table =
        "| codes | intact: refused | remark | damaged: taken | with a remark |\n|---|---|---|---|---|\n";
    for (const auto& kind : kinds()) {
      CAPTURE(kind.name);
      const auto sound = intact(kind, chance);
      add(all_intact, sound);
      table += fmt::format("| {} | {} of {} | {} |", kind.name, sound.refused, sound.lists, sound.remarked);
      CHECK(sound.refused * 100 < sound.lists);
      if (kind.loss == Kind::nothing) {
        table += " | |\n";
        continue;
      }
      const auto lost = damaged(kind, chance);
      add(all_damaged, lost);
      table += fmt::format(" {} of {} | {} |\n", lost.lists - lost.refused, lost.lists, lost.remarked);
      CHECK((lost.lists - lost.refused) * 100 < lost.lists);
    }
    std::cout << table
              << fmt::format("{} lists; {} of {} intact ones refused, {} of {} damaged ones taken\n",
                             all_intact.lists + all_damaged.lists, all_intact.refused, all_intact.lists,
                             all_damaged.lists - all_damaged.refused, all_damaged.lists);
    CHECK(all_intact.lists + all_damaged.lists == 10'000);
    CHECK(all_intact.refused * 1000 < all_intact.lists);
  }
}
