// Namesakes: finds nodes that were given the same name, which makes them claim the same id: two others, or
// another and this one.

#pragma once

#include "sync/complaints.h"
#include "sync/identity.h"
#include "sync/membership.h"
#include "sync/name_clash.h"

namespace shoal::sync {

class Namesakes {
 public:
  // The references must outlive it.
  Namesakes(const Identity& identity, Membership& members, Complaints& complaints)
      : identity_(identity), members_(members), complaints_(complaints) {}

  // A packet with the id of this node, of another incarnation.
  void receive_own_id(Now now, const proto::SyncHeader& header, const common::Endpoint& from, Outputs& out);

  // A packet with the id of the member, of an older incarnation.
  void receive_rival(Now now, Member& member, const proto::SyncHeader& header, const common::Endpoint& from,
                     Outputs& out);

  // Another node with the name of this one is at `at`, others say.
  void reported(Now now, const common::Endpoint& at, Outputs& out);

 private:
  const Identity& identity_;
  Membership& members_;
  Complaints& complaints_;
  NameClash own_clash_;
};

}  // namespace shoal::sync
