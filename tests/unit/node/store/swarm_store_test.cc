// The swarm store's rules, one by one, through its public face.

#include "node/store/swarm_store.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

#include "node/store/digest_table.h"
#include "node/store/peer_rules.h"
#include "node/store/restatements.h"
#include "node/store/store_room.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using common::Endpoint;
using common::Moment;
using common::Tick;
using node::PeerAnswer;
using node::SwarmStore;
using proto::Event;
using proto::PeerRole;
using test::announce;
using test::hash_of;
using test::make_store;
using test::record_of;
using test::Reply;
using test::v4_peer;
using test::v6_peer;

namespace {

constexpr Tick kNow = 118'000'000;

proto::Delta delta_of(uint64_t hash, const Endpoint& peer, PeerRole role, Tick tick, bool completed = false) {
  return {hash_of(hash), peer, {role, completed}, common::stamp_of(tick)};
}

size_t merge_one(SwarmStore& store, const proto::Delta& delta, Tick now) {
  return store.merge(std::span(&delta, 1), now);
}

}  // namespace

TEST_CASE("store: an announced peer is counted and handed to others, not to itself") {
  const auto store = make_store(true);
  const Reply first = announce(*store, {.hash = 1, .peer = v4_peer(1), .seeder = true}, kNow);
  CHECK(first.answer.counts == proto::SwarmCounts{1, 0, 0});
  CHECK(first.peers.empty());
  REQUIRE(first.answer.delta);
  CHECK(*first.answer.delta == delta_of(1, v4_peer(1), PeerRole::seeder, kNow));

  const Reply second = announce(*store, {.hash = 1, .peer = v4_peer(2)}, kNow);
  CHECK(second.answer.counts == proto::SwarmCounts{1, 1, 0});
  CHECK(second.peers == std::vector{v4_peer(1)});

  const Reply third = announce(*store, {.hash = 1, .peer = v6_peer(3)}, kNow);
  CHECK(third.answer.counts == proto::SwarmCounts{1, 2, 0});
  CHECK(third.answer.peers_v4 == 2);
  CHECK(third.answer.peers_v6 == 0);

  const Reply again = announce(*store, {.hash = 1, .peer = v4_peer(1), .seeder = true}, kNow);
  CHECK(again.answer.peers_v4 == 1);
  CHECK(again.answer.peers_v6 == 1);
  CHECK_FALSE(again.answer.delta);
  CHECK(test::scrape(*store, 1) == proto::SwarmCounts{1, 2, 0});
  CHECK(test::scrape(*store, 2) == proto::SwarmCounts{});
}

TEST_CASE("store: a stop gets counts and no peers, and leaves a tombstone") {
  for (const bool replicated : {true, false}) {
    CAPTURE(replicated);
    const auto store = make_store(replicated);
    announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow);
    announce(*store, {.hash = 1, .peer = v4_peer(2), .seeder = true}, kNow);
    const Reply stop = announce(*store, {.hash = 1, .peer = v4_peer(1), .event = Event::stopped}, kNow + 1);
    CHECK(stop.peers.empty());
    CHECK(stop.answer.counts == proto::SwarmCounts{1, 0, 0});
    CHECK(stop.answer.delta.has_value() == replicated);
    CHECK(store->totals().stopped_v4 == 1);
    CHECK(announce(*store, {.hash = 1, .peer = v4_peer(2), .seeder = true}, kNow + 1).peers.empty());
    CHECK(record_of(*store, 1, v4_peer(1))->stamp == common::stamp_of(kNow + 1));
    const Reply repeated =
        announce(*store, {.hash = 1, .peer = v4_peer(1), .event = Event::stopped}, kNow + 60);
    CHECK(repeated.answer.counts == proto::SwarmCounts{1, 0, 0});
    CHECK(store->totals().stopped_v4 == 1);
  }
}

TEST_CASE("store: a stop for an unknown peer creates nothing") {
  const auto store = make_store(true);
  const Reply stop = announce(*store, {.hash = 1, .peer = v4_peer(1), .event = Event::stopped}, kNow);
  CHECK_FALSE(stop.answer.delta);
  CHECK(store->totals().swarms == 0);
  announce(*store, {.hash = 1, .peer = v4_peer(2)}, kNow);
  announce(*store, {.hash = 1, .peer = v4_peer(1), .event = Event::stopped}, kNow);
  CHECK(store->totals().stopped_v4 == 0);
}

TEST_CASE("store: the roles an announce can claim") {
  const auto store = make_store(true);
  const auto role_after = [&](Event event, bool seeder) {
    announce(*store, {.hash = 1, .peer = v4_peer(1), .event = event, .seeder = seeder}, kNow);
    return record_of(*store, 1, v4_peer(1))->state.role;
  };
  CHECK(role_after(Event::started, false) == PeerRole::leecher);
  CHECK(role_after(Event::none, true) == PeerRole::seeder);
  CHECK(role_after(Event::paused, false) == PeerRole::leecher);
  CHECK(role_after(Event::stopped, true) == PeerRole::stopped);
}

TEST_CASE("store: an unchanged announce writes again only after the refresh time") {
  const auto store = make_store(true);
  announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow);
  for (const int later : {0, 1, common::kRefreshTicks - 1}) {
    CHECK_FALSE(announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow + later).answer.delta);
  }
  CHECK_FALSE(announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow - 3).answer.delta);
  CHECK(record_of(*store, 1, v4_peer(1))->stamp == common::stamp_of(kNow));
  const Tick later = kNow + common::kRefreshTicks;
  const Reply refresh = announce(*store, {.hash = 1, .peer = v4_peer(1)}, later);
  REQUIRE(refresh.answer.delta);
  CHECK(*refresh.answer.delta == delta_of(1, v4_peer(1), PeerRole::leecher, later));
  CHECK(record_of(*store, 1, v4_peer(1))->stamp == common::stamp_of(later));
}

TEST_CASE("store: an event counts although it changes nothing, a moment later at the earliest") {
  const auto store = make_store(true);
  const Moment start = Moment::begin_of(kNow);
  const auto say = [&](Event event, Moment now) {
    return announce(*store, {.hash = 1, .peer = v4_peer(1), .event = event, .seeder = true}, now).answer;
  };
  say(Event::started, start);
  CHECK_FALSE(say(Event::started, start).delta);
  CHECK_FALSE(say(Event::none, start + 1).delta);
  const PeerAnswer again = say(Event::started, start + 1);
  REQUIRE(again.delta);
  CHECK(again.delta->value().moment(kNow) == start + 1);
  CHECK_FALSE(again.refreshed);
}

TEST_CASE("store: the last event of a client counts here, however many there are") {
  for (const bool replicated : {true, false}) {
    for (const int events : {1, 2, 7, 8, 255, 256, 257, 1001, 5000}) {
      CAPTURE(events);
      const auto store = make_store(replicated);
      for (int i = 0; i < events; ++i) {
        const bool live = i % 2 == 0;
        const PeerAnswer answer = announce(*store,
                                           {.hash = 1,
                                            .peer = v4_peer(1),
                                            .event = live ? Event::started : Event::stopped,
                                            .seeder = true},
                                           kNow)
                                      .answer;
        if (answer.counts.seeders != (live ? 1U : 0U)) FAIL("event " << i << " is lost");
      }
      CHECK(test::scrape(*store, 1).seeders == static_cast<uint32_t>(events % 2));
    }
  }
}

TEST_CASE("store: the last of many events counts on other nodes, when the clock has caught up") {
  for (const int events : {256, 257, 258, 259, 5000, 5001}) {
    CAPTURE(events);
    const auto b = make_store(true);
    const auto c = make_store(true);
    Moment now = Moment::begin_of(kNow);
    std::vector<proto::Delta> sent;
    for (int i = 0; i < events; ++i) {
      const Event event = i % 2 == 0 ? Event::started : Event::stopped;
      const auto delta = announce(*b, {.hash = 1, .peer = v4_peer(1), .event = event, .seeder = true}, now);
      if (delta.answer.delta) sent.push_back(*delta.answer.delta);
    }
    c->merge(sent, kNow);
    const auto live = static_cast<uint32_t>(events % 2);
    for (int second = 0; second < 70; ++second, now = now + 2) {
      // What others still believe may come back, and may win for a while.
      b->merge(sent, now.tick());
      for (const proto::OwnDelta& own : b->restate(now)) {
        CHECK(own.delta.value().moment(now.tick()) - now <=
              common::kLocalAheadTicks * common::kMomentsPerTick);
        sent.push_back(own.delta);
        merge_one(*c, own.delta, now.tick());
      }
    }
    CHECK(test::scrape(*b, 1).seeders == live);
    CHECK(test::scrape(*c, 1).seeders == live);
    CHECK(test::content(*b) == test::content(*c));
  }
}

TEST_CASE("store: what is to be said again is void once the client has said something later") {
  const auto b = make_store(true);
  const Moment now = Moment::begin_of(kNow);
  const test::Ask live{.hash = 1, .peer = v4_peer(1), .event = Event::started};
  const test::Ask stop{.hash = 1, .peer = v4_peer(1), .event = Event::stopped};
  const auto stopped_too_fast = [&] {
    for (int i = 0; i < 200; ++i) {
      announce(*b, live, now);
      announce(*b, stop, now);
    }
  };
  stopped_too_fast();
  SUBCASE("here, at once") { announce(*b, live, now); }
  SUBCASE("here, later") { announce(*b, live, now + 10); }
  SUBCASE("elsewhere") {
    proto::Delta later = *record_of(*b, 1, v4_peer(1));
    later.set({common::stamp_of(kNow + 10), {PeerRole::leecher, false}});
    merge_one(*b, later, kNow);
  }
  b->restate(now + 40);
  CHECK(test::scrape(*b, 1).leechers == 1);
  CHECK(b->restate(now + 200).empty());
}

TEST_CASE("store: the table of what is to be said again is bounded") {
  const auto b = make_store(true);
  const Moment now = Moment::begin_of(kNow);
  for (uint32_t peer = 0; peer < node::Restatements::kMax + 100; ++peer) {
    for (int i = 0; i < 132; ++i) {
      announce(*b, {.hash = peer, .peer = v4_peer(peer), .event = Event::started, .want = 0}, now);
      announce(*b, {.hash = peer, .peer = v4_peer(peer), .event = Event::stopped, .want = 0}, now);
    }
  }
  CHECK(b->totals().stopped_v4 == node::Restatements::kMax + 100);
  CHECK(b->restate(now + 10).size() == node::Restatements::kMax);
  CHECK(b->totals().restatements_dropped >= 100);
}

TEST_CASE("store: a peer that stops here and starts there is live on both, whichever hears of it first") {
  for (const int gap : {0, 1, 2, 40}) {
    CAPTURE(gap);
    const auto b = make_store(true);
    const auto c = make_store(true);
    const Moment start = Moment::begin_of(kNow) + 7;
    const test::Ask live{.hash = 1, .peer = v4_peer(1), .event = Event::started, .seeder = true};
    const auto first = announce(*b, live, start + -100).answer.delta;
    REQUIRE(first);
    merge_one(*c, *first, kNow);
    const auto stop =
        announce(*b, {.hash = 1, .peer = v4_peer(1), .event = Event::stopped}, start).answer.delta;
    const auto back = announce(*c, live, start + gap).answer.delta;
    REQUIRE(stop);
    REQUIRE(back);
    merge_one(*b, *back, kNow);
    merge_one(*c, *stop, kNow);
    CHECK(test::scrape(*b, 1).seeders == 1);
    CHECK(test::scrape(*c, 1).seeders == 1);
    CHECK(test::content(*b) == test::content(*c));
  }
}

TEST_CASE("store: an announce that follows another by a moment wins wherever it is made") {
  constexpr Event kEvents[] = {Event::started, Event::none, Event::stopped};
  for (const Event first : kEvents) {
    for (const Event second : kEvents) {
      for (const int gap : {1, 2, 31, 33}) {
        CAPTURE(static_cast<int>(first));
        CAPTURE(static_cast<int>(second));
        CAPTURE(gap);
        const auto b = make_store(true);
        const auto c = make_store(true);
        const Moment start = Moment::begin_of(kNow) + 30;
        // Both know the peer from before, and neither hears of the other's announce in time.
        const auto known =
            announce(*b, {.hash = 1, .peer = v6_peer(1), .event = Event::started}, start + -64).answer.delta;
        merge_one(*c, *known, kNow);
        const auto say = [&](SwarmStore& store, Event event, Moment now) {
          // A regular announce writes only what has changed: this one finds a download that is complete.
          return announce(store,
                          {.hash = 1, .peer = v6_peer(1), .event = event, .seeder = event == Event::none},
                          now)
              .answer.delta;
        };
        const auto said = say(*b, first, start);
        const auto last = say(*c, second, start + gap);
        REQUIRE(last);
        if (said) merge_one(*c, *said, kNow);
        merge_one(*b, *last, kNow);
        CHECK(test::content(*b) == test::content(*c));
        CHECK(record_of(*b, 1, v6_peer(1))->state.role == node::role_of(second, second == Event::none));
      }
    }
  }
}

TEST_CASE("store: a stop that comes before its start is heard of wins") {
  const Moment start = Moment::begin_of(kNow) + 12;
  for (const int stop_later : {0, 1, 4}) {
    CAPTURE(stop_later);
    const auto b = make_store(true);
    const auto c = make_store(true);
    const auto live = announce(*b, {.hash = 1, .peer = v4_peer(1), .event = Event::started}, start);
    const Reply stop =
        announce(*c, {.hash = 1, .peer = v4_peer(1), .event = Event::stopped}, start + stop_later);
    CHECK_FALSE(stop.answer.delta);
    CHECK(c->totals().stopped_v4 == 0);
    CHECK(merge_one(*c, *live.answer.delta, kNow) == 1);
    CHECK(test::scrape(*c, 1) == proto::SwarmCounts{});
    const auto said = c->restate(start + stop_later + 2);
    REQUIRE(said.size() == 1);
    merge_one(*b, said[0].delta, kNow);
    CHECK(test::scrape(*b, 1) == proto::SwarmCounts{});
    CHECK(test::content(*b) == test::content(*c));
    CHECK(c->restate(start + 10).empty());
  }
}

TEST_CASE("store: a stop of an unknown peer does no harm to a later start") {
  const Moment start = Moment::begin_of(kNow) + 12;
  SUBCASE("made elsewhere") {
    const auto b = make_store(true);
    const auto c = make_store(true);
    announce(*c, {.hash = 1, .peer = v4_peer(1), .event = Event::stopped}, start);
    const auto live = announce(*b, {.hash = 1, .peer = v4_peer(1), .event = Event::started}, start + 1);
    merge_one(*c, *live.answer.delta, kNow);
    CHECK(test::scrape(*c, 1).leechers == 1);
  }
  SUBCASE("made here") {
    const auto c = make_store(true);
    announce(*c, {.hash = 1, .peer = v4_peer(1), .event = Event::stopped}, start);
    announce(*c, {.hash = 1, .peer = v4_peer(1), .event = Event::started}, start);
    CHECK(test::scrape(*c, 1).leechers == 1);
    CHECK(c->restate(start + 2).empty());
  }
  SUBCASE("of another peer, or after a flood") {
    const auto b = make_store(true);
    const auto c = make_store(true);
    for (uint32_t i = 2; i < 1000; ++i) {
      announce(*c, {.hash = 1, .peer = v4_peer(i), .event = Event::stopped}, start);
    }
    const auto live = announce(*b, {.hash = 1, .peer = v4_peer(1), .event = Event::started}, start);
    merge_one(*c, *live.answer.delta, kNow);
    CHECK(test::scrape(*c, 1).leechers == 1);
    CHECK(c->totals().stopped_v4 == 0);
  }
}

TEST_CASE("store: completion is counted once, in a cluster and alone") {
  for (const bool replicated : {true, false}) {
    const auto store = make_store(replicated);
    uint32_t downloaded = 0;
    for (int i = 0; i < 5; ++i) {
      for (const Event event : {Event::started, Event::completed, Event::stopped}) {
        downloaded +=
            announce(*store, {.hash = 1, .peer = v4_peer(1), .event = event, .seeder = true}, kNow + i)
                .answer.downloaded;
      }
    }
    CHECK(downloaded == 1);
    CHECK(test::scrape(*store, 1) == proto::SwarmCounts{0, 0, 1});
  }
}

TEST_CASE("store: merge takes the later moment, at equal moments a live peer, and a seeder") {
  const auto store = make_store(true);
  CHECK(merge_one(*store, delta_of(1, v4_peer(1), PeerRole::seeder, kNow - 5), kNow) == 1);
  CHECK(merge_one(*store, delta_of(1, v4_peer(1), PeerRole::leecher, kNow - 6), kNow) == 0);
  CHECK(merge_one(*store, delta_of(1, v4_peer(1), PeerRole::leecher, kNow - 5), kNow) == 0);
  CHECK(test::scrape(*store, 1) == proto::SwarmCounts{1, 0, 0});
  CHECK(merge_one(*store, delta_of(1, v4_peer(1), PeerRole::leecher, kNow + 3), kNow) == 1);
  CHECK(test::scrape(*store, 1) == proto::SwarmCounts{0, 1, 0});
  CHECK(merge_one(*store, delta_of(1, v4_peer(1), PeerRole::stopped, kNow + 3), kNow) == 0);
  proto::Delta later = delta_of(1, v4_peer(1), PeerRole::stopped, kNow + 3);
  later.state.moment = 1;
  CHECK(merge_one(*store, later, kNow) == 1);
  CHECK(test::scrape(*store, 1) == proto::SwarmCounts{});
  CHECK(merge_one(*store, delta_of(1, v4_peer(1), PeerRole::seeder, kNow + 3), kNow) == 0);
  later.state.role = PeerRole::leecher;
  CHECK(merge_one(*store, later, kNow) == 1);
  CHECK(test::scrape(*store, 1) == proto::SwarmCounts{0, 1, 0});
}

TEST_CASE("store: completed is counted once, even from a delta that loses") {
  const auto store = make_store(true);
  merge_one(*store, delta_of(1, v4_peer(1), PeerRole::seeder, kNow), kNow);
  const proto::Delta old = delta_of(1, v4_peer(1), PeerRole::leecher, kNow - 9, true);
  CHECK(merge_one(*store, old, kNow) == 1);
  CHECK(merge_one(*store, old, kNow) == 0);
  CHECK(test::scrape(*store, 1) == proto::SwarmCounts{1, 0, 1});
  CHECK(*record_of(*store, 1, v4_peer(1)) == delta_of(1, v4_peer(1), PeerRole::seeder, kNow, true));
  announce(*store, {.hash = 1, .peer = v4_peer(1), .event = Event::completed, .seeder = true}, kNow + 1);
  announce(*store, {.hash = 1, .peer = v4_peer(2), .event = Event::completed, .seeder = true}, kNow + 1);
  CHECK(test::scrape(*store, 1).completed == 2);
}

TEST_CASE("store: a tombstone blocks late deltas, even for a peer unknown so far") {
  const auto store = make_store(true);
  CHECK(merge_one(*store, delta_of(1, v6_peer(1), PeerRole::stopped, kNow), kNow) == 1);
  CHECK(merge_one(*store, delta_of(1, v6_peer(1), PeerRole::seeder, kNow - 1), kNow) == 0);
  CHECK(test::scrape(*store, 1) == proto::SwarmCounts{});
  CHECK(announce(*store, {.hash = 1, .peer = v4_peer(2)}, kNow).peers.empty());
}

TEST_CASE("store: deltas past their lifetime are ignored, those ahead are accepted") {
  const auto store = make_store(true);
  CHECK(merge_one(*store, delta_of(1, v4_peer(1), PeerRole::seeder, kNow - common::kLifetimeTicks), kNow) ==
        0);
  CHECK(store->totals().swarms == 0);
  CHECK(merge_one(*store, delta_of(1, v4_peer(1), PeerRole::seeder, kNow - common::kLifetimeTicks + 1),
                  kNow) == 1);
  CHECK(merge_one(*store, delta_of(1, v4_peer(2), PeerRole::seeder, kNow + common::kAheadTicks), kNow) == 1);
  test::expire_all(*store, kNow + 1);
  CHECK(test::scrape(*store, 1).seeders == 1);
}

TEST_CASE("store: a stamp far ahead survives the next sweep of a shard not swept lately") {
  const auto store = make_store(true);
  merge_one(*store, delta_of(1, v4_peer(1), PeerRole::seeder, kNow), kNow);
  for (const int lag : {1, 20, 37, 38, 150}) {
    const Tick later = kNow + lag;
    merge_one(*store, delta_of(1, v4_peer(2), PeerRole::seeder, later + common::kAheadTicks), later);
    test::expire_all(*store, later + 1);
    CHECK(test::scrape(*store, 1).seeders == 2);
    merge_one(*store, delta_of(1, v4_peer(1), PeerRole::seeder, later), later);
  }
}

TEST_CASE("store: records leave when their lifetime ends, whatever the clock did meanwhile") {
  for (const Tick jump : {1, 50, 179, 180, 181, 300, 1'000'000}) {
    CAPTURE(jump);
    const auto store = make_store(true);
    announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow);
    announce(*store, {.hash = 1, .peer = v4_peer(2), .seeder = true}, kNow - 1);
    announce(*store, {.hash = 1, .peer = v6_peer(3)}, kNow);
    announce(*store, {.hash = 1, .peer = v6_peer(3), .event = Event::stopped}, kNow);
    test::expire_all(*store, kNow);
    test::expire_all(*store, kNow + jump);
    const node::StoreTotals totals = store->totals();
    CHECK(totals.leechers_v4 == (jump < 180 ? 1 : 0));
    CHECK(totals.seeders_v4 == (jump < 179 ? 1 : 0));
    CHECK(totals.stopped_v6 == (jump < 180 ? 1 : 0));
    CHECK(totals.swarms == (jump < 180 ? 1 : 0));
    CHECK(totals.expired == (jump < 179 ? 0 : jump < 180 ? 1 : 2));
  }
}

TEST_CASE("store: an announce after a long pause is not taken for an old one") {
  for (const Tick jump : {1, 19, 33, 34, 35, 50, 179, 300, 1'000'000}) {
    CAPTURE(jump);
    const auto store = make_store(true);
    announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow);
    test::expire_all(*store, kNow);
    announce(*store, {.hash = 1, .peer = v4_peer(2)}, kNow + jump);
    test::expire_all(*store, kNow + jump);
    CHECK(test::scrape(*store, 1).leechers == (jump < 180 ? 2 : 1));
    test::expire_all(*store, kNow + jump + 179);
    CHECK(test::scrape(*store, 1).leechers == 1);
    test::expire_all(*store, kNow + jump + 180);
    CHECK(store->totals().swarms == 0);
  }
}

TEST_CASE("store: a clock that goes back loses nothing") {
  for (const Tick back : {1, 30, 100, 179, 250, 1'000'000}) {
    CAPTURE(back);
    const auto store = make_store(true);
    announce(*store, {.hash = 1, .peer = v4_peer(1)}, kNow);
    test::expire_all(*store, kNow);
    test::expire_all(*store, kNow - back);
    announce(*store, {.hash = 1, .peer = v4_peer(2)}, kNow - back);
    test::expire_all(*store, kNow - back + 1);
    CHECK(test::scrape(*store, 1).leechers == 2);
  }
}

TEST_CASE("store: a seeder gets leechers first, a leecher both") {
  const auto store = make_store(true);
  for (uint32_t i = 0; i < 100; ++i) {
    announce(*store, {.hash = 1, .peer = v4_peer(i), .seeder = i >= 10}, kNow);
  }
  const auto leechers_in = [](const std::vector<Endpoint>& peers) {
    return std::count_if(peers.begin(), peers.end(), [](const Endpoint& peer) { return peer < v4_peer(10); });
  };
  const Reply few = announce(*store, {.hash = 1, .peer = v4_peer(99), .seeder = true, .want = 8}, kNow);
  CHECK(few.peers.size() == 8);
  CHECK(leechers_in(few.peers) == 8);
  const Reply many = announce(*store, {.hash = 1, .peer = v4_peer(99), .seeder = true, .want = 30}, kNow);
  CHECK(many.peers.size() == 30);
  CHECK(leechers_in(many.peers) == 10);
  const Reply all = announce(*store, {.hash = 1, .peer = v4_peer(3), .want = 200}, kNow);
  CHECK(all.peers.size() == 99);
  CHECK(leechers_in(all.peers) == 9);
  CHECK(announce(*store, {.hash = 1, .peer = v4_peer(3), .want = 0}, kNow).peers.empty());
}

TEST_CASE("store: memory shrinks when most records have gone") {
  const auto store = make_store(true);
  const uint64_t empty = store->totals().memory_bytes;
  for (uint32_t i = 0; i < 60'000; ++i) {
    announce(*store, {.hash = i % 7000, .peer = i % 2 ? v4_peer(i) : v6_peer(i), .want = 0}, kNow);
  }
  for (uint32_t i = 0; i < 3'000; ++i) announce(*store, {.hash = 7001, .peer = v4_peer(i), .want = 0}, kNow);
  const uint64_t full = store->totals().memory_bytes;
  for (uint32_t i = 0; i < 300; ++i) {
    announce(*store, {.hash = 7001, .peer = v4_peer(i), .seeder = true, .want = 0}, kNow + 100);
    announce(*store, {.hash = i, .peer = v6_peer(i), .seeder = true, .want = 0}, kNow + 100);
  }
  test::expire_all(*store, kNow + 200);
  CHECK(store->totals().seeders_v4 + store->totals().seeders_v6 == 600);
  CHECK(store->totals().memory_bytes - empty < (full - empty) / 5);
  test::expire_all(*store, kNow + 400);
  CHECK(store->totals().memory_bytes < empty + (full - empty) / 50);
}

TEST_CASE("store: it counts its digests' memory if it has any, and about as many records as there are") {
  const auto alone = make_store(false);
  const auto store = make_store(true);
  CHECK(store->totals().memory_bytes >= alone->totals().memory_bytes + node::DigestTable::bytes());
  CHECK(store->record_count() == 0);
  constexpr uint32_t kRecords = 1'000;
  for (uint32_t i = 0; i < kRecords; ++i) announce(*store, {.hash = 1, .peer = v4_peer(i)}, kNow);
  CHECK(store->record_count() <= kRecords);
  CHECK(store->record_count() > kRecords - node::Room::kStepMax);
  test::expire_all(*store, kNow + 1000);
  CHECK(store->record_count() < node::Room::kStepMax);
}

TEST_CASE("store: threads hammering one store keep its counts exact") {
  const auto store = make_store(true);
  const auto prefetch_some = [&](uint64_t hash, const Endpoint& peer) {
    std::array<node::SwarmRef, 3> swarms;
    std::array<node::PeerRef, 3> peers;
    for (size_t i = 0; i < swarms.size(); ++i) {
      swarms[i] = store->locate(hash_of(hash + i));
      peers[i] = {swarms[i], peer};
    }
    store->prefetch(std::span(swarms));
    store->prefetch(std::span(peers));
  };
  const auto work = [&](uint32_t thread) {
    common::Prng prng(thread);
    for (uint32_t i = 0; i < 4000; ++i) {
      const uint64_t hash = prng.below(40);
      const Endpoint peer = prng.below(2) ? v4_peer(prng.below(100)) : v6_peer(prng.below(100));
      const Tick now = kNow + i / 20;
      switch (prng.below(8)) {
        case 0:
          merge_one(*store, delta_of(hash, peer, static_cast<PeerRole>(prng.below(3)), now), now);
          break;
        case 1:
          store->expire_shard(prng.below(SwarmStore::kShards), now);
          break;
        case 2:
          test::scrape(*store, hash);
          break;
        case 3:
          announce(*store, {.hash = hash, .peer = peer, .event = Event::stopped}, now);
          break;
        case 4:
          prefetch_some(hash, peer);
          break;
        default:
          announce(*store, {.hash = hash, .peer = peer, .seeder = prng.below(2) == 1}, now);
          break;
      }
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  proto::SwarmCounts sum;
  for (uint64_t hash = 0; hash < 40; ++hash) {
    const proto::SwarmCounts counts = test::scrape(*store, hash);
    sum.seeders += counts.seeders;
    sum.leechers += counts.leechers;
  }
  const node::StoreTotals totals = store->totals();
  CHECK(totals.seeders_v4 + totals.seeders_v6 == sum.seeders);
  CHECK(totals.leechers_v4 + totals.leechers_v6 == sum.leechers);
  CHECK(test::content(*store).size() == sum.seeders + sum.leechers + totals.stopped_v4 + totals.stopped_v6);
}
