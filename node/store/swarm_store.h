// SwarmStore: all swarms this node knows, in memory. The only state shared by the workers and the control
// thread.
//
// A last-writer-wins map (info_hash, endpoint) -> (stamp, state) in 1024 shards, chosen by a keyed hash of
// the info_hash; one lock a shard, held for one call, never two at once, never across IO. Every method is
// safe on any thread.
//
// Web peers (Family::web) of an info_hash are a swarm of their own: calls for the others do not see them, nor
// count them, nor the other way round. What goes over all records goes over both.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/prng.h"
#include "common/siphash.h"
#include "common/tick.h"
#include "node/limits/limit.h"
#include "node/store/store_room.h"
#include "node/store/swarm_ref.h"
#include "proto/announce.h"
#include "proto/delta.h"
#include "sync/swarms.h"

namespace shoal::node {

struct PeerAnnounce {
  common::InfoHash info_hash;
  common::Endpoint peer;  // its port is not 0, but in peek()
  proto::Event event = proto::Event::none;
  bool seeder = false;   // left == 0
  uint32_t want_v4 = 0;  // at most this many IPv4 peers in the answer
  uint32_t want_v6 = 0;
  uint32_t want_web = 0;  // of the calls for web peers
  // Of a stop: how many moments later than this one a start would be written that is made now.
  uint8_t live_lead = 0;
};

// Where the store writes compact peers. Each span must hold want * compact_size(family) bytes.
struct PeerBuffers {
  std::span<uint8_t> v4;
  std::span<uint8_t> v6;
  std::span<uint8_t> web{};  // of the calls for web peers
};

struct PeerAnswer {
  proto::SwarmCounts counts;  // after this announce
  uint32_t peers_v4 = 0;      // peers written to the buffers
  uint32_t peers_v6 = 0;
  uint32_t peers_web = 0;
  bool downloaded = false;     // this peer has completed, as far as we know for the first time
  int16_t renewed_ticks = -1;  // ticks since the record of a known peer was written; else -1
  // To be sent to the cluster. Set when the announce changed or refreshed the record and the store is
  // replicated.
  std::optional<proto::Delta> delta;
  bool refreshed = false;  // it did not change the record
  // Not none: the peer has not been stored. With peers_per_swarm it still gets counts and peers, with swarms
  // and peers nothing.
  Limit limit = Limit::none;
};

// One swarm in detail.
struct SwarmDetails {
  using Roles = std::array<uint32_t, 3>;  // records by proto::PeerRole
  proto::SwarmCounts counts;              // without web peers
  Roles v4{};
  Roles v6{};
  std::vector<proto::Delta> peers;  // live ones, drawn at random
  Roles web{};
  uint32_t web_completed = 0;
};

struct StoreTotals {
  uint64_t swarms = 0;      // with peers that have addresses
  uint64_t swarms_web = 0;  // with web peers
  uint64_t seeders_v4 = 0;
  uint64_t leechers_v4 = 0;
  uint64_t stopped_v4 = 0;  // records of stopped peers, kept so that no late delta brings them back
  uint64_t seeders_v6 = 0;
  uint64_t leechers_v6 = 0;
  uint64_t stopped_v6 = 0;
  uint64_t seeders_web = 0;
  uint64_t leechers_web = 0;
  uint64_t stopped_web = 0;
  uint64_t memory_bytes = 0;        // allocated for swarms and peers
  uint64_t memory_limit_bytes = 0;  // allowed for them; 0: no limit
  // Swarms, or parts of large ones, that were given up for lack of memory, and their records; since start.
  uint64_t evicted_swarms = 0;
  uint64_t evicted_records = 0;
  // The store lacks what other nodes may have, and would lose it again: nearly_full() for lack of memory.
  bool giving_up = false;
  uint64_t expired = 0;      // live records removed by age since start
  uint64_t lock_stalls = 0;  // times a shard's lock had to be waited for since start
  uint32_t most_work = 0;    // records looked at under one hold, as WorkBound counts them; since start
  // Last words of clients that other nodes may not have until the next, as Restatements was full; since
  // start.
  uint64_t restatements_dropped = 0;
};

// Part of a sweep of a shard.
struct SweepPart {
  uint32_t records;  // looked at, as WorkBound counts them
  bool finished;     // the shard has been swept
};

// Part of dropping swarms.
struct SwarmsDropped {
  size_t swarms = 0;      // that are gone
  uint32_t looked = 0;    // records looked at, as WorkBound counts them
  bool finished = false;  // nothing is left to do
};

// Part of dropping the web peers of runs that have ended.
struct RunsDropped {
  size_t records = 0;
  uint32_t looked = 0;    // records looked at, as WorkBound counts them
  bool finished = false;  // nothing of them is left in the shard
};

// Whether a swarm is served; empty: all are. Called on any thread and under a shard's lock: it must be short
// and must not call the store.
using SwarmFilter = std::function<bool(const common::InfoHash&)>;

// Records of other nodes that were not merged because of a limit, since start.
struct MergesRefused {
  uint64_t swarms = 0;
  uint64_t peers = 0;
  uint64_t memory = 0;
};

class SwarmStore final : public sync::Swarms {
 public:
  static constexpr size_t kShards = 1024;

  struct Config {
    common::SipKey key{};     // random: nobody may know which info_hashes share a shard or a slot
    bool replicated = false;  // keep digests, produce deltas; what clients are answered is the same
  };

  explicit SwarmStore(const Config& config);
  ~SwarmStore() override;
  SwarmStore(const SwarmStore&) = delete;
  SwarmStore& operator=(const SwarmStore&) = delete;

  // For what comes from now on; what is stored stays. At first there are no limits.
  void set_limits(const StoreLimits& limits);

  // Starts to load what the next call with the result reads first.
  SwarmRef locate(const common::InfoHash& info_hash) const;

  // For batches, so that their cache misses overlap. To be called with all scrapes or all announces of a
  // batch before the first is answered. Loads in stages, each for all of them: the index of the swarms; their
  // entries; their peers; in large swarms the places of these peers. Optional: what it notes in `refs` saves
  // later calls a search.
  void prefetch(std::span<SwarmRef> refs) const;
  void prefetch(std::span<PeerRef> refs) const;

  // Applies one announce and samples peers for it: leechers first for a seeder, never the announcer itself,
  // never a stopped peer. `ref` is locate(announce.info_hash). Limits do not apply to a peer that is already
  // there, nor to one that stops. At the limit of memory swarms of little worth make room, or it is refused.
  PeerAnswer announce(SwarmRef ref, const PeerAnnounce& announce, common::Moment now, common::Prng& prng,
                      const PeerBuffers& out);

  // The answer to an announce that is not to be stored, such as one without a port: counts and peers.
  PeerAnswer peek(SwarmRef ref, const PeerAnnounce& announce, common::Prng& prng,
                  const PeerBuffers& out) const;

  // The same for web peers, whose port is common::kWebPort: only want_web, PeerBuffers::web and peers_web are
  // used. `ref` is locate_web(announce.info_hash).
  WebSwarmRef locate_web(const common::InfoHash& info_hash) const;
  PeerAnswer announce_web(WebSwarmRef ref, const PeerAnnounce& announce, common::Moment now,
                          common::Prng& prng, const PeerBuffers& out);
  proto::SwarmCounts scrape_web(WebSwarmRef ref, const common::InfoHash& info_hash) const;

  // Whether a peer with a loopback address has been announced here or elsewhere since start.
  bool has_had_loopback() const;

  // Zeros for an unknown swarm.
  proto::SwarmCounts scrape(SwarmRef ref, const common::InfoHash& info_hash) const;

  // At most `peers_max` peers of each family, the web among them; none for an unknown swarm. `ref` is
  // locate(info_hash).
  std::optional<SwarmDetails> inspect(SwarmRef ref, const common::InfoHash& info_hash, uint32_t peers_max,
                                      common::Prng& prng) const;

  // Of sync/swarms.h; each step of reading is a shard. Only a replicated store has digests. Does not merge
  // swarms that are not served, nor what would take the store beyond twice its limits, or beyond that of
  // memory.
  size_t merge(std::span<const proto::Delta> deltas, common::Tick now) override;
  size_t merge_part(const sync::SwarmPart& part, common::Tick now) override;
  std::vector<proto::OwnDelta> restate(common::Moment now) override;
  sync::StampDigests stamp_digests() const override;
  sync::BucketDigests bucket_digests(common::Stamp stamp) const override;
  uint64_t record_count() const override;
  bool nearly_full() const override;
  size_t read_steps() const override { return kShards; }
  void read(size_t step, const sync::Cells& cells, common::Tick now,
            const std::function<void(const sync::SwarmPart&)>& visit) const override;
  bool read_part(std::unique_ptr<Walk>& walk, size_t step, const sync::Cells& cells, common::Tick now,
                 const std::function<void(const sync::SwarmPart&)>& visit) const override;

  // Removes the expired records of one shard, live and stopped alike, and swarms that become empty, with
  // their completed counts. Holds the lock for some thousand records at a time. To be called for every shard
  // once per tick; after a pause of any length (a suspended machine) one call is enough. A `now` before that
  // of the last call removes nothing.
  void expire_shard(size_t shard, common::Tick now);

  // One hold of the lock of expire_shard().
  SweepPart expire_part(size_t shard, common::Tick now);

  // Removes the web peers of one shard whose run is in `runs`, ascending: the connections of a node that has
  // ended. One hold of the lock; to be called until it has finished. Costs nothing where there are none.
  RunsDropped drop_runs(size_t shard, std::span<const uint64_t> runs);

  // Removes a swarm with all its peers and counts, web peers too, in parts: one hold of the lock. To be
  // called until it has finished.
  SwarmsDropped drop_part(const common::InfoHash& info_hash);

  // Removes the swarms of one shard for which `which` is true, those of web peers apart: one hold of the
  // lock, for some hundred swarms, or for a part of a large one. `below` begins as kAllSwarms and is kept by
  // the caller; to be called until it has finished.
  SwarmsDropped drop_part_if(size_t shard, uint32_t& below,
                             const std::function<bool(const common::InfoHash&)>& which);

  // From now on swarms that `serves` denies are neither merged nor visited by reads of the whole store
  // (read(), for_each(), copy_counts()). Those in the store stay until they are dropped. announce() and
  // scrape() do not ask: their callers do.
  void serve_only(SwarmFilter serves);

  // What the filter of the last serve_only() says.
  bool serves(const common::InfoHash& info_hash) const;

  // Visits every record of one shard's served swarms, live and stopped, as the delta that would bring it
  // elsewhere, swarm by swarm. Holds the lock for some thousand records at a time: a record written meanwhile
  // may be missed or visited twice. `visit` must be short and must not call the store.
  void for_each(size_t shard, const std::function<void(const proto::Delta&)>& visit) const;

  // Walks over one shard in short steps, between which others may use it. Copies the counts of served swarms,
  // not those of web peers, the last ones first, from below number `below` (kAllSwarms at first), which it
  // lowers. Returns how many; 0: that was all. A swarm that is there from the first step to the last is
  // copied, perhaps twice.
  static constexpr uint32_t kAllSwarms = UINT32_MAX;
  size_t copy_counts(size_t shard, uint32_t& below, std::span<proto::ScrapedSwarm> out) const;

  // Sums over all shards, one lock at a time: consistent per shard only. Swarms that are no longer served
  // count until they are dropped.
  StoreTotals totals() const;

  MergesRefused merges_refused() const;

  // How much more a snapshot may bring: the rest of the limits for announces, and of that of memory all but a
  // sixteenth, which is for newcomers.
  StoreUse room_for_snapshot() const;
  uint64_t evicted_swarms() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::node
