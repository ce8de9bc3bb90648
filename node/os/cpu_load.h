// CpuLoad: how much of the CPUs it may use this process has used lately. One thread.

#pragma once

#include <cstdint>

namespace shoal::node {

class CpuLoad {
 public:
  CpuLoad();

  // Of 1000; measured anew when the last measurement is a second old.
  uint32_t permille();

 private:
  int64_t measured_us_;
  int64_t used_us_;
  uint32_t permille_ = 0;
};

}  // namespace shoal::node
