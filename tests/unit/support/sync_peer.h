// SyncPeer: the other end of a Cluster under test: seals packets as another node would, and proves itself
// when challenged.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proto/sync_header.h"
#include "proto/sync_packet.h"
#include "sync/cluster.h"
#include "sync/keys.h"
#include "sync/seal.h"

namespace shoal::test {

struct SyncPeer {
  SyncPeer(const std::vector<sync::ClusterKey>& secrets, const std::string& cluster_name,
           const std::string& name, uint64_t incarnation_number, common::Endpoint address)
      : incarnation(incarnation_number),
        from(address),
        keys(secrets, cluster_name),
        sealer(keys, sync::cluster_tag(cluster_name), sync::node_id(cluster_name, name), incarnation) {}

  sync::SealedPacket control(const proto::SyncPacket& packet) {
    return sealer.seal(proto::SyncStream::control, proto::encode_sync_packet(packet));
  }

  // What a datagram of the cluster says; nothing if no key of ours opens it.
  std::optional<proto::SyncPacket> read(const sync::Send& send) const {
    const auto header = proto::parse_sync_header(*send.bytes);
    const auto body = sync::open_sealed(keys, *header, *send.bytes);
    if (!body) return std::nullopt;
    return *proto::decode_sync_packet(*body);
  }

  // The packets of kind T among `sends`.
  template <class T>
  std::vector<T> all(const std::vector<sync::Send>& sends) const {
    std::vector<T> found;
    for (const sync::Send& send : sends) {
      const auto packet = read(send);
      if (!packet) continue;
      if (const auto* wanted = std::get_if<T>(&*packet)) found.push_back(*wanted);
    }
    return found;
  }

  // Makes the cluster hear, challenge and trust this peer; true if that worked. `out` gets what else the
  // cluster sends.
  bool meet(sync::Cluster& cluster, sync::Now now, sync::Outputs& out, int64_t uptime_ms = 1'000'000'000) {
    cluster.receive(now, {from, std::nullopt, *control(proto::Leave{0})}, out);
    const auto challenges = all<proto::Challenge>(out.sends);
    if (challenges.empty()) return false;
    const auto echo = control(proto::ChallengeEcho{
        challenges.back().nonce, sealer.sequence(proto::SyncStream::deltas), uptime_ms, now.unix_ms});
    cluster.receive(now, {from, std::nullopt, *echo}, out);
    for (const sync::MemberStatus& member : cluster.status(now).members) {
      if (member.incarnation == incarnation && member.address == from) return true;
    }
    return false;
  }

  uint64_t incarnation;
  common::Endpoint from;
  sync::KeyRing keys;
  sync::Sealer sealer;
};

}  // namespace shoal::test
