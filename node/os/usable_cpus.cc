#include "node/os/usable_cpus.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string_view>
#include <vector>

#include "node/os/cgroup.h"

namespace shoal::node {

namespace {

constexpr size_t kCpusMax = size_t{1} << 16;

// None: not a positive number, such as "max" and "-1", which mean no quota.
std::optional<uint64_t> positive(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

void tighten(std::optional<uint64_t>& quota, std::string_view time_us, std::string_view period_us) {
  const auto time = positive(time_us);
  const auto period = positive(period_us);
  if (!time || !period || *time > UINT64_MAX / 1000) return;
  const uint64_t permille = std::max<uint64_t>(1, *time * 1000 / *period);
  quota = std::min(quota.value_or(permille), permille);
}

}  // namespace

std::optional<uint64_t> cpu_quota_permille(const std::string& root) {
  std::optional<uint64_t> quota;
  // "50000 100000": 50 ms of every 100 ms.
  for (const std::string_view text : cgroup_v2_values(root, "cpu.max")) {
    const size_t blank = text.find(' ');
    if (blank != std::string_view::npos) tighten(quota, text.substr(0, blank), text.substr(blank + 1));
  }
  const auto times = cgroup_v1_values(root, "cpu", "cpu.cfs_quota_us");
  const auto periods = cgroup_v1_values(root, "cpu", "cpu.cfs_period_us");
  for (size_t i = 0; i < std::min(times.size(), periods.size()); ++i) tighten(quota, times[i], periods[i]);
  return quota;
}

size_t allowed_cpus() {
  // The kernel refuses a set that is smaller than its own.
  for (size_t cpus = CPU_SETSIZE; cpus <= kCpusMax; cpus *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(cpus),
                                                               [](cpu_set_t* freed) { CPU_FREE(freed); });
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(cpus);
    CPU_ZERO_S(bytes, set.get());
    if (sched_getaffinity(0, bytes, set.get()) == 0)
      return static_cast<size_t>(std::max(1, CPU_COUNT_S(bytes, set.get())));
    if (errno != EINVAL) break;
  }
  return 1;
}

uint64_t usable_cpus_permille(std::optional<uint64_t> quota_permille) {
  const uint64_t allowed = uint64_t{1000} * allowed_cpus();
  return std::min(allowed, quota_permille.value_or(allowed));
}

size_t usable_cpus(std::optional<uint64_t> quota_permille) {
  return static_cast<size_t>((usable_cpus_permille(quota_permille) + 999) / 1000);
}

std::optional<uint64_t> own_cpu_quota_permille() {
  static const std::optional<uint64_t> quota = cpu_quota_permille("");
  return quota;
}

}  // namespace shoal::node
