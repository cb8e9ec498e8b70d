#pragma once
// The built binary as a user or cron starts it: a process of its own, its words on both streams, its exit
// code.

#include <sys/types.h>

#include <cardvoid/base/file.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace cardvoid::support {

// Whether the memory that the program takes can be measured: under a sanitizer it is several times as much.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool k_has_usual_memory = false;
#else
inline constexpr bool k_has_usual_memory = true;
#endif

// How a process ended.
struct Ended {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
  std::string out, err;
};

struct Circumstances {
  std::string standard_input;                      // then its end; ignored on a terminal
  bool keeps_input_open = false;                   // no end, while the program runs
  std::string error_to;                            // a file that takes standard error; empty: it is collected
  std::map<std::string, std::string> environment;  // added to ours
  std::filesystem::path folder;                    // to start in; empty: ours
  std::optional<std::uint64_t> file_size_limit_bytes;  // no file may grow beyond it, as under a quota
  std::optional<std::uint64_t> open_files_limit;
  std::vector<int> closed_streams;  // of 0, 1 and 2, as with <&- and >&- in a shell
  std::optional<unsigned> umask;
  std::map<int, std::uint64_t> soft_limits;  // by RLIMIT_…
  bool on_terminal = false;  // all three streams are a terminal of 100 columns; what it shows is `out`

  void set_asan_option(const std::string& option);  // beside those of ours
};

// Killed at the end of its life if it still runs.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments, Circumstances circumstances = {});
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  // Waits for its end. The test fails, and the process is killed, when that takes longer.
  Ended wait(std::chrono::seconds patience = std::chrono::seconds{60});
  bool ends_within(std::chrono::milliseconds patience);
  void send_signal(int number);
  void type(std::string_view text);  // on its terminal
  // Waits until either stream has said this; the test fails after ten seconds.
  void wait_for_words(std::string_view words);
  std::string said();  // on both streams so far: out, then err
  pid_t pid() const { return pid_; }

 private:
  void collect(int fd, std::string& into);
  std::optional<int> poll_status(bool block);

  pid_t pid_ = -1;
  std::optional<int> status_;
  FileDescriptor terminal_, out_pipe_, err_pipe_, in_pipe_;
  std::mutex mutex_;  // guards the two texts
  std::condition_variable more_;
  std::string out_, err_;
  std::thread out_reader_, err_reader_, in_writer_;
};

// From start to end.
Ended run(std::vector<std::string> arguments, Circumstances circumstances = {});

}  // namespace cardvoid::support
