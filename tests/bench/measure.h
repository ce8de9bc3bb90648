// Measurements for the bench programs: CPU time of a process, latency percentiles.

#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>

namespace shoal::bench {

// CPU time of all threads of a process, in nanoseconds, as the scheduler counts it
// (/proc/PID/task/*/schedstat). Exits with a message if there is no such process.
uint64_t process_cpu_ns(pid_t pid);

// The part of it outside the kernel, to a clock tick.
uint64_t process_user_ns(pid_t pid);

uint64_t monotonic_ns();

// CPU time of this process, and of this thread.
uint64_t own_cpu_ns();
uint64_t thread_cpu_ns();

// Pins this process to one CPU. Exits with a message if that fails.
void pin_to_cpu(int cpu);

// Counts nanoseconds in buckets of at most 1/32 of their value.
class LatencyHistogram {
 public:
  void add(uint64_t ns) {
    ++counts_[bucket_of(ns)];
    ++total_;
  }
  // The value that `share` (0 to 1) of all values do not exceed; 0 if there are none.
  uint64_t percentile_ns(double share) const;
  // How many values are at most `ns`, as exactly as the buckets are.
  uint64_t up_to(uint64_t ns) const;

 private:
  static constexpr int kSubBits = 5;
  static size_t bucket_of(uint64_t ns);
  static uint64_t upper_end(size_t bucket);

  std::array<uint64_t, 64 << kSubBits> counts_{};
  uint64_t total_ = 0;
};

}  // namespace shoal::bench
