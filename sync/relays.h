// Relays: messages between web peers whose connections are held by two nodes, to and from members, in sealed
// parts of one datagram each. They are worth something for a moment only, as the client offers again: a
// message waits at most kWaitUs for the pace, here and for its missing parts there, and nothing is sent a
// second time. What waits is bounded for each member, so one that floods, or that is slow, costs only itself.

#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <span>

#include "sync/arrival.h"
#include "sync/departure.h"
#include "sync/identity.h"
#include "sync/sender.h"
#include "sync/stats.h"

namespace shoal::sync {

class Relays {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  // The references must outlive it.
  Relays(const Identity& identity, Sender& sender, Membership& members, const Departure& departure)
      : identity_(identity), sender_(sender), members_(members), departure_(departure) {}

  // How fast messages are sent to each member.
  void set_pace(int64_t pace_bytes_per_s);

  // To the member whose run this is: 1 to proto::kRelayMax bytes. Dropped, and counted, if there is none that
  // would hear it, or too much waits for it.
  void send(Now now, uint64_t run, std::span<const uint8_t> message, Outputs& out);

  void receive(const Arrival& arrival, const proto::Relay& relay, Outputs& out);

  // Sends what waits, and drops what has waited for too long. Due at deadline_us().
  void advance(Now now, Outputs& out);
  int64_t deadline_us() const { return due_us_; }

  // Drops messages whose other parts have not come. About twice a second.
  void forget_partial(Now now);

  const RelayStats& stats() const { return stats_; }

 private:
  void send_waiting(Now now, Member& member, Outputs& out);
  using PartialAt = std::map<uint64_t, MemberRelays::Partial>::iterator;
  PartialAt drop_partial(MemberRelays& state, PartialAt at);

  const Identity& identity_;
  Sender& sender_;
  Membership& members_;
  const Departure& departure_;
  int64_t due_us_ = kNever;
  RelayStats stats_;
};

}  // namespace shoal::sync
