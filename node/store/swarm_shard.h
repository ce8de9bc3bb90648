// SwarmShard: one of the store's shards: its swarms, their peers, and the rules applied to them. Every method
// but prefetch() takes the shard's lock.

#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/prefetch.h"
#include "common/thread_annotations.h"
#include "node/store/digest_table.h"
#include "node/store/early_stops.h"
#include "node/store/eviction.h"
#include "node/store/peer_table.h"
#include "node/store/restatements.h"
#include "node/store/shard_lock.h"
#include "node/store/store_room.h"
#include "node/store/swarm_store.h"
#include "node/store/swarm_table.h"

namespace shoal::node {

// What all shards of a store share.
struct ShardConfig {
  common::SipKey key{};
  bool replicated = false;
  PeerHash peer_hash;
  std::unique_ptr<DigestTable> digests;          // null: not replicated
  StoreRoom* room = nullptr;                     // outlives the shard
  Restatements* restatements = nullptr;          // the same
  uint32_t swarms_max = SwarmTable::kSwarmsMax;  // of one shard
};

inline bool is_served(const SwarmFilter& filter, const common::InfoHash& info_hash) {
  return !filter || filter(info_hash);
}

class alignas(64) SwarmShard {
 public:
  // `place` gets the shard's index. Both must outlive the shard.
  SwarmShard(const ShardConfig& config, IndexPlace& place);

  // Starts to load what every call reads first.
  void prefetch() const {
    for (const size_t line : {0, 64, 128}) common::prefetch(reinterpret_cast<const char*>(this) + line);
  }
  void prefetch_swarm(SwarmRef& ref) const;
  void prefetch_peers(PeerRef& ref) const;
  void prefetch_place(const PeerRef& ref) const;

  PeerAnswer announce(SwarmRef ref, const PeerAnnounce& announce, common::Moment now, common::Prng& prng,
                      const PeerBuffers& out);
  PeerAnswer peek(SwarmRef ref, const PeerAnnounce& announce, common::Prng& prng,
                  const PeerBuffers& out) const;
  proto::SwarmCounts scrape(SwarmRef ref, const common::InfoHash& info_hash) const;

  // The same for web peers.
  PeerAnswer announce_web(SwarmRef ref, const PeerAnnounce& announce, common::Moment now, common::Prng& prng,
                          const PeerBuffers& out);

  std::optional<SwarmDetails> inspect(uint64_t hash, const common::InfoHash& info_hash, uint32_t peers_max,
                                      common::Prng& prng) const;

  // Deltas of one swarm. Returns how many changed something.
  size_t merge(uint64_t hash, std::span<const proto::Delta> deltas, common::Tick now);
  size_t merge_part(uint64_t hash, const sync::SwarmPart& part, common::Tick now);

  // What is to be sent of what was noted for this peer, if it is due.
  std::optional<proto::Delta> restate(uint64_t hash, const Restatements::Key& noted, common::Moment now);

  // Part of a sweep.
  SweepPart expire(common::Tick now);

  // One part of removing a swarm with all its records.
  SwarmsDropped drop_part(uint64_t hash, const common::InfoHash& info_hash);
  // Draws some swarms and gives up those that are worth least (Eviction). Returns whether any went.
  bool make_room(common::Prng& prng, bool lonely_too);

  // One part of dropping the web peers whose run is in `runs`, which ascend.
  RunsDropped drop_runs(std::span<const uint64_t> runs);

  // Looks at some of the swarms below number `below` and removes those for which `which` is true. Lowers
  // `below`; of a large one it may have removed a part.
  SwarmsDropped drop_part_if(uint32_t& below, const std::function<bool(const common::InfoHash&)>& which);

  // What is done under one hold of the lock: so many records, and at most one more segment of a large swarm.
  static constexpr uint32_t kPartRecordsMax = 16 * 1024;

  // Where a walk over all records has got to between two parts. It goes from the last entry to the first.
  // Records that are there from its beginning to its end, and do not change, are visited, perhaps twice.
  struct Walk {
    uint32_t entries_left = UINT32_MAX;  // entries with lower numbers, not yet visited to the end
    // The last of them; a part of it may have been visited.
    common::InfoHash swarm{};
    PeerTable<common::Family::v4>::Walk v4{};
    PeerTable<common::Family::v6>::Walk v6{};
  };

  // Between two parts: lets threads that wait have the lock.
  void give_way() const { lock_.give_way(); }

  // One part of a walk over the swarms that `filter` lets through. Returns whether it was the last.
  bool for_each(Walk& walk, const SwarmFilter& filter,
                const std::function<void(const proto::Delta&)>& visit) const;
  bool read(Walk& walk, const sync::Cells& cells, common::Tick now, const SwarmFilter& filter,
            const std::function<void(const sync::SwarmPart&)>& visit) const;

  // One part of SwarmStore::copy_counts(); 0 is the end only once `below` is 0.
  size_t copy_counts(uint32_t& below, std::span<proto::ScrapedSwarm> out) const;
  void add_to(StoreTotals& totals) const;

 private:
  size_t merge_locked(uint64_t hash, std::span<const proto::Delta> deltas, common::Tick now) REQUIRES(lock_);

  template <common::Family F>
  using StoredRecord = PeerRecord<stored_as(F)>;

  template <common::Family F>
  const PeerTable<stored_as(F)>& peers() const REQUIRES(lock_);
  template <common::Family F>
  PeerTable<stored_as(F)>& peers() REQUIRES(lock_);
  template <common::Family F>
  RoleCounts& sums() REQUIRES(lock_) {
    return sums_[F == common::Family::v4 ? 0 : F == common::Family::v6 ? 1 : 2];
  }

  template <common::Family F>
  PeerAnswer announce_as(SwarmRef ref, const PeerAnnounce& announce, common::Moment now, common::Prng& prng,
                         const PeerBuffers& out) REQUIRES(lock_);
  template <common::Family F>
  bool merge_as(uint64_t hash, const proto::Delta& delta, common::Tick now) REQUIRES(lock_);
  template <common::Family F>
  std::optional<proto::Delta> restate_as(uint64_t hash, const Restatements::Key& noted, common::Moment now)
      REQUIRES(lock_);
  // Names a peer of a swarm in early_stops_.
  template <common::Family F>
  uint64_t early_id(uint64_t hash, const PeerKey<F>& key) const {
    return config_.peer_hash(key) ^ hash;
  }

  // A peer's record and its swarm; null: not there.
  template <common::Family F>
  struct Place {
    SwarmEntry* entry;
    const StoredRecord<F>* record;
  };
  template <common::Family F>
  Place<F> find(SwarmRef ref, const common::InfoHash& info_hash, const PeerKey<F>& key,
                proto::PeerRole likely) REQUIRES(lock_);
  // Stores a peer's record; `old` is what find() returned. Returns its new place: the entry may be new.
  template <common::Family F>
  Place<F> write(const Place<F>& old, uint64_t hash, const common::InfoHash& info_hash, const PeerKey<F>& key,
                 PeerValue value) REQUIRES(lock_);

  // Which limit keeps a peer of this swarm (null: a new one) from being stored. `known`: it is there as a
  // stopped one.
  Limit lacks_room(const SwarmEntry* entry, bool known) const REQUIRES(lock_);
  // Whether a new record of another node may be stored. Counts it if not.
  bool may_merge(const SwarmEntry* entry) REQUIRES(lock_);
  bool table_full() const REQUIRES(lock_) { return table_.size() >= config_.swarms_max; }
  uint64_t records() const REQUIRES(lock_) {
    uint64_t records = 0;
    for (const RoleCounts& family : sums_) records += uint64_t{family[0]} + family[1] + family[2];
    return records;
  }
  StoreUse in_use() const REQUIRES(lock_) {
    const uint64_t large_sets = peers_v4_.large_sets() + peers_v6_.large_sets();
    StoreUse use{
        table_.size(), 0,
        table_.size() * kSwarmRoomBytes + table_.pairs() * kPairRoomBytes + large_sets * kLargeSetRoomBytes};
    constexpr std::array<uint64_t, 3> kBytes = {kV4RecordRoomBytes, kV6RecordRoomBytes, kV6RecordRoomBytes};
    for (size_t family = 0; family < sums_.size(); ++family) {
      const RoleCounts& sums = sums_[family];
      const uint64_t of_family = uint64_t{sums[0]} + sums[1] + sums[2];
      use.records += of_family;
      use.memory_bytes += of_family * kBytes[family];
    }
    return use;
  }
  void report_use(bool all) REQUIRES(lock_) { use_.report(*config_.room, in_use(), all); }
  template <common::Family F>
  bool expire_set(SwarmEntry& entry, const Expiry& expiry, typename PeerTable<stored_as(F)>::Walk& walk,
                  WorkBound& bound, uint64_t& live_gone) REQUIRES(lock_);
  bool expire_sets(SwarmEntry& entry, const Expiry& expiry, Walk& walk, WorkBound& bound, uint64_t& live_gone)
      REQUIRES(lock_);
  // What has been removed from a set.
  template <common::Family F>
  void account_gone(const SwarmEntry& entry, const std::vector<StoredRecord<F>>& gone) REQUIRES(lock_);
  // Removes all records, or as many as the bound allows. Returns whether none are left.
  bool empty_sets(SwarmEntry& entry, WorkBound& bound) REQUIRES(lock_);
  void remove_entry(uint64_t hash, const SwarmEntry& entry) REQUIRES(lock_) {
    if (entry.web != 0) --web_swarms_;
    table_.remove(hash, entry);
  }
  SwarmFacts facts_of(const SwarmEntry& entry) const REQUIRES(lock_);
  void give_up(uint64_t hash, SwarmEntry& entry) REQUIRES(lock_);
  // False: it has removed as many records as the bound allows, not all.
  bool drop_entry(uint64_t hash, SwarmEntry& entry, WorkBound& bound) REQUIRES(lock_);

  // Adds a record to the digest of its cell, or removes it.
  template <common::Family F>
  void toggle(const common::InfoHash& info_hash, const PeerKey<F>& key, PeerValue value);

  proto::SwarmCounts counts_of(const SwarmEntry& entry) const REQUIRES(lock_);
  // Whether a stamp of at most `ahead` ticks after `now` may be written: it must be readable at the last
  // sweep.
  bool make_readable(common::Tick now, int ahead) REQUIRES(lock_);
  // Runs it under the lock once that is so. After a pause of the whole node that takes parts of a sweep, with
  // a hold for each.
  template <class Do>
  auto once_readable(common::Tick now, int ahead, Do run) -> decltype(run());
  void note_work(const WorkBound& bound) REQUIRES(lock_) { most_work_ = std::max(most_work_, bound.records); }
  // Continues a walk until its end or the bound is reached: `visit(entry)` returns whether it finished the
  // entry. Returns whether the walk has ended.
  template <class Shard, class Visit>
  static bool continue_walk(Shard& shard, Walk& walk, const WorkBound& bound, Visit visit)
      REQUIRES(shard.lock_);

  // A sweep in progress.
  struct Sweep {
    common::Tick to;  // it removes what has expired at this tick
    Walk walk{};
  };
  void begin_sweep(common::Tick now) REQUIRES(lock_);
  void continue_sweep(WorkBound& bound) REQUIRES(lock_);
  bool compact(WorkBound& bound) REQUIRES(lock_);
  bool wants_compaction() const REQUIRES(lock_) {
    const uint32_t entries = table_.size();
    return peers_v4_.wants_compaction(entries) || peers_v6_.wants_compaction(entries);
  }
  void begin_compaction() REQUIRES(lock_);
  // Continues it until its end or the bound is reached.
  void continue_compaction(WorkBound& bound) REQUIRES(lock_);
  // A step of it, for a new record. Records that have been found may move.
  void compact_some() REQUIRES(lock_);

  // The first three cache lines hold what every announce reads and what a new peer changes.
  mutable ShardLock lock_;
  SwarmTable table_ GUARDED_BY(lock_);
  const ShardConfig& config_;
  common::Tick swept_ GUARDED_BY(lock_) = 0;  // tick of the last sweep; all stamps here are readable at it
  ShardUse use_ GUARDED_BY(lock_);
  std::array<RoleCounts, 3> sums_ GUARDED_BY(lock_){};  // records by family (IPv4, IPv6, web) and role
  PeerTable<common::Family::v4> peers_v4_ GUARDED_BY(lock_);
  PeerTable<common::Family::v6> peers_v6_ GUARDED_BY(lock_);
  EarlyStops early_stops_ GUARDED_BY(lock_);
  std::optional<Sweep> sweep_ GUARDED_BY(lock_);
  // Of a compaction of the peers' blocks: entries from here on have been looked at. None is under way: empty.
  std::optional<uint32_t> compacting_ GUARDED_BY(lock_);
  bool compacted_ GUARDED_BY(lock_) = true;  // compact() has nothing left to do
  uint64_t expired_ GUARDED_BY(lock_) = 0;
  uint32_t most_work_ GUARDED_BY(lock_) = 0;   // under one hold, as WorkBound counts it
  uint32_t web_swarms_ GUARDED_BY(lock_) = 0;  // of the table's
  std::optional<Walk> dropping_runs_ GUARDED_BY(lock_);
};

}  // namespace shoal::node
