// Sender: seals packets and puts them into Outputs: to one address, to one member, to the multicast groups,
// or to every member by whatever reaches it. It keeps the pace of each destination; whether to wait is up to
// the caller.

#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "proto/sync_packet.h"
#include "sync/identity.h"
#include "sync/membership.h"
#include "sync/outputs.h"
#include "sync/seal.h"
#include "sync/stats.h"
#include "sync/token_bucket.h"

namespace shoal::sync {

class Sender {
 public:
  // The references must outlive it. `keys` may change between calls.
  Sender(const Identity& identity, const KeyRing& keys, Membership& members, size_t multicast_groups,
         int64_t pace_bytes_per_s);

  void set_pace(int64_t pace_bytes_per_s);

  SealedPacket seal(proto::SyncStream stream, common::ByteSpan body) { return sealer_.seal(stream, body); }
  SealedPacket seal_control(const proto::SyncPacket& packet);

  // Of the last packet sealed for the delta stream; 0: none yet.
  uint64_t delta_sequence() const { return sealer_.sequence(proto::SyncStream::deltas); }

  // Nothing is sent to an address that rests.
  void send(const common::Endpoint& to, const SealedPacket& packet, Outputs& out);
  void send(const common::Endpoint& to, const proto::SyncPacket& packet, Outputs& out);

  // Counts towards the member's pace.
  void send_paced(Member& to, const SealedPacket& packet, Outputs& out);

  // One packet was sent to every member: it counts towards the pace of each.
  void charge_members(const SealedPacket& packet);

  void send_to_groups(const SealedPacket& packet, Outputs& out);

  // To every member that exchanges deltas with us: by the groups, and by unicast where no group reaches.
  void broadcast(Now now, const SealedPacket& packet, Outputs& out);
  void broadcast(Now now, const proto::SyncPacket& packet, Outputs& out);

  // The same for a packet of the delta stream: not to those who get it from a forwarder (sync/sites.h).
  void broadcast_deltas(Now now, const SealedPacket& packet, Outputs& out);

  // Whether a broadcast could reach anyone.
  bool anyone_listening(Now now) const;

  // What a broadcast of deltas may send now.
  struct Allowance {
    int64_t bytes;
    std::optional<int64_t> blocked_until_us;  // some destination may be sent nothing before this
  };
  Allowance allowance(Now now);

  void let_rest(const common::Endpoint& to) { resting_.insert(to); }
  void wake(const common::Endpoint& to) { resting_.erase(to); }
  bool rests(const common::Endpoint& to) const { return !resting_.empty() && resting_.contains(to); }

  bool has_groups() const { return !group_pace_.empty(); }
  const SenderStats& stats() const { return stats_; }

 private:
  Sealer sealer_;
  Membership& members_;
  std::vector<TokenBucket> group_pace_;  // by group
  std::set<common::Endpoint> resting_;
  SenderStats stats_;
};

}  // namespace shoal::sync
