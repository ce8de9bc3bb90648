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

// Brings deltas in the order of delta_before into that of proto::NumberedBatch. Returns their numbers.
std::vector<uint64_t> order_by_number(std::vector<Delta>& deltas, const ToldHashes& told) {
  struct Run {
    common::Family family;
    uint64_t number;
    size_t begin;
    size_t size;
  };
  std::vector<Run> runs;
  for (size_t i = 0; i < deltas.size(); ++i) {
    const Delta& delta = deltas[i];
    if (i > 0 && delta.peer.family == deltas[i - 1].peer.family &&
        delta.info_hash == deltas[i - 1].info_hash) {
      ++runs.back().size;
    } else {
      runs.push_back({delta.peer.family, told.number_of(delta.info_hash), i, 1});
    }
  }
  // Those that are told, which have no number, come last and stay in their order.
  std::stable_sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) {
    return a.family != b.family ? a.family < b.family : a.number > b.number;
  });
  std::vector<Delta> ordered;
  std::vector<uint64_t> numbers;
  ordered.reserve(deltas.size());
  numbers.reserve(deltas.size());
  for (const Run& run : runs) {
    const auto begin = deltas.begin() + static_cast<ptrdiff_t>(run.begin);
    ordered.insert(ordered.end(), begin, begin + static_cast<ptrdiff_t>(run.size));
    numbers.insert(numbers.end(), run.size, run.number);
  }
  deltas = std::move(ordered);
  return numbers;
}

// Notes the info_hashes that the batch tells, in the order in which it numbers them.
void note_told(const proto::NumberedBatch& batch, ToldHashes& told) {
  for (size_t i = 0; i < batch.deltas.size(); ++i) {
    if (batch.numbers[i] != 0) continue;
    const bool begins = i == 0 || batch.numbers[i - 1] != 0 ||
                        batch.deltas[i].peer.family != batch.deltas[i - 1].peer.family ||
                        batch.deltas[i].info_hash != batch.deltas[i - 1].info_hash;
    if (begins) told.tell(batch.deltas[i].info_hash);
  }
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

std::vector<std::vector<uint8_t>> DeltaLog::flush(common::Tick now, size_t deltas_max, int64_t sent_unix_ms,
                                                  ToldHashes* told) {
  std::vector<Delta> batch;
  for (std::deque<Delta>& queue : waiting_) {
    const auto end =
        queue.begin() + static_cast<ptrdiff_t>(std::min(queue.size(), deltas_max - batch.size()));
    batch.insert(batch.end(), queue.begin(), end);
    queue.erase(queue.begin(), end);
  }
  if (waiting() == 0) deadline_us_ = kNever;
  coalesce(batch, now);
  return pack(std::move(batch), sent_unix_ms, told);
}

std::vector<std::vector<uint8_t>> DeltaLog::pack(std::vector<Delta> sorted, int64_t sent_unix_ms,
                                                 ToldHashes* told) {
  std::vector<std::vector<uint8_t>> bodies;
  raw_target_ = std::max(raw_target_, kRawSafe);
  std::vector<uint64_t> numbers;
  if (told != nullptr) numbers = order_by_number(sorted, *told);
  for (std::span<const Delta> rest = sorted; !rest.empty();) {
    proto::HashNumbers by_number;
    if (told != nullptr) by_number = {std::span<const uint64_t>(numbers).last(rest.size()), told->next()};
    const size_t count = proto::fitting_deltas(rest, raw_target_, by_number);
    CHECK_INVARIANT(count > 0);
    const std::span<const Delta> batch = rest.first(count);
    proto::DeltaBatch full{peer_timeout_s_, {batch.begin(), batch.end()}, sent_unix_ms};
    proto::NumberedBatch numbered;
    if (told != nullptr) {
      const auto of_batch = by_number.of.first(count);
      numbered = {peer_timeout_s_,
                  std::move(full.deltas),
                  {of_batch.begin(), of_batch.end()},
                  told->next(),
                  sent_unix_ms};
    }
    std::vector<uint8_t> body =
        told != nullptr ? proto::encode_sync_packet(numbered) : proto::encode_sync_packet(full);
    if (body.size() > proto::kSyncBodyMax) {
      raw_target_ = kRawSafe;  // compressed worse than the last one did; this much fits without
      continue;
    }
    // If compression left room, try more next time, with a little in reserve.
    if (count < rest.size()) {
      const size_t scaled = raw_target_ * proto::kSyncBodyMax / body.size();
      raw_target_ = std::clamp(scaled - scaled / 32, kRawSafe, proto::kSyncRawMax);
    }
    if (told != nullptr) note_told(numbered, *told);
    bodies.push_back(std::move(body));
    rest = rest.subspan(count);
  }
  return bodies;
}

}  // namespace shoal::sync
