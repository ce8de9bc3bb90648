#include "sync/complaints.h"

#include <limits>

namespace shoal::sync {

Complaints::Complaints() { next_us_.fill(std::numeric_limits<int64_t>::min()); }

bool Complaints::due(Complaint kind, int64_t now_us) {
  int64_t& next = next_us_[static_cast<size_t>(kind)];
  if (now_us < next) return false;
  next = now_us + kIntervalUs;
  return true;
}

void Complaints::log(Now now, Complaint kind, const std::string& message, const common::Endpoint& from,
                     Outputs& out) {
  if (!due(kind, now.mono_us)) return;
  const bool clash = kind == Complaint::namesake || kind == Complaint::clashing_members;
  out.logs.push_back(
      {clash ? common::LogLevel::error : common::LogLevel::warn, message, {{"from", to_string(from)}}});
}

}  // namespace shoal::sync
