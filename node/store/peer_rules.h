// The rules by which a peer's record changes: the merge of the cluster's last-writer-wins map, and what a
// local announce writes. Pure functions of values; the store applies them.

#pragma once

#include "common/tick.h"
#include "proto/announce.h"
#include "proto/delta.h"

namespace shoal::node {

// A peer's record without its key.
struct PeerValue {
  common::Stamp stamp = 0;
  proto::PeerState state;
  bool operator==(const PeerValue&) const = default;
};

// The role an announce claims. A paused partial seed (BEP 21) has something left: a leecher.
constexpr proto::PeerRole role_of(proto::Event event, bool seeder) {
  if (event == proto::Event::stopped) return proto::PeerRole::stopped;
  return seeder ? proto::PeerRole::seeder : proto::PeerRole::leecher;
}

// The join of two records of one peer: the younger stamp with its role, at equal stamps the greater role, and
// `completed` if either has it. The product of two lattices, so commutative, associative and idempotent as
// long as every stamp lies in the ring's window around `now`.
constexpr PeerValue merge_values(PeerValue a, PeerValue b, common::Tick now) {
  const int age_a = common::stamp_age(now, a.stamp);
  const int age_b = common::stamp_age(now, b.stamp);
  const bool takes_b = age_b < age_a || (age_b == age_a && b.state.role > a.state.role);
  PeerValue joined = takes_b ? b : a;
  joined.state.completed = a.state.completed || b.state.completed;
  return joined;
}

// The record after a local announce of `role` for a peer whose record is `stored`. Returns `stored` itself if
// there is nothing to write. `ordered`: the record is replicated, so the new stamp must also win on the other
// nodes.
constexpr PeerValue announce_value(PeerValue stored, proto::PeerRole role, bool completed, common::Tick now,
                                   bool ordered) {
  const int age = common::stamp_age(now, stored.stamp);
  const PeerValue fresh{common::stamp_of(now), {role, stored.state.completed || completed}};
  if (fresh.state == stored.state) {
    const bool refresh = age >= common::kRefreshTicks && role != proto::PeerRole::stopped;
    return refresh ? fresh : stored;
  }
  if (age > 0 || !ordered) return fresh;
  // A hybrid logical clock: the stamp after the one it replaces, so that this write wins wherever that one
  // has been seen. A peer that flips faster than ticks pass would run ahead of the clock: beyond the limit
  // its event gets the present tick like any other, and may lose.
  if (1 - age <= common::kLocalAheadTicks) {
    return {static_cast<common::Stamp>(stored.stamp + 1), fresh.state};
  }
  return merge_values(stored, fresh, now);
}

}  // namespace shoal::node
