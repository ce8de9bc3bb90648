#include "sim_swarms.h"

namespace shoal::sim {

SimSwarms::SimSwarms(const common::SipKey& store_key)
    : store_(node::SwarmStore::Config{.key = store_key, .replicated = true}) {}

bool SimSwarms::merge_record(const proto::Delta& delta, common::Tick now) {
  if (common::stamp_age(now, delta.stamp) > common::kLifetimeTicks) return false;
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

std::optional<proto::OwnDelta> SimSwarms::announce(const node::PeerAnnounce& announce, common::Tick now,
                                                   common::Prng& prng) {
  const auto answer = store_.announce(store_.locate(announce.info_hash), announce, now, prng, {});
  if (!answer.delta) return std::nullopt;
  merge_record(*answer.delta, now);
  return proto::OwnDelta{*answer.delta, answer.refreshed};
}

std::string SimSwarms::disagreement() const {
  std::map<common::InfoHash, proto::SwarmCounts> counts;
  for (const auto& [key, record] : records_) {
    proto::SwarmCounts& swarm = counts[key.first];
    if (record.state.role == proto::PeerRole::seeder) ++swarm.seeders;
    if (record.state.role == proto::PeerRole::leecher) ++swarm.leechers;
  }
  for (const auto& [info_hash, expected] : counts) {
    const proto::SwarmCounts found = store_.scrape(store_.locate(info_hash), info_hash);
    if (found.seeders != expected.seeders || found.leechers != expected.leechers) {
      return "swarm " + to_hex(info_hash) + ": store " + std::to_string(found.seeders) + "+" +
             std::to_string(found.leechers) + ", map " + std::to_string(expected.seeders) + "+" +
             std::to_string(expected.leechers);
    }
  }
  return {};
}

}  // namespace shoal::sim
