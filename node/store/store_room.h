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
#include <limits>

#include "common/tick.h"
#include "node/limits/limit.h"

namespace shoal::node {

// What a swarm and a record of each family take, with their share of indexes and spare room, as
// tests/bench/store_bench measures it: a store of lonely IPv4 swarms takes 41 bytes a swarm, one of lonely
// IPv6 swarms 65.
constexpr uint64_t kSwarmRoomBytes = 36;
constexpr uint64_t kPairRoomBytes = 20;  // of a swarm with IPv4 and IPv6 peers, besides
constexpr uint64_t kV4RecordRoomBytes = 9;
constexpr uint64_t kV6RecordRoomBytes = 28;
constexpr uint64_t kLargeSetRoomBytes = 192;  // of one family, besides its records

// 0: no limit.
struct StoreLimits {
  uint64_t swarms = 0;
  uint64_t peers = 0;            // records: stopped peers take as much room as live ones
  uint32_t peers_per_swarm = 0;  // live ones, of both families
  uint64_t memory_bytes = 0;     // of swarms and records, by the constants above
};

// What a shard or a store holds.
struct StoreUse {
  uint64_t swarms = 0;
  uint64_t records = 0;
  uint64_t memory_bytes = 0;
};

// One limited amount.
class Room {
 public:
  static constexpr int64_t kHardCap = 2;  // times the limit
  // 65536 of the limit for each record of the step: 1024 shards, each less than a step off, are a
  // sixty-fourth of the limit off.
  static constexpr uint64_t kLimitPerStep = uint64_t{64} * 1024;
  static constexpr int64_t kStepMax = 64;

  // `step_max`: the most that a shard may keep to itself.
  explicit Room(int64_t step_max = kStepMax) : step_max_(step_max), step_(step_max) {}

  void set_limit(uint64_t limit) {
    limit_.store(static_cast<int64_t>(limit), std::memory_order_relaxed);
    step_.store(limit == 0 ? step_max_
                           : std::clamp<int64_t>(static_cast<int64_t>(limit / kLimitPerStep), 1, step_max_),
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

  int64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  int64_t used() const { return used_.load(std::memory_order_relaxed); }

  // Whether so little is left that the parts which shards have not reported may fill it.
  bool crowded() const { return limit() != 0 && used() >= limit() - limit() / 64; }

  // Whether less than three quarters of the limit are used.
  bool has_much_room() const { return limit() == 0 || used() < limit() / 4 * 3; }

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
  const int64_t step_max_;
  std::atomic<int64_t> step_;
  alignas(64) std::atomic<int64_t> used_{0};
};

struct StoreRoom {
  void set(const StoreLimits& limits) {
    swarms.set_limit(limits.swarms);
    peers.set_limit(limits.peers);
    memory.set_limit(limits.memory_bytes);
    peers_per_swarm.store(limits.peers_per_swarm, std::memory_order_relaxed);
  }

  // Whether this node has given up or refused records for lack of memory: it lacks what others have, and may
  // lose again what they send. It ends when there is room, or when all that was given up has expired
  // elsewhere.
  bool is_giving_up() const {
    return swept_.load(std::memory_order_relaxed) - gave_up_.load(std::memory_order_relaxed) <
               common::kLifetimeTicks &&
           !memory.has_much_room();
  }
  void note_given_up() { gave_up_.store(swept_.load(std::memory_order_relaxed), std::memory_order_relaxed); }
  // A sweep of a shard has begun.
  void note_sweep(common::Tick now) {
    if (now > swept_.load(std::memory_order_relaxed)) swept_.store(now, std::memory_order_relaxed);
  }

  Room swarms;
  Room peers;
  Room memory{Room::kStepMax * static_cast<int64_t>(kSwarmRoomBytes)};
  std::atomic<uint32_t> peers_per_swarm{0};
  // Records of other nodes that were not merged, since start.
  std::atomic<uint64_t> merges_refused_swarms{0};
  std::atomic<uint64_t> merges_refused_peers{0};
  std::atomic<uint64_t> merges_refused_memory{0};
  // Swarms given up for lack of memory, or parts of large ones, and the records that went, since start.
  std::atomic<uint64_t> evicted_swarms{0};
  std::atomic<uint64_t> evicted_records{0};

 private:
  static constexpr common::Tick kNever = std::numeric_limits<common::Tick>::min() / 2;
  std::atomic<common::Tick> swept_{0};
  std::atomic<common::Tick> gave_up_{kNever};
};

// What one shard has reported to the StoreRoom. All calls get what the shard holds now. Not thread-safe:
// guarded by the shard's lock.
class ShardUse {
 public:
  bool fits_swarm(const StoreRoom& room, const StoreUse& now) const {
    return room.swarms.fits(difference(now.swarms, reported_swarms_));
  }
  bool fits_record(const StoreRoom& room, const StoreUse& now) const {
    return room.peers.fits(difference(now.records, reported_records_));
  }
  // Announces and records of other nodes alike.
  bool fits_memory(const StoreRoom& room, const StoreUse& now) const {
    return room.memory.fits(difference(now.memory_bytes, reported_memory_));
  }
  // The same for records of other nodes.
  bool fits_merged_swarm(const StoreRoom& room, const StoreUse& now) const {
    return room.swarms.fits_merged(difference(now.swarms, reported_swarms_));
  }
  bool fits_merged_record(const StoreRoom& room, const StoreUse& now) const {
    return room.peers.fits_merged(difference(now.records, reported_records_));
  }

  // Call it when swarms or records have been added or removed. `all`: reports even small changes. So does a
  // shard when the memory is nearly full: what all shards keep to themselves would come at once with the next
  // sweep, and newcomers be refused until as much has gone.
  void report(StoreRoom& room, const StoreUse& now, bool all) {
    all = all || room.memory.crowded();
    report(room.swarms, now.swarms, reported_swarms_, all);
    report(room.peers, now.records, reported_records_, all);
    report(room.memory, now.memory_bytes, reported_memory_, all);
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
  int64_t reported_memory_ = 0;
};

}  // namespace shoal::node
