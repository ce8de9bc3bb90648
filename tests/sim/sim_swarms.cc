#include "sim_swarms.h"

#include <algorithm>

namespace shoal::sim {

SimSwarms::SimSwarms(const common::SipKey& store_key)
    : store_(node::SwarmStore::Config{.key = store_key, .replicated = true}) {}

bool SimSwarms::merge_record(const proto::Delta& delta, common::Tick now) {
  if (common::stamp_age(now, delta.stamp) >= common::kLifetimeTicks) return false;
  const auto [found, added] =
      records_.try_emplace({delta.info_hash, delta.peer}, Record{delta.stamp, delta.state});
  if (added) return true;
  Record& record = found->second;
  const Record before = record;
  const int age = common::stamp_age(now, delta.stamp);
  const int known_age = common::stamp_age(now, record.stamp);
  const bool completed = record.state.completed || delta.state.completed;
  if (age < known_age || (age == known_age && delta.state.role > record.state.role)) {
    record = {delta.stamp, delta.state};
  }
  record.state.completed = completed;
  return !(record == before);
}

size_t SimSwarms::merge(std::span<const proto::Delta> deltas, common::Tick now) {
  for (const proto::Delta& delta : deltas) merge_record(delta, now);
  return store_.merge(deltas, now);
}

size_t SimSwarms::merge_part(const sync::SwarmPart& part, common::Tick now) {
  for (const proto::Delta& delta : part.records) merge_record(delta, now);
  return store_.merge_part(part, now);
}

std::optional<proto::OwnDelta> SimSwarms::announce(const node::PeerAnnounce& announce, common::Tick now,
                                                   common::Prng& prng) {
  const auto answer = store_.announce(store_.locate(announce.info_hash), announce, now, prng, {});
  if (!answer.delta) return std::nullopt;
  merge_record(*answer.delta, now);
  return proto::OwnDelta{*answer.delta, answer.refreshed};
}

void SimSwarms::expire(common::Tick now) {
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) store_.expire_shard(shard, now);
  if (now < expired_at_) return;
  // After a pause stamps can only be read relative to the previous expiry.
  const common::Tick since = expired_at_ == 0 ? 0 : std::max<common::Tick>(0, now - expired_at_);
  std::erase_if(records_, [&](const auto& entry) {
    return common::stamp_age(now - since, entry.second.stamp) + since >= common::kLifetimeTicks;
  });
  expired_at_ = now;
}

std::string SimSwarms::disagreement() const {
  size_t stored = 0;
  std::string wrong;
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) {
    store_.for_each(shard, [&](const proto::Delta& delta) {
      ++stored;
      const auto found = records_.find({delta.info_hash, delta.peer});
      if (found == records_.end() || !(found->second == Record{delta.stamp, delta.state})) {
        wrong = to_hex(delta.info_hash) + " " + to_string(delta.peer) + " differs in store and map";
      }
    });
  }
  if (stored != records_.size()) {
    return "store has " + std::to_string(stored) + " records, map " + std::to_string(records_.size());
  }
  return wrong;
}

}  // namespace shoal::sim
