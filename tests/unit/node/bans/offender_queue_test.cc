#include "node/bans/offender_queue.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

namespace shoal::node {
namespace {

TEST_CASE("offender queue: keeps the order, and drops and counts what finds no room") {
  OffenderQueue queue;
  for (uint32_t round = 0; round < 5; ++round) {
    for (uint32_t i = 0; i < OffenderQueue::kCapacity; ++i) CHECK(queue.push({.threshold = i}));
    CHECK(!queue.push({.threshold = 9999}));
    CHECK(queue.dropped() == round + 1);
    uint32_t next = 0;
    queue.drain([&](const OffenceTable::Offender& offender) { CHECK(offender.threshold == next++); });
    CHECK(next == OffenderQueue::kCapacity);
  }
}

TEST_CASE("offender queue: what several threads push arrives once, or is counted") {
  OffenderQueue queue;
  constexpr uint32_t kEach = 20'000;
  std::vector<std::thread> threads;
  threads.reserve(3);
  std::atomic<int> running{3};
  for (uint32_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (uint32_t i = 0; i < kEach; ++i) queue.push({.clients = t, .threshold = i});
      --running;
    });
  }
  uint64_t arrived = 0;
  std::vector<int64_t> last(3, -1);
  const auto drain = [&] {
    queue.drain([&](const OffenceTable::Offender& offender) {
      ++arrived;
      CHECK(static_cast<int64_t>(offender.threshold) > last[offender.clients]);
      last[offender.clients] = offender.threshold;
    });
  };
  while (running > 0) drain();
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 3; ++i) drain();
  CHECK(arrived + queue.dropped() == 3 * kEach);
}

}  // namespace
}  // namespace shoal::node
