// KeyChecks: logs it when keys do not fit: members that lack the key this node seals by, and packets that no
// key opens.

#pragma once

#include "sync/complaints.h"
#include "sync/keys.h"
#include "sync/member.h"

namespace shoal::sync {

class KeyChecks {
 public:
  // The references must outlive it.
  KeyChecks(const KeyRing& keys, Complaints& complaints) : keys_(keys), complaints_(complaints) {}

  // Whether the member holds the key this node seals by.
  void check(Now now, const Member& member, Outputs& out);

  // A packet that no key opens.
  void unauthentic(Now now, const proto::SyncHeader& header, const common::Endpoint& from, Outputs& out);

 private:
  const KeyRing& keys_;
  Complaints& complaints_;
};

}  // namespace shoal::sync
