// DeltasAside: deltas of one origin whose info_hashes it named by numbers that are not known here, until it
// tells them. Which numbers to ask for is asked in passes: from the lowest to the highest, then again.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "proto/delta.h"

namespace shoal::sync {

class DeltasAside {
 public:
  // Of all origins together, of one, and of one at least.
  static constexpr size_t kOfAll = 65'536;
  static constexpr size_t kMost = 8192;
  static constexpr size_t kLeast = 256;
  // What waits already stays.
  void share_with(size_t origins) {
    most_ = std::clamp(kOfAll / std::max<size_t>(origins, 1), kLeast, kMost);
  }

  // What waits for longer is given up; digests find it.
  static constexpr int64_t kKeepUs = 30'000'000;

  // The packet that tells the number may only have been overtaken.
  static constexpr int64_t kAskAfterUs = 20'000;

  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  struct Kept {
    proto::Delta delta;  // without its info_hash
    int64_t sent_unix_ms = 0;
  };

  // False: no room.
  bool keep(uint64_t number, const Kept& kept, int64_t now_us);

  // Takes out what waits for this number.
  std::vector<Kept> take(uint64_t number);

  // Nothing below this number will be told any more. Returns how many deltas that drops.
  size_t drop_before(uint64_t number);
  // What has waited for kKeepUs. The same.
  size_t drop_older(int64_t now_us);
  size_t drop_all();

  // The next numbers to ask for, ascending, at most `numbers_max`; the rest of the pass is due in
  // kAskAfterUs, and what still waits then again after `again_us`.
  std::vector<uint64_t> claim_due(int64_t now_us, int64_t again_us, size_t numbers_max);

  // When claim_due() is to be called; kNever if nothing waits.
  int64_t deadline_us() const { return waiting_.empty() ? kNever : due_us_; }

  bool empty() const { return waiting_.empty(); }
  size_t size() const { return size_; }

 private:
  struct Waiting {
    int64_t since_us = 0;
    std::vector<Kept> deltas;
  };

  std::map<uint64_t, Waiting> waiting_;  // by number
  size_t size_ = 0;
  size_t most_ = kMost;
  uint64_t asked_ = 0;  // in this pass, up to here
  int64_t pass_us_ = 0;
  int64_t due_us_ = std::numeric_limits<int64_t>::min();
};

}  // namespace shoal::sync
