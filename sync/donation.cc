#include "sync/donation.h"

#include "proto/sync_header.h"

namespace shoal::sync {

static_assert(kPullRequestMax == 2 + proto::kSyncDatagramMax);

std::optional<size_t> pull_request_missing(common::ByteSpan bytes) {
  if (bytes.size() < 2) return 2 - bytes.size();
  const size_t size = 2 + static_cast<size_t>(bytes[0] << 8 | bytes[1]);
  constexpr size_t kLeast = 2 + proto::kSyncHeaderSize + proto::kSyncTagSize;
  if (size <= kLeast || size > kPullRequestMax || bytes.size() > size) return std::nullopt;
  return size - bytes.size();
}

}  // namespace shoal::sync
