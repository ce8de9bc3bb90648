// Membership: the other nodes of the cluster as this one knows them, and addresses where more of them may be.
//
// A node becomes a member by an authentic packet of its own, never by hearsay: what others tell about it only
// makes its address a contact, to be sent heartbeats for a while.

#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "proto/sync_packet.h"
#include "sync/cluster.h"
#include "sync/gaps.h"
#include "sync/loss_rate.h"
#include "sync/member_repair.h"
#include "sync/name_clash.h"
#include "sync/replay_window.h"
#include "sync/token_bucket.h"

namespace shoal::sync {

constexpr int64_t kHeartbeatUs = 500'000;
constexpr int64_t kSuspectAfterUs = 5 * kHeartbeatUs;
constexpr int64_t kDownAfterUs = 15 * kHeartbeatUs;

// A down member is sent every so many heartbeats, and is forgotten in the end.
constexpr uint64_t kProbeEvery = 10;
constexpr int64_t kForgetAfterUs = 3'600'000'000;

// An address learnt from others is tried this long after it was last named.
constexpr int64_t kContactUs = 10'000'000;

// "I hear you by a group": said this long after the last packet that came by one.
constexpr int64_t kGroupHeardUs = 3 * kHeartbeatUs + kHeartbeatUs / 2;

constexpr int64_t kLongAgoUs = std::numeric_limits<int64_t>::min() / 2;

struct Member {
  // Packets of ours that it may have asked for and not yet been sent.
  static constexpr size_t kAskedMax = 4096;

  // An address that reached it does so for this long, as far as is known.
  static constexpr int64_t kReachedUs = 60'000'000;

  // Before the first measurement.
  static constexpr int64_t kRoundTripGuessUs = 50'000;

  // What took longer stood still in a node, not in the network: packets that wait in the buffer of a process
  // that is stopped look as if they had been underway.
  static constexpr int64_t kRoundTripMaxUs = 2'000'000;

  explicit Member(int64_t pace_bytes_per_s)
      : pace(pace_bucket(pace_bytes_per_s)),
        repair_bucket(pace_bucket(pace_bytes_per_s / 5)),
        access_bucket(pace_bytes_per_s / 10, kAccessBurst) {}

  void set_pace(int64_t pace_bytes_per_s) {
    const Member fresh(pace_bytes_per_s);
    pace = fresh.pace;
    repair_bucket = fresh.repair_bucket;
    access_bucket = fresh.access_bucket;
  }

  uint64_t id = 0;
  uint64_t incarnation = 0;
  std::string name;          // empty before its first heartbeat
  common::Endpoint address;  // where to send: what it advertises, or else its source address
  bool advertises = false;
  // Where its packets come from and a challenge reached it; as far as is known, the address it sends from.
  common::Endpoint source;
  std::optional<common::Endpoint> moving_to;         // its packets come from there now, unproven
  int64_t moving_us = kLongAgoUs;                    // when it was challenged there
  std::map<common::Endpoint, int64_t> reached_at{};  // other addresses that reach it, and when they did
  proto::ChallengeNonce address_secret{};            // of challenges at addresses of its
  int64_t address_secret_us = kLongAgoUs;            // when it was drawn
  uint32_t peer_timeout_s = 0;
  std::vector<KeyId> key_ids;
  uint32_t protocol_minor = 0;
  uint32_t load_permille = 0;
  uint32_t loss_out_permille = 0;  // of our delta packets, as it says
  std::string refused;
  bool introduced = false;  // its first heartbeat has been heard
  bool restarted = false;   // we knew an earlier incarnation
  bool left = false;
  bool knows_we_left = false;                   // and has all that we told
  MemberState told_state = MemberState::alive;  // as last logged
  int64_t heard_us = 0;
  int64_t heard_by_group_us = kLongAgoUs;
  int64_t hears_us_by_group_until_us = kLongAgoUs;

  // Its clocks, by our monotonic one (milliseconds): cluster time, wall clock, when it started.
  bool clock_known = false;
  int64_t clock_offset_ms = 0;
  int64_t wall_offset_ms = 0;
  int64_t started_ms = 0;

  int64_t newest_heartbeat_us = kLongAgoUs;  // when it came
  uint32_t heartbeats = 0;                   // that told something new
  uint32_t list_parts = 0;                   // so many of its heartbeats name all members it knows
  uint64_t newest_heartbeat = 0;             // control sequence; older ones tell nothing new
  uint64_t datagrams_received = 0;
  uint64_t deltas_received = 0;
  uint64_t bytes_received = 0;
  uint64_t nacks_sent = 0;
  int64_t lag_us = 0;  // of its delta packets, smoothed
  ReplayWindow deltas{ReplayWindow::kDeltaWidth};
  ReplayWindow control{ReplayWindow::kControlWidth};

  Gaps gaps;               // in its delta stream
  LossRate loss;           // of that stream
  uint64_t told_lost = 0;  // of gaps.lost(), as last acted upon
  int64_t next_nack_us = kLongAgoUs;
  std::set<uint64_t> asked;   // delta packets of ours that it has asked for
  TokenBucket pace;           // of all that is sent to it
  TokenBucket repair_bucket;  // of those packets
  int64_t told_gone_us = kLongAgoUs;

  uint32_t echo_us = 0;                // send_us of its newest heartbeat
  int64_t smoothed_round_trip_us = 0;  // 0: not measured

  uint32_t announces_per_s = 0;  // as it last said
  uint32_t interval_s = 0;       // as it last said
  uint32_t access_digest = 0;    // as in its newest heartbeat
  unsigned access_differs = 0;   // heartbeats in turn in which it was not ours
  TokenBucket access_bucket;     // for changes it asks for
  MemberRepair repair;

  NameClash clash;  // with another node of this id

  static constexpr int64_t kAccessBurst = 65'536;

  MemberState state(int64_t now_us) const;
  int64_t round_trip_us() const {
    return smoothed_round_trip_us == 0 ? kRoundTripGuessUs : smoothed_round_trip_us;
  }
  void measured_round_trip(int64_t us);
  // Down without having left.
  bool silent(int64_t now_us) const { return !left && state(now_us) == MemberState::down; }
  bool is_at(const common::Endpoint& where, int64_t now_us) const;
  bool hears_us_by_group(int64_t now_us) const { return now_us < hears_us_by_group_until_us; }
  // Our deltas go to it alone.
  bool wants_unicast(int64_t now_us) const {
    return refused.empty() && state(now_us) != MemberState::down && !hears_us_by_group(now_us);
  }
};

class Membership {
 public:
  static constexpr size_t kMembersMax = 256;
  static constexpr size_t kContactsMax = 256;

  explicit Membership(int64_t pace_bytes_per_s) : pace_bytes_per_s_(pace_bytes_per_s) {}

  // Of the members, and of those to come.
  void set_pace(int64_t pace_bytes_per_s);

  Member* find(uint64_t id);

  // A new member, or the next incarnation of one we know: what was known of the old run is gone, but for its
  // name. It is reached at `at`. Null: the table is full of members that are not down. Pointers stay good
  // until the member is forgotten, which only admit() and forget() do.
  Member* admit(uint64_t id, uint64_t incarnation, const common::Endpoint& at, int64_t now_us);

  // This node stood still for `stall_us`: that time counts as silence of nobody, and nothing is asked for
  // before `ask_from_us`.
  void excuse(int64_t stall_us, int64_t ask_from_us);

  // Drops members that have been down for long, and contacts nobody named lately.
  void forget(int64_t now_us);

  // True if the address was no contact before. The oldest contact makes room.
  bool add_contact(const common::Endpoint& address, int64_t now_us);

  // Some member that is not down is reached there.
  bool covers(const common::Endpoint& address, int64_t now_us) const;

  std::map<uint64_t, Member>& all() { return members_; }
  const std::map<uint64_t, Member>& all() const { return members_; }
  const std::map<common::Endpoint, int64_t>& contacts() const { return contacts_; }

 private:
  int64_t pace_bytes_per_s_;
  std::map<uint64_t, Member> members_;
  std::map<common::Endpoint, int64_t> contacts_;  // address -> when it was last named
};

}  // namespace shoal::sync
