#pragma once
// A request to stop may come as several signals: GNU timeout sends its own to the process and to the
// process's group, systemd may add SIGHUP, and a shell passes on what its terminal has sent already. Those
// that come within a second of the first are its echo, and mean nothing more.

namespace cardvoid {

// Of a signal that has just come. False for the first one, and for one that comes later than a second after
// it; such a one is the first for those that follow. Async-signal-safe.
bool is_signal_echo();

}  // namespace cardvoid
