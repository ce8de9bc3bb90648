// The format of a snapshot file. It holds the records of a store, live and stopped, so that a single node
// knows its peers after a restart. Pure; any thread.
//
//   "SHOALSNP"  version u16  timeout_s u32  tick i64  written_unix_ms i64  held u8  name_size u8  cluster
//   name checksum of the above u64 frames: raw_size u32  packed_size u32  checksum of the packed bytes u64
//   packed bytes (LZ4 block) end:    raw_size u32 = 0, records u64, BLAKE2b-256 of everything before it
//
// A frame unpacked: tick i64, then blocks of info_hash[20] completed u32 v4 u32 v6 u32, v4 endpoints of 6
// bytes, v6 endpoints of 18, (v4 + v6) stamps, as many states. Numbers are big-endian, checksums BLAKE2b-64.
// A stamp is relative to its frame's tick, so it means the same moment however old the file is.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "common/tick.h"
#include "proto/delta.h"

namespace shoal::node {

// The origin of the records. A node rejects a file of another cluster or with another timeout.
struct SnapshotIdentity {
  std::string cluster;  // sync.cluster
  uint32_t peer_timeout_s = 0;
};

struct SnapshotHeader {
  SnapshotIdentity identity;
  common::Tick tick = 0;  // when writing began
  int64_t written_unix_ms = 0;
  bool held = false;  // the node had held the cluster's state (sync::Status::held), or had no cluster
};

// A swarm, or a part of a large one.
struct SnapshotSwarm {
  common::InfoHash info_hash;
  uint32_t completed = 0;
  common::Tick tick = 0;                // the stamps are relative to this tick
  std::span<const proto::Delta> peers;  // valid only during the call
};

// Passes the file's bytes in order to `write`, which returns false to stop.
class SnapshotEncoder {
 public:
  using Write = std::function<bool(common::ByteSpan)>;

  // The cluster's name has at most 255 bytes.
  SnapshotEncoder(const SnapshotHeader& header, Write write);
  ~SnapshotEncoder();
  SnapshotEncoder(const SnapshotEncoder&) = delete;
  SnapshotEncoder& operator=(const SnapshotEncoder&) = delete;

  // Adds all records of one swarm; an empty list does nothing. Ticks may grow from call to call. Returns
  // false if `write` failed.
  bool add(const SnapshotSwarm& swarm);

  // Writes the end of the file. Returns false if `write` failed.
  bool finish();

  uint64_t records() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads a file from `read`, which fills the span as far as bytes are left and returns their number, and
// passes each swarm to `visit`. Uses bounded memory, whatever the bytes are. After an error, do not trust the
// swarms visited before it: read the file once to check it and once more to use it.
struct SnapshotRead {
  SnapshotHeader header;
  uint64_t records = 0;
};
using SnapshotSource = std::function<size_t(std::span<uint8_t>)>;
using SnapshotVisit = std::function<void(const SnapshotHeader&, const SnapshotSwarm&)>;
common::Result<SnapshotRead> read_snapshot(const SnapshotSource& read, const SnapshotVisit& visit);

// Checks that an intact file fits this node and time. The error says why it does not.
common::Result<void> check_snapshot_header(const SnapshotHeader& header, const SnapshotIdentity& own,
                                           common::Tick now);

// Appends the records of a swarm that are alive at cluster tick `now`, with the stamps of a store whose ticks
// are `behind` the cluster's.
void append_alive(const SnapshotSwarm& swarm, common::Tick now, common::Tick behind,
                  std::vector<proto::Delta>& out);

}  // namespace shoal::node
