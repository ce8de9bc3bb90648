// Link: two clusters, a and b, and the link between them, which loses or rewrites what a test tells it to.

#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "sync/cluster.h"
#include "sync/keys.h"
#include "sync/seal.h"
#include "tests/unit/support/no_swarms.h"

namespace shoal::test {

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
  NoSwarms swarms;
  sync::Cluster cluster;
  sync::Outputs out;
  std::vector<sync::Relayed> relayed;  // taken out of `out` when that is carried away
};

struct Link {
  End a{"a", 0x0a000001};
  End b{"b", 0x0a000002};
  int64_t now_us = 0;
  std::function<bool()> loses = [] { return false; };
  // What a datagram sent by `from` becomes on its way; others may be added behind it.
  std::function<std::vector<sync::SealedPacket>(const End& from, const sync::SealedPacket&)> rewrites;

  explicit Link(decltype(rewrites) rewriting = nullptr) : rewrites(std::move(rewriting)) {
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
    sync::Outputs out = std::exchange(from.out, {});
    for (sync::Relayed& one : out.relayed) from.relayed.push_back(std::move(one));
    for (const sync::Send& send : out.sends) {
      if (send.to != to.address || loses()) continue;
      const auto arriving = rewrites ? rewrites(from, send.bytes) : std::vector{send.bytes};
      for (const auto& bytes : arriving)
        to.cluster.receive(now(), {from.address, std::nullopt, *bytes}, to.out);
    }
  }

  // In steps of a millisecond, which is also how long a datagram takes.
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

}  // namespace shoal::test
