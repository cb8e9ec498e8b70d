#pragma once
// A block of lines at the bottom of a terminal that is redrawn in place, and messages that scroll away
// above it.

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace cardvoid::report {

struct TerminalSize {
  std::size_t columns = 80, rows = 24;
  bool operator==(const TerminalSize&) const = default;
};

// Not thread-safe. While it lives, it hears SIGCONT: after a stop the shell has written where the block was.
// There is one at a time.
class Screen {
 public:
  explicit Screen(std::FILE* stream);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  TerminalSize size() const;  // at this moment; 80 × 24 when it has none
  // Draws what differs from what is there, with one write. Does nothing while another job has the terminal.
  // Each line must be narrower than the terminal.
  void show(const std::vector<std::string>& lines);
  // A line above the block, which is away until the next show().
  void print(std::string_view line);
  // Takes the block away.
  void clear();

 private:
  std::string to_top() const;
  void forget_if_resumed();

  std::FILE* stream_;
  std::vector<std::string> shown_;  // with the cursor at the end of the last
  TerminalSize size_;               // when that was drawn
};

}  // namespace cardvoid::report
