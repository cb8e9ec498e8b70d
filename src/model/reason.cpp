#include <cardvoid/model/reason.hpp>

namespace cardvoid::model {

std::string to_text(const ReasonToWait& reason) {
  auto text = reason.words;
  if (reason.since) text += " since " + format_rfc3339(*reason.since);
  if (reason.until) text += " until " + format_rfc3339(*reason.until);
  return text;
}

}  // namespace cardvoid::model
