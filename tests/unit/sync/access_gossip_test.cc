#include "sync/access_gossip.h"

#include <doctest/doctest.h>

#include "tests/unit/support/sync_parts.h"

namespace shoal::sync {
namespace {

struct GossipParts : test::Parts {
  AccessLog log;
  AccessGossip gossip{&log, sender, members, clock, complaints, prng};
};

common::InfoHash hash_of(uint8_t byte) {
  common::InfoHash hash;
  hash.bytes.fill(byte);
  return hash;
}

TEST_CASE("access gossip: a change of next year is refused, counted and logged; those beside it are merged") {
  GossipParts parts;
  Member& member = parts.admit(2);
  const int64_t now_ms = parts.clock.at_ms(parts.now());
  const proto::AccessChange next_year{hash_of(1), true, {now_ms + 365LL * 24 * 3'600'000, 2}};
  const proto::AccessChange next_hour{hash_of(2), true, {now_ms + 3'600'000, 2}};
  for (int i = 0; i < 3; ++i) {
    parts.receive(parts.gossip, member, proto::AccessChanges{{next_year, next_hour}});
  }
  CHECK(parts.log.size() == 1);
  CHECK(parts.out.access_changes == std::vector{next_hour});
  CHECK(parts.gossip.stats().changes_refused == 3);
  CHECK(parts.gossip.stats().changes_applied == 1);
  CHECK(parts.out.logs.size() == 1);
}

}  // namespace
}  // namespace shoal::sync
