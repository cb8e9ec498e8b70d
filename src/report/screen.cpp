#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cardvoid/base/text.hpp>
#include <cardvoid/report/screen.hpp>
#include <csignal>

namespace cardvoid::report {

namespace {

volatile std::sig_atomic_t was_resumed = 0;
struct sigaction before_us;

void note_resumed(int) { was_resumed = 1; }

// In a job that the shell has put into the background; what is no controlling terminal has no such jobs.
bool is_in_background(std::FILE* stream) {
  const auto group = ::tcgetpgrp(::fileno(stream));
  return group > 0 && group != ::getpgrp();
}

// Without what colours it.
std::size_t shown_width(std::string_view line) {
  std::string bare;
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\x1B') {
      while (at < line.size() && line[at] != 'm') ++at;
      continue;
    }
    bare += line[at];
  }
  return display_width(bare);
}

}  // namespace

Screen::Screen(std::FILE* stream) : stream_{stream} {
  was_resumed = 0;
  struct sigaction ours {};
  ours.sa_handler = note_resumed;
  ours.sa_flags = SA_RESTART;
  ::sigaction(SIGCONT, &ours, &before_us);
}

Screen::~Screen() { ::sigaction(SIGCONT, &before_us, nullptr); }

TerminalSize Screen::size() const {
  winsize size{};
  if (::ioctl(::fileno(stream_), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {};
  return {size.ws_col, size.ws_row > 0 ? size.ws_row : std::size_t{24}};
}

// A terminal that became narrower has broken our lines.
std::string Screen::to_top() const {
  const auto columns = size().columns;
  std::size_t rows = 0;
  for (const auto& line : shown_)
    rows += std::max<std::size_t>((shown_width(line) + columns - 1) / columns, 1);
  return rows > 1 ? fmt::format("\r\x1B[{}A", rows - 1) : "\r";
}

void Screen::forget_if_resumed() {
  if (was_resumed == 0) return;
  was_resumed = 0;
  shown_.clear();
}

void Screen::show(const std::vector<std::string>& lines) {
  if (is_in_background(stream_)) return;
  forget_if_resumed();
  const auto size_now = size();
  if (lines == shown_ && size_now == size_) return;
  std::string text;
  if (!shown_.empty()) text = to_top();
  const bool all = shown_.size() != lines.size() || size_now != size_;
  if (!shown_.empty() && all) text += "\x1B[J";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) text += "\r\n";
    if (all || lines[i] != shown_[i]) text += lines[i] + (all ? "" : "\x1B[K");
  }
  // On the last line the cursor is where it began if that has not changed.
  shown_ = lines, size_ = size_now;
  put(stream_, text);
}

void Screen::print(std::string_view line) {
  forget_if_resumed();
  std::string text;
  if (!shown_.empty()) text = to_top() + "\x1B[J";
  shown_.clear();
  put(stream_, text.append(line) + "\n");
}

void Screen::clear() {
  forget_if_resumed();
  if (!shown_.empty()) put(stream_, to_top() + "\x1B[J");
  shown_.clear();
}

}  // namespace cardvoid::report
