// Complaints: log lines about what others send, at most one a minute of each kind, so that nobody on the
// network can fill an operator's log.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace shoal::sync {

enum class Complaint : size_t {
  other_major,
  other_cluster,
  unauthentic,
  key_not_held,
  table_full,
  namesake,
  clashing_members,
  other_settings,
  lost,
  wall_off,
  stall,
  moved,
  kCount,
};

class Complaints {
 public:
  // Whether to log one now.
  bool due(Complaint kind, int64_t now_us) {
    int64_t& next = next_us_[static_cast<size_t>(kind)];
    if (now_us < next) return false;
    next = now_us + kIntervalUs;
    return true;
  }

  Complaints() { next_us_.fill(std::numeric_limits<int64_t>::min()); }

 private:
  static constexpr int64_t kIntervalUs = 60'000'000;
  std::array<int64_t, static_cast<size_t>(Complaint::kCount)> next_us_;
};

}  // namespace shoal::sync
