// How many CPUs this process may use: those that affinity and cpuset leave it, and no more than the quota of
// its control group and of those around it. Any thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace shoal::node {

// In thousandths of a CPU: the tightest quota of all groups, by version 2 (cpu.max) or 1 (cpu.cfs_quota_us).
// None: no quota. `root` as in node/os/cgroup.h.
std::optional<uint64_t> cpu_quota_permille(const std::string& root);

// The CPUs that the calling thread may run on; at least 1.
size_t allowed_cpus();

// In thousandths, at least 1, and in whole CPUs: half of one counts as one.
uint64_t usable_cpus_permille(std::optional<uint64_t> quota_permille);
size_t usable_cpus(std::optional<uint64_t> quota_permille);

// The quota of this process, as it was at the first call: a chroot may hide it later.
std::optional<uint64_t> own_cpu_quota_permille();

}  // namespace shoal::node
