// SwarmShard: one of the store's shards: its swarms, their peers, and the rules applied to them. Every method
// takes the shard's lock for its duration, but for prefetch().

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include "node/digest_table.h"
#include "node/peer_table.h"
#include "node/shard_lock.h"
#include "node/swarm_store.h"
#include "node/swarm_table.h"

namespace shoal::node {

// What all shards of a store share.
struct ShardConfig {
  common::SipKey key{};
  bool replicated = false;
  PeerHash peer_hash;
  std::unique_ptr<DigestTable> digests;  // null: not replicated
};

class alignas(64) SwarmShard {
 public:
  // `config` must outlive the shard.
  explicit SwarmShard(const ShardConfig& config);

  void prefetch(uint64_t hash) const { table_.prefetch(hash); }
  void prefetch_swarm(uint64_t hash) const;
  void prefetch_peers(uint64_t hash, const common::InfoHash& info_hash, const common::Endpoint& peer) const;

  PeerAnswer announce(uint64_t hash, const PeerAnnounce& announce, common::Tick now, common::Prng& prng,
                      const PeerBuffers& out);
  proto::SwarmCounts scrape(uint64_t hash, const common::InfoHash& info_hash) const;

  std::optional<SwarmLook> look(uint64_t hash, const common::InfoHash& info_hash, uint32_t peers_max,
                                common::Prng& prng) const;

  // Deltas of one swarm; how many changed something.
  size_t merge(uint64_t hash, std::span<const proto::Delta> deltas, common::Tick now);
  void merge_completed(uint64_t hash, const common::InfoHash& info_hash, uint32_t completed);

  void expire(common::Tick now);

  // Removes a swarm with all its records; false: there is none.
  bool drop(uint64_t hash, const common::InfoHash& info_hash);
  // Removes those `which` says; how many.
  size_t drop_if(const std::function<bool(const common::InfoHash&)>& which);

  void for_each(const std::function<void(const proto::Delta&)>& visit) const;
  void read(const sync::Cells& cells, common::Tick now,
            const std::function<void(const sync::SwarmPart&)>& visit) const;
  size_t copy_counts(uint32_t& below, std::span<proto::ScrapedSwarm> out) const;
  void add_to(StoreTotals& totals) const;

 private:
  template <common::Family F>
  PeerTable<F>& peers();
  template <common::Family F>
  static PeerSet& set_of(SwarmEntry& entry);
  template <common::Family F>
  RoleCounts& sums() {
    return sums_[F == common::Family::v4 ? 0 : 1];
  }

  template <common::Family F>
  PeerAnswer announce_as(uint64_t hash, const PeerAnnounce& announce, common::Tick now, common::Prng& prng,
                         const PeerBuffers& out);
  template <common::Family F>
  bool merge_as(uint64_t hash, const proto::Delta& delta, common::Tick now);

  // Stores a peer's record; returns the swarm's entry, which may be a new one.
  template <common::Family F>
  SwarmEntry& write(SwarmEntry* entry, uint64_t hash, const common::InfoHash& info_hash,
                    const PeerKey<F>& key, const std::optional<PeerValue>& old, PeerValue value);
  template <common::Family F>
  void erase(SwarmEntry& entry, uint64_t hash, const PeerKey<F>& key, proto::PeerRole role);
  template <common::Family F>
  void expire_set(SwarmEntry& entry, const Expiry& expiry);
  template <common::Family F>
  void empty_set(SwarmEntry& entry);
  void drop_entry(uint64_t hash, SwarmEntry& entry);

  // Into the digest of its cell, or out of it.
  template <common::Family F>
  void toggle(const common::InfoHash& info_hash, const PeerKey<F>& key, PeerValue value);
  // All of a swarm's records for which `wanted`.
  template <common::Family F, class Wanted>
  void toggle_all(SwarmEntry& entry, Wanted wanted);

  proto::SwarmCounts counts_of(const SwarmEntry& entry) const;
  void make_readable(common::Tick now, int ahead);
  void sweep(common::Tick now);
  void begin_again(common::Tick now);

  mutable ShardLock lock_;
  const ShardConfig& config_;
  SwarmTable table_;
  common::Tick swept_ = 0;  // tick of the last sweep; all stamps here are readable at it
  PeerTable<common::Family::v4> peers_v4_;
  PeerTable<common::Family::v6> peers_v6_;
  std::array<RoleCounts, 2> sums_{};  // records by family and role
  uint64_t expired_ = 0;
};

}  // namespace shoal::node
