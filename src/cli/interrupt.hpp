#pragma once
// SIGINT, SIGTERM and SIGHUP while a command reads its input or asks its question; a run under way has its
// own way (run::execute).

#include <csignal>

namespace cardvoid::cli {

// From construction to destruction the signals only set a flag, and a blocking read returns with EINTR. An
// echo (base/signal_echo.hpp) sets none, and never ends the process, also later. One at a time.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();
  static bool has_come();
  // Waits until standard input can be read; false when a signal came first, even just before the wait.
  static bool input_comes_first();

 private:
  struct sigaction before_[3];
};

}  // namespace cardvoid::cli
