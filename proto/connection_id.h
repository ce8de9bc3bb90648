// Connection ids of BEP 15 as stateless cookies: a keyed hash of the client's address and the time, so that
// every node with the key can check the ids of every other, and no node stores any.
//
//   id = SipHash-2-4(key, family | address | epoch), its three low bits replaced by those of the epoch
//
// The epoch is Unix time / 64 s. Ids of the current and the six previous epochs are accepted (for at
// least 6.4 minutes: BEP 15 asks for two, and some clients keep an id longer), and of the next one (another
// node's clock may be ahead). The three clear bits distinguish these eight, so a check costs one hash. The
// port is left out: NATs change it. Any thread.

#pragma once

#include <cstdint>
#include <span>

#include "common/endpoint.h"
#include "common/siphash.h"

namespace shoal::proto {

constexpr int64_t kConnectionIdEpochS = 64;

uint64_t make_connection_id(const common::SipKey& key, const common::Endpoint& client, int64_t unix_s);

// True if `id` was made by one of the keys for this client's address in an accepted epoch. One hash per key
// tried; while keys rotate, the one that makes ids comes first.
bool check_connection_id(std::span<const common::SipKey> keys, const common::Endpoint& client, int64_t unix_s,
                         uint64_t id);

}  // namespace shoal::proto
