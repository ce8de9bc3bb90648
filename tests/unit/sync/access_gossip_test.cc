#include "sync/access_gossip.h"

#include <doctest/doctest.h>

#include <array>

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

TEST_CASE("access gossip: a member may make void what so many nodes said, and so much work is done for it") {
  GossipParts parts;
  Member& member = parts.admit(2);
  const int64_t now_ms = parts.clock.at_ms(parts.now());
  for (uint32_t i = 0; i < 1000; ++i) {
    common::InfoHash hash;
    hash.bytes[0] = static_cast<uint8_t>(i);
    hash.bytes[1] = static_cast<uint8_t>(i >> 8);
    REQUIRE(parts.log.change(hash, true, now_ms, 1000 + i));
  }
  const auto forget = [&](uint64_t first) {
    proto::AccessChanges packet;
    for (uint64_t i = 0; i < proto::kOriginsMax; ++i) packet.origins.push_back({first + i, now_ms});
    parts.receive(parts.gossip, member, packet);
  };
  // One look at all changes for the packet, and no more within a quarter of a second.
  CHECK(!parts.out.access_origins);
  forget(1000);
  CHECK(parts.out.access_origins);
  CHECK(parts.log.size() == 1000 - 32);
  CHECK(parts.out.access_changes.size() == 32);
  CHECK(parts.gossip.stats().scans == 1);
  CHECK(!parts.log.has_to_drop());
  for (uint64_t i = 1; i < 30; ++i) forget(1000 + 32 * i);
  CHECK(parts.gossip.stats().changes_applied == kMemberOriginsBurst);
  CHECK(parts.gossip.stats().changes_refused == 30 * 32 - kMemberOriginsBurst);
  CHECK(parts.log.origins().size() == AccessLog::kOriginsMax);
  CHECK(parts.gossip.stats().scans == 1);
  CHECK(parts.log.size() == 1000 - 32);
  parts.gossip.advance(parts.now(), parts.out);
  CHECK(parts.gossip.stats().scans == 1);
  CHECK(parts.gossip.deadline_us() == parts.now_us + 250'000);
  parts.now_us += 250'000;
  parts.gossip.advance(parts.now(), parts.out);
  CHECK(parts.gossip.stats().scans == 2);
  CHECK(parts.log.size() == 1000 - 64);
  CHECK(parts.out.access_changes.size() == 64);
  // Then one a second; what is known costs nothing.
  parts.now_us += 2'750'000;
  forget(1000);
  forget(1600);
  CHECK(parts.gossip.stats().changes_applied == kMemberOriginsBurst + 3);
}

TEST_CASE(
    "access gossip: a member that asks again and again gets what its budget allows, and no packet more") {
  GossipParts parts;
  Member& member = parts.admit(2);
  const int64_t now_ms = parts.clock.at_ms(parts.now());
  for (uint32_t i = 0; i < 10'000; ++i) {
    common::InfoHash hash;
    hash.bytes[0] = static_cast<uint8_t>(i);
    hash.bytes[1] = static_cast<uint8_t>(i >> 8);
    REQUIRE(parts.log.change(hash, true, now_ms, 1));
  }
  parts.receive(parts.gossip, member, proto::AccessAsk{});
  CHECK(parts.sent<proto::AccessChanges>().size() > 10);
  for (int i = 0; i < 100; ++i) parts.receive(parts.gossip, member, proto::AccessAsk{});
  CHECK(parts.sent<proto::AccessChanges>().empty());
}

TEST_CASE("access gossip: a member that shows no changes is not asked for them") {
  GossipParts parts;
  Member& member = parts.admit(2);
  REQUIRE(parts.log.change(hash_of(1), true, parts.clock.at_ms(parts.now()), 1));
  const auto asked = [&](uint32_t digest) {
    parts.now_us += 500'000;
    member.heard(parts.now_us);
    for (int i = 0; i < 3; ++i) parts.gossip.compare(parts.now(), member, digest);
    parts.gossip.advance(parts.now(), parts.out);
    return parts.sent<proto::AccessAsk>().size();
  };
  CHECK(asked(0) == 0);
  CHECK(asked(12345) == 1);
}

TEST_CASE("access gossip: members that differ are asked one at a time, at most ten times a second") {
  GossipParts parts;
  const std::array<Member*, 2> members = {&parts.admit(2), &parts.admit(3)};
  REQUIRE(parts.log.change(hash_of(1), true, parts.clock.at_ms(parts.now()), 1));
  size_t asks = 0;
  for (int i = 0; i < 200; ++i) {
    parts.now_us += 5'000;
    for (Member* member : members) {
      member->heard(parts.now_us);
      parts.gossip.compare(parts.now(), *member, 12345);
    }
    parts.gossip.advance(parts.now(), parts.out);
    asks += parts.sent<proto::AccessAsk>().size();
  }
  CHECK(asks == 10);
  CHECK(parts.gossip.stats().asks_sent == asks);
  CHECK(parts.sender.stats().datagrams_sent == asks);
}

}  // namespace
}  // namespace shoal::sync
