// A delta: one change of one peer, as nodes exchange and merge it.

#pragma once

#include <algorithm>
#include <cstdint>

#include "common/endpoint.h"
#include "common/info_hash.h"
#include "common/tick.h"

namespace shoal::proto {

enum class PeerRole : uint8_t { leecher = 0, seeder = 1, stopped = 2 };

// Which role wins if two were announced at the same moment: the greater rank. A dead peer that is listed
// costs a failed connection, a live one that is missing costs half an hour.
constexpr int rank_of(PeerRole role) {
  return role == PeerRole::stopped ? 0 : role == PeerRole::leecher ? 1 : 2;
}

// One byte, on the wire and in the store: moment << 3 | role << 1 | completed.
struct PeerState {
  PeerRole role = PeerRole::leecher;
  // This peer has reported the event "completed"; once set it stays set for the lifetime of the record.
  bool completed = false;
  uint8_t moment = 0;  // within the tick of the stamp: when this was announced. Below kMomentsPerTick

  constexpr uint8_t byte() const {
    return static_cast<uint8_t>(moment << 3 | static_cast<uint8_t>(role) << 1 | (completed ? 1 : 0));
  }
  constexpr bool operator==(const PeerState&) const = default;
};

// The values of the low three bits of a state's byte; 6 and 7 are in no valid one.
constexpr uint8_t kPeerStateKinds = 6;

constexpr bool is_peer_state(uint8_t byte) { return (byte & 7) < kPeerStateKinds; }

// The byte must be valid.
constexpr PeerState peer_state_from(uint8_t byte) {
  return {static_cast<PeerRole>(byte >> 1 & 3), (byte & 1) != 0, static_cast<uint8_t>(byte >> 3)};
}

// A peer's record without its key.
struct PeerValue {
  common::Stamp stamp = 0;
  PeerState state;
  bool operator==(const PeerValue&) const = default;

  constexpr common::Moment moment(common::Tick now) const {
    return common::moment_of(now, stamp, state.moment);
  }
};

// The join of two records of one peer: the later moment with its role, at equal moments the role of greater
// rank, and `completed` if either has it. The product of two lattices, so commutative, associative and
// idempotent as long as every stamp lies in the ring's window around `now`.
constexpr PeerValue merge_values(PeerValue a, PeerValue b, common::Tick now) {
  const auto order = a.moment(now) <=> b.moment(now);
  const bool takes_b = order < 0 || (order == 0 && rank_of(b.state.role) > rank_of(a.state.role));
  PeerValue joined = takes_b ? b : a;
  joined.state.completed = a.state.completed || b.state.completed;
  return joined;
}

struct Delta {
  common::InfoHash info_hash;
  common::Endpoint peer;  // port is never 0
  PeerState state;
  common::Stamp stamp = 0;
  bool operator==(const Delta&) const = default;

  PeerValue value() const { return {stamp, state}; }
  void set(PeerValue value) {
    stamp = value.stamp;
    state = value.state;
  }
};

// A delta of a peer that announced on this node, to be sent to the others.
struct OwnDelta {
  Delta delta;
  bool refresh = false;  // only the stamp has changed: it can wait
};

}  // namespace shoal::proto
