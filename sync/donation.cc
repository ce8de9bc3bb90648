#include "sync/donation.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "common/check.h"
#include "proto/pull_frame.h"
#include "sync/donation_desk.h"
#include "sync/sketch_reader.h"

namespace shoal::sync {

static_assert(kPullRequestMax == 2 + proto::kSyncRequestMax);

std::optional<size_t> pull_request_missing(common::ByteSpan bytes) {
  if (bytes.size() < 2) return 2 - bytes.size();
  const size_t size = 2 + static_cast<size_t>(bytes[0] << 8 | bytes[1]);
  constexpr size_t kLeast = 2 + proto::kSyncHeaderSize + proto::kSyncTagSize;
  if (size <= kLeast || size > kPullRequestMax || bytes.size() > size) return std::nullopt;
  // Who is no node is not listened to for long.
  const common::ByteSpan start = bytes.subspan(2, std::min(bytes.size() - 2, proto::kSyncMagic.size()));
  const bool known = std::equal(start.begin(), start.end(), proto::kSyncMagic.begin());
  if (size > 2 + proto::kSyncDatagramMax && !known) return std::nullopt;
  return size - bytes.size();
}

namespace {

constexpr size_t kLengthSize = 4;
static_assert(kLengthSize + kSealedFrameHead + proto::kPullFrameMax + proto::kSyncTagSize <=
              Donation::kPieceMax);

class StoreDonation final : public Donation {
 public:
  StoreDonation(std::shared_ptr<DonationDesk> desk, const Swarms& swarms, int64_t tick_ms, PullSeal seal,
                Wanted wanted)
      : desk_(std::move(desk)), swarms_(swarms), tick_ms_(tick_ms), seal_(seal), wanted_(std::move(wanted)) {
    if (wanted_.cells.empty()) step_ = swarms_.read_steps();  // nothing is asked for that may still be here
    if (wanted_.beyond) {
      reader_.emplace(wanted_.cells, wanted_.beyond->salt(), wanted_.beyond->symbols());
    }
    ++desk_->underway;
  }

  ~StoreDonation() override { --desk_->underway; }

  Next next(Now now, std::vector<uint8_t>& out) override {
    if (ended_) return {.done = true};
    if (desk_->throttled) {
      desk_->bucket.refill(now.mono_us);
      if (!desk_->bucket.open()) return {.again_us = desk_->bucket.open_us()};
    }
    if (reader_ || naming_) {
      desk_->comparing.refill(now.mono_us);
      if (!desk_->comparing.open()) return wait(now, out);
    }
    const common::Tick tick = common::tick_at(desk_->time_offset_ms + now.mono_us / 1000, tick_ms_);
    if (reader_) return compare(now, tick, out);
    const uint64_t before = desk_->records;
    const size_t visited = read_some(tick);
    if (naming_) desk_->comparing.spend(static_cast<int64_t>(visited / kNamedForOne));
    fill_frame();
    if (read_all() && sizes_.empty()) {
      send_frame(tick, true, out);
      ended_ = true;
      ++desk_->finished;
      return {.done = true};
    }
    // A frame is sent when the next block does not fit.
    if (!sizes_.empty()) {
      send_frame(tick, false, out);
    } else if (desk_->throttled && desk_->records == before) {
      desk_->bucket.spend(kReadCost);
    }
    return {.again_us = now.mono_us};
  }

 private:
  // Reading that finds nothing is charged as so many bytes: cells that hold nothing may be asked for again
  // and again.
  static constexpr int64_t kReadCost = 256;

  // Comparing an id with those that differ takes so much less than putting it into a sketch.
  static constexpr size_t kNamedForOne = 8;

  // Decoding a symbol takes as long as putting two records into a sketch.
  static constexpr size_t kDecodeCost = 2;

  // While a sketch is made an empty frame is sent this often: a puller waits for 10 s.
  static constexpr int64_t kSignOfLifeUs = 2'000'000;

  // In one call records of so many are looked at, and those of the part that is being read.
  static constexpr size_t kVisitedMax = 8192;

  // Steps of the store that are read in one call, if each has one part. Of one with more, as where a swarm is
  // large, one part is read.
  static constexpr size_t kStepsAtOnce = 8;

  bool read_all() const { return step_ == swarms_.read_steps(); }

  Next wait(Now now, std::vector<uint8_t>& out) {
    if (reader_) give_sign(now, common::tick_at(desk_->time_offset_ms + now.mono_us / 1000, tick_ms_), out);
    return {.again_us = desk_->comparing.open_us()};
  }

  void give_sign(Now now, common::Tick tick, std::vector<uint8_t>& out) {
    if (signed_us_ == 0) signed_us_ = now.mono_us;
    if (now.mono_us - signed_us_ < kSignOfLifeUs) return;
    signed_us_ = now.mono_us;
    send_frame(tick, false, out);
  }

  // The first of two passes: finds out what differs from the sketch of the request.
  Next compare(Now now, common::Tick tick, std::vector<uint8_t>& out) {
    const uint64_t before = reader_->records();
    const bool all = reader_->read_some(swarms_, tick);
    if (desk_->throttled) desk_->bucket.spend(kReadCost);
    desk_->comparing.spend(static_cast<int64_t>(reader_->records() - before));
    if (!all) {
      give_sign(now, tick, out);
      return {.again_us = now.mono_us};
    }
    proto::RecordSketch& sketch = reader_->sketch();
    sketch.subtract(*wanted_.beyond);
    const uint64_t estimate = std::min<uint64_t>(sketch.estimate(), std::numeric_limits<uint32_t>::max());
    desk_->comparing.spend(static_cast<int64_t>(sketch.symbols() * kDecodeCost));
    auto ids = sketch.decode();
    if (!ids) {
      send(proto::PullFrameWriter::too_small(tick, static_cast<uint32_t>(estimate)), out);
      ended_ = true;
      ++desk_->finished;
      return {.done = true};
    }
    differing_ = std::move(*ids);
    std::sort(differing_.begin(), differing_.end());
    naming_.emplace(wanted_.beyond->salt(), 1);
    wanted_.beyond.reset();
    reader_.reset();
    if (differing_.empty()) step_ = swarms_.read_steps();
    // A sign of life: the other pass may be as long.
    send_frame(tick, false, out);
    return {.again_us = now.mono_us};
  }

  // Returns how many records it has looked at.
  size_t read_some(common::Tick tick) {
    size_t visited = 0;
    for (size_t i = 0; i < kStepsAtOnce && !read_all() && staged_.size() < proto::kPullRawMax; ++i) {
      if (naming_ && visited >= kVisitedMax) break;
      const bool last = swarms_.read_part(walk_, step_, wanted_.cells, tick, [&](const SwarmPart& part) {
        visited += part.records.size();
        if (!wanted_.web && part.records.front().peer.family == common::Family::web) return;
        const std::span<const proto::Delta> records = differing_of(part.records);
        if (records.empty()) return;
        const size_t before = staged_.size();
        proto::append_record_block(part.completed, records, staged_);
        sizes_.push_back(staged_.size() - before);
        desk_->records += records.size();
      });
      if (!last) break;
      walk_.reset();
      ++step_;
    }
    return visited;
  }

  // Those of them that are to be sent: valid until the next call.
  std::span<const proto::Delta> differing_of(std::span<const proto::Delta> records) {
    if (!naming_) return records;
    selected_.clear();
    std::copy_if(records.begin(), records.end(), std::back_inserter(selected_), [this](const auto& record) {
      return std::binary_search(differing_.begin(), differing_.end(), naming_->id(record));
    });
    return selected_;
  }

  // Moves as many blocks as fit from the front of what is staged.
  void fill_frame() {
    while (!sizes_.empty() && frame_.fits(sizes_.front())) {
      frame_.add(common::ByteSpan(staged_).subspan(framed_, sizes_.front()));
      framed_ += sizes_.front();
      sizes_.pop_front();
    }
    if (sizes_.empty()) {
      staged_.clear();
      framed_ = 0;
    }
  }

  void send_frame(common::Tick tick, bool last, std::vector<uint8_t>& out) {
    const auto done = static_cast<uint16_t>(step_ * 1000 / swarms_.read_steps());
    send(frame_.finish(tick, done, last), out);
  }

  void send(const std::vector<uint8_t>& plain, std::vector<uint8_t>& out) {
    const size_t before = out.size();
    const size_t size = kSealedFrameHead + plain.size() + proto::kSyncTagSize;
    out.resize(before + kLengthSize);
    common::ByteWriter(std::span<uint8_t>(out).subspan(before)).u32(static_cast<uint32_t>(size));
    seal_frame(seal_, ++desk_->sequence, index_++, plain, out);
    CHECK_INVARIANT(out.size() - before == kLengthSize + size);
    desk_->bytes += out.size() - before;
    if (desk_->throttled) desk_->bucket.spend(static_cast<int64_t>(out.size() - before));
  }

  const std::shared_ptr<DonationDesk> desk_;
  const Swarms& swarms_;
  const int64_t tick_ms_;
  const PullSeal seal_;
  Wanted wanted_;
  std::optional<SketchReader> reader_;         // until it is known what differs
  std::optional<proto::RecordSketch> naming_;  // from then on: gives ids
  int64_t signed_us_ = 0;                      // of the last sign of life
  std::vector<uint64_t> differing_;            // the ids of all records that do, ascending
  std::vector<proto::Delta> selected_;
  size_t step_ = 0;
  std::unique_ptr<Swarms::Walk> walk_;  // within the step
  std::vector<uint8_t> staged_;         // blocks that have been read
  std::deque<size_t> sizes_;            // of those not yet in a frame
  size_t framed_ = 0;                   // bytes of staged_ that are
  proto::PullFrameWriter frame_;
  uint32_t index_ = 0;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Donation> make_donation(std::shared_ptr<DonationDesk> desk, const Swarms& swarms,
                                        int64_t tick_ms, PullSeal seal, Wanted wanted) {
  return std::make_unique<StoreDonation>(std::move(desk), swarms, tick_ms, seal, std::move(wanted));
}

}  // namespace shoal::sync
