#include "node/tracker/tracker.h"

#include <doctest/doctest.h>

#include <array>
#include <initializer_list>
#include <memory>
#include <utility>

#include "node/bans/offence_watch.h"
#include "node/limits/request_limiter.h"

using namespace shoal;

namespace {

constexpr uint32_t kOne = 0x0a000001;
constexpr uint32_t kTwo = 0x0a000002;

node::TrackerSettings settings(uint32_t interval_s, double interval_jitter) {
  node::Options options;
  options.tracker.interval_s = interval_s;
  options.tracker.interval_jitter = interval_jitter;
  options.tracker.numwant_default = 50;
  options.tracker.numwant_max = 200;
  return node::tracker_settings(options, nullptr, nullptr);
}

struct Fixture {
  node::SwarmStore store{{.key = {}, .replicated = true}};
  int wakes = 0;
  node::DeltaQueue queue{[this] { ++wakes; }};
  node::AnnounceCounters counters;
  node::Tracker tracker{settings(1000, 0.1), store, &queue, counters, 1};
  std::array<uint8_t, 200 * 6> v4{};
  std::array<uint8_t, 200 * 18> v6{};

  proto::AnnounceAnswer announce(uint32_t address, proto::Event event, uint64_t left, uint16_t port = 7000) {
    proto::AnnounceRequest request;
    request.port = port;
    request.event = event;
    request.left = left;
    const uint32_t want = tracker.peers_wanted(request, 200);
    return tracker.announce(store.locate(request.info_hash), request,
                            common::make_endpoint_v4(address, 55555), want, 0,
                            {common::Moment::begin_of(100), common::Moment::begin_of(100)}, {v4, v6});
  }
};

}  // namespace

TEST_CASE("tracker: numwant is the client's, up to the maximum and what fits") {
  Fixture f;
  proto::AnnounceRequest request;
  CHECK(f.tracker.peers_wanted(request, 1000) == 50);
  for (const uint32_t numwant : {0U, 1U, 200U}) {
    request.numwant = numwant;
    CHECK(f.tracker.peers_wanted(request, 1000) == numwant);
  }
  request.numwant = UINT32_MAX;
  CHECK(f.tracker.peers_wanted(request, 1000) == 200);
  CHECK(f.tracker.peers_wanted(request, 67) == 67);
  request.event = proto::Event::stopped;
  CHECK(f.tracker.peers_wanted(request, 1000) == 0);
}

TEST_CASE("tracker: the interval varies by the jitter and no more") {
  Fixture f;
  uint32_t least = UINT32_MAX;
  uint32_t most = 0;
  for (int i = 0; i < 10'000; ++i) {
    const uint32_t interval = f.tracker.interval_s();
    least = std::min(least, interval);
    most = std::max(most, interval);
  }
  CHECK(least >= 900);
  CHECK(least < 910);
  CHECK(most <= 1100);
  CHECK(most > 1090);
}

TEST_CASE("tracker: an announce is stored under the source address and the announced port, and published") {
  Fixture f;
  f.announce(0x0a000001, proto::Event::started, 0);
  const auto answer = f.announce(0x0a000002, proto::Event::started, 10);
  CHECK(answer.counts == proto::SwarmCounts{1, 1, 0});
  REQUIRE(answer.peers_v4.size() == 6);
  CHECK(common::make_endpoint(answer.peers_v4.first(4), 7000) == common::make_endpoint_v4(0x0a000001, 7000));
  CHECK(f.announce(0x0a000001, proto::Event::stopped, 0).counts == proto::SwarmCounts{0, 1, 0});
  CHECK(f.announce(0x0a000002, proto::Event::completed, 0).counts == proto::SwarmCounts{1, 0, 1});
  CHECK(f.counters.started.value() == 2);
  CHECK(f.counters.stopped.value() == 1);
  CHECK(f.counters.completed.value() == 1);
  CHECK(f.counters.deltas.value() == 4);
  CHECK(f.wakes == 1);
  CHECK(f.queue.drain([](const proto::OwnDelta& own) { CHECK(own.delta.peer.port == 7000); }) == 4);
}

TEST_CASE("tracker: a stop that overtakes its start wins, also where the start is dated a moment later") {
  Fixture f;
  const common::Moment now = common::Moment::begin_of(100);
  const node::AnnounceMoments moments{now + 1, now};
  proto::AnnounceRequest request;
  request.port = 7000;
  request.event = proto::Event::stopped;
  const common::Endpoint client = common::make_endpoint_v4(kOne, 55555);
  f.tracker.announce(f.store.locate(request.info_hash), request, client, 0, 0, moments, {f.v4, f.v6});
  // As another node wrote it just before.
  proto::Delta start;
  start.info_hash = request.info_hash;
  start.peer = common::make_endpoint_v4(kOne, 7000);
  start.state = {proto::PeerRole::seeder, false, moments.live.in_tick()};
  start.stamp = common::stamp_of(moments.live.tick());
  f.store.merge(std::span(&start, 1), 100);
  CHECK(f.store.scrape(f.store.locate(request.info_hash), request.info_hash) == proto::SwarmCounts{0, 0, 0});
  const auto said = f.store.restate(now + 2);
  REQUIRE(said.size() == 1);
  CHECK(said[0].delta.state.role == proto::PeerRole::stopped);
  CHECK(said[0].delta.value().moment(100) > moments.live);
}

TEST_CASE("tracker: a full store is named in the answer, and nothing else is counted") {
  Fixture f;
  f.store.set_limits({.peers = 1});
  CHECK_FALSE(f.announce(kOne, proto::Event::started, 1).full);
  CHECK(f.announce(kTwo, proto::Event::started, 1).full);
  CHECK(f.counters.limits[node::index_of(node::Limit::peers)].value() == 1);
  CHECK(f.counters.refused[static_cast<size_t>(node::Refusal::full)].value() == 1);
  CHECK(f.counters.all() == 1);
  CHECK(f.counters.deltas.value() == 1);
  CHECK_FALSE(f.announce(kOne, proto::Event::none, 1).full);
  CHECK_FALSE(f.announce(kOne, proto::Event::stopped, 1).full);
}

TEST_CASE("tracker: when a swarm is full the answer still has peers") {
  Fixture f;
  f.store.set_limits({.peers_per_swarm = 1});
  f.announce(kOne, proto::Event::started, 1);
  const proto::AnnounceAnswer answer = f.announce(kTwo, proto::Event::started, 1);
  CHECK_FALSE(answer.full);
  CHECK(answer.peers_v4.size() == 6);
  CHECK(answer.interval_s > 0);
  CHECK(f.counters.limits[node::index_of(node::Limit::peers_per_swarm)].value() == 1);
  CHECK(f.counters.all() == 2);
  CHECK(f.counters.deltas.value() == 1);
}

TEST_CASE(
    "tracker: without a port, or from an address that no peer can have, the answer is the same and nothing "
    "is stored") {
  Fixture f;
  f.announce(0x0a000001, proto::Event::started, 0);
  f.announce(0x0a000002, proto::Event::started, 1);
  for (const auto& [address, port] :
       {std::pair(0x0a000003U, uint16_t{0}), std::pair(0xa9fe0001U, uint16_t{7000}),
        std::pair(0xffffffffU, uint16_t{7000}), std::pair(0U, uint16_t{7000})}) {
    CAPTURE(address);
    for (const proto::Event event : {proto::Event::started, proto::Event::none, proto::Event::completed}) {
      const auto answer = f.announce(address, event, 1, port);
      CHECK(answer.counts == proto::SwarmCounts{1, 1, 0});
      CHECK(answer.peers_v4.size() == 12);
      CHECK(answer.interval_s >= 900);
    }
    CHECK(f.announce(address, proto::Event::stopped, 1, port).peers_v4.empty());
  }
  CHECK(f.store.totals().leechers_v4 == 1);
  CHECK(f.counters.unstorable.value() == 16);
  CHECK(f.counters.deltas.value() == 2);
}

TEST_CASE("tracker: a leecher that starts a swarm alone is told to come back soon, once") {
  using proto::Event;
  const auto is_soon = [](const proto::AnnounceAnswer& answer) {
    CHECK((answer.interval_s >= 900 || answer.interval_s <= 66));
    CHECK(answer.interval_s >= 54);
    CHECK(answer.alone == (answer.interval_s <= 66));
    return answer.alone;
  };
  Fixture f;
  CHECK(is_soon(f.announce(kOne, Event::started, 5)));
  CHECK_FALSE(is_soon(f.announce(kOne, Event::started, 5)));
  CHECK_FALSE(is_soon(f.announce(kOne, Event::none, 5)));
  CHECK_FALSE(is_soon(f.announce(kTwo, Event::started, 5)));  // it is told of the first
  CHECK_FALSE(is_soon(f.announce(kOne, Event::stopped, 5)));
  CHECK_FALSE(is_soon(f.announce(kTwo, Event::stopped, 5)));
  CHECK(is_soon(f.announce(kOne, Event::started, 5)));  // it starts again, alone again

  for (const auto& [event, left] :
       {std::pair(Event::started, uint64_t{0}), std::pair(Event::none, uint64_t{5}),
        std::pair(Event::completed, uint64_t{0}), std::pair(Event::paused, uint64_t{5})}) {
    Fixture other;
    CHECK_FALSE(is_soon(other.announce(kOne, event, left)));
    CHECK_FALSE(is_soon(other.announce(kOne, Event::none, left)));
  }
  Fixture beside_a_seeder;
  beside_a_seeder.announce(kOne, Event::started, 0);
  CHECK_FALSE(is_soon(beside_a_seeder.announce(kTwo, Event::started, 5)));
  Fixture not_stored;
  CHECK_FALSE(is_soon(not_stored.announce(kOne, Event::started, 5, 0)));
  Fixture magnet;
  CHECK(is_soon(magnet.announce(kOne, Event::started, proto::kLeftUnknown)));
}

TEST_CASE("tracker: the short interval is never longer than the usual one") {
  Fixture f;
  f.tracker.set_settings(std::make_shared<const node::TrackerSettings>(settings(20, 0)));
  CHECK(f.announce(kOne, proto::Event::started, 5).interval_s == 20);
}

TEST_CASE("tracker: loopback peers are handed out on loopback only, whichever node they came from") {
  for (const bool merged : {false, true}) {
    CAPTURE(merged);
    Fixture f;
    f.announce(0x0a000001, proto::Event::started, 5);
    if (merged) {
      Fixture elsewhere;
      elsewhere.announce(0x7f000001, proto::Event::started, 5);
      elsewhere.queue.drain([&](const proto::OwnDelta& own) { f.store.merge({&own.delta, 1}, 100); });
    } else {
      f.announce(0x7f000001, proto::Event::started, 5);
    }
    CHECK(f.announce(0x0a000002, proto::Event::started, 5).counts.leechers == 3);
    const uint64_t sent = f.counters.peers_sent.value();
    CHECK(f.announce(0x0a000002, proto::Event::none, 5).peers_v4.size() == 6);
    CHECK(f.counters.peers_sent.value() == sent + 1);
    CHECK(f.announce(0x7f000002, proto::Event::none, 5).peers_v4.size() == 18);
  }
}

TEST_CASE("tracker: who stops again and again is not charged for new ports") {
  Fixture f;
  node::OffenceLimits limits;
  limits.threshold.fill(10);
  node::OffenceWatch offences({1}, limits, [] {});
  proto::AnnounceRequest request;
  request.port = 7000;
  const common::Endpoint client = common::make_endpoint_v4(kOne, 55555);
  const auto score = [&] {
    const auto known = offences.table().explain(node::address_prefix(client), 1);
    return known.scores[static_cast<size_t>(proto::Offence::ports)].permille;
  };
  for (int i = 0; i < 1000; ++i) {
    request.event = proto::Event::stopped;
    f.tracker.watch(&offences, client, request, f.announce(kOne, proto::Event::stopped, 0), 1);
  }
  CHECK(score() == 0);
  CHECK(offences.table().explain(node::address_prefix(client), 1).known);  // it was seen
  request.event = proto::Event::started;
  f.tracker.watch(&offences, client, request, f.announce(kOne, proto::Event::started, 0), 1);
  CHECK(score() > 0);
}

TEST_CASE("tracker: one of many requests over the rate is charged, for all of them") {
  Fixture f;
  node::RequestLimiter limiter({2});
  limiter.set(1, 0);
  node::OffenceLimits limits;
  limits.threshold.fill(1'000'000);
  node::OffenceWatch offences({1}, limits, [] {});
  node::Options options;
  f.tracker.set_settings(std::make_shared<const node::TrackerSettings>(
      node::tracker_settings(options, nullptr, &limiter, &offences)));
  const common::Endpoint client = common::make_endpoint_v4(kOne, 55555);
  const auto score = [&] {
    const auto known = offences.table().explain(node::address_prefix(client), 1);
    return known.scores[static_cast<size_t>(proto::Offence::over_rate)].permille;
  };
  uint32_t refused = 0;
  while (refused < node::kOverRateSample - 1)
    refused += f.tracker.over_rate(client, true, 1, &offences) ? 1 : 0;
  CHECK(!offences.table().explain(node::address_prefix(client), 1).known);
  // Those of addresses that are not proved do not count.
  for (int i = 0; i < 100; ++i) CHECK(f.tracker.over_rate(client, false, 1, &offences));
  CHECK(!offences.table().explain(node::address_prefix(client), 1).known);
  for (; refused < 500'000; ++refused) REQUIRE(f.tracker.over_rate(client, true, 1, &offences));
  CHECK(score() >= 499);
  CHECK(score() <= 500);
}
