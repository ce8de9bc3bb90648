#include "sync/access_log.h"

#include <algorithm>

#include "common/bytes.h"
#include "common/siphash.h"

namespace shoal::sync {

namespace {

// Anyone who can make changes has the cluster's key, so the digest need not withstand attacks.
constexpr common::SipKey kDigestKey{};

uint64_t digest_of(const proto::AccessChange& change) {
  std::array<uint8_t, 37> bytes;
  common::ByteWriter writer(bytes);
  writer.bytes(change.info_hash.bytes);
  writer.u8(change.listed ? 1 : 0);
  writer.u64(static_cast<uint64_t>(change.stamp.unix_ms));
  writer.u64(change.stamp.node_id);
  return common::siphash(kDigestKey, bytes);
}

}  // namespace

std::optional<proto::AccessChange> AccessLog::change(const common::InfoHash& hash, bool listed,
                                                     int64_t unix_ms, uint64_t node_id) {
  const auto found = entries_.find(hash);
  if (found == entries_.end() && entries_.size() >= kChangesMax) return std::nullopt;
  Value value{listed, {unix_ms, node_id}};
  if (found != entries_.end() && found->second.stamp.unix_ms <= unix_ms + kAheadMaxMs) {
    value.stamp.unix_ms = std::max(unix_ms, found->second.stamp.unix_ms + 1);
  }
  put(hash, value);
  return proto::AccessChange{hash, value.listed, value.stamp};
}

AccessLog::Merged AccessLog::merge(const proto::AccessChange& change, int64_t unix_ms) {
  const int64_t believed_ms = unix_ms + kAheadMaxMs;
  return change.stamp.unix_ms > believed_ms ? Merged::ahead : merge_after(change, believed_ms);
}

AccessLog::Merged AccessLog::merge_after(const proto::AccessChange& change,
                                         std::optional<int64_t> believed_ms) {
  const auto found = entries_.find(change.info_hash);
  if (found == entries_.end()) {
    if (entries_.size() >= kChangesMax) return Merged::full;
  } else if (!believed_ms || found->second.stamp.unix_ms <= *believed_ms) {
    // Of two changes with the same stamp (no node makes them) every node must keep the same.
    const auto rank = [](bool listed, const proto::AccessStamp& stamp) { return std::pair(stamp, listed); };
    if (rank(change.listed, change.stamp) <= rank(found->second.listed, found->second.stamp)) {
      return Merged::known;
    }
  }
  put(change.info_hash, {change.listed, change.stamp});
  return Merged::news;
}

void AccessLog::put(const common::InfoHash& hash, const Value& value) {
  uint64_t& digest = digests_[hash.bytes[0]];
  const auto [at, fresh] = entries_.try_emplace(hash, value);
  if (!fresh) {
    digest ^= digest_of({hash, at->second.listed, at->second.stamp});
    at->second = value;
  }
  digest ^= digest_of({hash, value.listed, value.stamp});
}

uint32_t AccessLog::digest() const {
  uint64_t sum = 0;
  for (const uint64_t digest : digests_) sum ^= digest;
  return static_cast<uint32_t>(sum);
}

AccessLog::BucketDigests AccessLog::bucket_digests() const {
  BucketDigests out;
  std::transform(digests_.begin(), digests_.end(), out.begin(),
                 [](uint64_t digest) { return static_cast<uint32_t>(digest); });
  return out;
}

}  // namespace shoal::sync
