#include "proto/sync_access.h"

#include <algorithm>
#include <string>

#include "common/bytes.h"
#include "common/check.h"
#include "proto/sync.pb.h"
#include "proto/sync_repair.h"

namespace shoal::proto {

using common::bytes_of;
using common::kInfoHashSize;

void access_changes_to_pb(const AccessChanges& changes, pb::AccessChanges& out) {
  CHECK_INVARIANT(!changes.changes.empty() && changes.changes.size() <= kAccessChangesMax);
  for (const AccessChange& change : changes.changes) {
    const auto& hash = change.info_hash.bytes;
    out.mutable_info_hashes()->append(hash.begin(), hash.end());
    out.add_listed(change.listed);
    out.add_unix_ms(static_cast<uint64_t>(change.stamp.unix_ms));
    out.add_node_ids(change.stamp.node_id);
  }
}

common::Result<AccessChanges> access_changes_from_pb(const pb::AccessChanges& in) {
  const size_t count = in.info_hashes().size() / kInfoHashSize;
  if (count == 0 || count > kAccessChangesMax || in.info_hashes().size() % kInfoHashSize != 0) {
    return common::fail("bad count of changes");
  }
  for (const int column : {in.listed_size(), in.unix_ms_size(), in.node_ids_size()}) {
    if (static_cast<size_t>(column) != count) return common::fail("bad columns of changes");
  }
  AccessChanges out;
  common::ByteReader hashes(bytes_of(in.info_hashes()));
  for (size_t i = 0; i < count; ++i) {
    const auto at = static_cast<int>(i);
    if (in.unix_ms(at) > static_cast<uint64_t>(kSyncTimeMaxMs)) return common::fail("bad time");
    out.changes.push_back({{hashes.take_array<kInfoHashSize>()},
                           in.listed(at),
                           {static_cast<int64_t>(in.unix_ms(at)), in.node_ids(at)}});
  }
  return out;
}

void access_ask_to_pb(const AccessAsk& ask, pb::AccessAsk& out) {
  std::array<uint8_t, kAccessBuckets * 4> bytes;
  common::ByteWriter writer(bytes);
  for (const uint32_t digest : ask.digests) writer.u32(digest);
  out.set_digests(bytes.data(), bytes.size());
}

common::Result<AccessAsk> access_ask_from_pb(const pb::AccessAsk& in) {
  if (in.digests().size() != kAccessBuckets * 4) return common::fail("bad digests");
  AccessAsk out;
  common::ByteReader reader(bytes_of(in.digests()));
  for (uint32_t& digest : out.digests) digest = reader.u32();
  return out;
}

}  // namespace shoal::proto
