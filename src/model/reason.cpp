#include <cardvoid/base/local_time.hpp>
#include <cardvoid/model/reason.hpp>

namespace cardvoid::model {

std::string to_text(const ReasonToWait& reason) {
  auto text = reason.words;
  if (reason.since) text += " since " + format_local_full(*reason.since);
  if (reason.until) text += " until " + format_local_full(*reason.until);
  return text;
}

}  // namespace cardvoid::model
