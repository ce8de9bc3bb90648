// What a shard may still take, and what it tells of its use: see node/store/store_room.h.

#include "node/store/swarm_shard.h"

namespace shoal::node {

uint64_t SwarmShard::records() const {
  uint64_t records = 0;
  for (const RoleCounts& family : sums_) records += uint64_t{family[0]} + family[1] + family[2];
  return records;
}

Limit SwarmShard::lacks_room(const SwarmEntry* entry, bool known) const {
  const StoreRoom& room = *config_.room;
  if (!known) {
    if (entry == nullptr && (table_full() || !room.swarms.fits(int64_t{table_.size()} - told_swarms_))) {
      return Limit::swarms;
    }
    if (!room.peers.fits(static_cast<int64_t>(records()) - told_records_)) return Limit::peers;
  }
  const uint32_t most = room.peers_per_swarm.load(std::memory_order_relaxed);
  if (most == 0 || entry == nullptr) return Limit::none;
  const proto::SwarmCounts counts = counts_of(*entry);
  return counts.seeders + counts.leechers < most ? Limit::none : Limit::peers_per_swarm;
}

bool SwarmShard::may_merge(const SwarmEntry* entry) {
  StoreRoom& room = *config_.room;
  if (entry == nullptr && (table_full() || !room.swarms.fits_merged(int64_t{table_.size()} - told_swarms_))) {
    room.merges_refused_swarms.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  if (!room.peers.fits_merged(static_cast<int64_t>(records()) - told_records_)) {
    room.merges_refused_peers.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  return true;
}

// To be called when records or swarms have come or gone; `all`: however few.
void SwarmShard::tell_use(bool all) {
  StoreRoom& room = *config_.room;
  const int64_t swarms = int64_t{table_.size()} - told_swarms_;
  if (swarms != 0 && (all || room.swarms.worth_telling(swarms))) {
    room.swarms.tell(swarms);
    told_swarms_ += swarms;
  }
  const int64_t untold = static_cast<int64_t>(records()) - told_records_;
  if (untold != 0 && (all || room.peers.worth_telling(untold))) {
    room.peers.tell(untold);
    told_records_ += untold;
  }
}

}  // namespace shoal::node
