#include "sync/ban_log.h"

#include "common/bytes.h"

namespace shoal::sync {

uint64_t BanTable::digest(const proto::BanChange& change) {
  std::array<uint8_t, 32> bytes;
  common::ByteWriter writer(bytes);
  writer.bytes(change.prefix);
  writer.u32(change.term.duration_s);
  writer.u8(static_cast<uint8_t>(change.term.offence));
  writer.u8(change.term.level);
  writer.u8(change.term.lifted ? 1 : 0);
  writer.u64(static_cast<uint64_t>(change.stamp.unix_ms));
  writer.u64(change.stamp.node_id);
  return common::siphash(common::SipKey{}, bytes);
}

}  // namespace shoal::sync
