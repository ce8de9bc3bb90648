// CpuLoad: this process's recent use of the CPUs it may run on. One thread.

#pragma once

#include <cstdint>

namespace shoal::node {

class CpuLoad {
 public:
  CpuLoad();

  // In thousandths of all usable CPUs. Measures again when the last measurement is at least a second old.
  uint32_t permille();

 private:
  int64_t measured_us_;
  int64_t used_us_;
  uint32_t permille_ = 0;
};

}  // namespace shoal::node
