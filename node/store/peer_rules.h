// The rules by which a peer's record changes: the merge of the cluster's last-writer-wins map, and what a
// local announce writes. Pure functions of values; the store applies them.

#pragma once

#include "common/tick.h"
#include "proto/announce.h"
#include "proto/delta.h"

namespace shoal::node {

using proto::PeerValue;

// The role an announce claims. A paused partial seed (BEP 21) has something left: a leecher.
constexpr proto::PeerRole role_of(proto::Event event, bool seeder) {
  if (event == proto::Event::stopped) return proto::PeerRole::stopped;
  return seeder ? proto::PeerRole::seeder : proto::PeerRole::leecher;
}

// The event reports a change, and says so once; other announces are repeated regularly.
constexpr bool reports_change(proto::Event event) {
  return event == proto::Event::started || event == proto::Event::completed || event == proto::Event::stopped;
}

struct Written {
  PeerValue value;
  // The write had to come after one that is too far ahead of the clock, and took its moment instead. Nodes
  // that have that one keep it: the write must be repeated when the clock has caught up.
  bool late = false;
};

// The record after a local announce for a peer whose record is `stored`: `stored` itself if there is nothing
// to write. The client says `event` and with it claims `role`.
//
// A hybrid logical clock (Kulkarni et al. 2014): a write comes at the present moment, or, if the record it
// changes has that one or a later one, just late enough to win wherever that record has been seen. A client
// that changes faster than moments pass runs ahead of the clock, up to a limit.
constexpr Written announce_value(PeerValue stored, proto::PeerRole role, proto::Event event,
                                 common::Moment now) {
  const common::Tick tick = now.tick();
  const common::Moment then = stored.moment(tick);
  const bool completed = stored.state.completed || event == proto::Event::completed;
  const auto at = [&](common::Moment moment) {
    return PeerValue{common::stamp_of(moment.tick()), {role, completed, moment.in_tick()}};
  };
  if (role == stored.state.role && completed == stored.state.completed) {
    // What an event says is as old as its last announce, here or on a node that has not told us: another one
    // may lie between. A regular announce says only that the peer is still there.
    const bool writes =
        reports_change(event) ? now > then : common::stamp_age(tick, stored.stamp) >= common::kRefreshTicks;
    return {writes ? at(now) : stored};
  }
  const bool wins_ties = proto::rank_of(role) >= proto::rank_of(stored.state.role);
  const common::Moment earliest = wins_ties ? then : then + 1;
  if (earliest <= now) return {at(now)};
  if (earliest - now <= common::kLocalAheadTicks * common::kMomentsPerTick) return {at(earliest)};
  return {at(then), !wins_ties};
}

}  // namespace shoal::node
