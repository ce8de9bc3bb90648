// Leaving: two clusters on a link that loses what a test tells it to lose.

#include <doctest/doctest.h>

#include <functional>

#include "common/prng.h"
#include "no_swarms.h"
#include "sync/cluster.h"
#include "sync/keys.h"

using namespace shoal;

namespace {

constexpr int64_t kUnixMs = 1'800'000'000'000;

struct End {
  explicit End(const std::string& name, uint32_t ip)
      : address(common::make_endpoint_v4(ip, 6970)), cluster(config_of(name), swarms, {0, kUnixMs}) {}

  static sync::Config config_of(const std::string& name) {
    sync::Config config;
    config.name = name;
    config.cluster = "test";
    config.insecure = true;
    config.incarnation = static_cast<uint64_t>(kUnixMs) << 16;
    return config;
  }

  common::Endpoint address;
  test::NoSwarms swarms;
  sync::Cluster cluster;
  sync::Outputs out;
};

struct Link {
  End a{"a", 0x0a000001};
  End b{"b", 0x0a000002};
  int64_t now_us = 0;
  std::function<bool()> loses = [] { return false; };

  Link() {
    a.cluster.set_seeds({b.address});
    run_ms(2'000);
    REQUIRE(alive(b, "a"));
    REQUIRE(alive(a, "b"));
  }

  sync::Now now() const { return {now_us, kUnixMs + now_us / 1000}; }

  static bool alive(End& at, const std::string& name) {
    return state_at(at, name) == sync::MemberState::alive;
  }
  static sync::MemberState state_at(End& at, const std::string& name, sync::Now now = {}) {
    for (const auto& member : at.cluster.status(now).members) {
      if (member.name == name) return member.state;
    }
    return sync::MemberState::down;
  }

  void carry(End& from, End& to) {
    const sync::Outputs out = std::exchange(from.out, {});
    for (const sync::Send& send : out.sends) {
      if (send.to == to.address && !loses()) {
        to.cluster.receive(now(), {from.address, std::nullopt, *send.bytes}, to.out);
      }
    }
  }

  // In steps of a millisecond, which is also how long a datagram is underway.
  void run_ms(int64_t ms) {
    for (int64_t i = 0; i < ms; ++i) {
      now_us += 1'000;
      for (End* end : {&a, &b}) {
        if (now_us >= end->cluster.deadline_us()) end->cluster.advance(now(), end->out);
      }
      carry(a, b);
      carry(b, a);
    }
  }

  void publish(End& end, uint16_t count) {
    for (uint16_t i = 0; i < count; ++i) {
      proto::OwnDelta own;
      own.delta.info_hash.bytes.fill(static_cast<uint8_t>(i));
      own.delta.peer = common::make_endpoint_v4(0xcb007101, static_cast<uint16_t>(1 + i));
      end.cluster.publish(now(), {&own, 1}, end.out);
    }
  }
};

}  // namespace

TEST_CASE("sync leave: over when the other has heard it and has everything") {
  Link link;
  link.publish(link.a, 100);
  CHECK(!link.a.cluster.left_in_order(link.now()));
  link.a.cluster.leave(link.now(), link.a.out);
  CHECK(!link.a.cluster.left_in_order(link.now()));
  link.run_ms(5);
  CHECK(link.a.cluster.left_in_order(link.now()));
  CHECK(link.b.swarms.merged == 100);
  CHECK(Link::state_at(link.b, "a", link.now()) == sync::MemberState::down);
  // Silent from then on.
  const uint64_t sent = link.a.cluster.status(link.now()).stats.datagrams_sent;
  link.run_ms(3'000);
  CHECK(link.a.cluster.status(link.now()).stats.datagrams_sent == sent);
}

TEST_CASE("sync leave: on a link that loses two of five, it is heard all the same and nothing is lost") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    Link link;
    common::Prng prng(seed);
    link.loses = [&prng] { return prng.below(5) < 2; };
    link.publish(link.a, 500);
    link.a.cluster.leave(link.now(), link.a.out);
    int waited_ms = 0;
    for (; waited_ms < 5'000 && !link.a.cluster.left_in_order(link.now()); ++waited_ms) link.run_ms(1);
    CHECK(waited_ms < 5'000);
    CHECK(link.b.swarms.merged >= 500);
    CHECK(Link::state_at(link.b, "a", link.now()) == sync::MemberState::down);
  }
}

TEST_CASE("sync leave: not in order while nobody answers, and said again all the time") {
  Link link;
  link.loses = [] { return true; };
  link.a.cluster.leave(link.now(), link.a.out);
  const uint64_t before = link.a.cluster.status(link.now()).stats.datagrams_sent;
  link.run_ms(1'000);
  CHECK(!link.a.cluster.left_in_order(link.now()));
  CHECK(link.a.cluster.status(link.now()).stats.datagrams_sent - before >= 19);
}

TEST_CASE(
    "sync leave: two that leave at once do not wait for each other; one that is alone waits for nobody") {
  Link link;
  link.a.cluster.leave(link.now(), link.a.out);
  link.b.cluster.leave(link.now(), link.b.out);
  link.run_ms(5);
  CHECK(link.a.cluster.left_in_order(link.now()));
  CHECK(link.b.cluster.left_in_order(link.now()));
  End alone("c", 0x0a000003);
  alone.cluster.leave({1, kUnixMs}, alone.out);
  CHECK(alone.cluster.left_in_order({1, kUnixMs}));
  CHECK(alone.out.sends.empty());
}
