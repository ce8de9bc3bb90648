// Sites: nodes that are near each other, by sync.site. A delta packet crosses to another site once: to one
// member there, its forwarder, which passes it on to the others as it came. This part chooses the forwarders
// of this node's packets, and is one for the packets of members that have chosen it (docs/protocol/sites.md).
// Without sync.site it does nothing.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sync/arrival.h"
#include "sync/identity.h"
#include "sync/membership.h"
#include "sync/sender.h"
#include "sync/stats.h"

namespace shoal::sync {

class Sites {
 public:
  // A forwarder that was not heard for so long, or did not hear us, two heartbeats and a half, is replaced.
  static constexpr int64_t kSilentUs = 5 * kHeartbeatUs / 2;

  // A member that had to ask for this many of our packets is sent them directly, for so long. Fewer can be
  // sent again to it within the pace of resending, though its forwarder passes on only half the pace.
  static constexpr uint32_t kDirectFromPermille = 250;
  static constexpr int64_t kDirectUs = 120'000'000;

  // A member that is new, back, or in another site now, is sent everything directly for so long.
  static constexpr int64_t kNewcomerUs = 5'000'000;

  // The references must outlive it.
  Sites(const Identity& identity, Sender& sender, Membership& members)
      : identity_(identity), sender_(sender), members_(members) {}

  // How fast each member's packets are passed on.
  void set_pace(int64_t pace_bytes_per_s);

  // Chooses who forwards and who is served by that, for the heartbeat that follows and until the next one.
  void advance(Now now);

  // Ids of the members that should pass our delta packets on, one of each site, at most
  // proto::kSyncForwardersMax.
  std::vector<uint64_t> forwarders() const;

  // Takes what a member's heartbeat says about sites.
  void learn(Now now, Member& member, const proto::Heartbeat& heartbeat);

  // Whether this delta packet of that node was passed on by a member of our site. It says nothing about where
  // its origin is, nor that it runs, and is not passed on again.
  bool is_forwarded(Now now, const proto::SyncHeader& header, const Member* origin,
                    const Received& datagram) const;

  // Such a packet was of use; or its origin has not proved itself here.
  void count_forwarded() { ++stats_.forwards_received; }
  void count_unknown() { ++stats_.forwards_unknown; }

  // A delta packet has come from its origin itself, for the first time: passes it on, if it is to be.
  void pass_on(const Arrival& arrival, Outputs& out);

  const SiteStats& stats() const { return stats_; }

 private:
  struct Chosen {
    uint64_t id = 0;
    uint64_t incarnation = 0;
    bool named = false;  // in the heartbeat before this one
  };

  bool on() const { return !identity_.site.empty(); }
  bool is_elsewhere(const Member& member) const;
  // It can be sent to, has been heard just now, and has just heard us.
  static bool is_fit(const Member& member, int64_t now_us);

  const Identity& identity_;
  Sender& sender_;
  Membership& members_;
  std::map<std::string, Chosen> chosen_;  // by site
  SiteStats stats_;
};

}  // namespace shoal::sync
