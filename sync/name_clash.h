// NameClash: another run that claims the id of a member that is up. It is the next run of that node, or a
// second node that was given the same name: Namesakes finds out. Plain values.

#pragma once

#include <cstdint>
#include <limits>

#include "common/endpoint.h"
#include "proto/sync_packet.h"

namespace shoal::sync {

struct NameClash {
  static constexpr int64_t kNeverUs = std::numeric_limits<int64_t>::min() / 2;

  uint64_t incarnation = 0;        // of the claimant; 0: there was none
  common::Endpoint at{};           // where it is reached
  int64_t begun_us = kNeverUs;     // since then the member is asked whether it runs
  int64_t claimed_us = kNeverUs;   // last
  int64_t proven_us = kNeverUs;    // the member was last known to run beside the claimant
  proto::ChallengeNonce secret{};  // of the challenges to the member
};

}  // namespace shoal::sync
