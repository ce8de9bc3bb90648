// NamedPeers: what has become of each address in sync.peers, and whether this node is alone: it names others
// and has met none. It decides nothing else; the node may say that it is not ready.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sync/addresses.h"
#include "sync/departure.h"
#include "sync/membership.h"
#include "sync/repair.h"
#include "sync/status.h"
#include "sync/strangers.h"
#include "sync/trust.h"

namespace shoal::sync {

class NamedPeers {
 public:
  // The references must outlive it.
  NamedPeers(const Phase& phase, Addresses& addresses, const Membership& members, const Trust& trust,
             const Namesakes& namesakes, const Departure& departure)
      : phase_(phase),
        addresses_(addresses),
        members_(members),
        trust_(trust),
        namesakes_(namesakes),
        departure_(departure) {}

  // Replaces sync.peers. True if there are new addresses.
  bool set(std::vector<NamedPeer> peers, int64_t now_us);

  // A datagram that is not understood.
  void heard(Now now, const common::Endpoint& from, Stranger stranger);

  // The snapshot was written by a node that had held the cluster's state.
  void held_before() { held_ = true; }

  // Logs when this node becomes alone, and when it no longer is. About twice a second.
  void advance(Now now, Outputs& out);

  // Fills in what Status says about peers and strangers.
  void report(Now now, Status& out) const;

 private:
  bool any_met(Now now) const;
  PeerStatus sight_of(Now now, const common::Endpoint& address, const std::string& name) const;
  std::vector<PeerStatus> sights(Now now) const;
  // Others are named, none of them is met, and not all of them have left.
  bool lonely(Now now, const std::vector<PeerStatus>& peers) const;
  bool alone(Now now, bool lonely) const;
  bool held(Now now) const;

  const Phase& phase_;
  Addresses& addresses_;
  const Membership& members_;
  const Trust& trust_;
  const Namesakes& namesakes_;
  const Departure& departure_;
  std::vector<NamedPeer> peers_;
  Strangers strangers_;
  bool met_ = false;   // some member, in this run
  bool held_ = false;  // the cluster's state: in step with some member, in this run or before
  std::optional<int64_t> lonely_since_us_;
  bool logged_alone_ = false;
};

}  // namespace shoal::sync
