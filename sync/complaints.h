// Complaints: log lines about what others send or do, so that nobody on the network can fill an operator's
// log: at most one a minute of each kind of complaint, and of lines about what happens to members a few dozen
// at once, then one a second.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/endpoint.h"
#include "sync/now.h"
#include "sync/outputs.h"
#include "sync/token_bucket.h"

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
  access_ahead,
  ban_ahead,
  incredible_time,
  stepped,
  unconnected,
  kCount,
};

class Complaints {
 public:
  Complaints();

  // Whether one of this kind may be logged now.
  bool due(Complaint kind, int64_t now_us);

  // Logs it, with the address it is about, if it is due.
  void log(Now now, Complaint kind, const std::string& message, const common::Endpoint& from, Outputs& out);

  // Logs what happened to a member, unless there were too many such lines. The next one says how many were
  // left out.
  void note(Now now, LogEvent event, Outputs& out);

 private:
  static constexpr int64_t kIntervalUs = 60'000'000;

  // As when all members of a large cluster are met at once.
  static constexpr int64_t kNotesAtOnce = 300;
  static constexpr int64_t kNotesPerSecond = 1;

  TokenBucket notes_{kNotesPerSecond, kNotesAtOnce};
  uint64_t left_out_ = 0;
  std::array<int64_t, static_cast<size_t>(Complaint::kCount)> next_us_;
};

}  // namespace shoal::sync
