#include "interrupt.hpp"

#include <iterator>

namespace cardvoid::cli {

namespace {
constexpr int k_signals[] = {SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t came = 0;
void note(int) { came = 1; }
}  // namespace

Interrupt::Interrupt() {
  came = 0;
  struct sigaction noting {};
  noting.sa_handler = note;  // without SA_RESTART: the question's read ends
  for (std::size_t i = 0; i < std::size(k_signals); ++i) {
    ::sigaction(k_signals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(k_signals[i], &noting, nullptr);
  }
}

Interrupt::~Interrupt() {
  for (std::size_t i = 0; i < std::size(k_signals); ++i) ::sigaction(k_signals[i], &before_[i], nullptr);
}

bool Interrupt::has_come() { return came != 0; }

}  // namespace cardvoid::cli
