#include "node/os/memory_limit.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>

#include "tests/unit/support/made_up_files.h"

using namespace shoal;
using node::memory_limit;

namespace {

constexpr uint64_t kGib = uint64_t{1} << 30;
constexpr uint64_t kMib = uint64_t{1} << 20;

void eight_gib(test::MadeUpFiles& files) {
  files.write("/proc/meminfo", "MemTotal:        8388608 kB\nMemFree:          123456 kB\n");
}

}  // namespace

TEST_CASE("memory limit: the machine's memory, where no group says less") {
  test::MadeUpFiles files;
  CHECK(memory_limit(files.root()).bytes == 0);
  eight_gib(files);
  CHECK(memory_limit(files.root()).bytes == 8 * kGib);
  CHECK(memory_limit(files.root()).from == "machine");
  files.in_cgroup_v2("/system.slice/shoal.service");
  files.write("/sys/fs/cgroup/system.slice/shoal.service/memory.max", "max\n");
  files.write("/sys/fs/cgroup/system.slice/memory.max", "17179869184\n");
  CHECK(memory_limit(files.root()).bytes == 8 * kGib);
  // Nonsense limits nothing.
  for (const char* text : {"", "0\n", "-5\n", "12 MB\n", "99999999999999999999999\n"}) {
    files.write("/sys/fs/cgroup/system.slice/shoal.service/memory.max", text);
    CHECK(memory_limit(files.root()).bytes == 8 * kGib);
  }
  files.write("/proc/meminfo", "MemTotal: none\n");
  CHECK(memory_limit(files.root()).bytes == 16 * kGib);
}

TEST_CASE("memory limit: the tightest of memory.max and memory.high on the way to the root") {
  test::MadeUpFiles files;
  eight_gib(files);
  files.in_cgroup_v2("/pods/one/shoal");
  files.write("/sys/fs/cgroup/pods/one/shoal/memory.max", "1073741824\n");
  CHECK(memory_limit(files.root()).bytes == kGib);
  CHECK(memory_limit(files.root()).from == "cgroup memory.max");
  files.write("/sys/fs/cgroup/pods/one/memory.max", "536870912\n");
  CHECK(memory_limit(files.root()).bytes == 512 * kMib);
  files.write("/sys/fs/cgroup/pods/memory.high", "268435456\n");
  CHECK(memory_limit(files.root()).bytes == 256 * kMib);
  CHECK(memory_limit(files.root()).from == "cgroup memory.high");
}

TEST_CASE("memory limit: the address space") {
  test::MadeUpFiles files;
  eight_gib(files);
  CHECK(memory_limit(files.root(), 2 * kGib).bytes == 2 * kGib);
  CHECK(memory_limit(files.root(), 2 * kGib).from == "address space");
  CHECK(memory_limit(files.root(), 16 * kGib).from == "machine");
  CHECK((node::address_space_bytes() <= 2 * kGib || sizeof(void*) > 4));
}

TEST_CASE("memory limit: ulimit -v counts as address space") {
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
  if (before.rlim_cur != RLIM_INFINITY) return;
  // More than any sanitizer maps, so that nothing fails meanwhile.
  constexpr rlim_t kLarge = rlim_t{1} << (sizeof(rlim_t) * 8 - 4);
  const rlimit lower{kLarge, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_AS, &lower) == 0);
  const uint64_t bytes = node::address_space_bytes();
  REQUIRE(setrlimit(RLIMIT_AS, &before) == 0);
  CHECK(bytes == std::min<uint64_t>(kLarge, sizeof(void*) == 4 ? 2 * kGib : UINT64_MAX));
}

TEST_CASE("memory limit: version 1") {
  test::MadeUpFiles files;
  eight_gib(files);
  files.write("/proc/self/cgroup", "9:memory:/docker/abc\n1:name=systemd:/docker/abc\n0::/docker/abc\n");
  files.write("/proc/self/mountinfo",
              "30 22 0:26 / /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory\n");
  // What version 1 says where there is no limit.
  files.write("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(memory_limit(files.root()).bytes == 8 * kGib);
  files.write("/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "104857600\n");
  CHECK(memory_limit(files.root()).bytes == 100 * kMib);
  CHECK(memory_limit(files.root()).from == "cgroup memory.limit_in_bytes");
}
