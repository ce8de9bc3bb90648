#include "bench/measure.h"

#include <sched.h>
#include <unistd.h>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

namespace shoal::bench {

uint64_t process_cpu_ns(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid) + "/task";
  std::error_code error;
  uint64_t sum = 0;
  for (const auto& task : std::filesystem::directory_iterator(folder, error)) {
    std::ifstream file(task.path() / "schedstat");
    uint64_t ran_ns = 0;
    if (file >> ran_ns) sum += ran_ns;
  }
  if (error) {
    std::fprintf(stderr, "no process %d: %s\n", static_cast<int>(pid), error.message().c_str());
    std::exit(1);
  }
  return sum;
}

uint64_t process_user_ns(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // The name, in parentheses, may have blanks. utime is the 14th field, the 12th after it.
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string field;
  for (int i = 0; i < 12; ++i) fields >> field;
  return std::strtoull(field.c_str(), nullptr, 10) * 1'000'000'000 /
         static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
}

namespace {

uint64_t read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

uint64_t monotonic_ns() { return read_clock(CLOCK_MONOTONIC); }

uint64_t own_cpu_ns() { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

uint64_t thread_cpu_ns() { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

void pin_to_cpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) == 0) return;
  std::perror("cannot pin to the CPU");
  std::exit(1);
}

size_t LatencyHistogram::bucket_of(uint64_t ns) {
  if (ns < (1U << kSubBits)) return ns;
  const int shift = std::bit_width(ns) - kSubBits - 1;
  return (static_cast<size_t>(shift) << kSubBits) + (ns >> shift);
}

uint64_t LatencyHistogram::upper_end(size_t bucket) {
  if (bucket < (2U << kSubBits)) return bucket;
  const size_t shift = (bucket >> kSubBits) - 1;
  return ((bucket & ((1U << kSubBits) - 1)) + (1U << kSubBits) + 1) << shift;
}

uint64_t LatencyHistogram::percentile_ns(double share) const {
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (counts_[bucket] != 0 && static_cast<double>(seen) >= share * static_cast<double>(total_)) {
      return upper_end(bucket);
    }
  }
  return 0;
}

uint64_t LatencyHistogram::up_to(uint64_t ns) const {
  uint64_t count = 0;
  for (size_t i = 0; i < counts_.size() && upper_end(i) <= ns; ++i) count += counts_[i];
  return count;
}

}  // namespace shoal::bench
