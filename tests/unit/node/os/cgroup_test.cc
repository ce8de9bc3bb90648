#include "node/os/cgroup.h"

#include <doctest/doctest.h>

#include "tests/unit/support/made_up_files.h"

using namespace shoal;
using node::cgroup_v1_values;
using node::cgroup_v2_values;
using test::MadeUpFiles;
using Values = std::vector<std::string>;

TEST_CASE("cgroup: the values of version 2, from the own group to the root") {
  MadeUpFiles files;
  files.in_cgroup_v2("/system.slice/shoal.service");
  files.write("/sys/fs/cgroup/system.slice/shoal.service/memory.max", "1048576\n");
  files.write("/sys/fs/cgroup/system.slice/memory.max", "max\n");
  CHECK(cgroup_v2_values(files.root(), "memory.max") == Values{"1048576", "max", ""});
  CHECK(cgroup_v1_values(files.root(), "memory", "memory.limit_in_bytes").empty());
}

TEST_CASE("cgroup: in a container's namespace the own group is the root") {
  MadeUpFiles files;
  files.in_cgroup_v2("/");
  files.write("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  CHECK(cgroup_v2_values(files.root(), "cpu.max") == Values{"50000 100000"});
}

TEST_CASE("cgroup: a container without a namespace sees its own group mounted") {
  MadeUpFiles files;
  files.write("/proc/self/cgroup", "4:cpu,cpuacct:/docker/0123\n");
  files.write("/proc/self/mountinfo",
              "40 39 0:30 /docker/0123 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n");
  files.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
  CHECK(cgroup_v1_values(files.root(), "cpu", "cpu.cfs_quota_us") == Values{"150000"});
  CHECK(cgroup_v1_values(files.root(), "cpuacct", "cpu.cfs_quota_us") == Values{"150000"});
  CHECK(cgroup_v1_values(files.root(), "cp", "cpu.cfs_quota_us").empty());
}

TEST_CASE("cgroup: both versions at once, each with its own path") {
  MadeUpFiles files;
  files.write("/proc/self/cgroup", "5:memory:/a/b\n2:cpu:/\n1:name=systemd:/x\n0::/\n");
  files.write("/proc/self/mountinfo",
              "30 22 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
              "31 30 0:27 / /sys/fs/cgroup/memory rw shared:3 - cgroup none rw,memory\n"
              "32 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n");
  files.write("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
  files.write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "100\n");
  files.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(cgroup_v1_values(files.root(), "memory", "memory.limit_in_bytes") ==
        Values{"9223372036854771712", "100", "9223372036854771712"});
  CHECK(cgroup_v2_values(files.root(), "memory.max") == Values{""});
}

TEST_CASE("cgroup: a blank in a folder's name, as the kernel writes it") {
  MadeUpFiles files;
  files.write("/proc/self/cgroup", "0::/\n");
  files.write("/proc/self/mountinfo", "30 22 0:26 / /mnt/c\\040g rw - cgroup2 cgroup2 rw\n");
  files.write("/mnt/c g/memory.max", "7\n");
  CHECK(cgroup_v2_values(files.root(), "memory.max") == Values{"7"});
}

TEST_CASE("cgroup: what cannot be seen or read is no value") {
  MadeUpFiles files;
  CHECK(cgroup_v2_values(files.root(), "memory.max").empty());  // no files at all

  files.in_cgroup_v2("/../other");  // moved out of its namespace
  files.write("/sys/fs/cgroup/memory.max", "5\n");
  files.write("/sys/fs/other/memory.max", "6\n");
  CHECK(cgroup_v2_values(files.root(), "memory.max") == Values{"5"});

  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "/a";
  files.in_cgroup_v2(deep);
  CHECK(cgroup_v2_values(files.root(), "memory.max") == Values{"5"});

  files.write("/proc/self/cgroup", "\n:\n0:\nno colons\n0::/\n");
  files.write("/proc/self/mountinfo",
              "\n - \n1 - cgroup2\n30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  CHECK(cgroup_v2_values(files.root(), "../memory.max").size() == 1);
}
