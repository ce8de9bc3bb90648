#include "node/os/monotonic.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace shoal::node;

TEST_CASE("monotonic clock: one clock in every unit, never back") {
  const int64_t ns = monotonic_ns();
  const int64_t us = monotonic_us();
  const int64_t ms = monotonic_ms();
  const int64_t s = monotonic_s();
  const int64_t end_ns = monotonic_ns();
  CHECK(ns / 1'000 <= us);
  CHECK(us / 1'000 <= ms);
  CHECK(ms / 1'000 <= s);
  CHECK(s <= end_ns / 1'000'000'000);
  int64_t last_ns = end_ns;
  for (int i = 0; i < 10'000; ++i) {
    const int64_t now_ns = monotonic_ns();
    if (now_ns < last_ns) FAIL("it went back");
    last_ns = now_ns;
  }
}

TEST_CASE("monotonic clock: runs as fast as the system's, the coarse one just behind it") {
  const auto start = std::chrono::steady_clock::now();
  const int64_t start_us = monotonic_us();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const int64_t took_us = monotonic_us() - start_us;
  const auto took = std::chrono::steady_clock::now() - start;
  CHECK(took_us >= 20'000);
  CHECK(took_us <= std::chrono::ceil<std::chrono::microseconds>(took).count());
  const int64_t coarse_ms = coarse_monotonic_ms();
  CHECK(coarse_ms <= monotonic_ms());
  CHECK(coarse_ms >= start_us / 1'000 - 10);  // a tick of the kernel is 10 ms at most
}
