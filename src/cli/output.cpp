#include "output.hpp"

#include <unistd.h>

#include <boost/algorithm/string/replace.hpp>
#include <cardvoid/base/text.hpp>

namespace cardvoid::cli {

Output::Output(Console& console) : console_{&console}, is_terminal_{::isatty(STDOUT_FILENO) != 0} {}

Result<Output> Output::open(Console& console, const std::filesystem::path& file) {
  Output output{console};
  if (file.empty() || file == "-") return output;
  auto made = PrivateFile::create(file);
  if (!made) return made.error();
  output.file_.emplace(std::move(*made));
  return output;
}

void Output::write(std::string_view text) {
  if (file_) return file_->write(text);
  constexpr std::size_t k_block = 65'536;
  if (console_->has_lost_answer()) return;
  if (is_terminal_)
    pending_ += escape_lines(boost::algorithm::replace_all_copy(std::string{text}, "\r\n", "\n"));
  else
    pending_ += text;
  if (pending_.size() < k_block) return;
  (void)console_->answer(pending_);
  pending_.clear();
}

int Output::finish() {
  if (file_) {
    const auto done = file_->finish();
    return done ? 0 : console_->fail(done.error());
  }
  if (!console_->has_lost_answer() && console_->answer(pending_)) return 0;
  return static_cast<int>(Errc::io);
}

}  // namespace cardvoid::cli
