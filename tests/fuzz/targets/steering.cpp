// What comes through the steering socket, on either side, and the other JSON that is read back.

#include <boost/json.hpp>
#include <cardvoid/ledger/run_log.hpp>
#include <cardvoid/run/steering.hpp>
#include <cmath>

#include "fuzz/target.hpp"

namespace cardvoid::fuzz::steerings {

FUZZ_TARGET(steering, "a command or an answer that is read and written reads back as it was") {
  if (const auto steering = run::steering_from_json(bytes)) {
    const auto text = run::as_json(*steering);
    const auto again = run::steering_from_json(text);
    require(again && run::as_json(*again) == text, "a command reads back as it was");
    require(std::isfinite(steering->requests_per_second), "a rate is a number");
    require(!run::is_about_protection(steering->command) ||
                steering->who.code.empty() != steering->who.openid.empty(),
            "a protection names a code or a member");
  }
  if (const auto answer = run::steering_answer_from_json(bytes)) {
    const auto text = run::as_json(*answer);
    const auto again = run::steering_answer_from_json(text);
    require(again && run::as_json(*again) == text, "an answer reads back as it was");
  }
  (void)ledger::reasons_from_json(bytes);
}

}  // namespace cardvoid::fuzz::steerings
