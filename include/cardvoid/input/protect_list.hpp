#pragma once
// safety.protect: cards that must never be sent, as a CSV file (model::Protection). Stricter than the
// input: a line that matches no card would protect no one, and that would go unnoticed.

#include <cardvoid/base/error.hpp>
#include <cardvoid/input/source.hpp>
#include <cardvoid/model/row.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace cardvoid::input {

class ProtectList {
 public:
  // Any of the columns code, card_id, openid and brand_id, in any order, under our names or those that
  // `input.columns` has for them; others are ignored. UTF-8; comma, semicolon or tab, found from the header.
  // `input` also says whether wrappers are undone and damage is accepted. Errors: what `read` says,
  // bad_input.
  static Result<ProtectList> read(ReadBytes read, std::string name, const model::Input& input);

  // The same of a file, which may also be GB18030 or, with a byte order mark, UTF-16. Error: no_input (66)
  // when it cannot be opened.
  static Result<ProtectList> open(const std::filesystem::path& file, const model::Input& input);

  ProtectList(ProtectList&&) noexcept;
  ProtectList& operator=(ProtectList&&) noexcept;
  ~ProtectList();

  // nullopt at the end. Error: bad_input (65) with file and line.
  Result<std::optional<model::Protection>> next();

  // At the end: what looks like damage, but is not certain; empty: nothing does.
  std::string doubtful() const;

 private:
  class State;
  explicit ProtectList(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cardvoid::input
