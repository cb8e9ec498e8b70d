#pragma once
// What `check` finds out, a line for each thing it looks at.

#include <cardvoid/base/error.hpp>
#include <cardvoid/model/job.hpp>
#include <cardvoid/model/row.hpp>
#include <cardvoid/run/execute.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cardvoid::cli {

struct Finding {
  enum Level { fine, warning, fault, skipped } level = fine;
  std::string subject, text;
  Errc code = Errc::internal;  // of a fault
};

inline Finding fine(std::string subject, std::string text) {
  return {Finding::fine, std::move(subject), std::move(text)};
}
inline Finding warning(std::string subject, std::string text) {
  return {Finding::warning, std::move(subject), std::move(text)};
}
inline Finding skipped(std::string subject, std::string text) {
  return {Finding::skipped, std::move(subject), std::move(text)};
}
inline Finding fault(std::string subject, const Error& error) {
  return {Finding::fault, std::move(subject), error.what, error.code};
}

using Findings = std::vector<Finding>;

// The key files: readable, but not by others; ours and the platform's not mixed up; and the certificate that
// belongs to the private key. Returns both keys when they can be used.
std::optional<run::Credentials> look_at_keys(const model::Job& job, Findings& findings);

// Which cards a read-back may ask for, and whether it may at all.
struct ReadBackMatter {
  const run::Credentials* keys = nullptr;  // null: unusable
  std::vector<model::Card> cards;          // tried in turn until one proves what is to be proven
  bool are_to_send = false;                // so that INVALID is not what is expected of them
  std::optional<WallTime> last_sent_at;
};

// The endpoints – names, TLS, clocks – and one signed read-back. Invalidates nothing, writes nothing.
void look_at_platform(const model::Job& job, const ReadBackMatter& matter, Findings& findings);

}  // namespace cardvoid::cli
