// SketchReader: makes the sketch of some cells of the store, a few thousand records at a time. What the store
// changes meanwhile may be in it or not, but each record as it was at one moment, or, seldom, twice: then it
// is as if it were missing.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "proto/record_sketch.h"
#include "sync/cells.h"
#include "sync/swarms.h"

namespace shoal::sync {

class SketchReader {
 public:
  // Of no cells: an empty sketch.
  SketchReader(Cells cells, const proto::SketchSalt& salt, size_t symbols)
      : cells_(std::move(cells)), sketch_(salt, symbols) {}

  // Reads on. Returns whether that was all.
  bool read_some(const Swarms& swarms, common::Tick now) {
    if (cells_.empty()) return true;
    uint64_t records = 0;
    for (size_t i = 0; i < kStepsAtOnce && step_ < swarms.read_steps() && records < kRecordsAtOnce; ++i) {
      const bool last = swarms.read_part(walk_, step_, cells_, now, [&](const SwarmPart& part) {
        for (const proto::Delta& record : part.records) sketch_.add(sketch_.id(record));
        records += part.records.size();
      });
      if (!last) break;
      walk_.reset();
      ++step_;
    }
    records_ += records;
    return step_ == swarms.read_steps();
  }

  uint64_t records() const { return records_; }  // so far
  size_t step() const { return step_; }          // of the store
  proto::RecordSketch& sketch() { return sketch_; }

 private:
  // As where records are read to be sent (sync/donation.cc), and about a millisecond of work.
  static constexpr size_t kStepsAtOnce = 8;
  static constexpr uint64_t kRecordsAtOnce = 4096;

  const Cells cells_;
  proto::RecordSketch sketch_;
  std::unique_ptr<Swarms::Walk> walk_;  // within the step
  size_t step_ = 0;
  uint64_t records_ = 0;
};

}  // namespace shoal::sync
