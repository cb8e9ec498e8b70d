#pragma once
// Chooses the fault of each request. Pure: the same seed and requests give the same faults, in any order of
// arrival.

#include <boost/unordered/unordered_flat_map.hpp>
#include <cardvoid/base/error.hpp>
#include <cardvoid/sandbox/sandbox.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace cardvoid::sandbox {

// Error (usage) when a probability is not in [0, 1] or together they exceed 1.
Result<void> check_faults(const std::map<Fault, double>& faults);

class FaultDraw {
 public:
  explicit FaultDraw(std::uint64_t seed) : seed_{seed} {}
  void set(std::map<Fault, double> probabilities) { probabilities_ = std::move(probabilities); }

  // The fault of the next request of this kind for this code: depends only on the seed, the code and how
  // often it was asked before.
  std::optional<Fault> next(model::AttemptKind kind, std::string_view code);

 private:
  std::uint64_t seed_;
  std::map<Fault, double> probabilities_;
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> asked_;  // by hash: a collision only shifts a fault
};

}  // namespace cardvoid::sandbox
