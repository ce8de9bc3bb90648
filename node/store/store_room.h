// StoreRoom: how much the store may hold and how much it holds, over all its shards. A shard reports what it
// has gained or lost only every so many records, so that the workers do not contend for one cache line: the
// total is off by at most a sixty-fourth of the limit, and exact for a small limit.
//
// Announces stop at the limit. Records of other nodes count too, but are merged up to twice the limit, the
// hard cap: nodes with the same limits stop at it together, and as long as none is beyond it all hold the
// same records and their digests agree.
//
// Any thread.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "node/limits/limit.h"

namespace shoal::node {

// 0: no limit.
struct StoreLimits {
  uint64_t swarms = 0;
  uint64_t peers = 0;            // records: stopped peers take as much room as live ones
  uint32_t peers_per_swarm = 0;  // live ones, of both families
};

// One limited amount.
class Room {
 public:
  static constexpr int64_t kHardCap = 2;  // times the limit
  // 65536 of the limit for each record of the step: 1024 shards, each less than a step off, are a
  // sixty-fourth of the limit off.
  static constexpr uint64_t kLimitPerStep = uint64_t{64} * 1024;
  static constexpr int64_t kStepMax = 64;

  void set_limit(uint64_t limit) {
    limit_.store(static_cast<int64_t>(limit), std::memory_order_relaxed);
    step_.store(
        limit == 0 ? kStepMax : std::clamp<int64_t>(static_cast<int64_t>(limit / kLimitPerStep), 1, kStepMax),
        std::memory_order_relaxed);
  }

  // `unreported`: what the calling shard holds beyond what it has reported.
  bool fits(int64_t unreported) const { return fits_below(unreported, 1); }
  bool fits_merged(int64_t unreported) const { return fits_below(unreported, kHardCap); }

  // Whether the shard should report this amount now.
  bool worth_reporting(int64_t unreported) const {
    const int64_t step = step_.load(std::memory_order_relaxed);
    return unreported >= step || -unreported >= step;
  }
  void report(int64_t unreported) { used_.fetch_add(unreported, std::memory_order_relaxed); }

  // Whether more than fifteen sixteenths of the hard cap are used.
  bool nearly_full() const {
    const int64_t limit = limit_.load(std::memory_order_relaxed);
    return limit != 0 && used_.load(std::memory_order_relaxed) * 16 >= limit * kHardCap * 15;
  }

 private:
  bool fits_below(int64_t unreported, int64_t times) const {
    const int64_t limit = limit_.load(std::memory_order_relaxed);
    return limit == 0 || used_.load(std::memory_order_relaxed) + unreported < limit * times;
  }

  // The limit is read with every new peer and hardly ever changes; the amount used changes all the time.
  alignas(64) std::atomic<int64_t> limit_{0};
  std::atomic<int64_t> step_{kStepMax};
  alignas(64) std::atomic<int64_t> used_{0};
};

struct StoreRoom {
  void set(const StoreLimits& limits) {
    swarms.set_limit(limits.swarms);
    peers.set_limit(limits.peers);
    peers_per_swarm.store(limits.peers_per_swarm, std::memory_order_relaxed);
  }

  Room swarms;
  Room peers;
  std::atomic<uint32_t> peers_per_swarm{0};
  // Records of other nodes that were not merged, since start.
  std::atomic<uint64_t> merges_refused_swarms{0};
  std::atomic<uint64_t> merges_refused_peers{0};
};

// What one shard has reported to the StoreRoom. All calls get what the shard holds now. Not thread-safe:
// guarded by the shard's lock.
class ShardUse {
 public:
  bool fits_swarm(const StoreRoom& room, uint64_t swarms) const {
    return room.swarms.fits(difference(swarms, reported_swarms_));
  }
  bool fits_record(const StoreRoom& room, uint64_t records) const {
    return room.peers.fits(difference(records, reported_records_));
  }
  // The same for records of other nodes.
  bool fits_merged_swarm(const StoreRoom& room, uint64_t swarms) const {
    return room.swarms.fits_merged(difference(swarms, reported_swarms_));
  }
  bool fits_merged_record(const StoreRoom& room, uint64_t records) const {
    return room.peers.fits_merged(difference(records, reported_records_));
  }

  // Call it when swarms or records have been added or removed. `all`: reports even small changes.
  void report(StoreRoom& room, uint64_t swarms, uint64_t records, bool all) {
    report(room.swarms, swarms, reported_swarms_, all);
    report(room.peers, records, reported_records_, all);
  }

 private:
  static int64_t difference(uint64_t now, int64_t reported) { return static_cast<int64_t>(now) - reported; }
  static void report(Room& room, uint64_t now, int64_t& reported, bool all) {
    const int64_t unreported = difference(now, reported);
    if (unreported == 0 || !(all || room.worth_reporting(unreported))) return;
    room.report(unreported);
    reported += unreported;
  }

  int64_t reported_swarms_ = 0;
  int64_t reported_records_ = 0;
};

}  // namespace shoal::node
