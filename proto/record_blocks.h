// Record blocks: the records of one swarm, or of a part of it, in bytes. Pulls and snapshots consist of them.
//
//   info_hash 20, completed u32, v4 u32, v6 u32, v4 endpoints of 6 bytes, v6 endpoints of 18,
//   (v4 + v6) stamps, as many states
//
// Those of web peers are in blocks of their own: no v4, and the v6 with their highest bit set. Numbers are
// big-endian. The format around the blocks says which tick the stamps are relative to.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/bytes.h"
#include "proto/delta.h"

namespace shoal::proto {

constexpr size_t kRecordBlockHead = 20 + 4 + 4 + 4;
constexpr size_t kRecordBlockMax = 2048;  // records in one
constexpr size_t kRecordBytesMax = 18 + 2;

struct RecordBlock {
  common::InfoHash info_hash;
  uint32_t completed = 0;  // of the swarm
  std::vector<Delta> records;
  bool operator==(const RecordBlock&) const = default;
};

// `records` are of one swarm: 1 to kRecordBlockMax; of web peers all or none.
void append_record_block(uint32_t completed, std::span<const Delta> records, std::vector<uint8_t>& out);

// False: no block follows. `out` is reused.
[[nodiscard]] bool read_record_block(common::ByteReader& reader, RecordBlock& out);

}  // namespace shoal::proto
