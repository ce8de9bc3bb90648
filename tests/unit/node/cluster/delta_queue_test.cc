#include "node/cluster/delta_queue.h"

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <thread>

#include "node/cluster/spsc_ring.h"
#include "tests/unit/support/pages_made.h"

using namespace shoal;

TEST_CASE("ring: keeps the order; when full it drops and counts") {
  node::SpscRing<int> ring(8);
  for (int i = 0; i < 8; ++i) CHECK(ring.push(i));
  CHECK(!ring.push(8));
  CHECK(ring.dropped() == 1);
  int expected = 0;
  CHECK(ring.drain([&](int value) { CHECK(value == expected++); }) == 8);
  CHECK(ring.push(9));
  CHECK(ring.drain([](int value) { CHECK(value == 9); }) == 1);
  CHECK(ring.drain([](int) {}) == 0);
}

TEST_CASE("delta queue: every delta of a busy producer is followed by a wake-up") {
  // The consumer sleeps until it is woken, as the control thread does; a lost wake-up would leave deltas
  // behind.
  std::atomic<int> wakes = 0;
  node::DeltaQueue queue([&] {
    wakes.fetch_add(1);
    wakes.notify_one();
  });
  constexpr uint16_t kDeltas = 20'000;
  std::thread producer([&] {
    proto::OwnDelta own;
    for (uint16_t i = 1; i <= kDeltas; ++i) {
      own.delta.peer.port = i;
      queue.push(own);
    }
  });
  uint16_t last = 0;
  for (int seen = 0; last < kDeltas;) {
    wakes.wait(seen);
    seen = wakes.load();
    queue.drain([&](const proto::OwnDelta& own) {
      CHECK(own.delta.peer.port == last + 1);
      last = own.delta.peer.port;
    });
  }
  producer.join();
  CHECK(queue.dropped() == 0);
}

TEST_CASE("delta queue: what exceeds its capacity is dropped and counted") {
  int wakes = 0;
  node::DeltaQueue queue([&] { ++wakes; });
  for (size_t i = 0; i < node::DeltaQueue::kCapacity + 10; ++i) queue.push({});
  CHECK(queue.dropped() == 10);
  CHECK(wakes == 1);
  CHECK(queue.drain([](const proto::OwnDelta&) {}) == node::DeltaQueue::kCapacity);
}

TEST_CASE("delta queue: 3 MB of its memory are not there before they are used") {
  std::optional<node::DeltaQueue> queue;
  CHECK(test::pages_made([&] {
          queue.emplace([] {});
          queue->push({});
        }) < 300);
}
