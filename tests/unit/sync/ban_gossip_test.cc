#include "sync/ban_gossip.h"

#include <doctest/doctest.h>

#include "tests/unit/support/sync_parts.h"

namespace shoal::sync {
namespace {

struct BanParts : test::Parts {
  BanLog log;
  BanGossip gossip{&log, sender, members, clock, complaints, prng};

  proto::BanChange ban(uint32_t number) {
    return {{4, 10, static_cast<uint8_t>(number >> 16), static_cast<uint8_t>(number >> 8),
             static_cast<uint8_t>(number)},
            {60, proto::Offence::ports, 0, false},
            {clock.at_ms(now()), 2}};
  }
};

TEST_CASE("ban gossip: a new ban is said again a few times, unless it has been replaced") {
  BanParts parts;
  parts.admit(2);
  const proto::BanPrefix prefix{4, 192, 0, 2, 1};
  const int64_t now_ms = parts.clock.at_ms(parts.now());
  const auto made = parts.log.change(prefix, {60, proto::Offence::ports, 0, false}, now_ms, 1);
  parts.gossip.publish(parts.now(), std::span(&*made, 1), parts.out);
  CHECK(parts.sent<proto::BanChanges>().size() == 1);
  size_t again = 0;
  for (int i = 0; i < 200; ++i) {
    parts.now_us += 10'000;
    if (parts.now_us >= parts.gossip.deadline_us()) parts.gossip.advance(parts.now(), parts.out);
    for (const auto& packet : parts.sent<proto::BanChanges>()) again += packet.changes.size();
  }
  CHECK(again == BanWire::kRepeatUs.size());
  CHECK(parts.gossip.deadline_us() == std::numeric_limits<int64_t>::max());
  const auto longer = parts.log.change(prefix, {600, proto::Offence::ports, 1, false}, now_ms, 1);
  parts.gossip.publish(parts.now(), std::span(&*longer, 1), parts.out);
  parts.sent<proto::BanChanges>();
  parts.log.change(prefix, {600, proto::Offence::ports, 1, true}, now_ms, 1);
  parts.now_us += 2'000'000;
  parts.gossip.advance(parts.now(), parts.out);
  CHECK(parts.sent<proto::BanChanges>().empty());
  CHECK(parts.gossip.deadline_us() > parts.now_us);
}

TEST_CASE(
    "ban gossip: a member may tell of so many new bans a second, and of as many known ones as it likes") {
  BanParts parts;
  Member& member = parts.admit(2);
  const auto tell = [&](uint32_t first, uint32_t count) {
    for (uint32_t i = 0; i < count; i += 20) {
      proto::BanChanges packet;
      for (uint32_t k = 0; k < 20; ++k) packet.changes.push_back(parts.ban(first + i + k));
      parts.receive(parts.gossip, member, packet);
    }
  };
  tell(0, 10'000);
  CHECK(parts.log.size() == 2 * kMemberBansPerS);
  CHECK(parts.gossip.stats().changes_refused == 10'000 - 2 * kMemberBansPerS);
  CHECK(parts.out.ban_changes.size() == parts.log.size());
  parts.now_us += 1'000'000;
  tell(20'000, 10'000);
  CHECK(parts.log.size() == 3 * kMemberBansPerS);
}

TEST_CASE("ban gossip: what is forgotten is told to all, given to whoever asks, and drops what it is about") {
  BanParts parts;
  Member& member = parts.admit(2);
  parts.receive(parts.gossip, member, proto::BanChanges{{parts.ban(1), parts.ban(2)}});
  REQUIRE(parts.log.size() == 2);
  parts.out = {};
  const proto::ForgottenOrigin forgotten{2, parts.clock.at_ms(parts.now()) + 1};
  parts.receive(parts.gossip, member, proto::BanChanges{{}, {forgotten}});
  CHECK(parts.log.size() == 0);
  CHECK(parts.out.ban_changes.size() == 2);
  parts.receive(parts.gossip, member, proto::BanChanges{{parts.ban(1)}});
  CHECK(parts.log.size() == 0);
  parts.sent<proto::BanChanges>();
  parts.receive(parts.gossip, member, proto::BanAsk{});
  const auto answer = parts.sent<proto::BanChanges>();
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].origins == std::vector{forgotten});
  parts.gossip.publish_origin(parts.now(), forgotten, parts.out);
  CHECK(parts.sent<proto::BanChanges>().size() == 1);
}

}  // namespace
}  // namespace shoal::sync
