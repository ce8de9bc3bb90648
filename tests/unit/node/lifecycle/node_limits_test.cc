#include "node/lifecycle/node_limits.h"

#include <doctest/doctest.h>

using namespace shoal;
using node::MemoryLimit;
using node::store_memory_bytes;

TEST_CASE("node limits: half of the memory is for swarms and peers, unless the option says otherwise") {
  constexpr uint64_t kGib = uint64_t{1} << 30;
  node::Options::Limits limits;
  CHECK(store_memory_bytes(limits, {kGib, "cgroup memory.max"}) == kGib / 2);
  CHECK(store_memory_bytes(limits, {}) == 0);
  limits.memory_mb = 3000;
  CHECK(store_memory_bytes(limits, {kGib, "machine"}) == uint64_t{3000} << 20);
  CHECK(store_memory_bytes(limits, {}) == uint64_t{3000} << 20);
  limits.memory_mb = 64 * 1024 * 1024;  // the most that it may be
  CHECK(store_memory_bytes(limits, {}) == uint64_t{1} << 46);
}
