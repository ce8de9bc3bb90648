#include "proto/sync_repair.h"

#include <algorithm>
#include <string>

#include "common/check.h"
#include "proto/sync.pb.h"
#include "proto/sync_header.h"

namespace shoal::proto {

void nack_to_pb(const Nack& nack, pb::Nack& out) {
  CHECK_INVARIANT(nack.ranges.size() <= kNackRangesMax);
  out.set_incarnation(nack.incarnation);
  uint64_t next = 0;
  for (const SequenceRange& range : nack.ranges) {
    out.add_spans(range.first - next);
    out.add_spans(range.size());
    next = range.last + 1;
  }
}

common::Result<Nack> nack_from_pb(const pb::Nack& in) {
  Nack out;
  out.incarnation = in.incarnation();
  const auto& spans = in.spans();
  if (spans.empty() || spans.size() % 2 != 0 || static_cast<size_t>(spans.size()) > 2 * kNackRangesMax) {
    return common::fail("bad count of spans");
  }
  uint64_t next = 0;
  for (int i = 0; i < spans.size(); i += 2) {
    const uint64_t skip = spans[i];
    const uint64_t size = spans[i + 1];
    // At least 1 each: sequences begin at 1, and ranges that touch are one range.
    if (skip == 0 || size == 0 || skip > kSyncSequenceMax || size > kSyncSequenceMax ||
        next + skip + size - 1 > kSyncSequenceMax) {
      return common::fail("bad span");
    }
    out.ranges.push_back({next + skip, next + skip + size - 1});
    next = next + skip + size;
  }
  return out;
}

namespace {

std::string nonce_bytes(const ChallengeNonce& nonce) { return {nonce.begin(), nonce.end()}; }

bool read_nonce(const std::string& bytes, ChallengeNonce& out) {
  if (bytes.size() != out.size()) return false;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return true;
}

}  // namespace

void challenge_to_pb(const Challenge& challenge, pb::Challenge& out) {
  out.set_incarnation(challenge.incarnation);
  out.set_nonce(nonce_bytes(challenge.nonce));
}

common::Result<Challenge> challenge_from_pb(const pb::Challenge& in) {
  Challenge out{in.incarnation(), {}};
  if (!read_nonce(in.nonce(), out.nonce)) return common::fail("bad nonce");
  return out;
}

void echo_to_pb(const ChallengeEcho& echo, pb::ChallengeEcho& out) {
  out.set_nonce(nonce_bytes(echo.nonce));
  out.set_delta_sequence(echo.delta_sequence);
  out.set_uptime_ms(static_cast<uint64_t>(echo.uptime_ms));
  out.set_unix_ms(static_cast<uint64_t>(echo.unix_ms));
  out.set_wall_ahead_ms(echo.wall_ahead_ms);
}

common::Result<ChallengeEcho> echo_from_pb(const pb::ChallengeEcho& in) {
  ChallengeEcho out;
  if (!read_nonce(in.nonce(), out.nonce)) return common::fail("bad nonce");
  if (in.delta_sequence() > kSyncSequenceMax) return common::fail("bad sequence");
  if (in.uptime_ms() > kSyncTimeMaxMs || in.unix_ms() > kSyncTimeMaxMs || !sane_time(in.wall_ahead_ms())) {
    return common::fail("bad time");
  }
  out.delta_sequence = in.delta_sequence();
  out.uptime_ms = static_cast<int64_t>(in.uptime_ms());
  out.unix_ms = static_cast<int64_t>(in.unix_ms());
  out.wall_ahead_ms = in.wall_ahead_ms();
  return out;
}

}  // namespace shoal::proto
