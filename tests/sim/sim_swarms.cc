#include "sim_swarms.h"

#include <algorithm>
#include <functional>

#include "common/web_address.h"

namespace shoal::sim {

SimSwarms::SimSwarms(const common::SipKey& store_key, bool keeps_map)
    : store_(node::SwarmStore::Config{.key = store_key, .replicated = true}), keeps_map_(keeps_map) {}

namespace {

uint64_t early_id(const common::InfoHash& info_hash, const common::Endpoint& peer) {
  return std::hash<std::string>()(to_hex(info_hash) + to_string(peer));
}

}  // namespace

void SimSwarms::merge_record(const proto::Delta& delta, common::Tick now) {
  if (!keeps_map_) return;
  if (common::stamp_age(now, delta.stamp) >= common::kLifetimeTicks) return;
  const auto [found, added] = records_.try_emplace({delta.info_hash, delta.peer}, delta.value());
  if (!added) {
    found->second = proto::merge_values(found->second, delta.value(), now);
    return;
  }
  if (delta.state.role == proto::PeerRole::stopped) return;
  const auto stop = early_stops(delta.info_hash, delta.peer).find(early_id(delta.info_hash, delta.peer));
  if (!stop || *stop <= delta.value().moment(now) || now - stop->tick() >= common::kLifetimeTicks) return;
  found->second = {common::stamp_of(stop->tick()),
                   {proto::PeerRole::stopped, delta.state.completed, stop->in_tick()}};
}

size_t SimSwarms::merge(std::span<const proto::Delta> deltas, common::Tick now) {
  for (const proto::Delta& delta : deltas) merge_record(delta, now);
  return store_.merge(deltas, now);
}

size_t SimSwarms::merge_part(const sync::SwarmPart& part, common::Tick now) {
  for (const proto::Delta& delta : part.records) merge_record(delta, now);
  return store_.merge_part(part, now);
}

std::optional<proto::OwnDelta> SimSwarms::announce(const node::PeerAnnounce& announce, common::Moment now,
                                                   common::Prng& prng) {
  const auto answer =
      announce.peer.family == common::Family::web
          ? store_.announce_web(store_.locate_web(announce.info_hash), announce, now, prng, {})
          : store_.announce(store_.locate(announce.info_hash), announce, now, prng, {});
  if (keeps_map_ && announce.event == proto::Event::stopped &&
      !records_.contains({announce.info_hash, announce.peer})) {
    early_stops(announce.info_hash, announce.peer)
        .add(early_id(announce.info_hash, announce.peer), now + announce.live_lead + 1);
  }
  if (!answer.delta) return std::nullopt;
  set_record(*answer.delta);
  return proto::OwnDelta{*answer.delta, answer.refreshed};
}

std::vector<proto::OwnDelta> SimSwarms::restate(common::Moment now) {
  std::vector<proto::OwnDelta> said = store_.restate(now);
  for (const proto::OwnDelta& own : said) set_record(own.delta);
  return said;
}

void SimSwarms::drop_runs(std::span<const uint64_t> runs) {
  std::vector<uint64_t> sorted(runs.begin(), runs.end());
  std::sort(sorted.begin(), sorted.end());
  for (size_t shard = 0; shard < node::SwarmStore::kShards; ++shard) {
    while (!store_.drop_runs(shard, sorted).finished) {
    }
  }
  std::erase_if(records_, [&](const auto& entry) {
    const auto address = common::from_endpoint(entry.first.second);
    return address && std::binary_search(sorted.begin(), sorted.end(), address->run);
  });
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
      if (found == records_.end() || !(found->second == delta.value())) {
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
