// DonationDesk: what all donations of one node share: the throttle, the sequence their frames are sealed by,
// and counts. Outlives the cluster as long as a donation does.

#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "proto/record_sketch.h"
#include "sync/cells.h"
#include "sync/donation.h"
#include "sync/pull_seal.h"
#include "sync/swarms.h"
#include "sync/token_bucket.h"

namespace shoal::sync {

struct DonationDesk {
  static constexpr size_t kDonationsMax = 2;

  explicit DonationDesk(int64_t bytes_per_s)
      : throttled(bytes_per_s > 0), bucket(std::max<int64_t>(bytes_per_s, 1), kBurst) {}

  void set_pace(int64_t bytes_per_s) {
    throttled = bytes_per_s > 0;
    bucket = TokenBucket(std::max<int64_t>(bytes_per_s, 1), kBurst);
  }

  bool full() const { return underway >= kDonationsMax; }

  bool throttled;
  TokenBucket bucket;
  // Records that are compared with sketches, which takes CPU and sends nothing: 0.3 us each.
  TokenBucket comparing{kComparedPerS, kComparedAtOnce};
  uint64_t sequence = 0;       // of the last frame sealed
  int64_t time_offset_ms = 0;  // cluster time minus the monotonic clock
  size_t underway = 0;
  uint64_t finished = 0;
  uint64_t bytes = 0;
  uint64_t records = 0;

 private:
  static constexpr int64_t kBurst = 256 * 1024;
  static constexpr int64_t kComparedPerS = 2'000'000;
  static constexpr int64_t kComparedAtOnce = 65'536;
};

// What a donation is to bring.
struct Wanted {
  Cells cells;
  bool web = true;  // records of web peers too
  // Only what is not in this sketch of the same cells. If that cannot be told from it, the answer says so.
  std::optional<proto::RecordSketch> beyond{};
};

// `swarms` must outlive it.
std::unique_ptr<Donation> make_donation(std::shared_ptr<DonationDesk> desk, const Swarms& swarms,
                                        int64_t tick_ms, PullSeal seal, Wanted wanted);

}  // namespace shoal::sync
