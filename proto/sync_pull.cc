#include "proto/sync_pull.h"

#include <algorithm>
#include <string>

#include "common/bytes.h"
#include "common/check.h"
#include "proto/sync.pb.h"

namespace shoal::proto {

namespace {

using common::fail;

constexpr size_t kDigestBytes = 6;

std::string packed(const std::vector<uint64_t>& digests) {
  std::string out;
  out.reserve(digests.size() * kDigestBytes);
  for (const uint64_t digest : digests) {
    for (int shift = 40; shift >= 0; shift -= 8) out.push_back(static_cast<char>(digest >> shift));
  }
  return out;
}

bool unpack(const std::string& bytes, size_t count_max, std::vector<uint64_t>& out) {
  if (bytes.empty() || bytes.size() % kDigestBytes != 0 || bytes.size() / kDigestBytes > count_max) {
    return false;
  }
  common::ByteReader reader({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  while (reader.remaining() > 0) {
    const uint64_t high = reader.u16();
    out.push_back(high << 32 | reader.u32());
  }
  return true;
}

bool read_tick(uint64_t tick, common::Tick& out) {
  out = static_cast<common::Tick>(tick);
  return tick <= static_cast<uint64_t>(kSyncTickMax);
}

}  // namespace

void digests_to_pb(const Digests& digests, pb::Digests& out) {
  CHECK_INVARIANT(!digests.sums.empty() && digests.sums.size() <= kDigestTicksMax);
  out.set_peer_timeout_s(digests.peer_timeout_s);
  out.set_newest_tick(static_cast<uint64_t>(digests.newest_tick));
  out.set_sums(packed(digests.sums));
  out.set_ask(digests.ask);
}

common::Result<Digests> digests_from_pb(const pb::Digests& in) {
  Digests out;
  out.peer_timeout_s = in.peer_timeout_s();
  out.ask = in.ask();
  if (!read_tick(in.newest_tick(), out.newest_tick)) return fail("bad tick");
  if (!unpack(in.sums(), kDigestTicksMax, out.sums)) return fail("bad sums");
  if (out.newest_tick < static_cast<common::Tick>(out.sums.size())) return fail("bad tick");
  return out;
}

void cells_ask_to_pb(const CellsAsk& ask, pb::CellsAsk& out) {
  CHECK_INVARIANT(!ask.ticks.empty() && ask.ticks.size() <= kCellTicksMax);
  for (const common::Tick tick : ask.ticks) out.add_ticks(static_cast<uint64_t>(tick));
}

common::Result<CellsAsk> cells_ask_from_pb(const pb::CellsAsk& in) {
  CellsAsk out;
  if (in.ticks().empty() || static_cast<size_t>(in.ticks_size()) > kCellTicksMax) return fail("bad count");
  for (const uint64_t tick : in.ticks()) {
    if (!read_tick(tick, out.ticks.emplace_back())) return fail("bad tick");
  }
  return out;
}

void cell_digests_to_pb(const CellDigests& cells, pb::CellDigests& out) {
  CHECK_INVARIANT(!cells.digests.empty() && cells.digests.size() <= kCellDigestsMax &&
                  cells.first_bucket + cells.digests.size() <= kDigestBuckets);
  out.set_tick(static_cast<uint64_t>(cells.tick));
  out.set_first_bucket(cells.first_bucket);
  out.set_digests(packed(cells.digests));
}

common::Result<CellDigests> cell_digests_from_pb(const pb::CellDigests& in) {
  CellDigests out;
  if (!read_tick(in.tick(), out.tick)) return fail("bad tick");
  out.first_bucket = in.first_bucket();
  if (out.first_bucket >= kDigestBuckets ||
      !unpack(in.digests(), std::min(kCellDigestsMax, kDigestBuckets - out.first_bucket), out.digests)) {
    return fail("bad digests");
  }
  return out;
}

void pull_request_to_pb(const PullRequest& request, pb::PullRequest& out) {
  CHECK_INVARIANT(request.parts.size() <= kPullPartsMax);
  out.set_donor(request.donor);
  out.set_incarnation(request.incarnation);
  for (const PullPart& part : request.parts) {
    pb::PullPart& to = *out.add_parts();
    to.set_first_tick(static_cast<uint64_t>(part.first_tick));
    to.set_ticks(part.ticks);
    uint32_t next = 0;
    for (const uint32_t bucket : part.buckets) {
      to.add_bucket_skips(bucket - next);
      next = bucket + 1;
    }
  }
}

common::Result<PullRequest> pull_request_from_pb(const pb::PullRequest& in) {
  PullRequest out{in.donor(), in.incarnation(), {}};
  if (static_cast<size_t>(in.parts_size()) > kPullPartsMax) return fail("too many parts");
  size_t buckets = 0;
  for (const pb::PullPart& from : in.parts()) {
    PullPart& part = out.parts.emplace_back();
    part.ticks = from.ticks();
    if (!read_tick(from.first_tick(), part.first_tick)) return fail("bad tick");
    if (part.ticks == 0 || part.ticks > kDigestStamps) return fail("bad ticks");
    buckets += static_cast<size_t>(from.bucket_skips_size());
    if (buckets > kPullBucketsMax) return fail("too many buckets");
    uint64_t next = 0;
    for (const uint32_t skip : from.bucket_skips()) {
      if (next + skip >= kDigestBuckets) return fail("bad bucket");
      part.buckets.push_back(static_cast<uint32_t>(next + skip));
      next += skip + 1;
    }
  }
  return out;
}

}  // namespace shoal::proto
