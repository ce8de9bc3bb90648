// The bytes of a snapshot file: the records of a store, live and stopped, so that a node that was alone finds
// its peers again after a restart. Pure; any thread.
//
//   "SHOALSNP"  version u16  timeout_s u32  tick i64  written_unix_ms i64  name_size u8  cluster name
//   checksum of the above u64
//   frames: raw_size u32  packed_size u32  checksum of the packed bytes u64  packed bytes (LZ4 block)
//   end:    raw_size u32 = 0, records u64, BLAKE2b-256 of everything before it
//
// A frame unpacked: tick i64, then blocks of info_hash[20] completed u32 v4 u32 v6 u32, v4 endpoints of 6
// bytes, v6 endpoints of 18, (v4 + v6) stamps, as many states. Numbers are big-endian, checksums BLAKE2b-64.
// A stamp is read relative to its frame's tick, so it means the same moment however long the file lay.

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

// Whose records these are; a file of another cluster or another timeout is not taken.
struct SnapshotIdentity {
  std::string cluster;  // sync.cluster
  uint32_t peer_timeout_s = 0;
};

struct SnapshotHeader {
  SnapshotIdentity identity;
  common::Tick tick = 0;  // when the writing began
  int64_t written_unix_ms = 0;
};

// One swarm, or a part of a large one.
struct SnapshotSwarm {
  common::InfoHash info_hash;
  uint32_t completed = 0;
  common::Tick tick = 0;                // what the stamps are relative to
  std::span<const proto::Delta> peers;  // good during the call only
};

// Gives the file's bytes in order to `write`, which returns false to give up.
class SnapshotEncoder {
 public:
  using Write = std::function<bool(common::ByteSpan)>;

  // The cluster's name has at most 255 bytes.
  SnapshotEncoder(const SnapshotHeader& header, Write write);
  ~SnapshotEncoder();
  SnapshotEncoder(const SnapshotEncoder&) = delete;
  SnapshotEncoder& operator=(const SnapshotEncoder&) = delete;

  // All of one swarm's records; none does nothing. Ticks may grow from call to call. False: `write` gave up.
  bool add(const SnapshotSwarm& swarm);

  // The end of the file.
  bool finish();

  uint64_t records() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads a file from `read`, which fills the span as far as there are bytes and returns how many it gave, and
// gives every swarm to `visit`. Memory is bounded whatever the bytes are. The error says what is wrong; what
// was visited before it is not to be trusted, so read once to check and once more to use.
struct SnapshotRead {
  SnapshotHeader header;
  uint64_t records = 0;
};
using SnapshotSource = std::function<size_t(std::span<uint8_t>)>;
common::Result<SnapshotRead> read_snapshot(const SnapshotSource& read,
                                           const std::function<void(const SnapshotSwarm&)>& visit);

// Why a good file is not for this node at this time; nothing: it is.
common::Result<void> check_snapshot_header(const SnapshotHeader& header, const SnapshotIdentity& own,
                                           common::Tick now);

// Appends those of a swarm's records that are alive at cluster tick `now`, in the stamps of a store that
// counts `behind` ticks fewer than the cluster.
void append_alive(const SnapshotSwarm& swarm, common::Tick now, common::Tick behind,
                  std::vector<proto::Delta>& out);

}  // namespace shoal::node
