#pragma once
// One thread for work on a disk or in a folder that may hang, and a caller that waits only so long.

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include <cardvoid/base/time.hpp>

namespace cardvoid {

// At most one piece of work at a time: what hangs does not pile up. Work that hangs outlives this object and
// may end at any time later: it must own all that it touches.
class Errand {
 public:
  Errand() = default;
  Errand(const Errand&) = delete;
  Errand& operator=(const Errand&) = delete;
  ~Errand();

  // False: the work before is still under way, or no thread can be had; this is not begun.
  bool begin(std::function<void()> work);
  // Whether nothing is under way, at the latest after so long.
  bool wait(milliseconds patience);
  // Both. False: it is not done, and it may never be.
  bool run(std::function<void()> work, milliseconds patience) {
    return begin(std::move(work)) && wait(patience);
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::function<void()> work;  // until it is begun
    bool is_busy = false;        // until it is done
    bool is_over = false;
  };
  static void serve(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;  // from the first work on
};

}  // namespace cardvoid
