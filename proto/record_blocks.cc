#include "proto/record_blocks.h"

#include <algorithm>

#include "common/check.h"
#include "proto/compact_endpoint.h"

namespace shoal::proto {

using common::Family;

namespace {

// Beside the count of IPv6 records: they are of web peers.
constexpr uint32_t kWebBlock = uint32_t{1} << 31;

size_t count_v4(std::span<const Delta> records) {
  return static_cast<size_t>(std::count_if(
      records.begin(), records.end(), [](const Delta& record) { return record.peer.family == Family::v4; }));
}

}  // namespace

void append_record_block(uint32_t completed, std::span<const Delta> records, std::vector<uint8_t>& out) {
  CHECK_INVARIANT(!records.empty() && records.size() <= kRecordBlockMax);
  const bool web = records.front().peer.family == Family::web;
  const size_t v4 = count_v4(records);
  const size_t begin = out.size();
  out.resize(begin + kRecordBlockHead + v4 * (common::compact_size(Family::v4) + 2) +
             (records.size() - v4) * (common::compact_size(Family::v6) + 2));
  common::ByteWriter writer(std::span<uint8_t>(out).subspan(begin));
  writer.bytes(records.front().info_hash.bytes);
  writer.u32(completed);
  writer.u32(static_cast<uint32_t>(v4));
  writer.u32(static_cast<uint32_t>(records.size() - v4) | (web ? kWebBlock : 0));
  constexpr Family kFamilies[] = {Family::v4, Family::v6, Family::web};
  for (const Family family : kFamilies) {
    for (const Delta& record : records) {
      if (record.peer.family != family) continue;
      writer.bytes(record.peer.address_bytes());
      writer.u16(record.peer.port);
    }
  }
  for (const bool states : {false, true}) {
    for (const Family family : kFamilies) {
      for (const Delta& record : records) {
        if (record.peer.family == family) writer.u8(states ? record.state.byte() : record.stamp);
      }
    }
  }
  CHECK_INVARIANT(writer.ok() && writer.room() == 0);
}

bool read_record_block(common::ByteReader& reader, RecordBlock& out) {
  out.info_hash.bytes = reader.take_array<20>();
  out.completed = reader.u32();
  const uint32_t v4 = reader.u32();
  const uint32_t rest = reader.u32();
  const bool web = (rest & kWebBlock) != 0;
  const uint32_t v6 = rest & ~kWebBlock;
  if (!reader.ok() || (web && v4 != 0) || v4 > kRecordBlockMax || v6 > kRecordBlockMax - v4 || v4 + v6 == 0)
    return false;
  out.records.resize(v4 + v6);
  for (size_t i = 0; i < out.records.size(); ++i) {
    Delta& record = out.records[i];
    const Family family = web ? Family::web : i < v4 ? Family::v4 : Family::v6;
    record.info_hash = out.info_hash;
    if (!read_endpoint(reader, family, record.peer)) return false;
  }
  for (Delta& record : out.records) record.stamp = reader.u8();
  for (Delta& record : out.records) {
    const uint8_t state = reader.u8();
    if (!is_peer_state(state)) return false;
    record.state = peer_state_from(state);
  }
  return reader.ok();
}

}  // namespace shoal::proto
