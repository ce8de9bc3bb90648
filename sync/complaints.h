// Complaints: log lines about what others send, at most one a minute of each kind, so that nobody on the
// network can fill an operator's log.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/endpoint.h"
#include "sync/now.h"
#include "sync/outputs.h"

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
  Complaints();

  // Whether one of this kind may be logged now.
  bool due(Complaint kind, int64_t now_us);

  // Logs it, with the address it is about, if it is due.
  void log(Now now, Complaint kind, const std::string& message, const common::Endpoint& from, Outputs& out);

 private:
  static constexpr int64_t kIntervalUs = 60'000'000;
  std::array<int64_t, static_cast<size_t>(Complaint::kCount)> next_us_;
};

}  // namespace shoal::sync
