#include "node/store/peer_table.h"

#include <bit>

#include "common/check.h"
#include "common/prefetch.h"
#include "node/store/peer_sampling.h"

namespace shoal::node {

using common::Family;
using proto::PeerRole;

static_assert(sizeof(PeerSet) == sizeof(PeerRecord<Family::v4>));
static_assert(offsetof(PeerSet, form) == offsetof(PeerRecord<Family::v4>, state));
static_assert(std::endian::native == std::endian::little,
              "the form is the top byte of a large set's pointer");

namespace {

template <class Record>
Record make_record(const decltype(Record::key)& key, PeerValue value) {
  return {key, value.stamp, value.state.byte()};
}

}  // namespace

template <Family F>
uint8_t PeerTable<F>::form_for(uint32_t size) {
  const auto fits = std::lower_bound(kCapacities.begin(), kCapacities.end(), size);
  return set_form(PeerSet::kFirstClass + static_cast<size_t>(fits - kCapacities.begin()));
}

template <Family F>
auto PeerTable<F>::row(const PeerSet& set) const -> Row {
  if (set.empty()) return {nullptr, {}};
  if constexpr (F == Family::v4) {
    if (is_inline(set)) {
      Row one{inline_record(set), {}};
      for (size_t role = index_of(one.records->role()); role < kRoles; ++role) one.ends[role + 1] = 1;
      return one;
    }
  }
  Row peers{reinterpret_cast<const Record*>(pool(set.form).at(set.number, block_size(set.form))), {}};
  for (size_t role = 0; role < kRoles; ++role) {
    peers.ends[role + 1] = static_cast<uint8_t>(peers.ends[role] + set.counts[role]);
  }
  return peers;
}

template <Family F>
uint32_t PeerTable<F>::index_in(const Row& row, const Key& key) {
  uint32_t at = 0;
  while (at < row.size() && !same_key(row.records[at].key, key)) ++at;
  return at;
}

template <Family F>
auto PeerTable<F>::find(const PeerSet& set, const Key& key, PeerRole likely) const -> const Record* {
  if (set.form == PeerSet::kLarge) {
    const auto& roles = large(set).roles;
    for (size_t i = 0; i < kRoles; ++i) {
      const Record* record = roles[(index_of(likely) + i) % kRoles].find(hash_, key);
      if (record != nullptr) return record;
    }
    return nullptr;
  }
  const Row peers = row(set);
  const uint32_t at = index_in(peers, key);
  return at == peers.size() ? nullptr : peers.records + at;
}

template <Family F>
uint32_t PeerTable<F>::move_record(Record* records, PeerSet& set, uint32_t at, size_t from, size_t to,
                                   const Record& record) {
  std::array<uint32_t, kRoles + 1> starts{};
  for (size_t role = 0; role < kRoles; ++role) starts[role + 1] = starts[role] + set.counts[role];
  uint32_t hole = at;
  // Each part on the way moves its border record into the hole and gets the hole at the border.
  for (size_t role = from; role < to; ++role) {
    const uint32_t last = starts[role + 1] - 1;
    records[hole] = records[last];
    hole = last;
  }
  for (size_t role = from; role > to; --role) {
    const uint32_t first = starts[role];
    if (hole != first) records[hole] = records[first];
    hole = first;
  }
  if (from < kRoles) --set.counts[from];
  if (to == kRoles) return hole;
  ++set.counts[to];
  records[hole] = record;
  return hole;
}

template <Family F>
auto PeerTable<F>::insert(PeerSet& set, const Key& key, PeerValue value) -> const Record* {
  const Record record = make_record<Record>(key, value);
  if constexpr (F == Family::v4) {
    if (set.empty()) {
      set = std::bit_cast<PeerSet>(record);
      return inline_record(set);
    }
  }
  if (set.form != PeerSet::kLarge) {
    const uint32_t size = row(set).size();
    if (size == kBlockMax) {
      make_large(set);
    } else {
      const uint8_t form = form_for(size + 1);
      if (is_inline(set) || set.empty() || form > set.form) move_to_form(set, form);
      return block(set) + move_record(block(set), set, size, kRoles, index_of(value.state.role), record);
    }
  }
  return large(set).roles[index_of(value.state.role)].insert(hash_, record);
}

template <Family F>
auto PeerTable<F>::update(PeerSet& set, const Record* old, PeerValue value) -> const Record* {
  const Record record = make_record<Record>(old->key, value);
  const size_t from = index_of(old->role());
  const size_t to = index_of(value.state.role);
  if constexpr (F == Family::v4) {
    if (is_inline(set)) {
      set = std::bit_cast<PeerSet>(record);
      return old;
    }
  }
  if (from == to) {
    *const_cast<Record*>(old) = record;
    return old;
  }
  if (set.form == PeerSet::kLarge) {
    auto& roles = large(set).roles;
    roles[from].erase(hash_, old);
    return roles[to].insert(hash_, record);
  }
  const auto at = static_cast<uint32_t>(old - block(set));
  return block(set) + move_record(block(set), set, at, from, to, record);
}

// Changes to the smallest form with room for one more. A large set becomes small, an empty set gives up its
// block.
template <Family F>
void PeerTable<F>::after_erase(PeerSet& set) {
  if (set.form == PeerSet::kLarge) {
    if (large(set).size() <= kBlockAgain) make_row(set);
    return;
  }
  if (set.empty() || is_inline(set)) return;
  const Row peers = row(set);
  if (peers.size() == 0) {
    free_block(set);
    set = {};
    return;
  }
  if constexpr (F == Family::v4) {
    if (peers.size() == 1) {
      const Record last = peers.records[0];
      free_block(set);
      set = std::bit_cast<PeerSet>(last);
      return;
    }
  }
  const uint8_t form = form_for(peers.size() + 1);
  if (form < set.form) move_to_form(set, form);
}

template <Family F>
void PeerTable<F>::move_to_form(PeerSet& set, uint8_t form) {
  const Row peers = row(set);
  PeerSet moved;
  moved.form = form;
  for (size_t role = 0; role < kRoles; ++role) {
    moved.counts[role] = static_cast<uint8_t>(peers.ends[role + 1] - peers.ends[role]);
  }
  // The pools of two forms are different arrays, so `peers` stays valid.
  moved.number = pool(form).add(block_size(form), pools_use_);
  std::copy_n(peers.records, peers.size(), block(moved));
  if (!set.empty() && !is_inline(set)) free_block(set);
  set = moved;
}

template <Family F>
void PeerTable<F>::begin_compaction() {
  for (size_t i = 0; i < pools_.size(); ++i) pools_[i].begin_leaving(kCapacities[i] * sizeof(Record));
  prepared_ = false;
}

template <Family F>
bool PeerTable<F>::prepare_compaction(WorkBound& bound) {
  for (size_t i = 0; !prepared_ && i < pools_.size(); ++i) {
    if (!pools_[i].sort_idle(kCapacities[i] * sizeof(Record), bound)) return false;
  }
  return prepared_ = true;
}

template <Family F>
uint32_t PeerTable<F>::move_block(PeerSet& set) {
  const size_t size = block_size(set.form);
  BlockPool& pool = this->pool(set.form);
  const uint32_t number = pool.add(size, pools_use_);
  std::memcpy(pool.at(number, size), pool.at(set.number, size), size);
  free_block(set);
  set.number = number;
  return kCapacities[PeerSet::class_of(set.form)];
}

template <Family F>
bool PeerTable<F>::end_compaction(WorkBound& bound) {
  constexpr uint32_t kChunkFreed = 4;
  for (size_t i = 0; i < pools_.size(); ++i) {
    if (bound.reached()) return false;
    bound.records += kChunkFreed * pools_[i].end_leaving(kCapacities[i] * sizeof(Record), pools_use_);
  }
  return true;
}

template <Family F>
void PeerTable<F>::make_large(PeerSet& set) {
  auto peers = std::make_unique<LargePeers>();
  for_each(set, [&](const Record& record) { peers->roles[index_of(record.role())].insert(hash_, record); });
  free_block(set);
  set = PeerSet::of_large(peers.get());
  peers->number = static_cast<uint32_t>(large_.size());
  grow_for_one(large_, 8, 1);
  large_.push_back(std::move(peers));
}

template <Family F>
void PeerTable<F>::make_row(PeerSet& set) {
  const uint32_t number = large(set).number;
  const std::unique_ptr<LargePeers> peers = std::exchange(large_[number], std::move(large_.back()));
  large_.pop_back();
  if (number < large_.size()) large_[number]->number = number;
  shrink_if_sparse(large_, 2);
  set = {};
  for (const SortedPeers<F>& role : peers->roles) {
    role.for_each([&](const Record& record) { insert(set, record.key, record.value()); });
  }
}

template <Family F>
RoleCounts PeerTable<F>::counts(const PeerSet& set) const {
  if (set.empty()) return {};
  if (set.form == PeerSet::kLarge) {
    const auto& roles = large(set).roles;
    return {roles[0].size(), roles[1].size(), roles[2].size()};
  }
  RoleCounts counts{};
  if (is_inline(set)) {
    ++counts[index_of(proto::peer_state_from(set.form).role)];
  } else {
    std::copy(set.counts.begin(), set.counts.end(), counts.begin());
  }
  return counts;
}

template <Family F>
uint32_t PeerTable<F>::sample(const PeerSet& set, const Record* self, bool for_seeder, uint32_t want,
                              common::Prng& prng, uint8_t* to) const {
  if (want == 0 || set.empty()) return 0;
  if (set.form == PeerSet::kLarge) return sample_large(large(set), self, for_seeder, want, prng, to);
  return sample_row(row(set), self, for_seeder, want, prng, to);
}

template <Family F>
uint32_t PeerTable<F>::sample_row(const Row& row, const Record* self, bool for_seeder, uint32_t want,
                                  common::Prng& prng, uint8_t* to) const {
  const uint32_t self_at = self == nullptr ? row.size() : static_cast<uint32_t>(self - row.records);
  uint32_t left = want;
  const auto take = [&](uint32_t begin, uint32_t end) {
    const bool with_self = self_at >= begin && self_at < end;
    const uint32_t size = end - begin;
    const uint32_t count = std::min(left, size - (with_self ? 1 : 0));
    left -= count;
    const Record* records = row.records + begin;
    sample_circle_around(size, with_self ? self_at - begin : size, count, 1, prng,
                         [&](uint32_t at, uint32_t length) { to = copy_keys(records + at, length, to); });
  };
  constexpr size_t kLeechersEnd = index_of(PeerRole::leecher) + 1;
  constexpr size_t kLiveEnd = index_of(PeerRole::seeder) + 1;
  static_assert(kLeechersEnd == 1 && kLiveEnd == 2, "live peers lie together, leechers first");
  if (for_seeder) {
    take(0, row.ends[kLeechersEnd]);
    take(row.ends[kLeechersEnd], row.ends[kLiveEnd]);
  } else {
    take(0, row.ends[kLiveEnd]);
  }
  return want - left;
}

template <Family F>
uint32_t PeerTable<F>::sample_large(const LargePeers& large, const Record* self, bool for_seeder,
                                    uint32_t want, common::Prng& prng, uint8_t* to) const {
  const SortedPeers<F>& leechers = large.roles[index_of(PeerRole::leecher)];
  const SortedPeers<F>& seeders = large.roles[index_of(PeerRole::seeder)];
  // An announce that lost against a later stop leaves a stopped record: it is in neither part.
  const auto self_if = [&](PeerRole role) {
    return self != nullptr && self->role() == role ? self : nullptr;
  };
  const Record* in_seeders = self_if(PeerRole::seeder);
  const Record* in_leechers = self_if(PeerRole::leecher);
  const uint32_t other_leechers = leechers.size() - (in_leechers != nullptr ? 1 : 0);
  const uint32_t other_seeders = seeders.size() - (in_seeders != nullptr ? 1 : 0);
  const uint32_t count = std::min(want, other_leechers + other_seeders);
  const uint32_t from_leechers = for_seeder ? std::min(count, other_leechers)
                                            : share_of_first(count, other_leechers, other_seeders, prng);
  to = leechers.sample(in_leechers, from_leechers, prng, to);
  if (count > from_leechers) seeders.sample(in_seeders, count - from_leechers, prng, to);
  return count;
}

template <Family F>
template <class Which>
bool PeerTable<F>::erase_where(PeerSet& set, const Which& which, Walk& walk, WorkBound& bound,
                               std::vector<Record>& gone) {
  if (set.form == PeerSet::kLarge) {
    for (; walk.role < kRoles; ++walk.role) {
      if (bound.reached()) return false;
      SortedPeers<F>& role = large(set).roles[walk.role];
      role.erase_if(which, walk.from, bound, gone);
      if (walk.from != 0) return false;
    }
    after_erase(set);
    return true;
  }
  ++bound.records;
  if (set.empty()) return true;
  if constexpr (F == Family::v4) {
    if (is_inline(set)) {
      const Record* record = inline_record(set);
      if (!which(*record)) return true;
      gone.push_back(*record);
      bound.records += WorkBound::kRecordGone;
      set = {};
      return true;
    }
  }
  Record* records = block(set);
  const auto size = static_cast<uint32_t>(set.counts[0] + set.counts[1] + set.counts[2]);
  bound.records += size;
  // From the end: the record that fills a hole comes from behind and has been looked at.
  for (uint32_t at = size; at-- > 0;) {
    if (!which(records[at])) continue;
    gone.push_back(records[at]);
    bound.records += WorkBound::kRecordGone;
    move_record(records, set, at, index_of(records[at].role()), kRoles, {});
  }
  if (!gone.empty()) after_erase(set);
  return true;
}

template <Family F>
bool PeerTable<F>::expire(PeerSet& set, const Expiry& expiry, Walk& walk, WorkBound& bound,
                          std::vector<Record>& gone) {
  const auto which = [&](const Record& record) { return expiry.expired(record.stamp); };
  return erase_where(set, which, walk, bound, gone);
}

template <Family F>
bool PeerTable<F>::erase_if(PeerSet& set, const std::function<bool(const Record&)>& which, Walk& walk,
                            WorkBound& bound, std::vector<Record>& gone) {
  return erase_where(set, which, walk, bound, gone);
}

template <Family F>
bool PeerTable<F>::prefetch(const PeerSet& set) const {
  const auto load = [](const void* begin, size_t size) {
    for (size_t i = 0; i < size; i += 64) common::prefetch(static_cast<const uint8_t*>(begin) + i);
  };
  if (set.form == PeerSet::kLarge) {
    load(&large(set), sizeof(LargePeers));
    return true;
  }
  if (!is_inline(set) && !set.empty()) {
    load(pool(set.form).at(set.number, block_size(set.form)), block_size(set.form));
  }
  return false;
}

// A new peer is searched for in both.
template <Family F>
void PeerTable<F>::prefetch_place(const PeerSet& set, const Key& key) const {
  if (set.form != PeerSet::kLarge) return;
  const uint64_t hash = hash_(key);
  large(set).roles[index_of(PeerRole::leecher)].prefetch(hash);
  large(set).roles[index_of(PeerRole::seeder)].prefetch(hash);
}

template <Family F>
size_t PeerTable<F>::bytes() const {
  size_t sum = allocated_bytes(large_);
  for (size_t i = 0; i < pools_.size(); ++i) sum += pools_[i].bytes(kCapacities[i] * sizeof(Record));
  for (const auto& peers : large_) {
    sum += allocated_bytes(sizeof(LargePeers));
    for (const SortedPeers<F>& role : peers->roles) sum += role.bytes();
  }
  return sum;
}

template class PeerTable<Family::v4>;
template class PeerTable<Family::v6>;

}  // namespace shoal::node
