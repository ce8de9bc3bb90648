// Dump: a full scrape of a store, in one format and one content coding, piece by piece. One thread at a time.

#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "node/scan/content_encoder.h"
#include "node/scan/swarm_scan.h"
#include "proto/dump_format.h"

namespace shoal::node {

class Dump {
 public:
  // The size of a piece, roughly: it may exceed it by one swarm and by what the coding held back.
  static constexpr size_t kPieceBytes = 64 << 10;

  // The store must outlive the dump. `unix_minute` is for DumpFormat::state.
  Dump(const SwarmStore& store, proto::DumpFormat format, proto::ContentCoding coding, int64_t unix_minute);

  // Appends the next piece; false: it was the last.
  bool next(std::string& out);

 private:
  const proto::DumpFormat format_;
  const int64_t unix_minute_;
  SwarmScan scan_;
  ContentEncoder encoder_;
  std::span<const proto::ScrapedSwarm> batch_;  // swarms still to be written
  std::string text_;                            // not yet coded
};

}  // namespace shoal::node
