// Pull: one pull as the puller sees it: bytes of the stream in, frames out. Memory is bounded by one frame.

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
  // No bytes for so long: it is given up.
  static constexpr int64_t kSilentMaxUs = 10'000'000;

  struct Purpose {
    uint64_t number = 0;  // names it to the caller
    uint64_t member = 0;
    std::string member_name;
    bool everything = false;
    std::vector<Difference> differences;  // that it is to bring
  };

  Pull(Purpose purpose, PullSeal seal, int64_t now_us)
      : purpose_(std::move(purpose)), seal_(seal), heard_us_(now_us) {}

  enum class Came { frame, nothing_yet, damaged };

  // What the bytes so far, of which `bytes` takes the front, bring: to be called until it is nothing_yet.
  Came take(common::ByteSpan& bytes, proto::PullFrame& frame, int64_t now_us);

  const Purpose& purpose() const { return purpose_; }
  bool answered() const { return answered_; }  // anything has come
  bool complete() const { return complete_; }  // the last frame has come
  int64_t deadline_us() const { return heard_us_ + kSilentMaxUs; }

  uint64_t records = 0;
  uint64_t applied = 0;
  uint32_t percent = 0;

 private:
  static constexpr size_t kLengthSize = 4;

  const Purpose purpose_;
  const PullSeal seal_;
  std::vector<uint8_t> buffer_;
  uint32_t index_ = 0;
  int64_t heard_us_;
  bool answered_ = false;
  bool complete_ = false;
};

}  // namespace shoal::sync
