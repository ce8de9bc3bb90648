// Snapshot files: whatever the bytes, reading ends, stays within its memory and visits only records that a
// store may hold. What was read, written again, reads the same.
//
// A fuzzer cannot guess checksums, so the first byte of the input chooses what the others are: swarms to
// write, the inside of a frame with correct checksums, or a whole file.

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "common/check.h"
#include "node/snapshot/snapshot_format.h"
#include "node/snapshot/snapshot_layout.h"

using namespace shoal;
using namespace shoal::node;

namespace {

struct Seen {
  SnapshotRead read;
  std::vector<proto::Delta> records;
  std::vector<uint32_t> completed;
};

SnapshotSource source_of(common::ByteSpan bytes) {
  return [bytes](std::span<uint8_t> out) mutable {
    const size_t count = std::min(out.size(), bytes.size());
    std::copy_n(bytes.begin(), count, out.begin());
    bytes = bytes.subspan(count);
    return count;
  };
}

common::Result<Seen> see(common::ByteSpan bytes) {
  Seen seen;
  auto read = read_snapshot(source_of(bytes), [&](const SnapshotHeader&, const SnapshotSwarm& swarm) {
    CHECK_INVARIANT(!swarm.peers.empty() && swarm.tick >= 0);
    for (const proto::Delta& delta : swarm.peers) {
      CHECK_INVARIANT(delta.peer.port != 0 && delta.info_hash == swarm.info_hash);
      CHECK_INVARIANT(proto::is_peer_state(delta.state.byte()));
      seen.records.push_back(delta);
      seen.completed.push_back(swarm.completed);
    }
  });
  if (!read) return tl::make_unexpected(read.error());
  seen.read = *read;
  CHECK_INVARIANT(read->records == seen.records.size());
  return seen;
}

void check_round_trip(const SnapshotHeader& header, const std::vector<SnapshotSwarm>& swarms) {
  std::vector<uint8_t> file;
  SnapshotEncoder encoder(header, [&](common::ByteSpan bytes) {
    file.insert(file.end(), bytes.begin(), bytes.end());
    return true;
  });
  std::vector<proto::Delta> records;
  for (const SnapshotSwarm& swarm : swarms) {
    CHECK_INVARIANT(encoder.add(swarm));
    records.insert(records.end(), swarm.peers.begin(), swarm.peers.end());
  }
  CHECK_INVARIANT(encoder.finish());
  const auto seen = see(file);
  CHECK_INVARIANT(seen);
  CHECK_INVARIANT(seen->read.header.identity.cluster == header.identity.cluster);
  CHECK_INVARIANT(seen->read.header.tick == header.tick);
  CHECK_INVARIANT(seen->records == records);
}

// Bytes as swarms; within a swarm IPv4 before IPv6, the order in which they are read back.
void round_trip(common::ByteReader reader) {
  SnapshotHeader header;
  header.identity.peer_timeout_s = reader.u32();
  header.tick = reader.u32();
  header.written_unix_ms = static_cast<int64_t>(reader.u64());
  for (const uint8_t byte : reader.take_array<3>()) header.identity.cluster += static_cast<char>(byte);
  std::vector<std::vector<proto::Delta>> peers;
  std::vector<SnapshotSwarm> swarms;
  common::Tick tick = header.tick;
  while (reader.ok() && reader.remaining() > 0) {
    SnapshotSwarm swarm;
    tick += reader.u8() / 128;
    swarm.tick = tick;
    swarm.info_hash.bytes.fill(reader.u8());
    swarm.completed = reader.u16();
    const uint8_t counts = reader.u8();
    std::vector<proto::Delta>& deltas = peers.emplace_back();
    for (uint8_t i = 0; i < counts / 2; ++i) {
      proto::Delta delta;
      delta.info_hash = swarm.info_hash;
      delta.peer.family = i < counts / 4 ? common::Family::v4 : common::Family::v6;
      delta.peer.address[0] = delta.peer.family == common::Family::v4 ? reader.u8() : 0x20;
      delta.peer.port = static_cast<uint16_t>(reader.u8() + 1);
      delta.stamp = reader.u8();
      delta.state = proto::peer_state_from(
          static_cast<uint8_t>(reader.u8() % proto::kPeerStateKinds | (reader.u8() & 0xf8)));
      deltas.push_back(delta);
    }
    swarms.push_back(swarm);
  }
  for (size_t i = 0; i < swarms.size(); ++i) swarms[i].peers = peers[i];
  check_round_trip(header, swarms);
}

// The start of a file: one frame with these bytes in it, and no end.
std::vector<uint8_t> wrap(common::ByteSpan inside) {
  std::vector<uint8_t> file;
  const auto append = [&](common::ByteSpan bytes) { file.insert(file.end(), bytes.begin(), bytes.end()); };
  SnapshotEncoder encoder({{"x", 2700}, 0, 0}, [&](common::ByteSpan bytes) {
    append(bytes);
    return true;
  });
  std::vector<char> packed(LZ4_COMPRESSBOUND(snapshot::kFrameBytesMax));
  const int size = LZ4_compress_default(reinterpret_cast<const char*>(inside.data()), packed.data(),
                                        static_cast<int>(inside.size()), static_cast<int>(packed.size()));
  const common::ByteSpan payload(reinterpret_cast<const uint8_t*>(packed.data()), static_cast<size_t>(size));
  std::array<uint8_t, 16> head;
  common::ByteWriter writer(head);
  writer.u32(static_cast<uint32_t>(inside.size()));
  writer.u32(static_cast<uint32_t>(size));
  writer.u64(snapshot::checksum(payload));
  append(head);
  append(payload);
  return file;
}

// A valid frame is visited; then the missing end is reported.
void check_inside(common::ByteSpan inside) {
  if (inside.empty() || inside.size() > snapshot::kFrameBytesMax) return;
  const auto seen = see(wrap(inside));
  CHECK_INVARIANT(!seen && !seen.error().message.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const common::ByteSpan bytes(data + 1, size - 1);
  if (data[0] % 3 == 0) {
    round_trip(common::ByteReader(bytes));
  } else if (data[0] % 3 == 1) {
    check_inside(bytes);
  } else {
    const auto seen = see(bytes);
    if (!seen) CHECK_INVARIANT(!seen.error().message.empty());
  }
  return 0;
}
