// Simulated snapshot files: node/'s real encoder and decoder, used as node/snapshot/snapshot_file.cc does,
// but in memory.

#include <algorithm>
#include <cstdlib>

#include "common/check.h"
#include "node/snapshot/snapshot_format.h"
#include "world.h"

namespace shoal::sim {

namespace {

node::SnapshotIdentity identity_of(const NodeSettings& settings) {
  return {settings.cluster, settings.peer_timeout_s};
}

node::SnapshotSource source_of(const std::vector<uint8_t>& file, size_t& at) {
  return [&file, &at](std::span<uint8_t> out) {
    const size_t count = std::min(out.size(), file.size() - at);
    std::copy_n(file.begin() + static_cast<ptrdiff_t>(at), count, out.begin());
    at += count;
    return count;
  };
}

}  // namespace

void World::save(size_t index) {
  SimNode& node = *nodes_[index];
  if (!node.settings.snapshots || !node.merged) return;
  std::vector<uint8_t> file;
  const common::Tick now = tick(index);
  node::SnapshotEncoder encoder({identity_of(node.settings), now, now_of(index).unix_ms, status(index).held},
                                [&file](common::ByteSpan bytes) {
                                  file.insert(file.end(), bytes.begin(), bytes.end());
                                  return true;
                                });
  const auto records = this->records(index);
  for (auto at = records.begin(); at != records.end();) {
    const common::InfoHash& hash = at->first.first;
    std::vector<proto::Delta> peers;
    for (; at != records.end() && at->first.first == hash; ++at) {
      peers.push_back({hash, at->first.second, at->second.state, at->second.stamp});
    }
    std::stable_partition(peers.begin(), peers.end(),
                          [](const proto::Delta& delta) { return delta.peer.family == common::Family::v4; });
    CHECK_INVARIANT(encoder.add({hash, node.swarms->completed(hash), now, peers}));
  }
  CHECK_INVARIANT(encoder.finish());
  node.snapshot = std::move(file);
  node.saved = records;
  node.saved_tick = now;
  node.saved_ahead_ms = ahead_ms(index);
}

bool World::load(size_t index) {
  SimNode& node = *nodes_[index];
  if (!node.settings.snapshots || node.snapshot.empty()) return false;
  const common::Tick now = tick(index);
  // If nobody could be asked for the time, how long the file has been lying is unknown.
  const int64_t tick_ms = int64_t{node.settings.peer_timeout_s} * 1000 / common::kLifetimeTicks;
  if (std::abs(ahead_ms(index) - node.saved_ahead_ms) > common::kLocalAheadTicks * tick_ms) {
    for (const auto& [key, record] : node.saved) node.misdated.insert(key);
  }
  size_t at = 0;
  const auto checked = node::read_snapshot(source_of(node.snapshot, at),
                                           [](const node::SnapshotHeader&, const node::SnapshotSwarm&) {});
  CHECK_INVARIANT(checked.has_value());
  if (!node::check_snapshot_header(checked->header, identity_of(node.settings), now)) {
    node.snapshot.clear();  // set aside
    node.saved.clear();
    return false;
  }
  at = 0;
  const auto merged = node::read_snapshot(
      source_of(node.snapshot, at), [&](const node::SnapshotHeader&, const node::SnapshotSwarm& swarm) {
        std::vector<proto::Delta> alive;
        const common::Tick readable = std::max(now, checked->header.tick);
        node::append_alive(swarm, readable, readable - store_tick(index), alive);
        if (!alive.empty())
          node.swarms->merge_part({swarm.info_hash, swarm.completed, alive}, store_tick(index));
      });
  CHECK_INVARIANT(merged.has_value());
  return checked->header.held;
}

}  // namespace shoal::sim
