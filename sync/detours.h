// Detours: what is done where datagrams pass between this node and a member in one direction only, or in
// none. A member that hears both carries the changes: digests are compared with it. Where there is none they
// are pulled by TCP, again and again. And datagrams that nobody hears pause now and then, so that a mapping
// of some router that leads them astray, and that they keep alive, is forgotten.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

#include "common/endpoint.h"
#include "sync/addresses.h"
#include "sync/clock.h"
#include "sync/departure.h"
#include "sync/membership.h"
#include "sync/pulls.h"
#include "sync/repair.h"
#include "sync/sender.h"

namespace shoal::sync {

class Detours {
 public:
  // A member that another one carries nothing of, or nothing to, is pulled from this often.
  static constexpr int64_t kPullEveryUs = 15'000'000;

  // The references must outlive it.
  Detours(const Phase& phase, Addresses& addresses, Membership& members, const Clock& clock, Pulls& pulls,
          Sender& sender, const Departure& departure)
      : phase_(phase),
        addresses_(addresses),
        members_(members),
        clock_(clock),
        pulls_(pulls),
        sender_(sender),
        departure_(departure) {}

  // About twice a second.
  void advance(Now now, Outputs& out);

  // Somebody there has asked something: it is answered, whether or not datagrams to it pause.
  void asked(Now now, const common::Endpoint& from);

  void pull_ended(Now now, const Pulls::Ended& ended);

 private:
  // Datagrams to one address that nobody there seems to hear.
  struct Flow {
    int64_t awake_us = 0;  // they are sent since then
    int64_t rest_us = 0;   // they pause until then
    size_t rests = 0;
  };

  void pull(Now now, Member& member, Outputs& out);
  // `deaf`: somebody is heard from there, so only this direction is dead.
  void rest(Now now, const common::Endpoint& to, bool deaf);

  const Phase& phase_;
  Addresses& addresses_;
  Membership& members_;
  const Clock& clock_;
  Pulls& pulls_;
  Sender& sender_;
  const Departure& departure_;
  std::map<common::Endpoint, Flow> flows_;  // bounded by members and seeds
  std::set<common::Endpoint> unheard_;      // those seen in this round
};

}  // namespace shoal::sync
