#pragma once
// Questions to a person on a terminal; elsewhere the flags that would answer them.

#include <cardvoid/base/error.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::cli {

class Interview {
 public:
  // Does the answer do? The error is shown, and the question comes again.
  using Judge = std::function<Result<void>(const std::string& answer)>;

  struct Question {
    std::string_view flag;  // "--list FILE": answers it too
    std::string text;
    std::string proposal = {};  // taken for an empty answer; empty: there is none
    bool may_stay_open = false;
    Judge judge = {};
  };

  explicit Interview(bool asks) : asks_{asks} {}

  // An answer that is there already, from a flag, is only judged. Where no person can be asked, the flag is
  // noted as missing. Error: a flag's answer does not do, or the terminal has no more answers.
  Result<void> settle(std::string& answer, const Question& question);

  // Error (usage): names the missing flags, all at once.
  Result<void> finish() const;
  bool asks() const { return asks_; }
  bool is_complete() const { return missing_.empty(); }

 private:
  bool asks_;
  int asked_ = 0;
  std::vector<std::string> missing_;
};

}  // namespace cardvoid::cli
