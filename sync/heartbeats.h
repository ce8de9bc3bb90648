// Heartbeats: who is there, how it hears the others, and where more members may be found. Sends this node's
// heartbeats and receives those of the members, their Leave and what they say about their clients.

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sync/access_gossip.h"
#include "sync/addresses.h"
#include "sync/arrival.h"
#include "sync/ban_gossip.h"
#include "sync/bootstrap.h"
#include "sync/clock.h"
#include "sync/complaints.h"
#include "sync/delta_receiver.h"
#include "sync/departure.h"
#include "sync/greetings.h"
#include "sync/key_checks.h"
#include "sync/sender.h"
#include "sync/sites.h"
#include "sync/token_bucket.h"

namespace shoal::sync {

class Heartbeats {
 public:
  // What a heartbeat is made of, and who is told what it says. All must outlive it.
  struct Parts {
    const Identity& identity;
    const KeyRing& keys;
    Membership& members;
    Sender& sender;
    Clock& clock;
    Addresses& addresses;
    DeltaReceiver& streams;
    AccessGossip& access;
    BanGossip& bans;
    KeyChecks& key_checks;
    Bootstrap& bootstrap;
    Departure& departure;
    Greetings& greetings;
    Sites& sites;
    Complaints& complaints;
  };

  explicit Heartbeats(const Parts& parts) : at_(parts) {}

  // How busy this node is, of 1000.
  void set_load(uint32_t permille);

  // One heartbeat to everyone, and challenges to seeds that are silent.
  void send_round(Now now, Outputs& out);

  // One heartbeat at once to each address to greet.
  void send_greetings(Now now, Outputs& out);

  // Logs members that have become silent, or are back.
  void log_states(Now now, Outputs& out);

  void receive(const Arrival& arrival, const proto::Heartbeat& heartbeat, Outputs& out);
  void receive(const Arrival& arrival, const proto::Leave& leave, Outputs& out);
  void receive(const Arrival& arrival, const proto::ClientLoad& load, Outputs& out);

 private:
  // Lists members from this id on, as many as fit.
  proto::Heartbeat make(Now now, uint64_t first_id) const;
  std::vector<common::Endpoint> targets(Now now) const;
  void check_settings(Now now, Member& member, Outputs& out);
  // What the heartbeat says about the others, and about this node.
  void learn_members(Now now, Member& member, const proto::Heartbeat& heartbeat, Outputs& out);
  // `member` says whether it hears `other`, of whom we hear nothing, or who does not hear us.
  static void note_hearing(Now now, const Member& member, Member& other, const proto::MemberEntry& entry,
                           int64_t valid_us);
  void learn_about_us(Now now, Member& member, const proto::Heartbeat& heartbeat,
                      const proto::MemberEntry& entry, Outputs& out);
  // Between our heartbeat that `entry` echoes and now; nothing if it echoes none.
  static std::optional<int64_t> round_trip_us(Now now, const proto::MemberEntry& entry);

  const Parts at_;
  uint64_t rounds_ = 0;       // sent
  uint64_t list_cursor_ = 0;  // id from which the next heartbeat lists members
  uint32_t load_permille_ = 0;
  // Of addresses that members name: as many as one heartbeat names, then so many a second.
  TokenBucket contact_greetings_{proto::kSyncMembersMax, proto::kSyncMembersMax};
};

}  // namespace shoal::sync
