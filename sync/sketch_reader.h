// SketchReader: makes the sketch of some cells of the store, a few thousand records at a time. What the store
// changes meanwhile may be in it or not, but each record as it was at one moment, or, seldom, twice: then it
// is as if it were missing.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "proto/record_sketch.h"
#include "sync/cells.h"
#include "sync/swarms.h"

namespace shoal::sync {

class SketchReader {
 public:
  // Of no cells: an empty sketch.
  SketchReader(Cells cells, const proto::SketchSalt& salt, size_t symbols)
      : cells_(std::move(cells)), sketch_(salt, symbols) {}

  // Reads on, or puts a few thousand records that have been read into the sketch: a millisecond of work.
  // Returns whether that was all.
  bool read_some(const Swarms& swarms, common::Tick now) {
    if (cells_.empty()) return true;
    if (added_ == ids_.size()) read(swarms, now);
    const size_t end = std::min(ids_.size(), added_ + kAtOnce);
    for (; added_ < end; ++added_, ++records_) sketch_.add(ids_[added_]);
    return step_ == swarms.read_steps() && added_ == ids_.size();
  }

  uint64_t records() const { return records_; }  // so far
  proto::RecordSketch& sketch() { return sketch_; }

 private:
  static constexpr size_t kStepsAtOnce = 8;
  static constexpr size_t kAtOnce = 4096;

  // Only the ids are made while the store is locked.
  void read(const Swarms& swarms, common::Tick now) {
    ids_.clear();
    added_ = 0;
    for (size_t i = 0; i < kStepsAtOnce && step_ < swarms.read_steps() && ids_.size() < kAtOnce; ++i) {
      const bool last = swarms.read_part(walk_, step_, cells_, now, [&](const SwarmPart& part) {
        for (const proto::Delta& record : part.records) ids_.push_back(sketch_.id(record));
      });
      if (!last) break;
      walk_.reset();
      ++step_;
    }
  }

  const Cells cells_;
  proto::RecordSketch sketch_;
  std::unique_ptr<Swarms::Walk> walk_;  // within the step
  size_t step_ = 0;
  std::vector<uint64_t> ids_;  // of records that have been read
  size_t added_ = 0;           // of these
  uint64_t records_ = 0;
};

}  // namespace shoal::sync
