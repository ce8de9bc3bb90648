// Donations: answers the pulls of other members.

#pragma once

#include <memory>

#include "sync/arrival.h"
#include "sync/clock.h"
#include "sync/departure.h"
#include "sync/donation.h"
#include "sync/donation_desk.h"
#include "sync/membership.h"
#include "sync/stats.h"
#include "sync/store_ticks.h"

namespace shoal::sync {

class Donations {
 public:
  // The references must outlive it, and `swarms` its donations too. `bytes_per_s`: 0: unlimited.
  Donations(const Identity& identity, const KeyRing& keys, Membership& members, const Clock& clock,
            const StoreTicks& swarms, const Departure& departure, int64_t bytes_per_s)
      : identity_(identity),
        keys_(keys),
        members_(members),
        clock_(clock),
        swarms_(swarms),
        departure_(departure),
        desk_(std::make_shared<DonationDesk>(bytes_per_s)) {}

  void set_pace(int64_t bytes_per_s) { desk_->set_pace(bytes_per_s); }

  // A whole request that came by TCP. Null: refused.
  std::unique_ptr<Donation> accept(Now now, common::ByteSpan request);

  // Requests come by TCP only; one in a datagram is ignored.
  void receive(const Arrival&, const proto::PullRequest&, Outputs&) {}

  // Running donations follow cluster time. To be called regularly.
  void follow_clock() { desk_->time_offset_ms = clock_.time().offset_ms(); }

  DonationStats stats() const;

 private:
  const Identity& identity_;
  const KeyRing& keys_;
  Membership& members_;
  const Clock& clock_;
  const StoreTicks& swarms_;
  const Departure& departure_;
  const std::shared_ptr<DonationDesk> desk_;
  DonationStats stats_;
};

}  // namespace shoal::sync
