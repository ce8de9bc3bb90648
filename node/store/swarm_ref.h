// SwarmRef: where a swarm lies in a SwarmStore. Valid for that store only.

#pragma once

#include <cstdint>

#include "common/endpoint.h"

namespace shoal::node {

struct SwarmRef {
  static constexpr uint32_t kUnknown = UINT32_MAX;

  uint64_t hash = 0;           // of its info_hash, keyed
  uint32_t likely = kUnknown;  // number of the entry that is probably the swarm's; it may be wrong
};

// The same of the web peers of an info_hash, which lie elsewhere.
struct WebSwarmRef {
  SwarmRef swarm;
};

// A peer and where its swarm lives.
struct PeerRef {
  SwarmRef swarm;
  common::Endpoint peer;
  bool large = false;  // a hint: the swarm has so many peers that they are found in two steps
};

}  // namespace shoal::node
