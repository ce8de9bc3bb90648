// Status: a snapshot of a Cluster for the operator, as plain values.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/endpoint.h"
#include "sync/keys.h"
#include "sync/now.h"
#include "sync/stats.h"

namespace shoal::sync {

enum class MemberState : uint8_t {
  alive,
  one_way,  // heard, but it does not hear this node
  suspect,  // silent for some seconds
  refused,  // heard, but no deltas are exchanged with it
  down,     // silent for longer
  left,     // it said that it goes
};

inline constexpr std::array kMemberStates = {MemberState::alive,   MemberState::one_way, MemberState::suspect,
                                             MemberState::refused, MemberState::down,    MemberState::left};

// The one list of these names: for logs, metrics, JSON and the status page.
constexpr std::string_view to_string(MemberState state) {
  switch (state) {
    case MemberState::alive:
      return "alive";
    case MemberState::one_way:
      return "one_way";
    case MemberState::suspect:
      return "suspect";
    case MemberState::refused:
      return "refused";
    case MemberState::down:
      break;
    case MemberState::left:
      return "left";
  }
  return "down";
}

// It does not run any more, as far as this node knows.
constexpr bool is_gone(MemberState state) { return state == MemberState::down || state == MemberState::left; }

struct MemberStatus {
  std::string name;
  uint64_t id = 0;
  uint64_t incarnation = 0;
  common::Endpoint address;
  MemberState state = MemberState::alive;
  int64_t heard_ago_ms = 0;  // since its last packet
  bool multicast = false;    // it reports that it hears us by a group
  uint64_t datagrams_received = 0;
  uint64_t deltas_received = 0;
  uint64_t missing = 0;          // delta packets that have not arrived yet
  uint64_t lost = 0;             // delta packets that will never arrive
  uint64_t late = 0;             // delta packets that had to be asked for
  uint64_t repaired = 0;         // of those: have arrived since
  int64_t lag_us = 0;            // of its deltas, smoothed: see LagHistogram
  uint64_t bytes_received = 0;   // from it
  uint64_t nacks_sent = 0;       // to it
  int64_t round_trip_us = 0;     // smoothed; 0: not measured yet
  int64_t clock_offset_ms = 0;   // its wall clock minus ours, estimated
  uint32_t announces_per_s = 0;  // of its clients
  uint32_t interval_s = 0;       // that it gives its clients, if adapted to the load; 0: it is not
  std::string refused;           // why we exchange no deltas with it; empty: we do
  std::optional<common::Endpoint> namesake;  // another node claims its name from there, and is refused
  std::vector<KeyId> key_ids;                // of the keys it opens with, as it reports; the first seals
  uint32_t protocol_minor = 0;               // of its protocol version
  std::string version;                       // of its program
  std::string site;                          // sync.site there; empty: none, or sites are off here
  bool forwards = false;                     // it passes our delta packets on to its site
  uint32_t load_permille = 0;                // of its CPUs
  uint32_t loss_in_permille = 0;             // of its delta packets, recently: did not arrive at first
  uint32_t loss_out_permille = 0;            // of our delta packets, as it reports
  bool synced = false;     // it is heard, not refused, and reports that its state is complete
  uint32_t differing = 0;  // ticks in which its records and ours differed when last compared
  // Since a comparison last found nothing missing on either side, apart from what was in flight; -1: none
  // has.
  int64_t agreed_ago_ms = -1;
  bool partial = false;  // it says that it gives up records for lack of memory: it is not compared
  // Not while each hears the other: members that say that they hear it, by name, and whether it has answered
  // a pull lately.
  std::vector<std::string> heard_by{};
  bool answers_pulls = false;
  std::string pull_trouble;  // why the last pull from it did not connect; empty: it did
};

// What has become of an address in sync.peers.
enum class PeerSight : uint8_t {
  met,            // a member is reached there
  own,            // it is this node
  left,           // the member there left in good order
  refused,        // no deltas are exchanged with the member there
  namesake,       // it has the name of another node, or of this one
  one_way,        // it is heard, and does not hear this node
  other_key,      // the others: see Strangeness
  altered,        //
  other_cluster,  //
  other_version,  //
  silent,
  unresolved,  // the name has no address
};

// The one list of these names.
std::string_view to_string(PeerSight sight);

struct PeerStatus {
  std::string peer;  // address; a name too, if sync.peers has one
  PeerSight sight = PeerSight::silent;
  std::string text;  // for people: "silent", "seals with key 47bb0aa6 that this node lacks"
};

// Somebody whose sync datagrams this node cannot use.
struct StrangerStatus {
  common::Endpoint address;
  std::string_view kind;  // as of a PeerSight
  std::string text;       // for people
  uint64_t datagrams = 0;
  int64_t heard_ago_ms = 0;
};

// How far this node is on its way to hold what the cluster holds.
enum class SyncPhase : uint8_t {
  waiting,        // for a member to pull from
  bootstrapping,  // pulls everything from `donor`
  checking,       // compares digests with the members
  synced,
};

// What became of a wish to forget a member.
enum class Forgotten : uint8_t { done, unknown, runs };

struct Status {
  uint64_t id = 0;
  uint64_t incarnation = 0;
  int64_t wall_ahead_ms = 0;  // this machine's wall clock minus cluster time
  bool wall_off = false;      // by more than a tick
  size_t waiting = 0;         // deltas not sent yet
  SyncPhase phase = SyncPhase::waiting;
  std::string donor{};          // bootstrapping: pulled from this member
  uint32_t percent = 0;         // bootstrapping: of the donor's store
  bool access_in_step = false;  // some member's access list has had the same changes as ours, at least once
  std::vector<MemberStatus> members;  // the others, by name
  bool alone = false;  // others are named in sync.peers, and none of them, nor any other member, is met
  // Another node has the name of this one and was there first: this one is refused.
  std::optional<common::Endpoint> name_taken_by{};
  std::optional<common::Endpoint> namesake{};  // another node claims the name of this one, and is refused
  bool held = false;  // it has held the cluster's state, in this run or before its snapshot was written
  std::vector<PeerStatus> peers{};          // of sync.peers, as configured
  std::vector<StrangerStatus> strangers{};  // heard lately
  Stats stats;
};

// "no sync peer of 2 answers (10.0.0.2:6970 silent, 10.0.0.3:6970 is of another cluster)".
std::string alone_text(const std::vector<PeerStatus>& peers);

class Member;

// The row of one member.
MemberStatus status_of(const Member& member, Now now);

}  // namespace shoal::sync
