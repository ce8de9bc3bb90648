#include "proto/sync_header.h"

#include "common/check.h"

namespace shoal::proto {

#ifndef SHOAL_SYNC_MINOR
#define SHOAL_SYNC_MINOR 3
#endif
const uint8_t kSyncMinor = SHOAL_SYNC_MINOR;

namespace {

constexpr uint8_t kStreamMax = static_cast<uint8_t>(SyncStream::requests);

}  // namespace

tl::expected<SyncHeader, SyncHeaderFault> parse_sync_header(common::ByteSpan datagram, size_t size_max) {
  const auto malformed = tl::make_unexpected(SyncHeaderFault::malformed);
  common::ByteReader reader(datagram);
  const auto magic = reader.take_array<3>();
  const uint8_t major = reader.u8();
  if (!reader.ok() || magic != kSyncMagic) return malformed;
  if (major != kSyncMajor) return tl::make_unexpected(SyncHeaderFault::other_major);
  SyncHeader header;
  header.cluster_tag = reader.take_array<4>();
  header.key_id = reader.take_array<4>();
  header.node_id = reader.u64();
  header.incarnation = reader.u64();
  const uint64_t sequence = reader.u64();
  if (!reader.ok() || reader.remaining() <= kSyncTagSize || datagram.size() > size_max) {
    return malformed;
  }
  const uint8_t stream = static_cast<uint8_t>(sequence >> 56);
  header.stream = static_cast<SyncStream>(stream);
  header.sequence = sequence & kSyncSequenceMax;
  if (stream > kStreamMax || header.sequence == 0) return malformed;
  return header;
}

std::array<uint8_t, kSyncHeaderSize> make_sync_header(const SyncHeader& header) {
  CHECK_INVARIANT(header.sequence > 0 && header.sequence <= kSyncSequenceMax);
  std::array<uint8_t, kSyncHeaderSize> out;
  common::ByteWriter writer(out);
  writer.bytes(kSyncMagic);
  writer.u8(kSyncMajor);
  writer.bytes(header.cluster_tag);
  writer.bytes(header.key_id);
  writer.u64(header.node_id);
  writer.u64(header.incarnation);
  writer.u64(static_cast<uint64_t>(header.stream) << 56 | header.sequence);
  CHECK_INVARIANT(writer.ok() && writer.size() == kSyncHeaderSize);
  return out;
}

}  // namespace shoal::proto
