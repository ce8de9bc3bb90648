// Cluster: one node's share of the sync channel, as a pure state machine. It knows no socket, no thread and
// no clock: bytes and time come in as arguments, datagrams to send and lines to log come out. One thread
// calls it.

#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/tick.h"
#include "proto/access_change.h"
#include "proto/ban_change.h"
#include "proto/delta.h"
#include "sync/config.h"
#include "sync/donation.h"
#include "sync/now.h"
#include "sync/outputs.h"
#include "sync/status.h"
#include "sync/swarms.h"

namespace shoal::sync {

class Cluster {
 public:
  // `swarms` must outlive the cluster.
  Cluster(const Config& config, Swarms& swarms, Now now);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // sync.peers, after each time they are resolved; replaces the last set. Our own address among them does no
  // harm. May bring deadline_us() forward.
  void set_peers(std::vector<NamedPeer> peers);
  // The same of addresses that have no names.
  void set_seeds(const std::vector<common::Endpoint>& seeds);

  // Other keys from now on, at least one: the first seals, all open. To be called for each step of a rotation
  // (add a key, put it first, remove the old one) on all nodes before the next step.
  void set_keys(Now now, const std::vector<ClusterKey>& keys, Outputs& out);

  // As in Config, from now on.
  void set_pace(int64_t pace_bytes_per_s, int64_t donate_bytes_per_s);

  // How busy this node is, of 1000, as reported to the others.
  void set_load(uint32_t permille);

  // One datagram from the network, whatever it contains.
  void receive(Now now, const Received& datagram, Outputs& out);

  // Deltas announced on this node, to be sent to the others within the flush interval, or as fast as the pace
  // allows: stops first, refreshes last. What does not fit into the queue is dropped and counted.
  void publish(Now now, std::span<const proto::OwnDelta> deltas, Outputs& out);

  // Changes of the access list made on this node, in the log already, to be sent to the others.
  void publish_access(Now now, std::span<const proto::AccessChange> changes, Outputs& out);
  // An origin whose changes were forgotten on this node, in the log already.
  void publish_access(Now now, const proto::ForgottenOrigin& origin, Outputs& out);

  // The same of bans.
  void publish_bans(Now now, std::span<const proto::BanChange> changes, Outputs& out);
  void publish_bans(Now now, const proto::ForgottenOrigin& origin, Outputs& out);

  // Reports to the others how busy this node's clients are; see MemberStatus. About once a second.
  void announce_client_load(Now now, uint32_t announces_per_s, uint32_t interval_s, Outputs& out);

  // A message of a web peer of this node for one of the node that has this run: 1 to proto::kRelayMax bytes.
  // It arrives there as Outputs::relayed, soon or not at all. May bring deadline_us() forward.
  void relay(Now now, uint64_t run, std::span<const uint8_t> message, Outputs& out);

  // Whether there may be web peers of this run: it is this node's, or that of a member that is up.
  bool is_live_run(uint64_t run) const;

  // To be called when deadline_us() is reached; harmless earlier or later.
  void advance(Now now, Outputs& out);

  // When advance() is to be called next, in Now::mono_us.
  int64_t deadline_us() const;

  // Orderly shutdown: sends what is pending and tells the others, again and again until they know. No
  // heartbeats afterwards, but packets that others missed are still sent again.
  void leave(Now now, Outputs& out);

  // After leave(): every member that is up knows it, and has everything that was published here.
  bool left_in_order(Now now) const;

  // Drops the member of this name from the list, here and on the other nodes, if it is down or has left.
  Forgotten forget(Now now, std::string_view name, Outputs& out);

  // The bytes of a pull (Outputs::pulls), as they arrive, in pieces of any size.
  void pull_received(Now now, uint64_t pull, common::ByteSpan bytes, Outputs& out);

  // No more bytes will arrive: the donor closed, or the connection broke; or there was none, `trouble` says
  // why.
  void pull_closed(Now now, uint64_t pull, const std::string& trouble, Outputs& out);

  // A whole request (pull_request_missing() is 0) that came by TCP. Null: close without an answer.
  std::unique_ptr<Donation> accept_pull(Now now, common::ByteSpan request);

  // Cluster time minus Now::mono_us / 1000. Changes only in calls that take `now`.
  int64_t time_offset_ms() const;

  // The ticks of cluster time minus the store's, in which it stamps and is called: when cluster time is
  // stepped the store's ticks are not, so that no record seems older or younger. Changes only in such calls.
  common::Tick store_ticks_behind() const;

  // The snapshot has been merged, or is of no use. Until then the node is not ready. `held`: the node that
  // wrote it had held the cluster's state (Status::held).
  void snapshot_merged(Now now, bool held);

  Status status(Now now) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::sync
