// How much memory this process may use: the least of what the machine has and what its control groups allow
// (memory.max and memory.high of version 2, memory.limit_in_bytes of version 1, of its own group and of all
// around it).
//
// `root` goes before every path: see node/os/cgroup.h. Any thread. A root that the process has entered by
// chroot may lack the files: ask before.

#pragma once

#include <cstdint>
#include <string>

namespace shoal::node {

struct MemoryLimit {
  uint64_t bytes = 0;  // 0: nothing could be read
  std::string from;    // what says so: "machine", "cgroup memory.max" and the like
};

MemoryLimit memory_limit(const std::string& root);

}  // namespace shoal::node
