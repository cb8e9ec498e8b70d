// What comes through the steering socket, on either side, and the other JSON that is read back.

#include <boost/json.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/run/steering.hpp>
#include <cmath>

#include "fuzz/target.hpp"

namespace cardvoid::fuzz::steerings {

// Boost.JSON 1.81 may read the last bit of a number wrong, and the greatest ones as infinite.
static void check_rate(double written, double& read_back) {
  if (std::abs(written) > 1e300) return void(read_back = written);
  constexpr double k_exactness = 1e-15;
  require(std::abs(read_back - written) <= k_exactness * std::abs(written), "a rate reads back as it was");
  read_back = written;
}

FUZZ_TARGET(steering, "a command or an answer that is read and written reads back as it was") {
  if (const auto steering = run::steering_from_json(bytes)) {
    const auto text = run::as_json(*steering);
    auto again = run::steering_from_json(text);
    require(again || std::abs(steering->requests_per_second) > 1e300, "a command that was written is one");
    if (again) {
      check_rate(steering->requests_per_second, again->requests_per_second);
      require(run::as_json(*again) == text, "a command reads back as it was");
    }
    require(std::isfinite(steering->requests_per_second), "a rate is a number");
    require(!run::is_about_protection(steering->command) ||
                steering->who.code.empty() != steering->who.openid.empty(),
            "a protection names a code or a member");
  }
  if (const auto answer = run::steering_answer_from_json(bytes)) {
    const auto text = run::as_json(*answer);
    auto again = run::steering_answer_from_json(text);
    require(again.has_value(), "an answer that was written is one");
    check_rate(answer->requests_per_second, again->requests_per_second);
    require(run::as_json(*again) == text, "an answer reads back as it was");
  }
  (void)ledger::reasons_from_json(bytes);
}

}  // namespace cardvoid::fuzz::steerings
