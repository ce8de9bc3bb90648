#include "node/store/swarm_shard.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/check.h"
#include "node/os/mutex.h"

namespace shoal::node {

using common::Family;
using common::InfoHash;
using common::Moment;
using common::Tick;
using proto::PeerRole;

SwarmShard::SwarmShard(const ShardConfig& config, IndexPlace& place)
    : table_(config.key, place), config_(config), peers_v4_(config.peer_hash), peers_v6_(config.peer_hash) {}

namespace {

// A live peer is still there, at least kRefreshTicks after its last word.
bool is_renewal(PeerValue before, PeerValue now) {
  const auto later = static_cast<common::Stamp>(now.stamp - before.stamp);
  return before.state.role != PeerRole::stopped && now.state.role != PeerRole::stopped &&
         later >= common::kRefreshTicks && later <= common::kLifetimeTicks;
}

// The endpoint of a record of this swarm.
template <Family F>
common::Endpoint endpoint_in(const SwarmEntry& entry, const PeerRecord<F>& record) {
  common::Endpoint peer = endpoint_of<F>(record.key);
  if (F == Family::v6 && entry.web != 0) peer.family = Family::web;
  return peer;
}

}  // namespace

template <Family F>
const PeerTable<stored_as(F)>& SwarmShard::peers() const {
  if constexpr (F == Family::v4) {
    return peers_v4_;
  } else {
    return peers_v6_;
  }
}
template <Family F>
PeerTable<stored_as(F)>& SwarmShard::peers() {
  if constexpr (F == Family::v4) {
    return peers_v4_;
  } else {
    return peers_v6_;
  }
}

void SwarmShard::prefetch_swarm(SwarmRef& ref) const {
  const Lock guard(lock_);
  ref.likely = table_.likely_number(ref.hash);
  if (ref.likely == SwarmRef::kUnknown) return;
  const auto* entry = reinterpret_cast<const char*>(&table_[ref.likely]);
  common::prefetch(entry);
  common::prefetch(entry + sizeof(SwarmEntry) - 1);
}

void SwarmShard::prefetch_peers(PeerRef& ref) const {
  const Lock guard(lock_);
  if (ref.swarm.likely >= table_.size()) return;
  const SwarmEntry& entry = table_[ref.swarm.likely];
  ref.large = ref.peer.family == Family::v4 ? peers_v4_.prefetch(table_.peers<Family::v4>(entry))
                                            : peers_v6_.prefetch(table_.peers<Family::v6>(entry));
}

void SwarmShard::prefetch_place(const PeerRef& ref) const {
  const Lock guard(lock_);
  if (ref.swarm.likely >= table_.size()) return;
  const SwarmEntry& entry = table_[ref.swarm.likely];
  if (ref.peer.family == Family::v4) {
    peers_v4_.prefetch_place(table_.peers<Family::v4>(entry), key_of<Family::v4>(ref.peer));
  } else {
    peers_v6_.prefetch_place(table_.peers<Family::v6>(entry), key_of<Family::v6>(ref.peer));
  }
}

proto::SwarmCounts SwarmShard::counts_of(const SwarmEntry& entry) const {
  proto::SwarmCounts sum{0, 0, entry.completed};
  table_.visit_peers(entry, [&]<Family F>(const PeerSet& set) {
    lock_.assert_held();
    const RoleCounts counts = peers<F>().counts(set);
    sum.seeders += counts[index_of(PeerRole::seeder)];
    sum.leechers += counts[index_of(PeerRole::leecher)];
  });
  return sum;
}

PeerAnswer SwarmShard::peek(SwarmRef ref, const PeerAnnounce& announce, common::Prng& prng,
                            const PeerBuffers& out) const {
  const Lock guard(lock_);
  PeerAnswer answer;
  const SwarmEntry* entry = table_.find(ref, announce.info_hash);
  if (entry == nullptr) return answer;
  answer.counts = counts_of(*entry);
  if (announce.event == proto::Event::stopped) return answer;
  const PeerSet& v4 = table_.peers<Family::v4>(*entry);
  const PeerSet& v6 = table_.peers<Family::v6>(*entry);
  const bool seeder = announce.seeder;
  answer.peers_v4 = peers_v4_.sample(v4, nullptr, seeder, announce.want_v4, prng, out.v4.data());
  answer.peers_v6 = peers_v6_.sample(v6, nullptr, seeder, announce.want_v6, prng, out.v6.data());
  return answer;
}

proto::SwarmCounts SwarmShard::scrape(SwarmRef ref, const InfoHash& info_hash) const {
  const Lock guard(lock_);
  const SwarmEntry* entry = table_.find(ref, info_hash);
  return entry == nullptr ? proto::SwarmCounts{} : counts_of(*entry);
}

std::optional<SwarmDetails> SwarmShard::inspect(uint64_t hash, const InfoHash& info_hash, uint32_t peers_max,
                                                common::Prng& prng) const {
  const Lock guard(lock_);
  const SwarmEntry* entry = table_.find({hash}, info_hash);
  if (entry == nullptr) return std::nullopt;
  const PeerSet& v4 = table_.peers<Family::v4>(*entry);
  const PeerSet& v6 = table_.peers<Family::v6>(*entry);
  SwarmDetails details;
  if (entry->web != 0) {
    details.web = peers_v6_.counts(v6);
    details.web_completed = entry->completed;
  } else {
    details.counts = counts_of(*entry);
    details.v4 = peers_v4_.counts(v4);
    details.v6 = peers_v6_.counts(v6);
  }
  const auto add_peers = [&]<Family F>(const PeerTable<F>& table, const PeerSet& set) {
    std::vector<PeerKey<F>> keys(peers_max);
    keys.resize(table.sample(set, nullptr, false, peers_max, prng, keys.data()->data()));
    for (const PeerKey<F>& key : keys) {
      const PeerRecord<F>* record = table.find(set, key, PeerRole::leecher);
      CHECK_INVARIANT(record != nullptr);
      details.peers.push_back(
          {info_hash, endpoint_in<F>(*entry, *record), record->value().state, record->stamp});
    }
  };
  if (peers_max > 0) {
    add_peers(peers_v4_, v4);
    add_peers(peers_v6_, v6);
  }
  return details;
}

Limit SwarmShard::lacks_room(const SwarmEntry* entry, bool known) const {
  const StoreRoom& room = *config_.room;
  if (!known) {
    const StoreUse use = in_use();
    if (entry == nullptr && (table_full() || !use_.fits_swarm(room, use))) return Limit::swarms;
    if (!use_.fits_record(room, use)) return Limit::peers;
    if (!use_.fits_memory(room, use)) return Limit::memory;
  }
  const uint32_t most = room.peers_per_swarm.load(std::memory_order_relaxed);
  if (most == 0 || entry == nullptr) return Limit::none;
  const proto::SwarmCounts counts = counts_of(*entry);
  return counts.seeders + counts.leechers < most ? Limit::none : Limit::peers_per_swarm;
}

bool SwarmShard::may_merge(const SwarmEntry* entry) {
  StoreRoom& room = *config_.room;
  const StoreUse use = in_use();
  if (entry == nullptr && (table_full() || !use_.fits_merged_swarm(room, use))) {
    room.merges_refused_swarms.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  if (!use_.fits_merged_record(room, use)) {
    room.merges_refused_peers.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  if (!use_.fits_memory(room, use)) {
    room.merges_refused_memory.fetch_add(1, std::memory_order_relaxed);
    room.note_given_up();
    return false;
  }
  return true;
}

PeerAnswer SwarmShard::announce(SwarmRef ref, const PeerAnnounce& announce, Moment now, common::Prng& prng,
                                const PeerBuffers& out) {
  return once_readable(now.tick(), common::kLocalAheadTicks, [&] {
    lock_.assert_held();
    return announce.peer.family == Family::v4 ? announce_as<Family::v4>(ref, announce, now, prng, out)
                                              : announce_as<Family::v6>(ref, announce, now, prng, out);
  });
}

PeerAnswer SwarmShard::announce_web(SwarmRef ref, const PeerAnnounce& announce, Moment now,
                                    common::Prng& prng, const PeerBuffers& out) {
  return once_readable(now.tick(), common::kLocalAheadTicks, [&] {
    lock_.assert_held();
    return announce_as<Family::web>(ref, announce, now, prng, out);
  });
}

template <Family F>
PeerAnswer SwarmShard::announce_as(SwarmRef ref, const PeerAnnounce& announce, Moment now, common::Prng& prng,
                                   const PeerBuffers& out) {
  const PeerRole role = role_of(announce.event, announce.seeder);
  const bool completed = announce.event == proto::Event::completed;
  const PeerKey<F> key = key_of<F>(announce.peer);
  PeerAnswer answer;
  Place<F> at = find<F>(ref, announce.info_hash, key, role);
  if (at.record == nullptr && role == PeerRole::stopped) {
    if (at.entry != nullptr) answer.counts = counts_of(*at.entry);
    // A moment later than its start can have been written elsewhere: that would win a tie.
    if (config_.replicated) early_stops_.add(early_id<F>(ref.hash, key), now + announce.live_lead + 1);
    return answer;
  }
  std::optional<PeerValue> old;
  if (at.record != nullptr) old = at.record->value();
  if (role != PeerRole::stopped && (!old || old->state.role == PeerRole::stopped)) {
    answer.limit = lacks_room(at.entry, old.has_value());
    if (answer.limit == Limit::peers_per_swarm) {
      at.record = nullptr;
    } else if (answer.limit != Limit::none) {
      return answer;
    }
  }
  const bool stored = answer.limit == Limit::none;
  const Written written = old ? announce_value(*old, role, announce.event, now)
                              : Written{{common::stamp_of(now.tick()), {role, completed, now.in_tick()}}};
  const PeerValue& value = written.value;
  if (stored && (!old || *old != value)) {
    at = write<F>(at, ref.hash, announce.info_hash, key, value);
    if (config_.replicated) {
      answer.delta = proto::Delta{announce.info_hash, announce.peer, value.state, value.stamp};
      answer.refreshed = old && old->state.role == role && old->state.completed == value.state.completed &&
                         !reports_change(announce.event);
      if (written.late) {
        config_.restatements->note({announce.info_hash, announce.peer},
                                   {value.moment(now.tick()), role, true});
      } else {
        config_.restatements->forget({announce.info_hash, announce.peer});
      }
    }
  }
  const SwarmEntry& entry = *at.entry;
  answer.counts = counts_of(entry);
  if (role == PeerRole::stopped) return answer;
  answer.downloaded = stored && completed && !(old && old->state.completed);
  if (old && old->state.role != PeerRole::stopped) {
    answer.renewed_ticks = static_cast<int16_t>(std::max(0, common::stamp_age(now.tick(), old->stamp)));
  }
  const bool seeder = role == PeerRole::seeder;
  table_.visit_peers(entry, [&]<Family Of>(const PeerSet& set) {
    lock_.assert_held();
    const PeerRecord<Of>* self = nullptr;
    if constexpr (Of == stored_as(F)) self = at.record;
    if constexpr (Of == Family::v4) {
      answer.peers_v4 = peers_v4_.sample(set, self, seeder, announce.want_v4, prng, out.v4.data());
    } else if constexpr (F == Family::web) {
      answer.peers_web = peers_v6_.sample(set, self, seeder, announce.want_web, prng, out.web.data());
    } else {
      answer.peers_v6 = peers_v6_.sample(set, self, seeder, announce.want_v6, prng, out.v6.data());
    }
  });
  return answer;
}

namespace {

// How far ahead of `now` the stamps are that merging these writes.
int ticks_ahead(std::span<const proto::Delta> deltas, Tick now) {
  int ahead = 0;
  for (const proto::Delta& delta : deltas) ahead = std::max(ahead, -common::stamp_age(now, delta.stamp));
  return ahead;
}

}  // namespace

size_t SwarmShard::merge(uint64_t hash, std::span<const proto::Delta> deltas, Tick now) {
  return once_readable(now, ticks_ahead(deltas, now), [&] {
    lock_.assert_held();
    return merge_locked(hash, deltas, now);
  });
}

size_t SwarmShard::merge_locked(uint64_t hash, std::span<const proto::Delta> deltas, Tick now) {
  size_t changed = 0;
  for (const proto::Delta& delta : deltas) {
    const bool news = delta.peer.family == Family::v4   ? merge_as<Family::v4>(hash, delta, now)
                      : delta.peer.family == Family::v6 ? merge_as<Family::v6>(hash, delta, now)
                                                        : merge_as<Family::web>(hash, delta, now);
    if (news) ++changed;
  }
  return changed;
}

size_t SwarmShard::merge_part(uint64_t hash, const sync::SwarmPart& part, Tick now) {
  return once_readable(now, ticks_ahead(part.records, now), [&] {
    lock_.assert_held();
    const SwarmEntry* known = table_.find({hash}, part.info_hash);
    const uint32_t before = known != nullptr ? known->completed : 0;
    const size_t changed = merge_locked(hash, part.records, now);
    SwarmEntry* entry = table_.find({hash}, part.info_hash);
    // The sender has counted these completions already.
    if (entry != nullptr) {
      entry->completed = std::min(std::max(before, part.completed), SwarmEntry::kCompletedMax);
    }
    return changed;
  });
}

template <Family F>
void SwarmShard::toggle(const InfoHash& info_hash, const PeerKey<F>& key, PeerValue value) {
  if (config_.digests == nullptr) return;
  const uint64_t hash = proto::RecordHash(info_hash, F == Family::web)(key, value.state.byte());
  config_.digests->toggle(proto::digest_bucket(info_hash), value.stamp, hash);
}

template <Family F>
bool SwarmShard::merge_as(uint64_t hash, const proto::Delta& delta, Tick now) {
  if (common::stamp_age(now, delta.stamp) >= common::kLifetimeTicks) return false;
  const PeerKey<F> key = key_of<F>(delta.peer);
  const Place<F> at = find<F>({hash}, delta.info_hash, key, delta.state.role);
  PeerValue value{delta.stamp, delta.state};
  if (at.record != nullptr) {
    value = merge_values(at.record->value(), value, now);
    if (at.record->value() == value) return false;
  }
  if (at.record == nullptr && !may_merge(at.entry)) return false;
  if (at.record == nullptr && !early_stops_.empty() && value.state.role != PeerRole::stopped) {
    const auto stop = early_stops_.find(early_id<F>(hash, key));
    if (stop && *stop > value.moment(now) && now - stop->tick() < common::kLifetimeTicks) {
      value = {common::stamp_of(stop->tick()), {PeerRole::stopped, value.state.completed, stop->in_tick()}};
      config_.restatements->note({delta.info_hash, delta.peer}, {*stop, PeerRole::stopped, false});
    }
  }
  write<F>(at, hash, delta.info_hash, key, value);
  return true;
}

std::optional<proto::Delta> SwarmShard::restate(uint64_t hash, const Restatements::Key& noted, Moment now) {
  return once_readable(now.tick(), common::kLocalAheadTicks, [&]() -> std::optional<proto::Delta> {
    lock_.assert_held();
    switch (noted.second.family) {
      case Family::v4:
        return restate_as<Family::v4>(hash, noted, now);
      case Family::v6:
        return restate_as<Family::v6>(hash, noted, now);
      case Family::web:
        return restate_as<Family::web>(hash, noted, now);
    }
    return std::nullopt;
  });
}

template <Family F>
std::optional<proto::Delta> SwarmShard::restate_as(uint64_t hash, const Restatements::Key& noted,
                                                   Moment now) {
  const auto restatement = config_.restatements->find(noted);
  if (!restatement) return std::nullopt;
  const Tick tick = now.tick();
  const PeerKey<F> key = key_of<F>(noted.second);
  const Place<F> at = find<F>({hash}, noted.first, key, restatement->role);
  // A later announce, here or elsewhere, has taken its place.
  if (at.record == nullptr || at.record->value().moment(tick) != restatement->moment ||
      (!restatement->later && at.record->role() != restatement->role)) {
    config_.restatements->forget(noted);
    return std::nullopt;
  }
  PeerValue value = at.record->value();
  if (restatement->later) {
    const Moment moment = std::max(now, restatement->moment + 1);
    if (moment - now > common::kLocalAheadTicks * common::kMomentsPerTick) return std::nullopt;
    value = {common::stamp_of(moment.tick()), {restatement->role, value.state.completed, moment.in_tick()}};
    write<F>(at, hash, noted.first, key, value);
  }
  config_.restatements->forget(noted);
  return proto::Delta{noted.first, noted.second, value.state, value.stamp};
}

template <Family F>
auto SwarmShard::find(SwarmRef ref, const InfoHash& info_hash, const PeerKey<F>& key, PeerRole likely)
    -> Place<F> {
  SwarmEntry* entry = table_.find(ref, info_hash);
  if (entry == nullptr) return {nullptr, nullptr};
  return {entry, peers<F>().find(table_.peers<F>(*entry), key, likely)};
}

template <Family F>
auto SwarmShard::write(const Place<F>& old, uint64_t hash, const InfoHash& info_hash, const PeerKey<F>& key,
                       PeerValue value) -> Place<F> {
  if (old.record == nullptr && (compacting_ || peers<F>().wants_compaction(table_.size()))) [[unlikely]]
    compact_some();
  if (F == Family::web && old.entry == nullptr) ++web_swarms_;
  SwarmEntry& entry = old.entry != nullptr ? *old.entry : table_.insert(hash, info_hash, F == Family::web);
  // A record that is there stays where it is: its family has a set.
  PeerSet& set = table_.peers_to_add<F>(hash, entry);
  std::optional<PeerValue> before;
  if (old.record != nullptr) before = old.record->value();
  const StoredRecord<F>* record =
      before ? peers<F>().update(set, old.record, value) : peers<F>().insert(set, key, value);
  if (before) {
    toggle<F>(info_hash, key, *before);
    --sums<F>()[index_of(before->state.role)];
  }
  toggle<F>(info_hash, key, value);
  ++sums<F>()[index_of(value.state.role)];
  if (value.state.completed && !(before && before->state.completed) &&
      entry.completed < SwarmEntry::kCompletedMax) {
    ++entry.completed;
  }
  if (before && is_renewal(*before, value) && entry.renewals < SwarmEntry::kRenewalsMax) ++entry.renewals;
  if (!before) report_use(false);
  return {&entry, record};
}

// Does a part of the sweep, if there is need of one. Usually that of this tick or of the one before has run.
bool SwarmShard::make_readable(Tick now, int ahead) {
  if (table_.size() == 0) {
    swept_ = now;
    sweep_.reset();
  }
  const auto is_readable_at = [&](Tick swept) { return now - swept + ahead <= common::kAheadTicks; };
  if (is_readable_at(swept_)) [[likely]]
    return true;
  if (!sweep_ || !is_readable_at(sweep_->to)) begin_sweep(now);
  WorkBound bound{kPartRecordsMax};
  continue_sweep(bound);
  note_work(bound);
  return is_readable_at(swept_);
}

template <class Do>
auto SwarmShard::once_readable(Tick now, int ahead, Do run) -> decltype(run()) {
  for (;; give_way()) {
    const Lock guard(lock_);
    if (make_readable(now, ahead)) return run();
  }
}

SweepPart SwarmShard::expire(Tick now) {
  const Lock guard(lock_);
  config_.room->note_sweep(now);
  WorkBound bound{kPartRecordsMax};
  if (now > swept_) {
    if (!sweep_) begin_sweep(now);
    continue_sweep(bound);
  }
  if (now <= swept_ && !compacted_) compacted_ = compact(bound);
  note_work(bound);
  return {bound.records, now <= swept_ && compacted_};
}

// An entry that takes the place of a removed one comes from behind, so it has been visited.
template <class Shard, class Visit>
bool SwarmShard::continue_walk(Shard& shard, Walk& walk, const WorkBound& bound, Visit visit) {
  for (;; --walk.entries_left) {
    walk.entries_left = std::min(walk.entries_left, shard.table_.size());
    if (walk.entries_left == 0) return true;
    if (bound.reached()) return false;
    auto& entry = shard.table_[walk.entries_left - 1];
    if (walk.swarm != entry.info_hash) walk = {walk.entries_left, entry.info_hash};
    if (!visit(entry)) return false;
  }
}

// `swept_` stays behind until the end, so all stamps are read as before, also those written meanwhile.
void SwarmShard::begin_sweep(Tick now) { sweep_ = Sweep{now}; }

void SwarmShard::continue_sweep(WorkBound& bound) {
  const Expiry expiry{swept_, sweep_->to};
  Walk& walk = sweep_->walk;
  const bool ended = continue_walk(*this, walk, bound, [&](SwarmEntry& entry) {
    lock_.assert_held();
    if (!expire_sets(entry, expiry, walk, bound, expired_)) return false;
    if (entry.peers.empty()) {
      remove_entry(table_.hash_of(entry), entry);
      bound.records += WorkBound::kSwarmGone;
    }
    return true;
  });
  report_use(ended);
  if (!ended) return;
  swept_ = sweep_->to;
  sweep_.reset();
  compacted_ = false;
}

template <Family F>
void SwarmShard::account_gone(const SwarmEntry& entry, const std::vector<StoredRecord<F>>& gone) {
  for (const StoredRecord<F>& record : gone) {
    toggle<F>(entry.info_hash, record.key, record.value());
    --sums<F>()[index_of(record.role())];
  }
}

template <Family F>
bool SwarmShard::expire_set(SwarmEntry& entry, const Expiry& expiry,
                            typename PeerTable<stored_as(F)>::Walk& walk, WorkBound& bound,
                            uint64_t& live_gone) {
  PeerSet* const set = table_.find_peers<F>(entry);
  if (set == nullptr) return true;
  std::vector<StoredRecord<F>> gone;
  const bool ended = peers<F>().expire(*set, expiry, walk, bound, gone);
  account_gone<F>(entry, gone);
  for (const StoredRecord<F>& record : gone) {
    if (record.role() != PeerRole::stopped) ++live_gone;
  }
  return ended;
}

bool SwarmShard::expire_sets(SwarmEntry& entry, const Expiry& expiry, Walk& walk, WorkBound& bound,
                             uint64_t& live_gone) {
  if (entry.web != 0) return expire_set<Family::web>(entry, expiry, walk.v6, bound, live_gone);
  const bool ended = expire_set<Family::v4>(entry, expiry, walk.v4, bound, live_gone) &&
                     expire_set<Family::v6>(entry, expiry, walk.v6, bound, live_gone);
  table_.settle(entry);
  return ended;
}

bool SwarmShard::empty_sets(SwarmEntry& entry, WorkBound& bound) {
  // That long after the last sweep every stamp has expired.
  const Expiry all(swept_, swept_ + 2 * common::kLifetimeTicks);
  Walk walk;
  uint64_t live_gone = 0;
  return expire_sets(entry, all, walk, bound, live_gone);
}

bool SwarmShard::drop_entry(uint64_t hash, SwarmEntry& entry, WorkBound& bound) {
  const bool emptied = empty_sets(entry, bound);
  if (emptied) {
    remove_entry(hash, entry);
    bound.records += WorkBound::kSwarmGone;
  }
  report_use(false);
  return emptied;
}

SwarmsDropped SwarmShard::drop_part(uint64_t hash, const InfoHash& info_hash) {
  const Lock guard(lock_);
  SwarmEntry* entry = table_.find({hash}, info_hash);
  if (entry == nullptr) return {.finished = true};
  WorkBound bound{kPartRecordsMax};
  const bool gone = drop_entry(hash, *entry, bound);
  note_work(bound);
  return {gone ? size_t{1} : 0, bound.records, gone};
}

RunsDropped SwarmShard::drop_runs(std::span<const uint64_t> runs) {
  const Lock guard(lock_);
  RunsDropped dropped;
  if (web_swarms_ == 0) {
    dropping_runs_.reset();
    dropped.finished = true;
    return dropped;
  }
  if (!dropping_runs_) dropping_runs_.emplace(Walk{});
  Walk& walk = *dropping_runs_;
  const std::function<bool(const PeerRecord<Family::v6>&)> is_of_them = [&](const auto& record) {
    common::ByteReader run(record.key);
    return std::binary_search(runs.begin(), runs.end(), run.u64());
  };
  WorkBound bound{kPartRecordsMax};
  std::vector<PeerRecord<Family::v6>> gone;
  dropped.finished = continue_walk(*this, walk, bound, [&](SwarmEntry& entry) {
    lock_.assert_held();
    ++bound.records;
    if (entry.web == 0) return true;
    gone.clear();
    PeerSet* const set = table_.find_peers<Family::web>(entry);
    CHECK_INVARIANT(set != nullptr);
    const bool ended = peers_v6_.erase_if(*set, is_of_them, walk.v6, bound, gone);
    account_gone<Family::web>(entry, gone);
    dropped.records += gone.size();
    if (ended && entry.peers.empty()) {
      remove_entry(table_.hash_of(entry), entry);
      bound.records += WorkBound::kSwarmGone;
    }
    return ended;
  });
  dropped.looked = bound.records;
  note_work(bound);
  report_use(dropped.finished);
  if (dropped.finished) {
    dropping_runs_.reset();
    compacted_ = false;
  }
  return dropped;
}

// From the end: the entry that takes the place of a removed one has been looked at.
SwarmsDropped SwarmShard::drop_part_if(uint32_t& below, const std::function<bool(const InfoHash&)>& which) {
  const Lock guard(lock_);
  WorkBound bound{kPartRecordsMax};
  size_t dropped = 0;
  for (below = std::min(below, table_.size()); below > 0 && !bound.reached(); --below) {
    SwarmEntry& entry = table_[below - 1];
    bound.records += WorkBound::kSwarmAsked;
    if (!which(entry.info_hash)) continue;
    // The rest of it in the next part; it may have moved by then, but not to where this has been.
    if (!drop_entry(table_.hash_of(entry), entry, bound)) break;
    ++dropped;
  }
  note_work(bound);
  return {dropped, bound.records, below == 0};
}

SwarmFacts SwarmShard::facts_of(const SwarmEntry& entry) const {
  // More of a large swarm is not looked at: they lie there in the order of a keyed hash.
  constexpr uint32_t kRecordsLookedAt = 32;
  SwarmFacts facts;
  const proto::SwarmCounts counts = counts_of(entry);
  facts.live = counts.seeders + counts.leechers > 0;
  facts.renewals = entry.renewals;
  const auto look = [&](const auto& record) { facts.add_address(eviction_address(record.key)); };
  const PeerSet& v6 = table_.peers<Family::v6>(entry);
  if (entry.web != 0) {
    peers_v6_.for_some(v6, kRecordsLookedAt,
                       [&](const auto& record) { facts.add_address(eviction_connection(record.key)); });
    return facts;
  }
  peers_v4_.for_some(table_.peers<Family::v4>(entry), kRecordsLookedAt, look);
  peers_v6_.for_some(v6, kRecordsLookedAt, look);
  return facts;
}

bool SwarmShard::make_room(common::Prng& prng, bool lonely_too) {
  const Lock guard(lock_);
  std::array<common::InfoHash, Eviction::kDrawn> names;
  std::array<uint64_t, Eviction::kDrawn> hashes;
  std::array<SwarmFacts, Eviction::kDrawn> drawn;
  // Different ones: at equal distances from a random place.
  const uint32_t size = table_.size();
  const uint32_t count = std::min(size, Eviction::kDrawn);
  const uint32_t start = size == 0 ? 0 : prng.below(size);
  for (uint32_t i = 0; i < count; ++i) {
    const SwarmEntry& entry = table_[static_cast<uint32_t>((start + uint64_t{i} * size / count) % size)];
    names[i] = entry.info_hash;
    hashes[i] = table_.hash_of(entry);
    drawn[i] = facts_of(entry);
  }
  std::vector<size_t> gone;
  Eviction::choose({drawn.data(), count}, lonely_too, gone);
  for (const size_t one : gone) {
    // By name: entries move when others go.
    SwarmEntry* entry = table_.find({hashes[one]}, names[one]);
    if (entry != nullptr) give_up(hashes[one], *entry);
  }
  report_use(true);
  return !gone.empty();
}

void SwarmShard::give_up(uint64_t hash, SwarmEntry& entry) {
  const uint64_t before = records();
  // Of a large swarm one segment for each role at most; the rest another time.
  WorkBound bound{1};
  if (empty_sets(entry, bound)) remove_entry(hash, entry);
  note_work(bound);
  StoreRoom& room = *config_.room;
  room.evicted_swarms.fetch_add(1, std::memory_order_relaxed);
  room.evicted_records.fetch_add(before - records(), std::memory_order_relaxed);
  room.note_given_up();
}

// To be called after a sweep. Returns whether it has finished.
bool SwarmShard::compact(WorkBound& bound) {
  if (!table_.compact(bound)) return false;
  while (!bound.reached()) {
    if (compacting_) {
      continue_compaction(bound);
    } else if (wants_compaction()) {
      begin_compaction();
    } else {
      return true;
    }
  }
  return false;
}

void SwarmShard::begin_compaction() {
  peers_v4_.begin_compaction();
  peers_v6_.begin_compaction();
  compacting_ = table_.size();
}

// From the end: an entry that moves has been looked at, or will be.
void SwarmShard::continue_compaction(WorkBound& bound) {
  if (!peers_v4_.prepare_compaction(bound) || !peers_v6_.prepare_compaction(bound)) return;
  for (uint32_t& below = *compacting_; !bound.reached();) {
    below = std::min(below, table_.size());
    if (below == 0) {
      if (peers_v4_.end_compaction(bound) && peers_v6_.end_compaction(bound)) compacting_.reset();
      return;
    }
    const SwarmEntry& entry = table_[--below];
    ++bound.records;
    if (PeerSet* v4 = table_.find_peers<Family::v4>(entry)) bound.records += peers_v4_.compact(*v4);
    if (PeerSet* v6 = table_.find_peers<Family::v6>(entry)) bound.records += peers_v6_.compact(*v6);
  }
}

void SwarmShard::compact_some() {
  // A new record does so much of it: a store that fills quickly is compacted before it is swept.
  constexpr uint32_t kStep = 64;
  if (!compacting_) begin_compaction();
  WorkBound bound{kStep};
  continue_compaction(bound);
  note_work(bound);
}

bool SwarmShard::for_each(Walk& walk, const SwarmFilter& filter,
                          const std::function<void(const proto::Delta&)>& visit) const {
  const Lock guard(lock_);
  WorkBound bound{kPartRecordsMax};
  return continue_walk(*this, walk, bound, [&](const SwarmEntry& entry) {
    lock_.assert_held();
    if (filter) bound.records += WorkBound::kSwarmAsked;
    if (!is_served(filter, entry.info_hash)) return true;
    const auto visit_record = [&]<Family F>(const PeerRecord<F>& record) {
      visit({entry.info_hash, endpoint_in<F>(entry, record), record.value().state, record.stamp});
    };
    return peers_v4_.for_each(table_.peers<Family::v4>(entry), walk.v4, bound, visit_record) &&
           peers_v6_.for_each(table_.peers<Family::v6>(entry), walk.v6, bound, visit_record);
  });
}

bool SwarmShard::read(Walk& walk, const sync::Cells& cells, Tick now, const SwarmFilter& filter,
                      const std::function<void(const sync::SwarmPart&)>& visit) const {
  // The maximum number of records of a large swarm per visit.
  constexpr size_t kPartMax = 1024;
  const Lock guard(lock_);
  const Expiry expiry{swept_, std::max(now, swept_)};
  WorkBound bound{kPartRecordsMax};
  std::vector<proto::Delta> part;
  return continue_walk(*this, walk, bound, [&](const SwarmEntry& entry) {
    lock_.assert_held();
    const size_t bucket = proto::digest_bucket(entry.info_hash);
    ++bound.records;
    if (!cells.touches(bucket)) return true;
    if (filter) bound.records += WorkBound::kSwarmAsked;
    if (!is_served(filter, entry.info_hash)) return true;
    const auto flush = [&] {
      if (!part.empty()) visit({entry.info_hash, entry.completed, part});
      part.clear();
    };
    const auto take = [&]<Family F>(const PeerRecord<F>& record) {
      if (!cells.contains(record.stamp, bucket) || expiry.expired(record.stamp)) return;
      part.push_back({entry.info_hash, endpoint_in<F>(entry, record), record.value().state, record.stamp});
      if (part.size() == kPartMax) flush();
    };
    const bool ended = peers_v4_.for_each(table_.peers<Family::v4>(entry), walk.v4, bound, take) &&
                       peers_v6_.for_each(table_.peers<Family::v6>(entry), walk.v6, bound, take);
    flush();
    return ended;
  });
}

// Backwards: the last entry takes the place of a removed one, and has been seen already.
size_t SwarmShard::copy_counts(uint32_t& below, std::span<proto::ScrapedSwarm> out) const {
  const Lock guard(lock_);
  below = std::min(below, table_.size());
  size_t count = 0;
  // Those of web peers are left out; to look at them takes time as well.
  constexpr size_t kLookedAtMax = kPartRecordsMax / WorkBound::kSwarmAsked;
  for (size_t looked = 0; below > 0 && looked < kLookedAtMax && count < out.size(); ++looked) {
    const SwarmEntry& entry = table_[--below];
    if (entry.web != 0) continue;
    out[count++] = {entry.info_hash, counts_of(entry)};
  }
  return count;
}

void SwarmShard::add_to(StoreTotals& totals) const {
  const Lock guard(lock_);
  constexpr size_t kSeeder = index_of(PeerRole::seeder);
  constexpr size_t kLeecher = index_of(PeerRole::leecher);
  constexpr size_t kStopped = index_of(PeerRole::stopped);
  totals.swarms += table_.size() - web_swarms_;
  totals.swarms_web += web_swarms_;
  totals.seeders_web += sums_[2][kSeeder];
  totals.leechers_web += sums_[2][kLeecher];
  totals.stopped_web += sums_[2][kStopped];
  totals.seeders_v4 += sums_[0][kSeeder];
  totals.leechers_v4 += sums_[0][kLeecher];
  totals.stopped_v4 += sums_[0][kStopped];
  totals.seeders_v6 += sums_[1][kSeeder];
  totals.leechers_v6 += sums_[1][kLeecher];
  totals.stopped_v6 += sums_[1][kStopped];
  totals.memory_bytes += table_.bytes() + peers_v4_.bytes() + peers_v6_.bytes();
  totals.expired += expired_;
  totals.lock_stalls += lock_.stalls();
  totals.most_work = std::max(totals.most_work, most_work_);
}

}  // namespace shoal::node
