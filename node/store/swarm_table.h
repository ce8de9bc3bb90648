// SwarmTable: the swarms of one shard: their entries dense in one array, and an index from hash to entry. A
// lookup costs a cache miss in the index (4 bytes a swarm, mostly cached) and one in the entry.
//
// Nearly all swarms have peers of one family only, so an entry has room for one PeerSet. A swarm with peers
// of both has a pair of them, in a row beside the entries.
//
// The index grows and shrinks without a stall: a new index replaces the old one. New entries go into it at
// once, the others some at a time; what is not yet in the new one is looked up in the old one.
//
// Guarded by the shard's lock. Entries move when others are added and removed, pairs when others are made and
// undone.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "common/info_hash.h"
#include "common/prefetch.h"
#include "common/siphash.h"
#include "node/store/block_pool.h"
#include "node/store/peer_table.h"
#include "node/store/swarm_ref.h"

namespace shoal::node {

// The web peers of an info_hash are a swarm of their own, in another shard: it is found by this hash. So a
// shard holds at most one of the two, and a lookup by info_hash need not ask which.
constexpr uint64_t kWebTwist = uint64_t{1} << 63;

struct SwarmEntry {
  static constexpr uint32_t kCompletedMax = (1U << 26) - 1;
  static constexpr uint32_t kRenewalsMax = 15;
  // What the form of `peers` says if its number is that of a pair.
  static constexpr uint8_t kPair = set_form(31);

  common::InfoHash info_hash;
  uint32_t completed : 26 = 0;
  uint32_t web : 1 = 0;  // its peers are web peers, which are kept as IPv6 peers: their keys are as long
  uint32_t v6 : 1 = 0;   // `peers` are IPv6 peers, unless it is empty or a pair
  // Records of live peers that were written again by regular announces; no more is counted than the maximum.
  uint32_t renewals : 4 = 0;
  PeerSet peers;

  bool has_pair() const { return peers.form == kPair; }
};
static_assert(sizeof(SwarmEntry) == 32);

// Of a swarm with peers of both families.
struct SwarmPair {
  PeerSet v4;
  PeerSet v6;
  uint32_t entry;  // its number
};
static_assert(sizeof(SwarmPair) == 20);

// The home slot of a hash in an index of `slots`. The shard is chosen by the top bits, home by the next ones.
constexpr uint64_t home_slot(uint64_t hash, uint64_t slots) { return (hash << 10 >> 32) * slots >> 32; }

// Where a table's index lies. Those of all shards are kept together, apart from their tables, so that the
// first access to a swarm finds them in the cache. Any thread.
class IndexPlace {
 public:
  void set(const uint32_t* slots, size_t count) {
    base_.store(reinterpret_cast<uintptr_t>(slots), std::memory_order_relaxed);
    count_.store(count, std::memory_order_relaxed);
  }

  // Starts to load the part of the index that find() will read. Does not read it, so the index may even be
  // freed meanwhile.
  void prefetch(uint64_t hash) const {
    const uint64_t home = home_slot(hash, count_.load(std::memory_order_relaxed));
    const uintptr_t at = base_.load(std::memory_order_relaxed) + home * sizeof(uint32_t);
    common::prefetch(reinterpret_cast<const void*>(at));
  }

 private:
  std::atomic<uintptr_t> base_{0};
  std::atomic<uint64_t> count_{0};
};

class SwarmTable {
 public:
  // As many numbers as a slot of the index can hold. To reach it takes four thousand million swarms, as
  // nobody can choose info_hashes for one shard: the store's key is random at each start.
  static constexpr uint32_t kSwarmsMax = (1U << 22) - 1;

  // `key` made the hashes; `place` is kept up to date. Both must outlive the table.
  SwarmTable(const common::SipKey& key, IndexPlace& place) : key_(key), place_(place) {}

  // Null if there is no such swarm. `ref` is of the info_hash.
  SwarmEntry* find(SwarmRef ref, const common::InfoHash& info_hash) {
    return const_cast<SwarmEntry*>(std::as_const(*this).find(ref, info_hash));
  }
  const SwarmEntry* find(SwarmRef ref, const common::InfoHash& info_hash) const;

  // The swarm must not be in the table, and the table must have fewer than kSwarmsMax. `web`: the hash is
  // twisted (kWebTwist).
  SwarmEntry& insert(uint64_t hash, const common::InfoHash& info_hash, bool web = false);

  // The peers of one family: none if the swarm has none of it.
  template <common::Family F>
  const PeerSet& peers(const SwarmEntry& entry) const {
    if (entry.has_pair()) [[unlikely]] {
      return peers_in<F>(pair(entry.peers.number));
    }
    return (entry.v6 != 0) == (F != common::Family::v4) ? entry.peers : kNoPeers;
  }
  // Calls `visit` with the peers of each family that the swarm has, IPv4 first, and the family as they are
  // stored: `visit.operator()<F>(peers)`.
  template <class Visit>
  void visit_peers(const SwarmEntry& entry, Visit visit) const {
    if (entry.has_pair()) [[unlikely]] {
      const SwarmPair& both = pair(entry.peers.number);
      visit.template operator()<common::Family::v4>(both.v4);
      visit.template operator()<common::Family::v6>(both.v6);
    } else if (entry.v6 != 0) {
      visit.template operator()<common::Family::v6>(entry.peers);
    } else {
      visit.template operator()<common::Family::v4>(entry.peers);
    }
  }
  // The same to be changed, or null: the swarm has none of that family. When that may have made them none,
  // settle() is to be called before anything else.
  template <common::Family F>
  PeerSet* find_peers(const SwarmEntry& entry) {
    const PeerSet& found = peers<F>(entry);
    return &found == &kNoPeers ? nullptr : const_cast<PeerSet*>(&found);
  }
  // The same with room for a peer of that family, who must be added. Moves those of the other family if there
  // are no others of this one. `hash` is the swarm's.
  template <common::Family F>
  PeerSet& peers_to_add(uint64_t hash, SwarmEntry& entry) {
    constexpr uint32_t kV6 = F == common::Family::v4 ? 0 : 1;
    if (entry.peers.empty()) entry.v6 = kV6;
    if (!entry.has_pair()) {
      if (entry.v6 == kV6) [[likely]]
        return entry.peers;
      make_pair(hash, entry);
    }
    return peers_in<F>(pair(entry.peers.number));
  }
  // Peers of one family that are left alone move back into the entry.
  void settle(SwarmEntry& entry) {
    if (entry.has_pair()) [[unlikely]]
      settle_pair(entry);
  }
  // How many swarms have peers of both families.
  uint32_t pairs() const { return pairs_.count(); }

  // The last entry takes the place, and the number, of the removed one, which must have no peers.
  void remove(uint64_t hash, const SwarmEntry& entry);

  // To be called after many removals, and to finish a move that insert() has begun: does some of the work,
  // within the bound. Returns whether it has finished.
  bool compact(WorkBound& bound);

  // Entries that the old index may still hold.
  uint32_t left_to_move() const {
    return move_ == nullptr ? 0 : std::max(move_->next, std::min(move_->end, size())) - move_->next;
  }
  static constexpr uint32_t kMoveStep = 16;  // entries moved with each insert()

  // The entries by number; numbers below size().
  uint32_t size() const { return entries_.count(); }
  SwarmEntry& operator[](uint32_t number) {
    return *reinterpret_cast<SwarmEntry*>(entries_.at(number, sizeof(SwarmEntry)));
  }
  const SwarmEntry& operator[](uint32_t number) const {
    return *reinterpret_cast<const SwarmEntry*>(entries_.at(number, sizeof(SwarmEntry)));
  }

  // The number of the entry that is probably the swarm's, judged by its tag alone without reading the entry;
  // or SwarmRef::kUnknown.
  uint32_t likely_number(uint64_t hash) const;

  uint64_t hash_of(const SwarmEntry& entry) const {
    return common::siphash(key_, entry.info_hash.bytes) ^ (entry.web != 0 ? kWebTwist : 0);
  }

  size_t bytes() const {
    const size_t old = move_ == nullptr ? 0 : allocated_bytes(sizeof(Move)) + allocated_bytes(move_->old);
    return entries_.bytes(sizeof(SwarmEntry)) + pairs_.bytes(sizeof(SwarmPair)) + allocated_bytes(index_) +
           old;
  }

 private:
  // A slot of the index: a tag of hash bits and an entry's number.
  static constexpr uint32_t kNumberBits = 22;
  static constexpr uint32_t kNumberMask = (1U << kNumberBits) - 1;
  static constexpr uint32_t kFree = ~0U;
  static constexpr uint32_t kGone = kNumberMask;  // of the old index: moved or removed
  static_assert(kSwarmsMax == kNumberMask);

  // An index of fewer slots grows by half, a larger one by a quarter, which moves every entry twice as often.
  static constexpr size_t kSmallIndex = 2048;

  using Index = std::vector<uint32_t>;

  // From the old index to the new one. Each entry is in one of them; those below `next` are in the new one.
  struct Move {
    Index old;
    uint32_t next = 0;
    uint32_t end = 0;  // entries from here on came later
  };

  static constexpr PeerSet kNoPeers{};

  template <common::Family F, class Pair>
  static auto& peers_in(Pair& pair) {
    if constexpr (F == common::Family::v4) {
      return pair.v4;
    } else {
      return pair.v6;
    }
  }
  SwarmPair& pair(uint32_t number) {
    return *reinterpret_cast<SwarmPair*>(pairs_.at(number, sizeof(SwarmPair)));
  }
  const SwarmPair& pair(uint32_t number) const {
    return *reinterpret_cast<const SwarmPair*>(pairs_.at(number, sizeof(SwarmPair)));
  }
  void make_pair(uint64_t hash, SwarmEntry& entry);
  void settle_pair(SwarmEntry& entry);

  // The lowest bits.
  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash) << kNumberBits; }

  static size_t next(const Index& index, size_t slot) { return slot + 1 == index.size() ? 0 : slot + 1; }
  template <class Is>
  static uint32_t find_in(const Index& index, uint64_t hash, Is is);
  // Null: it is not in the index.
  static uint32_t* slot_in(Index& index, uint64_t hash, uint32_t number);
  // The slot that has the number of this entry, or null.
  uint32_t* slot_in(Index& index, uint64_t hash, const SwarmEntry& entry);
  void put(uint64_t hash, uint32_t number);
  void close_gap(size_t hole);
  void begin_move(size_t slots);
  void move(uint32_t entries);

  Index index_;
  BlockRow<kRowChunkBytes / sizeof(SwarmEntry)> entries_;  // without gaps in the numbers
  BlockRow<128> pairs_;
  std::unique_ptr<Move> move_;  // null: all entries are in the index
  const common::SipKey& key_;
  IndexPlace& place_;
};

}  // namespace shoal::node
