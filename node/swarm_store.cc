#include "node/swarm_store.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "node/peer_rules.h"

namespace shoal::node {

using common::Endpoint;
using common::Family;
using common::InfoHash;
using common::Tick;
using proto::PeerRole;

namespace {

struct Record {
  Endpoint peer;
  PeerValue value;
};

struct Swarm {
  proto::SwarmCounts counts;
  std::vector<Record> records;

  Record* find(const Endpoint& peer) {
    const auto at =
        std::find_if(records.begin(), records.end(), [&](const Record& r) { return r.peer == peer; });
    return at == records.end() ? nullptr : &*at;
  }

  void count(PeerRole role, uint32_t by) {
    if (role == PeerRole::seeder) counts.seeders += by;
    if (role == PeerRole::leecher) counts.leechers += by;
  }
};

struct HashInfoHash {
  size_t operator()(const InfoHash& hash) const {
    size_t value = 0;
    for (const uint8_t byte : hash.bytes) value = value * 31 + byte;
    return value;
  }
};

}  // namespace

struct SwarmStore::Shard {
  mutable std::mutex mutex;
  std::unordered_map<InfoHash, Swarm, HashInfoHash> swarms;
  Tick swept = 0;
  uint64_t expired = 0;

  bool set(Swarm& swarm, Record* record, const Endpoint& peer, PeerValue value) {
    if (record == nullptr) {
      swarm.records.push_back({peer, value});
      if (value.state.completed) ++swarm.counts.completed;
    } else {
      if (record->value == value) return false;
      if (value.state.completed && !record->value.state.completed) ++swarm.counts.completed;
      swarm.count(record->value.state.role, static_cast<uint32_t>(-1));
      record->value = value;
    }
    swarm.count(value.state.role, 1);
    return true;
  }

  // The clock has been set back by more than a lifetime: what is here was stamped in a future that will not
  // come soon. To lose nothing and yet keep nothing for ever, it all begins its lifetime again.
  void rebase(Tick now) {
    for (auto& [info_hash, swarm] : swarms) {
      for (Record& record : swarm.records) record.value.stamp = common::stamp_of(now);
    }
    swept = now;
  }

  // Stamps written from now on lie at most `ahead` ticks past `now` and must be readable at the last sweep.
  void prepare(Tick now, int ahead) {
    if (swarms.empty()) swept = now;
    if (now - swept + ahead > common::kAheadTicks) sweep(now);
  }

  void sweep(Tick now) {
    if (now < swept - common::kLifetimeTicks) return rebase(now);
    if (now <= swept) return;
    for (auto at = swarms.begin(); at != swarms.end();) {
      Swarm& swarm = at->second;
      std::erase_if(swarm.records, [&](const Record& record) {
        if (common::stamp_age(swept, record.value.stamp) + (now - swept) < common::kLifetimeTicks)
          return false;
        if (record.value.state.role != PeerRole::stopped) ++expired;
        swarm.count(record.value.state.role, static_cast<uint32_t>(-1));
        return true;
      });
      at = swarm.records.empty() ? swarms.erase(at) : std::next(at);
    }
    swept = now;
  }
};

SwarmStore::SwarmStore(const Config& config) : config_(config), shards_(new Shard[kShards]) {}
SwarmStore::~SwarmStore() = default;

SwarmRef SwarmStore::locate(const InfoHash& info_hash) const {
  return {common::siphash(config_.key, info_hash.bytes)};
}

void SwarmStore::prefetch(SwarmRef) const {}
void SwarmStore::prefetch_peers(SwarmRef, const InfoHash&, const Endpoint&) const {}

PeerAnswer SwarmStore::announce(SwarmRef ref, const PeerAnnounce& announce, Tick now, common::Prng& prng,
                                const PeerBuffers& out) {
  Shard& shard = shards_[ref.hash >> 54];
  const std::lock_guard lock(shard.mutex);
  shard.prepare(now, common::kLocalAheadTicks);
  const PeerRole role = role_of(announce.event, announce.seeder);
  const bool completed = announce.event == proto::Event::completed;
  PeerAnswer answer;
  auto at = shard.swarms.find(announce.info_hash);
  Record* record = at == shard.swarms.end() ? nullptr : at->second.find(announce.peer);
  if (record == nullptr && role == PeerRole::stopped) {
    if (at != shard.swarms.end()) answer.counts = at->second.counts;
    return answer;
  }
  if (at == shard.swarms.end()) at = shard.swarms.try_emplace(announce.info_hash).first;
  Swarm& swarm = at->second;
  const PeerValue value = record == nullptr
                              ? PeerValue{common::stamp_of(now), {role, completed}}
                              : announce_value(record->value, role, completed, now, config_.replicated);
  if (shard.set(swarm, record, announce.peer, value) && config_.replicated) {
    answer.delta = proto::Delta{announce.info_hash, announce.peer, value.state, value.stamp};
  }
  answer.counts = swarm.counts;
  if (role == PeerRole::stopped) {
    if (!config_.replicated) {
      std::erase_if(swarm.records, [&](const Record& r) { return r.peer == announce.peer; });
      if (swarm.records.empty()) shard.swarms.erase(at);
    }
    return answer;
  }
  for (const Family family : {Family::v4, Family::v6}) {
    uint32_t want = family == Family::v4 ? announce.want_v4 : announce.want_v6;
    std::vector<const Record*> first;
    std::vector<const Record*> second;
    for (const Record& r : swarm.records) {
      if (r.peer.family != family || r.peer == announce.peer || r.value.state.role == PeerRole::stopped)
        continue;
      (role == PeerRole::seeder && r.value.state.role == PeerRole::seeder ? second : first).push_back(&r);
    }
    uint8_t* to = family == Family::v4 ? out.v4.data() : out.v6.data();
    uint32_t& written = family == Family::v4 ? answer.peers_v4 : answer.peers_v6;
    for (auto* from : {&first, &second}) {
      for (size_t i = 0; i < from->size() && written < want; ++i, ++written) {
        std::swap((*from)[i], (*from)[i + prng.below(static_cast<uint32_t>(from->size() - i))]);
        const Endpoint& peer = (*from)[i]->peer;
        to = std::copy_n(peer.address.data(), common::address_size(family), to);
        *to++ = static_cast<uint8_t>(peer.port >> 8);
        *to++ = static_cast<uint8_t>(peer.port);
      }
    }
  }
  return answer;
}

proto::SwarmCounts SwarmStore::scrape(SwarmRef ref, const InfoHash& info_hash) const {
  const Shard& shard = shards_[ref.hash >> 54];
  const std::lock_guard lock(shard.mutex);
  const auto at = shard.swarms.find(info_hash);
  return at == shard.swarms.end() ? proto::SwarmCounts{} : at->second.counts;
}

size_t SwarmStore::merge(std::span<const proto::Delta> deltas, Tick now) {
  size_t changed = 0;
  for (const proto::Delta& delta : deltas) {
    const int age = common::stamp_age(now, delta.stamp);
    if (age >= common::kLifetimeTicks) continue;
    Shard& shard = shards_[locate(delta.info_hash).hash >> 54];
    const std::lock_guard lock(shard.mutex);
    shard.prepare(now, std::max(0, -age));
    Swarm& swarm = shard.swarms[delta.info_hash];
    Record* record = swarm.find(delta.peer);
    const PeerValue incoming{delta.stamp, delta.state};
    if (shard.set(swarm, record, delta.peer,
                  record ? merge_values(record->value, incoming, now) : incoming)) {
      ++changed;
    }
  }
  return changed;
}

void SwarmStore::expire_shard(size_t shard, Tick now) {
  const std::lock_guard lock(shards_[shard].mutex);
  shards_[shard].sweep(now);
}

void SwarmStore::for_each(size_t shard, const std::function<void(const proto::Delta&)>& visit) const {
  const std::lock_guard lock(shards_[shard].mutex);
  for (const auto& [info_hash, swarm] : shards_[shard].swarms) {
    for (const Record& record : swarm.records) {
      visit({info_hash, record.peer, record.value.state, record.value.stamp});
    }
  }
}

StoreTotals SwarmStore::totals() const {
  StoreTotals totals;
  for (size_t i = 0; i < kShards; ++i) {
    const Shard& shard = shards_[i];
    const std::lock_guard lock(shard.mutex);
    totals.expired += shard.expired;
    totals.swarms += shard.swarms.size();
    for (const auto& [info_hash, swarm] : shard.swarms) {
      totals.memory_bytes += sizeof(Swarm) + swarm.records.capacity() * sizeof(Record);
      for (const Record& record : swarm.records) {
        const bool v4 = record.peer.family == Family::v4;
        switch (record.value.state.role) {
          case PeerRole::seeder:
            ++(v4 ? totals.seeders_v4 : totals.seeders_v6);
            break;
          case PeerRole::leecher:
            ++(v4 ? totals.leechers_v4 : totals.leechers_v6);
            break;
          case PeerRole::stopped:
            ++(v4 ? totals.stopped_v4 : totals.stopped_v6);
            break;
        }
      }
    }
  }
  return totals;
}

}  // namespace shoal::node
