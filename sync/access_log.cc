#include "sync/access_log.h"

#include "common/bytes.h"

namespace shoal::sync {

uint64_t AccessTable::digest(const proto::AccessChange& change) {
  std::array<uint8_t, 37> bytes;
  common::ByteWriter writer(bytes);
  writer.bytes(change.info_hash.bytes);
  writer.u8(change.listed ? 1 : 0);
  writer.u64(static_cast<uint64_t>(change.stamp.unix_ms));
  writer.u64(change.stamp.node_id);
  return common::siphash(common::SipKey{}, bytes);
}

}  // namespace shoal::sync
