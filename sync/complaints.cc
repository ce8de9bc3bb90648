#include "sync/complaints.h"

#include <limits>
#include <utility>

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

void Complaints::note(Now now, LogEvent event, Outputs& out) {
  notes_.refill(now.mono_us);
  if (!notes_.open()) {
    ++left_out_;
    return;
  }
  notes_.spend(1);
  if (left_out_ > 0) event.fields.emplace_back("lines_left_out", std::to_string(std::exchange(left_out_, 0)));
  out.logs.push_back(std::move(event));
}

}  // namespace shoal::sync
