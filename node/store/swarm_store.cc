#include "node/store/swarm_store.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "common/check.h"
#include "common/loopback.h"
#include "common/prefetch.h"
#include "common/web_address.h"
#include "node/os/mutex.h"
#include "node/store/allocation.h"
#include "node/store/shards.h"
#include "node/store/swarm_shard.h"

namespace shoal::node {

using common::InfoHash;
using common::Moment;
using common::Tick;

struct SwarmStore::Impl {
  explicit Impl(const Config& config)
      : shared{config.key,
               config.replicated,
               {peer_seed(config.key, 'a'), peer_seed(config.key, 'b')},
               config.replicated ? std::make_unique<DigestTable>() : nullptr,
               &room,
               &restatements},
        shards(shared) {}

  // The hash of peers must be as secret as that of swarms. Odd, so that a multiplication loses nothing.
  static uint64_t peer_seed(const common::SipKey& key, char name) {
    return common::siphash(key, std::array{static_cast<uint8_t>(name)}) | 1;
  }

  // So many shards are looked at, so many times, before an insertion is refused.
  static constexpr uint32_t kShardsDrawn = 4;
  static constexpr uint32_t kForBlamed = 2;
  static constexpr uint32_t kRoundsMax = 8;
  // After so many times in a row in which nothing was found, 512 swarms in all, only one shard is looked at:
  // whoever has filled the store with what may stay must not make every newcomer look through four.
  static constexpr uint32_t kVainMax = 8;
  // What a draw that finds anything makes room for, in records of a swarm that is there.
  static constexpr size_t kRecordsPerDraw = 4;

  static size_t shard_number(SwarmRef ref) { return ref.hash >> 54; }
  SwarmShard& shard_of(SwarmRef ref) { return shards[shard_number(ref)]; }
  SwarmShard& made_shard_of(SwarmRef ref) const { return shards.made(shard_number(ref)); }
  SwarmShard* find_shard(SwarmRef ref) const { return shards.find(shard_number(ref)); }
  const IndexPlace& index_place_of(SwarmRef ref) const { return shards.index_place(shard_number(ref)); }

  // Starts to load what every call reads first.
  void prefetch(SwarmRef ref) const {
    common::prefetch(&index_place_of(ref));
    shards.prefetch(shard_number(ref));
  }
  void prefetch_swarm(SwarmRef& ref) const {
    if (const SwarmShard* shard = find_shard(ref)) shard->prefetch_swarm(ref);
  }

  // Never null. A copy, so that it is called without a lock.
  std::shared_ptr<const SwarmFilter> current_filter() {
    const Lock lock(filter_mutex);
    return filter;
  }

  // Gives up swarms of little worth in one shard: the first of some drawn at random that has any. Not
  // lonely newcomers in the first kForBlamed, which may have lost by chance all others that could go. Returns
  // whether it gave up any.
  bool make_room(common::Prng& prng) {
    const uint32_t vain = times_in_vain.load(std::memory_order_relaxed);
    for (uint32_t i = vain < kVainMax ? 0 : kShardsDrawn - 1; i < kShardsDrawn; ++i) {
      SwarmShard* shard = shards.find(prng.below(kShards));
      if (shard != nullptr && shard->make_room(prng, i >= kForBlamed)) {
        if (vain != 0) times_in_vain.store(0, std::memory_order_relaxed);
        return true;
      }
    }
    if (vain < kVainMax) times_in_vain.store(vain + 1, std::memory_order_relaxed);
    return false;
  }

  // Whether to announce again: there was no room, and others have given some up. More than once only where
  // the limit has been lowered, or other shards have just reported what they hold.
  bool again(const PeerAnswer& answer, uint32_t rounds, common::Prng& prng) {
    return answer.limit == Limit::memory && rounds < kRoundsMax && give_up_room(prng);
  }
  [[gnu::cold]] bool give_up_room(common::Prng& prng) {
    room.note_given_up();
    return make_room(prng);
  }

  // Before records of other nodes are merged: for as many as come, as far as it goes.
  void make_room_for(size_t records) {
    if (!room.memory.crowded()) [[likely]]
      return;
    common::Prng prng(prng_seed.fetch_add(1, std::memory_order_relaxed) ^ shared.peer_hash.a);
    for (size_t made = 0; made <= records && room.memory.crowded(); made += kRecordsPerDraw) {
      if (!make_room(prng)) return;
    }
  }

  void note_peer(const common::Endpoint& peer) {
    if (common::is_loopback(peer) && peer.family != common::Family::web) [[unlikely]] {
      had_loopback.store(true, std::memory_order_relaxed);
    }
  }

  std::atomic<bool> had_loopback{false};
  std::atomic<uint64_t> prng_seed{0};
  // Calls of make_room(), by whomever, since one found any; up to kVainMax.
  std::atomic<uint32_t> times_in_vain{0};
  StoreRoom room;
  Restatements restatements;
  ShardConfig shared;
  Shards shards;
  Mutex filter_mutex;
  std::shared_ptr<const SwarmFilter> filter GUARDED_BY(filter_mutex) = std::make_shared<const SwarmFilter>();
};

static_assert(SwarmStore::kShards == size_t{1} << (64 - 54));
static_assert(SwarmStore::kShards == Shards::kCount);

SwarmStore::SwarmStore(const Config& config) : impl_(std::make_unique<Impl>(config)) {}
SwarmStore::~SwarmStore() = default;

void SwarmStore::set_limits(const StoreLimits& limits) { impl_->room.set(limits); }

uint64_t SwarmStore::record_count() const {
  return static_cast<uint64_t>(std::max<int64_t>(0, impl_->room.peers.used()));
}

bool SwarmStore::nearly_full() const {
  return impl_->room.swarms.nearly_full() || impl_->room.peers.nearly_full() || impl_->room.is_giving_up();
}

SwarmRef SwarmStore::locate(const InfoHash& info_hash) const {
  const SwarmRef ref{common::siphash(impl_->shared.key, info_hash.bytes)};
  impl_->prefetch(ref);
  return ref;
}

void SwarmStore::prefetch(std::span<SwarmRef> refs) const {
  for (const SwarmRef& ref : refs) impl_->index_place_of(ref).prefetch(ref.hash);
  for (SwarmRef& ref : refs) impl_->prefetch_swarm(ref);
}

void SwarmStore::prefetch(std::span<PeerRef> refs) const {
  for (const PeerRef& ref : refs) impl_->index_place_of(ref.swarm).prefetch(ref.swarm.hash);
  for (PeerRef& ref : refs) impl_->prefetch_swarm(ref.swarm);
  // Where a swarm was found, its shard is made.
  for (PeerRef& ref : refs) {
    ref.large = false;  // callers use their refs again
    if (ref.swarm.likely != SwarmRef::kUnknown) impl_->made_shard_of(ref.swarm).prefetch_peers(ref);
  }
  for (const PeerRef& ref : refs) {
    if (ref.large) impl_->made_shard_of(ref.swarm).prefetch_place(ref);
  }
}

PeerAnswer SwarmStore::announce(SwarmRef ref, const PeerAnnounce& announce, Moment now, common::Prng& prng,
                                const PeerBuffers& out) {
  impl_->note_peer(announce.peer);
  SwarmShard& shard = impl_->shard_of(ref);
  PeerAnswer answer = shard.announce(ref, announce, now, prng, out);
  for (uint32_t rounds = 0; impl_->again(answer, rounds, prng); ++rounds) {
    answer = shard.announce(ref, announce, now, prng, out);
  }
  return answer;
}

PeerAnswer SwarmStore::peek(SwarmRef ref, const PeerAnnounce& announce, common::Prng& prng,
                            const PeerBuffers& out) const {
  const SwarmShard* shard = impl_->find_shard(ref);
  return shard == nullptr ? PeerAnswer() : shard->peek(ref, announce, prng, out);
}

namespace {

bool is_web(const common::Endpoint& peer) { return peer.family == common::Family::web; }

}  // namespace

WebSwarmRef SwarmStore::locate_web(const InfoHash& info_hash) const {
  const SwarmRef ref{common::siphash(impl_->shared.key, info_hash.bytes) ^ kWebTwist};
  impl_->prefetch(ref);
  return {ref};
}

PeerAnswer SwarmStore::announce_web(WebSwarmRef ref, const PeerAnnounce& announce, Moment now,
                                    common::Prng& prng, const PeerBuffers& out) {
  CHECK_INVARIANT(is_web(announce.peer) && announce.peer.port == common::kWebPort);
  SwarmShard& shard = impl_->shard_of(ref.swarm);
  PeerAnswer answer = shard.announce_web(ref.swarm, announce, now, prng, out);
  for (uint32_t rounds = 0; impl_->again(answer, rounds, prng); ++rounds) {
    answer = shard.announce_web(ref.swarm, announce, now, prng, out);
  }
  return answer;
}

proto::SwarmCounts SwarmStore::scrape_web(WebSwarmRef ref, const InfoHash& info_hash) const {
  return scrape(ref.swarm, info_hash);
}

bool SwarmStore::has_had_loopback() const { return impl_->had_loopback.load(std::memory_order_relaxed); }

proto::SwarmCounts SwarmStore::scrape(SwarmRef ref, const InfoHash& info_hash) const {
  const SwarmShard* shard = impl_->find_shard(ref);
  return shard == nullptr ? proto::SwarmCounts() : shard->scrape(ref, info_hash);
}

std::optional<SwarmDetails> SwarmStore::inspect(SwarmRef ref, const InfoHash& info_hash, uint32_t peers_max,
                                                common::Prng& prng) const {
  const auto inspected = [&](SwarmRef one) {
    const SwarmShard* shard = impl_->find_shard(one);
    return shard == nullptr ? std::nullopt : shard->inspect(one.hash, info_hash, peers_max, prng);
  };
  auto details = inspected(ref);
  const auto of_web = inspected(locate_web(info_hash).swarm);
  if (!details || !of_web) return details ? details : of_web;
  details->web = of_web->web;
  details->web_completed = of_web->web_completed;
  details->peers.insert(details->peers.end(), of_web->peers.begin(), of_web->peers.end());
  return details;
}

size_t SwarmStore::merge(std::span<const proto::Delta> deltas, Tick now) {
  const auto filter = impl_->current_filter();
  for (const proto::Delta& delta : deltas) impl_->note_peer(delta.peer);
  size_t changed = 0;
  while (!deltas.empty()) {
    const InfoHash& info_hash = deltas.front().info_hash;
    const bool web = is_web(deltas.front().peer);
    size_t count = 1;
    while (count < deltas.size() && deltas[count].info_hash == info_hash &&
           is_web(deltas[count].peer) == web) {
      ++count;
    }
    if (is_served(*filter, info_hash)) {
      impl_->make_room_for(count);
      const SwarmRef ref = web ? locate_web(info_hash).swarm : locate(info_hash);
      changed += impl_->shard_of(ref).merge(ref.hash, deltas.first(count), now);
    }
    deltas = deltas.subspan(count);
  }
  return changed;
}

size_t SwarmStore::merge_part(const sync::SwarmPart& part, Tick now) {
  if (!serves(part.info_hash)) return 0;
  const bool web = !part.records.empty() && is_web(part.records.front().peer);
  for (const proto::Delta& delta : part.records) {
    CHECK_INVARIANT(is_web(delta.peer) == web);
    impl_->note_peer(delta.peer);
  }
  // A lonely swarm in a pull is worth no more than those that would go for it.
  if (part.records.size() > 1) impl_->make_room_for(part.records.size());
  const SwarmRef ref = web ? locate_web(part.info_hash).swarm : locate(part.info_hash);
  return impl_->shard_of(ref).merge_part(ref.hash, part, now);
}

std::vector<proto::OwnDelta> SwarmStore::restate(Moment now) {
  std::vector<proto::OwnDelta> said;
  for (const Restatements::Key& noted : impl_->restatements.keys()) {
    const SwarmRef ref = is_web(noted.second) ? locate_web(noted.first).swarm : locate(noted.first);
    const auto delta = impl_->shard_of(ref).restate(ref.hash, noted, now);
    if (delta) said.push_back({*delta});
  }
  return said;
}

sync::StampDigests SwarmStore::stamp_digests() const {
  CHECK_INVARIANT(impl_->shared.digests != nullptr);
  return impl_->shared.digests->stamp_digests();
}

sync::BucketDigests SwarmStore::bucket_digests(common::Stamp stamp) const {
  CHECK_INVARIANT(impl_->shared.digests != nullptr);
  return impl_->shared.digests->bucket_digests(stamp);
}

void SwarmStore::read(size_t step, const sync::Cells& cells, Tick now,
                      const std::function<void(const sync::SwarmPart&)>& visit) const {
  const SwarmShard* shard = impl_->shards.find(step);
  if (shard == nullptr) return;
  const auto filter = impl_->current_filter();
  SwarmShard::Walk walk;
  while (!shard->read(walk, cells, now, *filter, visit)) shard->give_way();
}

namespace {

struct ShardWalk final : sync::Swarms::Walk {
  SwarmShard::Walk walk;
};

}  // namespace

bool SwarmStore::read_part(std::unique_ptr<Walk>& walk, size_t step, const sync::Cells& cells, Tick now,
                           const std::function<void(const sync::SwarmPart&)>& visit) const {
  const SwarmShard* shard = impl_->shards.find(step);
  if (shard == nullptr) return true;
  if (walk == nullptr) walk = std::make_unique<ShardWalk>();
  const auto filter = impl_->current_filter();
  return shard->read(static_cast<ShardWalk&>(*walk).walk, cells, now, *filter, visit);
}

void SwarmStore::expire_shard(size_t shard, Tick now) {
  while (!expire_part(shard, now).finished) impl_->shards.made(shard).give_way();
}

SweepPart SwarmStore::expire_part(size_t shard, Tick now) {
  SwarmShard* of = impl_->shards.find(shard);
  if (of != nullptr) return of->expire(now);
  impl_->room.note_sweep(now);
  return {0, true};
}

SwarmsDropped SwarmStore::drop_part(const InfoHash& info_hash) {
  SwarmsDropped dropped{.finished = true};
  for (const SwarmRef ref : {locate(info_hash), locate_web(info_hash).swarm}) {
    SwarmShard* shard = impl_->find_shard(ref);
    if (shard == nullptr) continue;
    const SwarmsDropped part = shard->drop_part(ref.hash, info_hash);
    if (!part.finished) shard->give_way();
    dropped.swarms += part.swarms;
    dropped.looked += part.looked;
    dropped.finished &= part.finished;
  }
  return dropped;
}

RunsDropped SwarmStore::drop_runs(size_t shard, std::span<const uint64_t> runs) {
  SwarmShard* of = impl_->shards.find(shard);
  return of == nullptr ? RunsDropped{.finished = true} : of->drop_runs(runs);
}

SwarmsDropped SwarmStore::drop_part_if(size_t shard, uint32_t& below,
                                       const std::function<bool(const InfoHash&)>& which) {
  SwarmShard* of = impl_->shards.find(shard);
  if (of == nullptr) return {.finished = true};
  const SwarmsDropped part = of->drop_part_if(below, which);
  if (!part.finished) of->give_way();
  return part;
}

void SwarmStore::serve_only(SwarmFilter serves) {
  auto next = std::make_shared<const SwarmFilter>(std::move(serves));
  const Lock lock(impl_->filter_mutex);
  impl_->filter.swap(next);
}

bool SwarmStore::serves(const InfoHash& info_hash) const {
  return is_served(*impl_->current_filter(), info_hash);
}

void SwarmStore::for_each(size_t shard, const std::function<void(const proto::Delta&)>& visit) const {
  const SwarmShard* visited = impl_->shards.find(shard);
  if (visited == nullptr) return;
  const auto filter = impl_->current_filter();
  SwarmShard::Walk walk;
  while (!visited->for_each(walk, *filter, visit)) visited->give_way();
}

size_t SwarmStore::copy_counts(size_t shard, uint32_t& below, std::span<proto::ScrapedSwarm> out) const {
  const SwarmShard* of = impl_->shards.find(shard);
  if (of == nullptr) {
    below = 0;
    return 0;
  }
  const auto filter = impl_->current_filter();
  for (;; of->give_way()) {
    const size_t copied = of->copy_counts(below, out);
    if (!*filter && copied > 0) return copied;
    // Called without the shard's lock. A step of denied swarms only is not the end.
    const auto end = std::remove_if(
        out.begin(), out.begin() + static_cast<ptrdiff_t>(copied),
        [&](const proto::ScrapedSwarm& swarm) { return !is_served(*filter, swarm.info_hash); });
    if (end != out.begin() || below == 0) return static_cast<size_t>(end - out.begin());
  }
}

StoreTotals SwarmStore::totals() const {
  StoreTotals totals;
  totals.memory_bytes = Shards::kBytes + allocated_bytes(sizeof(Impl));
  if (impl_->shared.digests != nullptr) totals.memory_bytes += allocated_bytes(DigestTable::bytes());
  totals.memory_limit_bytes = static_cast<uint64_t>(impl_->room.memory.limit());
  totals.evicted_swarms = impl_->room.evicted_swarms.load(std::memory_order_relaxed);
  totals.evicted_records = impl_->room.evicted_records.load(std::memory_order_relaxed);
  totals.giving_up = impl_->room.is_giving_up();
  totals.restatements_dropped = impl_->restatements.dropped();
  for (size_t i = 0; i < kShards; ++i) {
    if (const SwarmShard* shard = impl_->shards.find(i)) shard->add_to(totals);
  }
  return totals;
}

uint64_t SwarmStore::evicted_swarms() const {
  return impl_->room.evicted_swarms.load(std::memory_order_relaxed);
}

StoreUse SwarmStore::room_for_snapshot() const {
  const auto rest = [](const Room& room, int64_t spare) {
    if (room.limit() == 0) return UINT64_MAX;
    return static_cast<uint64_t>(std::max<int64_t>(0, room.limit() - spare - room.used()));
  };
  const StoreRoom& room = impl_->room;
  return {rest(room.swarms, 0), rest(room.peers, 0), rest(room.memory, room.memory.limit() / 16)};
}

MergesRefused SwarmStore::merges_refused() const {
  return {impl_->room.merges_refused_swarms.load(std::memory_order_relaxed),
          impl_->room.merges_refused_peers.load(std::memory_order_relaxed),
          impl_->room.merges_refused_memory.load(std::memory_order_relaxed)};
}

}  // namespace shoal::node
