#include "node/os/usable_cpus.h"

#include <doctest/doctest.h>
#include <sched.h>

#include <thread>

#include "tests/unit/support/made_up_files.h"

using namespace shoal;
using node::allowed_cpus;
using node::cpu_quota_permille;
using node::usable_cpus;
using node::usable_cpus_permille;
using test::MadeUpFiles;

TEST_CASE("usable cpus: the tightest quota along the path counts") {
  MadeUpFiles files;
  files.in_cgroup_v2("/a/b");
  files.write("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  CHECK(cpu_quota_permille(files.root()) == std::nullopt);
  files.write("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  CHECK(cpu_quota_permille(files.root()) == 2500);
  files.write("/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  CHECK(cpu_quota_permille(files.root()) == 500);
  files.write("/sys/fs/cgroup/cpu.max", "2000 100000\n");
  CHECK(cpu_quota_permille(files.root()) == 20);
}

TEST_CASE("usable cpus: the quota of version 1") {
  MadeUpFiles files;
  files.write("/proc/self/cgroup", "4:cpu,cpuacct:/c\n");
  files.write("/proc/self/mountinfo",
              "40 39 0:30 / /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n");
  files.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  files.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  CHECK(cpu_quota_permille(files.root()) == std::nullopt);
  files.write("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "120000\n");
  CHECK(cpu_quota_permille(files.root()) == std::nullopt);  // no period
  files.write("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "50000\n");
  CHECK(cpu_quota_permille(files.root()) == 2400);
}

TEST_CASE("usable cpus: nonsense is no quota") {
  MadeUpFiles files;
  files.in_cgroup_v2("/");
  for (const char* text :
       {"", "x", "0 100000", "5000", "100 0", "18446744073709551615 1", "1 2 3", "-5 100"}) {
    CAPTURE(text);
    files.write("/sys/fs/cgroup/cpu.max", text);
    CHECK(cpu_quota_permille(files.root()) == std::nullopt);
  }
}

TEST_CASE("usable cpus: rounded up, at least one, and no more than may be used") {
  CHECK(usable_cpus_permille(1) == 1);
  CHECK(usable_cpus(1) == 1);
  CHECK(usable_cpus(1000) == 1);
  CHECK(usable_cpus(1'000'000'000) == allowed_cpus());
  CHECK(usable_cpus(std::nullopt) == allowed_cpus());
  if (allowed_cpus() >= 2) CHECK(usable_cpus(1100) == 2);
}

TEST_CASE("usable cpus: affinity counts") {
  size_t allowed = 0;
  std::thread([&] {
    cpu_set_t set;
    REQUIRE(sched_getaffinity(0, sizeof set, &set) == 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &set)) continue;
      CPU_SET(cpu, &one);
      break;
    }
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    allowed = allowed_cpus();
  }).join();
  CHECK(allowed == 1);
}
