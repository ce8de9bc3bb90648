// Gaps: the packets of one origin's delta stream that were sent and have not arrived, and when to ask for
// each.
//
// A gap is asked for a little after it is found (the network may only have reordered packets), then again and
// again; it ends when the packet arrives, when the origin says that it does not have it any more, or when
// asking has become pointless. What ends in the last two ways is lost; digests find it.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "proto/sync_packet.h"

namespace shoal::sync {

class Gaps {
 public:
  static constexpr int64_t kAskAfterUs = 20'000;

  // Twice as long as any origin keeps its packets.
  static constexpr int64_t kGiveUpUs = 60'000'000;

  // More ranges than this: the oldest are given up. Of many origins together there are fewer of each.
  static constexpr size_t kRangesMax = 4096;
  static constexpr size_t kRangesLeast = 256;
  static constexpr size_t kRangesOfAll = 65'536;
  void share_with(size_t origins) {
    ranges_max_ = std::clamp(kRangesOfAll / std::max<size_t>(origins, 1), kRangesLeast, kRangesMax);
  }

  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  bool begun() const { return begun_; }

  // What was sent up to `base` does not count as missing. Only the first call has an effect; without one the
  // stream begins before the first packet that is heard of.
  void begin(uint64_t base);

  // The origin has sent up to here.
  void announced(uint64_t sequence, int64_t now_us);

  // This packet has arrived.
  void seen(uint64_t sequence, int64_t now_us);

  // Nothing up to here will arrive any more.
  void give_up(uint64_t up_to);

  // Gives up the gaps that have been asked for in vain for too long: found at `now_us - kGiveUpUs` or before.
  void give_up_stale(int64_t now_us);

  // What to ask for now, oldest first, at most `ranges_max` ranges and `packets_max` packets. The caller
  // asks; these are due again after `again_us`.
  std::vector<proto::SequenceRange> claim_due(int64_t now_us, int64_t again_us, size_t ranges_max,
                                              uint64_t packets_max);

  // When something will be due; kNever if nothing is missing. May be early.
  int64_t deadline_us() const { return missing_ == 0 ? kNever : deadline_us_; }

  // Everything up to here has arrived or is given up.
  uint64_t contiguous() const { return ranges_.empty() ? top_ : ranges_.begin()->first - 1; }

  // Packets the origin has sent since the stream began for us, how many of these had to be asked for, and how
  // many of those have arrived since.
  uint64_t sent() const { return top_ - base_; }
  uint64_t late() const { return late_; }
  uint64_t repaired() const { return repaired_; }

  uint64_t missing() const { return missing_; }
  uint64_t lost() const { return lost_; }

 private:
  struct Range {
    uint64_t last;
    int64_t found_us;
    int64_t due_us;
    bool asked = false;
  };

  void add(uint64_t first, uint64_t last, int64_t now_us);
  void keep_bounded();

  std::map<uint64_t, Range> ranges_;  // by first sequence
  bool begun_ = false;
  uint64_t top_ = 0;  // the highest sequence seen or announced
  uint64_t base_ = 0;
  uint64_t late_ = 0;
  uint64_t repaired_ = 0;
  uint64_t missing_ = 0;
  uint64_t lost_ = 0;
  int64_t deadline_us_ = kNever;
  size_t ranges_max_ = kRangesMax;
};

}  // namespace shoal::sync
