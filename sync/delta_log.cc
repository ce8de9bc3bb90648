#include "sync/delta_log.h"

#include <algorithm>

#include "common/check.h"
#include "proto/sync_header.h"
#include "proto/sync_packet.h"

namespace shoal::sync {

namespace {

using proto::Delta;

// Before compression a body is one flags byte and this much.
constexpr size_t kRawSafe = proto::kSyncBodyMax - 1;

size_t urgency_of(const Delta& delta, bool refresh) {
  if (delta.state.role == proto::PeerRole::stopped) return 0;
  return refresh ? 2 : 1;
}

bool same_peer(const Delta& a, const Delta& b) { return a.info_hash == b.info_hash && a.peer == b.peer; }

}  // namespace

void coalesce(std::vector<Delta>& deltas, common::Tick now) {
  std::sort(deltas.begin(), deltas.end(), proto::delta_before);
  size_t kept = 0;
  for (size_t i = 0; i < deltas.size(); ++i) {
    if (kept > 0 && same_peer(deltas[kept - 1], deltas[i])) {
      deltas[kept - 1].set(proto::merge_values(deltas[kept - 1].value(), deltas[i].value(), now));
    } else {
      deltas[kept++] = deltas[i];
    }
  }
  deltas.resize(kept);
}

size_t DeltaLog::add(std::span<const proto::OwnDelta> deltas, int64_t now_us) {
  size_t dropped = 0;
  for (const auto& [delta, refresh] : deltas) {
    CHECK_INVARIANT(delta.peer.port != 0);
    std::deque<Delta>& queue = waiting_[urgency_of(delta, refresh)];
    if (queue.size() < kWaitingMax) {
      queue.push_back(delta);
    } else {
      ++dropped;
    }
  }
  if (deadline_us_ == kNever && waiting() > 0) deadline_us_ = now_us + kFlushUs;
  return dropped;
}

size_t DeltaLog::waiting() const { return waiting_[0].size() + waiting_[1].size() + waiting_[2].size(); }

size_t DeltaLog::discard() {
  const size_t count = waiting();
  for (std::deque<Delta>& queue : waiting_) queue.clear();
  deadline_us_ = kNever;
  return count;
}

std::vector<std::vector<uint8_t>> DeltaLog::flush(common::Tick now, size_t deltas_max, int64_t sent_unix_ms) {
  std::vector<Delta> batch;
  for (std::deque<Delta>& queue : waiting_) {
    const auto end =
        queue.begin() + static_cast<ptrdiff_t>(std::min(queue.size(), deltas_max - batch.size()));
    batch.insert(batch.end(), queue.begin(), end);
    queue.erase(queue.begin(), end);
  }
  if (waiting() == 0) deadline_us_ = kNever;
  coalesce(batch, now);
  return pack(batch, sent_unix_ms);
}

std::vector<std::vector<uint8_t>> DeltaLog::pack(std::span<const Delta> sorted, int64_t sent_unix_ms) {
  std::vector<std::vector<uint8_t>> bodies;
  raw_target_ = std::max(raw_target_, kRawSafe);
  for (std::span<const Delta> rest = sorted; !rest.empty();) {
    const size_t count = proto::fitting_deltas(rest, raw_target_);
    CHECK_INVARIANT(count > 0);
    const std::span<const Delta> batch = rest.first(count);
    std::vector<uint8_t> body = proto::encode_sync_packet(
        proto::DeltaBatch{peer_timeout_s_, {batch.begin(), batch.end()}, sent_unix_ms});
    if (body.size() > proto::kSyncBodyMax) {
      raw_target_ = kRawSafe;  // compressed worse than the last one did; this much fits without
      continue;
    }
    // If compression left room, try more next time, with a little in reserve.
    if (count < rest.size()) {
      const size_t scaled = raw_target_ * proto::kSyncBodyMax / body.size();
      raw_target_ = std::clamp(scaled - scaled / 32, kRawSafe, proto::kSyncRawMax);
    }
    bodies.push_back(std::move(body));
    rest = rest.subspan(count);
  }
  return bodies;
}

}  // namespace shoal::sync
