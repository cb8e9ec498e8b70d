#pragma once
// A job file that is right, and verbs that make it wrong in one place.

#include <cardvoid/job/load.hpp>
#include <string>
#include <string_view>

namespace cardvoid::job::test {

// Line numbers matter to the tests: count from the first line of the text.
inline constexpr std::string_view k_right = R"(name = "gold"
[merchant]
mchid = "1900000001"
serial_no = "1dde55ad98e0"
private_key_file = "keys/apiclient_key.pem"
[platform]
public_key_id = "PUB_KEY_ID_0119"
public_key_file = "keys/wxp_pub.pem"
[input]
csv = "members.csv"
[safety]
acknowledge = "OPS-1: agreed"
)";

inline std::string with(std::string_view extra) { return std::string{k_right} + std::string{extra}; }

inline std::string replaced(std::string_view before, std::string_view after) {
  std::string text{k_right};
  text.replace(text.find(before), before.size(), after);
  return text;
}

// What the user would read; empty when the job is right.
inline std::string message(std::string_view toml, std::vector<std::string> set = {}) {
  const auto job = parse(toml, "jobs/gold.toml", {std::move(set), {}});
  return job ? "" : job.error().what;
}

}  // namespace cardvoid::job::test
