// Timer: calls its owner back on a libuv loop, once or again and again. A member of its owner: what libuv
// holds of it lives on the heap until the loop has closed it, so the owner may go at any time, even inside
// the call, if only the loop runs once more. The loop's thread only; never calls back from inside a call of
// this class.

#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>

namespace shoal::node {

class Timer {
 public:
  // Inactive at first.
  Timer(uv_loop_t* loop, std::function<void()> run);
  ~Timer() { close(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Runs `after_ms` from now, then every `repeat_ms`; 0: once. Whatever was planned before is not.
  void start(uint64_t after_ms, uint64_t repeat_ms = 0);
  // Runs every so many seconds, at whole seconds of the loop's clock: all that do so wake their thread
  // together. The first time comes within as many seconds.
  void start_every_s(uint64_t seconds);
  // Runs once, at the next whole second.
  void start_at_second();
  void stop();
  bool is_active() const;

  // As if the timer had gone: start() does nothing from now on. For owners that outlive their loop.
  void close();

 private:
  struct Handle;
  static void on_timer(uv_timer_t* timer);

  Handle* handle_;  // null: closed; libuv's, which frees it in its close callback
};

}  // namespace shoal::node
