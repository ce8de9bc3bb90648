#include "node/os/cpu_load.h"

#include <sys/resource.h>

#include <algorithm>

#include "node/os/monotonic.h"
#include "node/os/usable_cpus.h"

namespace shoal::node {

namespace {

constexpr int64_t kEveryUs = 1'000'000;

// The CPU time of all threads since the start of the process.
int64_t cpu_us() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& t) { return int64_t{t.tv_sec} * 1'000'000 + t.tv_usec; };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

}  // namespace

CpuLoad::CpuLoad() : measured_us_(monotonic_us()), used_us_(cpu_us()) {}

uint32_t CpuLoad::permille() {
  const int64_t elapsed_us = monotonic_us() - measured_us_;
  if (elapsed_us < kEveryUs) return permille_;
  const int64_t used_us = cpu_us();
  const auto usable_permille = static_cast<int64_t>(usable_cpus_permille(own_cpu_quota_permille()));
  permille_ = static_cast<uint32_t>(
      std::clamp<int64_t>((used_us - used_us_) * 1'000'000 / (elapsed_us * usable_permille), 0, 1000));
  measured_us_ += elapsed_us;
  used_us_ = used_us;
  return permille_;
}

}  // namespace shoal::node
