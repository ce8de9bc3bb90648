// The clock that never goes back and is never set: CLOCK_MONOTONIC, the time since the machine started.
// libuv's timers and the cluster use the same clock. Needs no system call. Any thread.

#pragma once

#include <time.h>

#include <cstdint>

namespace shoal::node {

inline int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

inline int64_t monotonic_us() { return monotonic_ns() / 1'000; }
inline int64_t monotonic_ms() { return monotonic_ns() / 1'000'000; }
inline int64_t monotonic_s() { return monotonic_ns() / 1'000'000'000; }

// Cheaper, and a few milliseconds behind: the time of the kernel's last tick.
inline int64_t coarse_monotonic_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
}

}  // namespace shoal::node
