#include "faults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "parties.hpp"

namespace cardvoid::sandbox {

namespace {

struct Word {
  Fault fault;
  std::string_view text;
};

constexpr std::array k_words{
    Word{Fault::system_error, "system_error"},
    Word{Fault::system_error_applied, "system_error_applied"},
    Word{Fault::throttle, "throttle"},
    Word{Fault::gateway, "gateway"},
    Word{Fault::reset, "reset"},
    Word{Fault::reset_applied, "reset_applied"},
    Word{Fault::no_answer, "no_answer"},
    Word{Fault::no_answer_applied, "no_answer_applied"},
    Word{Fault::bad_signature, "bad_signature"},
    Word{Fault::probe_signature, "probe_signature"},
    Word{Fault::stale_timestamp, "stale_timestamp"},
    Word{Fault::wrong_card, "wrong_card"},
    Word{Fault::wrong_openid, "wrong_openid"},
    Word{Fault::other_brand, "other_brand"},
    Word{Fault::not_invalid, "not_invalid"},
    Word{Fault::truncated, "truncated"},
    Word{Fault::slow, "slow"},
};

}  // namespace

std::string_view to_text(Fault fault) {
  const auto word =
      std::find_if(k_words.begin(), k_words.end(), [&](const Word& w) { return w.fault == fault; });
  return word == k_words.end() ? "?" : word->text;
}

std::optional<Fault> fault_from_text(std::string_view text) {
  std::string name{text};
  std::replace(name.begin(), name.end(), '-', '_');
  for (const auto& word : k_words)
    if (word.text == name) return word.fault;
  return std::nullopt;
}

Result<void> check_faults(const std::map<Fault, double>& faults) {
  double sum = 0;
  for (const auto& [fault, probability] : faults) {
    if (!(probability >= 0 && probability <= 1))
      return Error{Errc::usage,
                   fmt::format("fault {}: {} is not a probability (0 to 1)", to_text(fault), probability)};
    sum += probability;
  }
  if (sum > 1 + 1e-9)
    return Error{Errc::usage, fmt::format("the faults' probabilities add up to {}, above 1", sum)};
  return {};
}

std::optional<Fault> FaultDraw::next(model::AttemptKind kind, std::string_view code) {
  const auto key = mix(stable_hash(code) ^ static_cast<std::uint64_t>(kind));
  const auto nth = asked_[key]++;
  double draw = static_cast<double>(mix(mix(seed_) ^ mix(key + nth)) >> 11) * 0x1p-53;  // uniform in [0, 1)
  for (const auto& [fault, probability] : probabilities_) {
    if (draw < probability) return fault;
    draw -= probability;
  }
  return std::nullopt;
}

}  // namespace cardvoid::sandbox
