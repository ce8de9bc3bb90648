// How much memory this process may use: the least of what the machine has, what its control groups allow
// (memory.max and memory.high of version 2, memory.limit_in_bytes of version 1, of its own group and of all
// around it), and its address space (`ulimit -v` and -d; on a 32-bit processor 2 GiB of the 3 or 4 that there
// are: threads and libraries leave no more in one piece).
//
// `root` goes before every path: see node/os/cgroup.h. Any thread. A root that the process has entered by
// chroot may lack the files: ask before.

#pragma once

#include <cstdint>
#include <string>

namespace shoal::node {

struct MemoryLimit {
  uint64_t bytes = 0;  // 0: nothing could be read
  std::string from;    // what says so: "machine", "cgroup memory.max", "address space" and the like
};

// What of this process's address space can be memory; UINT64_MAX: nothing limits it.
uint64_t address_space_bytes();

MemoryLimit memory_limit(const std::string& root, uint64_t address_space = address_space_bytes());

}  // namespace shoal::node
