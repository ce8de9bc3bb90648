// PullTimer: when digests, pulls and phases next need attention. The parts that change one of those ask for a
// new plan; Cluster makes it before it returns.

#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace shoal::sync {

class PullTimer {
 public:
  int64_t due_us() const { return due_us_; }

  void no_later_than(int64_t us) { due_us_ = std::min(due_us_, us); }

  void request_plan() { stale_ = true; }

  // Whether a plan was requested since the last set().
  bool stale() const { return stale_; }

  void set(int64_t due_us) {
    due_us_ = due_us;
    stale_ = false;
  }

 private:
  int64_t due_us_ = 0;
  bool stale_ = false;
};

}  // namespace shoal::sync
