// Pacing: what is sent to one destination, and in which order, when there is more than the pace allows.

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "common/prng.h"
#include "sync/cluster.h"
#include "sync/delta_log.h"
#include "tests/unit/support/no_swarms.h"
#include "tests/unit/support/sync_peer.h"

using namespace shoal;

namespace {

constexpr sync::Now kNow{1'000'000, 1'800'000'000'000};
constexpr int64_t kBytesPerS = 50'000;
const common::Endpoint kFrom = common::make_endpoint_v4(0x0a000002, 6970);

std::vector<proto::OwnDelta> deltas_of(size_t count, proto::PeerRole role, bool refresh, uint32_t address) {
  std::vector<proto::OwnDelta> out;
  for (size_t i = 0; i < count; ++i) {
    proto::OwnDelta own;
    // Incompressible.
    common::Prng prng(address + i);
    for (uint8_t& byte : own.delta.info_hash.bytes) byte = static_cast<uint8_t>(prng.next());
    own.delta.peer = common::make_endpoint_v4(address + static_cast<uint32_t>(i), 6881);
    own.delta.state.role = role;
    own.refresh = refresh;
    out.push_back(own);
  }
  return out;
}

// A cluster with a member that sends only heartbeats, and what was sent to it.
struct Fixture {
  test::NoSwarms swarms;
  std::unique_ptr<sync::Cluster> cluster;
  test::SyncPeer there{{sync::insecure_key("test")}, "test", "there", 99, kFrom};
  sync::Now now = kNow;
  sync::Outputs out;

  explicit Fixture(int64_t pace_bytes_per_s = kBytesPerS) {
    sync::Config config;
    config.name = "here";
    config.cluster = "test";
    config.insecure = true;
    config.incarnation = 77;
    config.pace_bytes_per_s = pace_bytes_per_s;
    cluster = std::make_unique<sync::Cluster>(config, swarms, now);
    REQUIRE(there.meet(*cluster, now, out));
    out.sends.clear();
  }

  void publish(const std::vector<proto::OwnDelta>& deltas) { cluster->publish(now, deltas, out); }

  void run(int64_t us) {
    for (const int64_t end_us = now.mono_us + us; now.mono_us < end_us;) {
      now.mono_us = std::min(end_us, cluster->deadline_us());
      cluster->advance(now, out);
      proto::Heartbeat heartbeat;
      heartbeat.name = "there";
      heartbeat.peer_timeout_s = 2700;
      if (now.mono_us % 3 == 0) continue;  // more often than a real one would
      cluster->receive(now, {kFrom, std::nullopt, *there.control(heartbeat)}, out);
    }
  }

  // Deltas sent since the last time, in the order of their packets.
  std::vector<proto::Delta> sent() {
    std::vector<proto::Delta> found;
    for (const auto& batch : there.all<proto::DeltaBatch>(out.sends)) {
      found.insert(found.end(), batch.deltas.begin(), batch.deltas.end());
    }
    out.sends.clear();
    return found;
  }
  int64_t bytes_sent() const { return static_cast<int64_t>(cluster->status(now).stats.bytes_sent); }
};

size_t count_of(const std::vector<proto::Delta>& deltas, proto::PeerRole role) {
  return static_cast<size_t>(
      std::count_if(deltas.begin(), deltas.end(), [role](const auto& d) { return d.state.role == role; }));
}

}  // namespace

TEST_CASE("pace: no destination gets more than its share, and everything arrives in the end") {
  Fixture f;
  f.publish(deltas_of(10'000, proto::PeerRole::leecher, false, 1));
  const int64_t before = f.bytes_sent();
  size_t arrived = 0;
  for (int second = 1; second <= 4; ++second) {
    f.run(1'000'000);
    arrived += f.sent().size();
    CHECK(f.bytes_sent() - before <= kBytesPerS * second + 40'000);
    CHECK(f.bytes_sent() - before >= kBytesPerS * second * 8 / 10);
    CHECK(f.cluster->status(f.now).waiting == 10'000 - arrived);
  }
  f.run(4'000'000);
  arrived += f.sent().size();
  CHECK(arrived == 10'000);
  CHECK(f.cluster->status(f.now).stats.dropped_pace == 0);
}

TEST_CASE("pace: stops overtake everything, and news overtakes refreshes") {
  Fixture f;
  f.publish(deltas_of(5'000, proto::PeerRole::seeder, true, 1));
  f.run(500'000);
  const size_t first = f.sent().size();
  CHECK(first > 100);
  CHECK(first < 2'000);
  f.publish(deltas_of(200, proto::PeerRole::leecher, false, 100'000));
  f.publish(deltas_of(200, proto::PeerRole::stopped, false, 200'000));
  f.run(300'000);
  const auto next = f.sent();
  CHECK(count_of(next, proto::PeerRole::stopped) == 200);
  CHECK(count_of(next, proto::PeerRole::leecher) == 200);
  REQUIRE(next.size() >= 400);
  size_t stops_first = 0;
  while (next[stops_first].state.role == proto::PeerRole::stopped) ++stops_first;
  CHECK(stops_first >= 100);
  f.run(10'000'000);
  CHECK(count_of(f.sent(), proto::PeerRole::seeder) + first + (next.size() - 400) == 5'000);
}

TEST_CASE("pace: resending takes a fifth, however much is requested") {
  Fixture f(1'000'000);
  f.publish(deltas_of(20'000, proto::PeerRole::leecher, false, 1));
  f.run(2'000'000);
  const uint64_t packets = f.cluster->status(f.now).stats.delta_packets_sent;
  REQUIRE(packets > 300);
  REQUIRE(f.cluster->status(f.now).waiting == 0);
  const int64_t before = f.bytes_sent();
  const auto nack = f.there.control(proto::Nack{77, {{1, packets}}});
  f.cluster->receive(f.now, {kFrom, std::nullopt, *nack}, f.out);
  f.run(1'000'000);
  CHECK(f.bytes_sent() - before < 200'000 + 20'000);
  CHECK(f.bytes_sent() - before > 150'000);
}

TEST_CASE("pace: deltas that find no room to wait are dropped and counted") {
  Fixture f(2'000);
  const size_t count = sync::DeltaLog::kWaitingMax + 1'000;
  f.publish(deltas_of(count, proto::PeerRole::leecher, true, 1));
  const sync::Status status = f.cluster->status(f.now);
  CHECK(status.stats.dropped_pace > 500);
  CHECK(status.stats.dropped_pace + status.waiting + f.sent().size() == count);
}

TEST_CASE("pace: leaving is not paced") {
  Fixture f(2'000);
  f.publish(deltas_of(3'000, proto::PeerRole::leecher, false, 1));
  f.cluster->leave(f.now, f.out);
  CHECK(f.there.all<proto::Leave>(f.out.sends) ==
        std::vector{proto::Leave{f.cluster->status(f.now).stats.delta_packets_sent}});
  CHECK(f.sent().size() == 3'000);
  CHECK(f.cluster->status(f.now).waiting == 0);
}

TEST_CASE("pace: a new one applies at once") {
  Fixture f;
  f.publish(deltas_of(20'000, proto::PeerRole::leecher, false, 1));
  f.run(1'000'000);
  const int64_t before = f.bytes_sent();
  f.cluster->set_pace(3 * kBytesPerS, 0);
  f.run(1'000'000);
  CHECK(f.bytes_sent() - before <= kBytesPerS * 3 + 40'000);
  CHECK(f.bytes_sent() - before >= kBytesPerS * 3 * 8 / 10);
}

TEST_CASE("pace: a new one applies to members that ask for the access list and the bans") {
  Fixture f(2'000);
  common::Prng prng(1);
  const proto::ChangeStamp stamp{f.now.unix_ms, 99};
  for (uint32_t packet = 0; packet < 40; ++packet) {
    proto::AccessChanges access;
    proto::BanChanges bans;
    for (uint8_t i = 0; i < 20; ++i) {
      proto::AccessChange change{{}, true, stamp};
      for (uint8_t& byte : change.info_hash.bytes) byte = static_cast<uint8_t>(prng.next());
      access.changes.push_back(change);
      bans.changes.push_back({{4, 10, 0, static_cast<uint8_t>(packet), i}, {3600, {}, 0, false}, stamp});
    }
    f.cluster->receive(f.now, {kFrom, std::nullopt, *f.there.control(access)}, f.out);
    f.cluster->receive(f.now, {kFrom, std::nullopt, *f.there.control(bans)}, f.out);
  }
  const auto asked = [&] {
    f.out.sends.clear();
    f.cluster->receive(f.now, {kFrom, std::nullopt, *f.there.control(proto::AccessAsk{})}, f.out);
    f.cluster->receive(f.now, {kFrom, std::nullopt, *f.there.control(proto::BanAsk{})}, f.out);
    return std::pair(f.there.all<proto::AccessChanges>(f.out.sends).size(),
                     f.there.all<proto::BanChanges>(f.out.sends).size());
  };
  // What may be sent at once has gone with the first answers.
  const auto asked_again = [&] {
    for (int i = 0; i < 10; ++i) asked();
    f.now.mono_us += 100'000;
    return asked();
  };
  const auto slow = asked_again();
  f.cluster->set_pace(10'000'000, 0);
  const auto fast = asked_again();
  CHECK(slow.first <= 1);
  CHECK(slow.second <= 1);
  CHECK(fast.first >= 20);
  CHECK(fast.second >= 20);
}

TEST_CASE("pace: a multicast group is a destination like a member") {
  test::NoSwarms swarms;
  sync::Config config;
  config.name = "here";
  config.cluster = "test";
  config.insecure = true;
  config.incarnation = 77;
  config.multicast_groups = 1;
  config.pace_bytes_per_s = kBytesPerS;
  sync::Now now = kNow;
  sync::Cluster cluster(config, swarms, now);
  sync::Outputs out;
  cluster.publish(now, deltas_of(10'000, proto::PeerRole::leecher, false, 1), out);
  int64_t bytes = 0;
  for (const int64_t end_us = now.mono_us + 2'000'000; now.mono_us < end_us;) {
    now.mono_us = std::min(end_us, cluster.deadline_us());
    cluster.advance(now, out);
    for (const auto& send : out.sends) bytes += static_cast<int64_t>(send.bytes->size());
    out.sends.clear();
  }
  CHECK(bytes <= kBytesPerS * 2 + 40'000);
  CHECK(bytes >= kBytesPerS * 2 * 8 / 10);
}
