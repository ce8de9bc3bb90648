// A delta: one change of one peer, as nodes exchange and merge it.

#pragma once

#include <algorithm>
#include <cstdint>

#include "common/endpoint.h"
#include "common/info_hash.h"
#include "common/tick.h"

namespace shoal::proto {

// Greater wins at equal stamps.
enum class PeerRole : uint8_t { leecher = 0, seeder = 1, stopped = 2 };

// One byte, on the wire and in the store: role << 1 | completed.
// completed: this peer has reported the event "completed"; once set it stays set for the lifetime of the
// record.
struct PeerState {
  PeerRole role = PeerRole::leecher;
  bool completed = false;

  constexpr uint8_t byte() const {
    return static_cast<uint8_t>(static_cast<uint8_t>(role) << 1 | (completed ? 1 : 0));
  }
  constexpr bool operator==(const PeerState&) const = default;
};

// Greater bytes are invalid.
constexpr uint8_t kPeerStateByteMax = 5;

constexpr PeerState peer_state_from(uint8_t byte) {
  return {static_cast<PeerRole>(byte >> 1), (byte & 1) != 0};
}

struct Delta {
  common::InfoHash info_hash;
  common::Endpoint peer;  // port is never 0
  PeerState state;
  common::Stamp stamp = 0;
  bool operator==(const Delta&) const = default;
};

// A delta of a peer that announced on this node, to be sent to the others.
struct OwnDelta {
  Delta delta;
  bool refresh = false;  // only the stamp has changed: it can wait
};

}  // namespace shoal::proto
