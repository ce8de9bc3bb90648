#include "node/os/heap_trim.h"

#include <malloc.h>
#include <time.h>

#include <algorithm>

namespace shoal::node {

namespace {

// Of this thread: what others do on a busy machine is not counted.
int64_t thread_cpu_ns() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

bool HeapTrim::step(int64_t now_ms) {
  if (now_ms < next_ms_) return false;
  const int64_t begun_ns = thread_cpu_ns();
  const bool gave = give_back(now_ms);
  next_ms_ = now_ms + std::max(kLookEveryMs, kShare * (thread_cpu_ns() - begun_ns) / 1'000'000);
  return gave;
}

bool HeapTrim::give_back(int64_t now_ms) {
  const struct mallinfo2 heap = mallinfo2();
  // What was given back and is used again.
  given_back_ = std::min(given_back_, heap.fordblks);
  const size_t worth = calm(heap.fordblks, now_ms) ? std::max(kCalmWorthBytes, heap.uordblks / kCalmWorthPart)
                                                   : std::max(kWorthBytes, heap.uordblks / kWorthPart);
  if (heap.fordblks - given_back_ < worth) return false;
  malloc_trim(0);
  given_back_ = mallinfo2().fordblks;
  return true;
}

// A busy node takes what it frees, so it does not get here.
bool HeapTrim::calm(size_t free_bytes, int64_t now_ms) {
  const size_t change = std::max(free_bytes, calm_free_) - std::min(free_bytes, calm_free_);
  if (change >= kCalmBytes) {
    calm_free_ = free_bytes;
    calm_since_ms_ = now_ms;
  }
  return now_ms - calm_since_ms_ >= kCalmMs;
}

}  // namespace shoal::node
