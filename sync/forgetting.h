// Forgetting: drops a member that an operator wants off the list, here and on the other nodes, which are told
// for some seconds. A node that hears the member keeps it, and a member that comes back joins as any other.

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sync/arrival.h"
#include "sync/complaints.h"
#include "sync/membership.h"
#include "sync/sender.h"
#include "sync/status.h"

namespace shoal::sync {

class Forgetting {
 public:
  // The references must outlive it.
  Forgetting(Sender& sender, Membership& members, Complaints& complaints)
      : sender_(sender), members_(members), complaints_(complaints) {}

  // Drops the member of this name if it is down or has left.
  Forgotten forget(Now now, std::string_view name, Outputs& out);

  // Tells the others. With each round of heartbeats.
  void advance(Now now, Outputs& out);

  void receive(const Arrival& arrival, const proto::Forget& forget, Outputs& out);

 private:
  // Members of whom others are being told, at most; more at once are not told.
  static constexpr size_t kToldMax = 64;
  static constexpr int kRounds = 10;

  struct Told {
    proto::Forget forget;
    int rounds;
  };

  void log(Now now, const Member& member, Outputs& out);

  Sender& sender_;
  Membership& members_;
  Complaints& complaints_;
  std::vector<Told> told_;
};

}  // namespace shoal::sync
