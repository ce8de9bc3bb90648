#include "node/swarm_shard.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace shoal::node {

using common::Family;
using common::InfoHash;
using common::Tick;
using proto::PeerRole;

SwarmShard::SwarmShard(const ShardConfig& config)
    : config_(config), table_(config.key), peers_v4_(config.peer_hash), peers_v6_(config.peer_hash) {}

template <Family F>
PeerTable<F>& SwarmShard::peers() {
  if constexpr (F == Family::v4) {
    return peers_v4_;
  } else {
    return peers_v6_;
  }
}

template <Family F>
PeerSet& SwarmShard::set_of(SwarmEntry& entry) {
  return F == Family::v4 ? entry.v4 : entry.v6;
}

void SwarmShard::prefetch_swarm(uint64_t hash) const {
  const std::lock_guard guard(lock_);
  table_.prefetch_entry(hash);
}

void SwarmShard::prefetch_peers(uint64_t hash, const InfoHash& info_hash,
                                const common::Endpoint& peer) const {
  const std::lock_guard guard(lock_);
  const SwarmEntry* entry = table_.find(hash, info_hash);
  if (entry == nullptr) return;
  if (peer.family == Family::v4) {
    peers_v4_.prefetch(entry->v4, key_of<Family::v4>(peer));
  } else {
    peers_v6_.prefetch(entry->v6, key_of<Family::v6>(peer));
  }
}

proto::SwarmCounts SwarmShard::counts_of(const SwarmEntry& entry) const {
  const RoleCounts v4 = peers_v4_.counts(entry.v4);
  const RoleCounts v6 = peers_v6_.counts(entry.v6);
  constexpr size_t kSeeder = index_of(PeerRole::seeder);
  constexpr size_t kLeecher = index_of(PeerRole::leecher);
  return {v4[kSeeder] + v6[kSeeder], v4[kLeecher] + v6[kLeecher], entry.completed};
}

proto::SwarmCounts SwarmShard::scrape(uint64_t hash, const InfoHash& info_hash) const {
  const std::lock_guard guard(lock_);
  const SwarmEntry* entry = table_.find(hash, info_hash);
  return entry == nullptr ? proto::SwarmCounts{} : counts_of(*entry);
}

PeerAnswer SwarmShard::announce(uint64_t hash, const PeerAnnounce& announce, Tick now, common::Prng& prng,
                                const PeerBuffers& out) {
  const std::lock_guard guard(lock_);
  return announce.peer.family == Family::v4 ? announce_as<Family::v4>(hash, announce, now, prng, out)
                                            : announce_as<Family::v6>(hash, announce, now, prng, out);
}

template <Family F>
PeerAnswer SwarmShard::announce_as(uint64_t hash, const PeerAnnounce& announce, Tick now, common::Prng& prng,
                                   const PeerBuffers& out) {
  make_readable(now, common::kLocalAheadTicks);
  const PeerRole role = role_of(announce.event, announce.seeder);
  const bool completed = announce.event == proto::Event::completed;
  const PeerKey<F> key = key_of<F>(announce.peer);
  PeerAnswer answer;
  SwarmEntry* entry = table_.find(hash, announce.info_hash);
  std::optional<PeerValue> old;
  if (entry != nullptr) old = peers<F>().find(set_of<F>(*entry), key, role);

  if (!old && role == PeerRole::stopped) {
    if (entry != nullptr) answer.counts = counts_of(*entry);
    return answer;
  }
  if (role == PeerRole::stopped && !config_.replicated) {
    const uint32_t completed_count = entry->completed;
    erase<F>(*entry, hash, key, old->state.role);
    entry = table_.find(hash, announce.info_hash);
    answer.counts = entry != nullptr ? counts_of(*entry) : proto::SwarmCounts{.completed = completed_count};
    return answer;
  }
  const PeerValue value = old ? announce_value(*old, role, completed, now, config_.replicated)
                              : PeerValue{common::stamp_of(now), {role, completed}};
  if (!old || *old != value) {
    entry = &write<F>(entry, hash, announce.info_hash, key, old, value);
    if (config_.replicated) {
      answer.delta = proto::Delta{announce.info_hash, announce.peer, value.state, value.stamp};
      answer.refreshed = old && old->state == value.state;
    }
  }
  answer.counts = counts_of(*entry);
  if (role == PeerRole::stopped) return answer;
  answer.downloaded = completed && !(old && old->state.completed);
  if (old && old->state.role != PeerRole::stopped) {
    answer.renewed_ticks = static_cast<int16_t>(std::max(0, common::stamp_age(now, old->stamp)));
  }
  const bool seeder = role == PeerRole::seeder;
  if constexpr (F == Family::v4) {
    answer.peers_v4 = peers_v4_.sample(entry->v4, &key, seeder, announce.want_v4, prng, out.v4.data());
    answer.peers_v6 = peers_v6_.sample(entry->v6, nullptr, seeder, announce.want_v6, prng, out.v6.data());
  } else {
    answer.peers_v4 = peers_v4_.sample(entry->v4, nullptr, seeder, announce.want_v4, prng, out.v4.data());
    answer.peers_v6 = peers_v6_.sample(entry->v6, &key, seeder, announce.want_v6, prng, out.v6.data());
  }
  return answer;
}

size_t SwarmShard::merge(uint64_t hash, std::span<const proto::Delta> deltas, Tick now) {
  const std::lock_guard guard(lock_);
  size_t changed = 0;
  for (const proto::Delta& delta : deltas) {
    const bool news = delta.peer.family == Family::v4 ? merge_as<Family::v4>(hash, delta, now)
                                                      : merge_as<Family::v6>(hash, delta, now);
    if (news) ++changed;
  }
  return changed;
}

void SwarmShard::merge_completed(uint64_t hash, const InfoHash& info_hash, uint32_t completed) {
  const std::lock_guard guard(lock_);
  SwarmEntry* entry = table_.find(hash, info_hash);
  if (entry != nullptr) entry->completed = std::max(entry->completed, completed);
}

template <Family F>
void SwarmShard::toggle(const InfoHash& info_hash, const PeerKey<F>& key, PeerValue value) {
  if (config_.digests == nullptr) return;
  const uint64_t hash = proto::RecordHash(info_hash)(key, value.stamp, value.state.byte());
  config_.digests->toggle(proto::digest_bucket(info_hash), value.stamp, hash);
}

template <Family F, class Wanted>
void SwarmShard::toggle_all(SwarmEntry& entry, Wanted wanted) {
  if (config_.digests == nullptr) return;
  peers<F>().for_each(set_of<F>(entry), [&](const PeerRecord<F>& record) {
    if (wanted(record.stamp)) toggle<F>(entry.info_hash, record.key, record.value());
  });
}

template <Family F>
bool SwarmShard::merge_as(uint64_t hash, const proto::Delta& delta, Tick now) {
  const int age = common::stamp_age(now, delta.stamp);
  if (age >= common::kLifetimeTicks) return false;
  make_readable(now, std::max(0, -age));
  const PeerKey<F> key = key_of<F>(delta.peer);
  SwarmEntry* entry = table_.find(hash, delta.info_hash);
  std::optional<PeerValue> old;
  if (entry != nullptr) old = peers<F>().find(set_of<F>(*entry), key, delta.state.role);
  PeerValue value{delta.stamp, delta.state};
  if (old) value = merge_values(*old, value, now);
  if (old && *old == value) return false;
  if (value.state.role == PeerRole::stopped && !config_.replicated) {
    if (old) erase<F>(*entry, hash, key, old->state.role);
    return old.has_value();
  }
  write<F>(entry, hash, delta.info_hash, key, old, value);
  return true;
}

template <Family F>
SwarmEntry& SwarmShard::write(SwarmEntry* entry, uint64_t hash, const InfoHash& info_hash,
                              const PeerKey<F>& key, const std::optional<PeerValue>& old, PeerValue value) {
  if (entry == nullptr) entry = &table_.insert(hash, info_hash);
  if (old) {
    toggle<F>(info_hash, key, *old);
    peers<F>().update(set_of<F>(*entry), key, old->state.role, value);
    --sums<F>()[index_of(old->state.role)];
  } else {
    peers<F>().insert(set_of<F>(*entry), key, value);
  }
  toggle<F>(info_hash, key, value);
  ++sums<F>()[index_of(value.state.role)];
  if (value.state.completed && !(old && old->state.completed)) ++entry->completed;
  return *entry;
}

// Only where nothing is replicated, so no digest changes.
template <Family F>
void SwarmShard::erase(SwarmEntry& entry, uint64_t hash, const PeerKey<F>& key, PeerRole role) {
  peers<F>().erase(set_of<F>(entry), key, role);
  --sums<F>()[index_of(role)];
  if (entry.empty()) table_.remove(hash, entry);
}

// To be called before a stamp at most `ahead` ticks after `now` is written: it must be readable at the last
// sweep. Usually the sweep of this tick or the one before has been; only after a pause this call has to make
// up for it.
void SwarmShard::make_readable(Tick now, int ahead) {
  if (table_.size() == 0) swept_ = now;
  if (now - swept_ + ahead > common::kAheadTicks) sweep(now);
}

void SwarmShard::expire(Tick now) {
  const std::lock_guard guard(lock_);
  if (now < swept_ - common::kLifetimeTicks) {
    begin_again(now);
  } else if (now > swept_) {
    sweep(now);
  }
}

template <Family F>
void SwarmShard::expire_set(SwarmEntry& entry, const Expiry& expiry) {
  toggle_all<F>(entry, [&](common::Stamp stamp) { return expiry.expired(stamp); });
  const RoleCounts gone = peers<F>().expire(set_of<F>(entry), expiry);
  for (size_t role = 0; role < kRoles; ++role) sums<F>()[role] -= gone[role];
  expired_ += gone[index_of(PeerRole::leecher)] + gone[index_of(PeerRole::seeder)];
}

template <Family F>
void SwarmShard::empty_set(SwarmEntry& entry) {
  toggle_all<F>(entry, [](common::Stamp) { return true; });
  // So long after the last sweep every stamp has expired.
  const Expiry all(swept_, swept_ + 2 * common::kLifetimeTicks);
  const RoleCounts gone = peers<F>().expire(set_of<F>(entry), all);
  for (size_t role = 0; role < kRoles; ++role) sums<F>()[role] -= gone[role];
}

void SwarmShard::drop_entry(uint64_t hash, SwarmEntry& entry) {
  empty_set<Family::v4>(entry);
  empty_set<Family::v6>(entry);
  table_.remove(hash, entry);
}

bool SwarmShard::drop(uint64_t hash, const InfoHash& info_hash) {
  const std::lock_guard guard(lock_);
  SwarmEntry* entry = table_.find(hash, info_hash);
  if (entry != nullptr) drop_entry(hash, *entry);
  return entry != nullptr;
}

size_t SwarmShard::drop_if(const std::function<bool(const InfoHash&)>& which) {
  const std::lock_guard guard(lock_);
  size_t dropped = 0;
  // From the end: the entry that takes a removed one's place has been looked at.
  for (uint32_t i = table_.size(); i-- > 0;) {
    SwarmEntry& entry = table_[i];
    if (!which(entry.info_hash)) continue;
    drop_entry(common::siphash(config_.key, entry.info_hash.bytes), entry);
    ++dropped;
  }
  return dropped;
}

void SwarmShard::sweep(Tick now) {
  const Expiry expiry{swept_, now};
  // From the end: the entry that takes a removed one's place has been looked at.
  for (uint32_t i = table_.size(); i-- > 0;) {
    SwarmEntry& entry = table_[i];
    expire_set<Family::v4>(entry, expiry);
    expire_set<Family::v6>(entry, expiry);
    if (entry.empty()) table_.remove(common::siphash(config_.key, entry.info_hash.bytes), entry);
  }
  swept_ = now;
  table_.compact();
  peers_v4_.compact([this](auto visit) {
    for (uint32_t i = 0; i < table_.size(); ++i) visit(table_[i].v4);
  });
  peers_v6_.compact([this](auto visit) {
    for (uint32_t i = 0; i < table_.size(); ++i) visit(table_[i].v6);
  });
}

// The clock has been set back by more than a lifetime: what is here was stamped in a future that will not
// come soon. To lose nothing and yet to keep nothing for ever, every record begins its lifetime again.
void SwarmShard::begin_again(Tick now) {
  const auto all = [](common::Stamp) { return true; };
  for (uint32_t i = 0; i < table_.size(); ++i) {
    SwarmEntry& entry = table_[i];
    toggle_all<Family::v4>(entry, all);
    toggle_all<Family::v6>(entry, all);
    peers_v4_.restamp(entry.v4, common::stamp_of(now));
    peers_v6_.restamp(entry.v6, common::stamp_of(now));
    toggle_all<Family::v4>(entry, all);
    toggle_all<Family::v6>(entry, all);
  }
  swept_ = now;
}

void SwarmShard::for_each(const std::function<void(const proto::Delta&)>& visit) const {
  const std::lock_guard guard(lock_);
  for (uint32_t i = 0; i < table_.size(); ++i) {
    const SwarmEntry& entry = table_[i];
    const auto visit_record = [&]<Family F>(const PeerRecord<F>& record) {
      visit({entry.info_hash, endpoint_of<F>(record.key), record.value().state, record.stamp});
    };
    peers_v4_.for_each(entry.v4, visit_record);
    peers_v6_.for_each(entry.v6, visit_record);
  }
}

void SwarmShard::read(const sync::Cells& cells, Tick now,
                      const std::function<void(const sync::SwarmPart&)>& visit) const {
  // Of a large swarm so many records are visited at once.
  constexpr size_t kPartMax = 1024;
  const std::lock_guard guard(lock_);
  const Expiry expiry{swept_, std::max(now, swept_)};
  std::vector<proto::Delta> part;
  for (uint32_t i = 0; i < table_.size(); ++i) {
    const SwarmEntry& entry = table_[i];
    const size_t bucket = proto::digest_bucket(entry.info_hash);
    if (!cells.touches(bucket)) continue;
    const auto flush = [&] {
      if (!part.empty()) visit({entry.info_hash, entry.completed, part});
      part.clear();
    };
    const auto take = [&]<Family F>(const PeerRecord<F>& record) {
      if (!cells.contains(record.stamp, bucket) || expiry.expired(record.stamp)) return;
      part.push_back({entry.info_hash, endpoint_of<F>(record.key), record.value().state, record.stamp});
      if (part.size() == kPartMax) flush();
    };
    peers_v4_.for_each(entry.v4, take);
    peers_v6_.for_each(entry.v6, take);
    flush();
  }
}

// Backwards: when an entry is removed the last one takes its place, which is one that has been seen already.
size_t SwarmShard::copy_counts(uint32_t& below, std::span<proto::ScrapedSwarm> out) const {
  const std::lock_guard guard(lock_);
  below = std::min(below, table_.size());
  size_t count = 0;
  while (below > 0 && count < out.size()) {
    const SwarmEntry& entry = table_[--below];
    out[count++] = {entry.info_hash, counts_of(entry)};
  }
  return count;
}

void SwarmShard::add_to(StoreTotals& totals) const {
  const std::lock_guard guard(lock_);
  constexpr size_t kSeeder = index_of(PeerRole::seeder);
  constexpr size_t kLeecher = index_of(PeerRole::leecher);
  constexpr size_t kStopped = index_of(PeerRole::stopped);
  totals.swarms += table_.size();
  totals.seeders_v4 += sums_[0][kSeeder];
  totals.leechers_v4 += sums_[0][kLeecher];
  totals.stopped_v4 += sums_[0][kStopped];
  totals.seeders_v6 += sums_[1][kSeeder];
  totals.leechers_v6 += sums_[1][kLeecher];
  totals.stopped_v6 += sums_[1][kStopped];
  totals.memory_bytes += table_.bytes() + peers_v4_.bytes() + peers_v6_.bytes();
  totals.expired += expired_;
  totals.lock_stalls += lock_.stalls();
}

}  // namespace shoal::node
