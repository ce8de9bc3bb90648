// Pull: the receiving side of one pull: bytes of the stream in, frames out. Memory is bounded by one frame,
// and time by what a donor must show for it: bytes alone are no sign of life, since anybody on the way can
// send some.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "proto/pull_frame.h"
#include "sync/pull_seal.h"
#include "sync/vain_differences.h"

namespace shoal::sync {

class Pull {
 public:
  // It is given up after this long without a frame that opens.
  static constexpr int64_t kSilentMaxUs = 10'000'000;

  // A donor may compare a sketch with its records for so long before it sends any.
  static constexpr int64_t kComparingMaxUs = 300'000'000;

  // After the first minute it is given up below this rate on average, of sealed bytes, and if by what the
  // donor says of its progress it would take longer than kWholeMaxUs. Both are far below what the least
  // sync.donate_mbit_s gives.
  static constexpr int64_t kStartUs = 60'000'000;
  static constexpr int64_t kBytesPerSecondMin = 16'384;
  static constexpr int64_t kWholeMaxUs = 7'200'000'000;

  struct Purpose {
    uint64_t number = 0;  // identifies it to the caller
    uint64_t member = 0;
    std::string member_name{};
    bool everything = false;
    bool detour = false;                    // made by Detours
    bool sketched = false;                  // the request has a sketch of the ticks that differ
    std::vector<Difference> differences{};  // that it should bring
  };

  Pull(Purpose purpose, PullSeal seal, int64_t now_us)
      : purpose_(std::move(purpose)),
        seal_(seal),
        started_us_(now_us),
        paced_from_us_(now_us),
        heard_us_(now_us) {}

  enum class Came { frame, nothing_yet, damaged };

  // Consumes `bytes` from the front, up to the end of a frame. To be called until it returns nothing_yet.
  Came feed(common::ByteSpan& bytes, proto::PullFrame& frame, int64_t now_us);

  const Purpose& purpose() const { return purpose_; }
  bool answered() const { return answered_; }      // anything has arrived
  bool complete() const { return complete_; }      // the last frame has arrived
  uint32_t percent() const { return done_ / 10; }  // of the donor's store
  int64_t deadline_us() const;
  // Its deadline is not one of silence, but of the pace.
  bool too_slow() const { return !complete_ && pace_deadline_us() < heard_us_ + kSilentMaxUs; }

 private:
  static constexpr size_t kLengthSize = 4;

  int64_t pace_deadline_us() const;

  const Purpose purpose_;
  const PullSeal seal_;
  std::vector<uint8_t> buffer_;
  uint32_t index_ = 0;
  const int64_t started_us_;
  int64_t paced_from_us_;
  int64_t heard_us_;   // when the last frame came
  int64_t bytes_ = 0;  // of whole frames
  uint32_t done_ = 0;  // in thousandths
  bool answered_ = false;
  bool complete_ = false;
};

}  // namespace shoal::sync
