#include "node/access/denied_sweep.h"

#include <utility>

#include "node/store/peer_record.h"

namespace shoal::node {

void DeniedSweep::add(std::span<const common::InfoHash> named) {
  if (named_.size() + named.size() > kNamedMax) {
    named_ = {};
    return add_all();
  }
  named_.insert(named_.end(), named.begin(), named.end());
}

void DeniedSweep::add_all() {
  if (sweep_under_way()) {
    follows_ = true;
    return;
  }
  shard_ = 0;
  below_ = SwarmStore::kAllSwarms;
}

bool DeniedSweep::run_slice() {
  uint64_t records = 0;
  while (!named_.empty()) {
    if (records >= kSliceRecordsMax) return true;
    const common::InfoHash& hash = named_.back();
    records += WorkBound::kSwarmAsked;
    if (!allows_(hash)) {
      const SwarmsDropped part = store_.drop_part(hash);
      records += part.looked;
      dropped_ += part.swarms;
      if (!part.finished) continue;
    }
    named_.pop_back();
  }
  const auto denied = [this](const common::InfoHash& hash) { return !allows_(hash); };
  for (size_t shards = 0; sweep_under_way(); ++shards) {
    if (records >= kSliceRecordsMax || shards == kSliceShardsMax) return true;
    const SwarmsDropped part = store_.drop_part_if(shard_, below_, denied);
    records += part.looked;
    dropped_ += part.swarms;
    if (!part.finished) continue;
    ++shard_;
    below_ = SwarmStore::kAllSwarms;
    if (!sweep_under_way() && std::exchange(follows_, false)) shard_ = 0;
  }
  return false;
}

}  // namespace shoal::node
