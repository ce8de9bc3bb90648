// Status: a snapshot of a Cluster for the operator, as plain values.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/endpoint.h"
#include "sync/keys.h"
#include "sync/now.h"
#include "sync/stats.h"

namespace shoal::sync {

enum class MemberState : uint8_t { alive, suspect, down };

inline constexpr std::array kMemberStates = {MemberState::alive, MemberState::suspect, MemberState::down};

// The one list of these names: for logs, metrics, JSON and the status page.
constexpr std::string_view to_string(MemberState state) {
  switch (state) {
    case MemberState::alive:
      return "alive";
    case MemberState::suspect:
      return "suspect";
    case MemberState::down:
      break;
  }
  return "down";
}

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
  uint64_t missing = 0;            // delta packets that have not arrived yet
  uint64_t lost = 0;               // delta packets that will never arrive
  uint64_t late = 0;               // delta packets that had to be asked for
  uint64_t repaired = 0;           // of those: have arrived since
  int64_t lag_us = 0;              // of its deltas, smoothed: see LagHistogram
  uint64_t bytes_received = 0;     // from it
  uint64_t nacks_sent = 0;         // to it
  int64_t round_trip_us = 0;       // smoothed; 0: not measured yet
  int64_t clock_offset_ms = 0;     // its wall clock minus ours, estimated
  uint32_t announces_per_s = 0;    // of its clients
  uint32_t interval_s = 0;         // that it gives its clients, if adapted to the load; 0: it is not
  std::string refused;             // why we exchange no deltas with it; empty: we do
  std::vector<KeyId> key_ids;      // of the keys it opens with, as it reports; the first seals
  uint32_t protocol_minor = 0;     // of its protocol version
  std::string version;             // of its program
  uint32_t load_permille = 0;      // of its CPUs
  uint32_t loss_in_permille = 0;   // of its delta packets, recently: did not arrive at first
  uint32_t loss_out_permille = 0;  // of our delta packets, as it reports
  bool synced = false;             // it reports that its state is complete
  uint32_t differing = 0;          // ticks in which its records and ours differed when last compared
  // Since a comparison last found nothing missing on either side, apart from what was in flight; -1: none
  // has.
  int64_t agreed_ago_ms = -1;
};

// How far this node is on its way to hold what the cluster holds.
enum class SyncPhase : uint8_t {
  waiting,        // for a member to pull from
  bootstrapping,  // pulls everything from `donor`
  checking,       // compares digests with the members
  synced,
};

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
  Stats stats;
};

class Member;

// The row of one member.
MemberStatus status_of(const Member& member, Now now);

}  // namespace shoal::sync
