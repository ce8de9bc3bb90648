// PeerTable: the peers of one address family in all swarms of one shard.
//
// A swarm's entry holds a PeerSet, 8 bytes that say where its peers are, in one of these forms:
//   inline  the one IPv4 record itself
//   block   up to kBlockMax records in a block of a pool, ordered leechers, seeders, stopped
//   large   a LargePeers: a SortedPeers for each role
// Counts by role are exact in every form. Not thread-safe; guarded by the shard's lock.

#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "common/prng.h"
#include "node/store/block_pool.h"
#include "node/store/peer_record.h"
#include "node/store/sorted_peers.h"

namespace shoal::node {

// Live and stopped peers of one swarm and family, by role.
using RoleCounts = std::array<uint32_t, kRoles>;

// Bytes that are no peer's state: their low bits are in none.
constexpr uint8_t set_form(size_t number) {
  return static_cast<uint8_t>(number << 3 | proto::kPeerStateKinds);
}

// Trivially copyable; belongs to one table.
struct PeerSet {
  // What `form` says beside a peer's state, which marks an inline record: it is laid over these 8 bytes.
  static constexpr uint8_t kEmpty = set_form(0);
  static constexpr uint8_t kLarge = set_form(1);
  static constexpr size_t kFirstClass = 2;  // a block of class c is set_form(kFirstClass + c)
  static constexpr size_t class_of(uint8_t form) { return (form >> 3) - kFirstClass; }

  uint32_t number = 0;                   // of the block
  std::array<uint8_t, kRoles> counts{};  // of a block
  uint8_t form = kEmpty;

  bool empty() const { return form == kEmpty; }

  // In a large set the first seven bytes are a pointer: user space has at most 56 bits.
  static PeerSet of_large(const void* peers) {
    return std::bit_cast<PeerSet>(reinterpret_cast<uintptr_t>(peers) | uint64_t{kLarge} << 56);
  }
  uintptr_t pointer() const { return std::bit_cast<uint64_t>(*this) & ~uint64_t{0} >> 8; }
};

template <common::Family F>
class PeerTable {
 public:
  using Key = PeerKey<F>;
  using Record = PeerRecord<F>;

  explicit PeerTable(const PeerHash& hash) : hash_(hash) {}

  // Records are named by their place, so that a peer is searched for once per announce. A place is valid
  // until the next change of the table. An inline record lies in its set.

  // The peer's record, or null.
  const Record* find(const PeerSet& set, const Key& key, proto::PeerRole likely) const;

  // The peer must not be in the set. Returns its record.
  const Record* insert(PeerSet& set, const Key& key, PeerValue value);

  // The record must be one of the set. Returns where it is now.
  const Record* update(PeerSet& set, const Record* old, PeerValue value);

  RoleCounts counts(const PeerSet& set) const;

  // Writes up to `want` keys to `to`: for a seeder leechers first, then seeders; for a leecher both alike.
  // Never `self` (a record of the set, or null), never a stopped peer. Returns how many.
  uint32_t sample(const PeerSet& set, const Record* self, bool for_seeder, uint32_t want, common::Prng& prng,
                  uint8_t* to) const;

  // Where a walk over a large set, done in parts, has got to.
  struct Walk {
    size_t role = 0;
    uint64_t from = 0;  // hash of the next peer
  };

  // Removes what has expired in the rest of the set, from `walk` on, until the end or the bound is reached.
  // Appends what it removed to `gone`. Returns whether it reached the end; if not, `walk` is where to
  // continue.
  bool expire(PeerSet& set, const Expiry& expiry, Walk& walk, WorkBound& bound, std::vector<Record>& gone);

  // The same of those for which `which` is true.
  bool erase_if(PeerSet& set, const std::function<bool(const Record&)>& which, Walk& walk, WorkBound& bound,
                std::vector<Record>& gone);

  template <class Visit>
  void for_each(const PeerSet& set, Visit visit) const;

  // Visits at most `most` records: the first of a small set; of a large one such as a keyed hash has put
  // first, of each role in turn.
  template <class Visit>
  void for_some(const PeerSet& set, uint32_t most, Visit visit) const;

  // Visits the rest of the set, with the same walk and bound as expire().
  template <class Visit>
  bool for_each(const PeerSet& set, Walk& walk, WorkBound& bound, Visit visit) const;

  // Starts to load the peers of the set. Of a large set it loads only where they lie and returns true: then
  // call prefetch_place(), which loads what find() of this key reads.
  bool prefetch(const PeerSet& set) const;
  void prefetch_place(const PeerSet& set, const Key& key) const;

  // Whether so many blocks are idle that compaction is worth its cost: a pass visits `entries` swarms, and
  // frees a byte for each at least.
  bool wants_compaction(uint32_t entries) const {
    return pools_use_.idle > kIdleSpare + entries + pools_use_.blocks / kIdlePart;
  }
  // Compaction: begin_compaction(); prepare_compaction() until it is true; then compact() for each set that
  // was there at the beginning, at any time; then end_compaction() until it is true. compact() makes places
  // invalid; it returns how many records it has moved.
  void begin_compaction();
  bool prepare_compaction(WorkBound& bound);
  uint32_t compact(PeerSet& set) {
    if (is_inline(set) || set.form < set_form(PeerSet::kFirstClass)) return 0;
    return pool(set.form).is_leaving(set.number) ? move_block(set) : 0;
  }
  bool end_compaction(WorkBound& bound);

  // How many sets have the form `large`.
  size_t large_sets() const { return large_.size(); }

  // All memory allocated.
  size_t bytes() const;

 private:
  // Capacities of blocks, in records.
  static constexpr std::array<uint8_t, 15> kCapacities = {1,  2,  3,  4,  5,  6,  8, 10,
                                                          12, 14, 16, 20, 24, 28, 32};
  static constexpr uint32_t kBlockMax = kCapacities.back();
  // A large set becomes a block again only at this size, so that one peer more or less does not convert it
  // back and forth.
  static constexpr uint32_t kBlockAgain = 20;

  // Compaction begins when more than this part of all blocks, and a little more, are idle.
  static constexpr uint32_t kIdlePart = 16;
  static constexpr uint32_t kIdleSpare = 256;

  struct LargePeers {
    std::array<SortedPeers<F>, kRoles> roles;
    uint32_t number = 0;  // its place in large_
    uint32_t size() const { return roles[0].size() + roles[1].size() + roles[2].size(); }
  };

  // The records of a set that is not large.
  struct Row {
    const Record* records;
    std::array<uint8_t, kRoles + 1>
        ends;  // of each role's part; ends[0] is 0: part r is [ends[r], ends[r + 1])
    uint32_t size() const { return ends[kRoles]; }
  };
  Row row(const PeerSet& set) const;

  static bool is_inline(const PeerSet& set) { return proto::is_peer_state(set.form); }
  static const Record* inline_record(const PeerSet& set) { return reinterpret_cast<const Record*>(&set); }
  static size_t block_size(uint8_t form) { return kCapacities[PeerSet::class_of(form)] * sizeof(Record); }
  static uint8_t form_for(uint32_t size);
  BlockPool& pool(uint8_t form) { return pools_[PeerSet::class_of(form)]; }
  const BlockPool& pool(uint8_t form) const { return pools_[PeerSet::class_of(form)]; }
  Record* block(const PeerSet& set) {
    return reinterpret_cast<Record*>(pool(set.form).at(set.number, block_size(set.form)));
  }
  static LargePeers& large(const PeerSet& set) { return *reinterpret_cast<LargePeers*>(set.pointer()); }

  // Moves the record at `at` from one role's part to another's and writes `record` there; kRoles stands for
  // the free room at the end. Returns its new place, or that of the free room if `to` is kRoles.
  static uint32_t move_record(Record* records, PeerSet& set, uint32_t at, size_t from, size_t to,
                              const Record& record);
  template <class Which>
  bool erase_where(PeerSet& set, const Which& which, Walk& walk, WorkBound& bound, std::vector<Record>& gone);
  static uint32_t index_in(const Row& row, const Key& key);
  void move_to_form(PeerSet& set, uint8_t form);
  uint32_t move_block(PeerSet& set);
  void free_block(const PeerSet& set) { pool(set.form).remove(set.number, block_size(set.form), pools_use_); }
  void make_large(PeerSet& set);
  void make_row(PeerSet& set);
  void after_erase(PeerSet& set);
  uint32_t sample_row(const Row& row, const Record* self, bool for_seeder, uint32_t want, common::Prng& prng,
                      uint8_t* to) const;
  uint32_t sample_large(const LargePeers& large, const Record* self, bool for_seeder, uint32_t want,
                        common::Prng& prng, uint8_t* to) const;

  PeerHash hash_;  // first, next to the shard's own fields: every announce reads it
  std::array<BlockPool, kCapacities.size()> pools_;
  PoolUse pools_use_;
  bool prepared_ = false;  // for the rest of the compaction
  std::vector<std::unique_ptr<LargePeers>> large_;
};

template <common::Family F>
template <class Visit>
void PeerTable<F>::for_each(const PeerSet& set, Visit visit) const {
  if (set.form == PeerSet::kLarge) {
    for (const SortedPeers<F>& role : large(set).roles) role.for_each(visit);
    return;
  }
  const Row peers = row(set);
  for (uint32_t i = 0; i < peers.size(); ++i) visit(peers.records[i]);
}

template <common::Family F>
template <class Visit>
void PeerTable<F>::for_some(const PeerSet& set, uint32_t most, Visit visit) const {
  if (set.form == PeerSet::kLarge) {
    for (const SortedPeers<F>& role : large(set).roles) role.for_first(most, visit);
    return;
  }
  const Row peers = row(set);
  for (uint32_t i = 0; i < std::min(most, peers.size()); ++i) visit(peers.records[i]);
}

template <common::Family F>
template <class Visit>
bool PeerTable<F>::for_each(const PeerSet& set, Walk& walk, WorkBound& bound, Visit visit) const {
  if (set.form != PeerSet::kLarge) {
    const Row peers = row(set);
    bound.records += 1 + peers.size();
    for (uint32_t i = 0; i < peers.size(); ++i) visit(peers.records[i]);
    return true;
  }
  for (; walk.role < kRoles; ++walk.role) {
    if (bound.reached()) return false;
    large(set).roles[walk.role].for_each(walk.from, bound, visit);
    if (walk.from != 0) return false;
  }
  return true;
}

extern template class PeerTable<common::Family::v4>;
extern template class PeerTable<common::Family::v6>;

}  // namespace shoal::node
