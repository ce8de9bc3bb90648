// Sweeps of one shard in parts: a part is bounded, and nothing is lost or kept by mistake when the swarm
// changes between two parts.

#include "node/store/swarm_shard.h"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <vector>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using common::Endpoint;
using node::SwarmShard;
using proto::PeerRole;
using test::hash_of;
using test::v4_peer;

namespace {

constexpr common::Tick kNow = 118'000'000;
constexpr common::Tick kSweepAt = kNow + common::kLifetimeTicks - 10;
constexpr uint32_t kSegmentRecords = 512;  // of a large swarm, visited together
constexpr uint32_t kSegmentGone = kSegmentRecords * (1 + node::WorkBound::kRecordGone);  // and all removed

// To the end. Returns whether it was there.
bool drop(SwarmShard& shard, uint64_t hash, const common::InfoHash& info_hash) {
  for (size_t swarms = 0;;) {
    const node::SwarmsDropped part = shard.drop_part(hash, info_hash);
    swarms += part.swarms;
    if (part.finished) return swarms > 0;
  }
}

// A single shard that holds all swarms.
struct OneShard {
  node::StoreRoom room;
  node::Restatements restatements;
  node::ShardConfig config{
      {1},   true,         {0x9ddfea08eb382d69, 0xc3a5c85c97cb3127}, std::make_unique<node::DigestTable>(),
      &room, &restatements};
  node::IndexPlace place;
  SwarmShard shard{config, place};
  common::Prng prng{3};

  uint64_t key_in(uint64_t swarm) const { return common::siphash(config.key, hash_of(swarm).bytes); }

  void merge(uint64_t swarm, uint32_t peer, PeerRole role, common::Tick at, common::Tick now) {
    merge({hash_of(swarm), v4_peer(peer), {role, false}, common::stamp_of(at)}, now);
  }
  void merge(const proto::Delta& delta, common::Tick now) {
    shard.merge(common::siphash(config.key, delta.info_hash.bytes), {&delta, 1}, now);
  }
  void announce(uint64_t swarm, uint32_t peer, proto::Event event, common::Tick now) {
    shard.announce({key_in(swarm)}, {hash_of(swarm), v4_peer(peer), event, false, 0, 0},
                   common::Moment::begin_of(now), prng, {});
  }
  uint32_t most_work() const {
    node::StoreTotals totals;
    shard.add_to(totals);
    return totals.most_work;
  }
  std::map<Endpoint, proto::Delta> content() const {
    std::map<Endpoint, proto::Delta> all;
    SwarmShard::Walk walk;
    while (!shard.for_each(walk, {}, [&](const proto::Delta& delta) { all[delta.peer] = delta; })) {
    }
    return all;
  }
};

// Swarm 1 holds the peers [0, size), of which the even ones are old; swarms 2 to 100 three peers each, one of
// them old.
void fill(OneShard& one, uint32_t size) {
  for (uint32_t i = 0; i < size; ++i) {
    const PeerRole role = i % 10 < 6 ? PeerRole::seeder : i % 10 < 9 ? PeerRole::leecher : PeerRole::stopped;
    one.merge(1, i, role, i % 2 == 0 ? kNow - 20 : kNow, kNow);
  }
  for (uint32_t i = 0; i < 300; ++i) {
    one.merge(2 + i / 3, size + i, PeerRole::seeder, i % 3 == 0 ? kNow - 20 : kNow, kNow);
  }
  // Close enough to the next sweep that no announce in between has to finish this one.
  while (!one.shard.expire(kSweepAt - 20).finished) {
  }
}

}  // namespace

TEST_CASE("shard: a swarm may go between the steps of a prefetch") {
  OneShard one;
  for (const bool large : {false, true}) {
    for (uint32_t i = 0; i < (large ? 3'000U : 1U); ++i) one.merge(1, i, PeerRole::seeder, kNow, kNow);
    node::PeerRef ref{.swarm = {one.key_in(1)}, .peer = v4_peer(0)};
    one.shard.prefetch_swarm(ref.swarm);
    CHECK(ref.swarm.likely == 0);
    one.shard.prefetch_peers(ref);
    CHECK(ref.large == large);
    CHECK(drop(one.shard, one.key_in(1), hash_of(1)));
    one.shard.prefetch_peers(ref);
    one.shard.prefetch_place(ref);
    CHECK_FALSE(drop(one.shard, one.key_in(1), hash_of(1)));
  }
}

TEST_CASE("shard: no part of a sweep visits more records than the bound, however large the swarm") {
  OneShard one;
  constexpr uint32_t kSize = 100'000;
  fill(one, kSize);
  uint32_t parts = 0;
  uint64_t records = 0;
  for (bool finished = false; !finished; ++parts) {
    const node::SweepPart part = one.shard.expire(kSweepAt);
    CHECK(part.records <= SwarmShard::kPartRecordsMax + kSegmentGone);
    CHECK((part.finished || part.records >= SwarmShard::kPartRecordsMax));
    records += part.records;
    finished = part.finished;
  }
  CHECK(parts > kSize / SwarmShard::kPartRecordsMax);
  CHECK(records >= kSize);
  const auto left = one.content();
  CHECK(left.size() == kSize / 2 + 200);
  for (uint32_t i = 1; i < kSize; i += 2) CHECK(left.contains(v4_peer(i)));
  CHECK(one.shard.expire(kSweepAt).records == 0);
}

TEST_CASE("shard: a swarm that changes between the parts of a sweep loses its old records and no others") {
  for (const uint32_t rounds_between : {1U, 2U, 3U}) {
    CAPTURE(rounds_between);
    OneShard one;
    constexpr uint32_t kSize = 70'000;
    fill(one, kSize);
    uint32_t next = 1'000'000;
    std::vector<uint32_t> fresh;  // must be there at the end
    uint32_t parts = 0;
    while (!one.shard.expire(kSweepAt).finished) {
      ++parts;
      for (uint32_t i = 0; i < 4000 * rounds_between; ++i) {
        // New peers split segments; peers that turn from leecher to seeder and back move between rows.
        one.announce(1, next, proto::Event::started, kSweepAt);
        fresh.push_back(next++);
        const uint32_t young = 1 + 2 * one.prng.below(kSize / 2);
        one.announce(1, young, i % 3 == 0 ? proto::Event::stopped : proto::Event::none, kSweepAt);
      }
      // The last swarms go and come, so that entries move.
      one.announce(200 + parts, next, proto::Event::started, kSweepAt);
      fresh.push_back(next++);
    }
    CHECK(parts >= 4);
    const auto left = one.content();
    bool all_there = true;
    for (const uint32_t number : fresh) all_there &= left.contains(v4_peer(number));
    for (uint32_t i = 1; i < kSize; i += 2) all_there &= left.contains(v4_peer(i));
    CHECK(all_there);
    CHECK(left.size() == kSize / 2 + 200 + fresh.size());
    // The digests match what is left.
    OneShard copy;
    for (const auto& [peer, delta] : left) copy.merge(delta, kSweepAt);
    CHECK(one.config.digests->stamp_digests() == copy.config.digests->stamp_digests());
  }
}

TEST_CASE("shard: a swarm that is dropped between the parts of a sweep ends it") {
  OneShard one;
  constexpr uint32_t kSize = 40'000;
  fill(one, kSize);
  CHECK_FALSE(one.shard.expire(kSweepAt).finished);
  CHECK(drop(one.shard, one.key_in(1), hash_of(1)));
  CHECK(one.shard.expire(kSweepAt).finished);
  const auto left = one.content();
  CHECK(left.size() == 200);
  CHECK(left.contains(v4_peer(kSize + 1)));
}

TEST_CASE("shard: the first announce after a pause of the node sweeps in parts") {
  OneShard one;
  fill(one, 100'000);
  constexpr common::Tick kBefore = kSweepAt - 20;  // of the last sweep
  constexpr common::Tick kAfter = kBefore + common::kAheadTicks + 2;
  for (uint32_t i = 0; i < 1000; ++i) one.announce(1, 1'000'000 + i, proto::Event::started, kBefore);
  one.announce(1, 2'000'000, proto::Event::started, kAfter);
  CHECK(one.most_work() >= SwarmShard::kPartRecordsMax);
  CHECK(one.most_work() <= SwarmShard::kPartRecordsMax + kSegmentGone);
  const auto left = one.content();
  CHECK(left.size() == 1001);
  CHECK(left.at(v4_peer(2'000'000)).stamp == common::stamp_of(kAfter));
  OneShard copy;
  for (const auto& [peer, delta] : left) copy.merge(delta, kAfter);
  CHECK(one.config.digests->stamp_digests() == copy.config.digests->stamp_digests());
}

TEST_CASE("shard: so does a record of another node whose stamp is far ahead") {
  OneShard one;
  fill(one, 100'000);
  constexpr common::Tick kNext = kSweepAt - 19;
  one.merge(1, 2'000'000, PeerRole::seeder, kNext + common::kAheadTicks, kNext);
  CHECK(one.most_work() >= SwarmShard::kPartRecordsMax);
  CHECK(one.most_work() <= SwarmShard::kPartRecordsMax + kSegmentGone);
  CHECK(one.content().contains(v4_peer(2'000'000)));
}

TEST_CASE("shard: a huge swarm is dropped in parts, and its neighbours stay") {
  OneShard one;
  constexpr uint32_t kSize = 100'000;
  fill(one, kSize);
  CHECK(drop(one.shard, one.key_in(1), hash_of(1)));
  CHECK(one.most_work() <= SwarmShard::kPartRecordsMax + kSegmentGone);
  CHECK(one.content().size() == 300);
  CHECK_FALSE(drop(one.shard, one.key_in(1), hash_of(1)));
}

TEST_CASE("shard: so is one that is no longer allowed") {
  OneShard one;
  constexpr uint32_t kSize = 100'000;
  fill(one, kSize);
  uint32_t below = node::SwarmStore::kAllSwarms;
  uint32_t holds = 0;
  size_t dropped = 0;
  for (; below > 0; ++holds) {
    REQUIRE(holds < 1000);
    dropped +=
        one.shard.drop_part_if(below, [](const auto& info_hash) { return info_hash == hash_of(1); }).swarms;
    // Swarms come and go meanwhile, so that entries move.
    one.announce(200 + holds, 1, proto::Event::started, kSweepAt - 20);
    drop(one.shard, one.key_in(2 + holds), hash_of(2 + holds));
  }
  CHECK(dropped == 1);
  CHECK(holds >= kSize * node::WorkBound::kRecordGone / SwarmShard::kPartRecordsMax);
  CHECK(one.most_work() <= SwarmShard::kPartRecordsMax + kSegmentGone);
  CHECK_FALSE(drop(one.shard, one.key_in(1), hash_of(1)));
}

TEST_CASE("shard: a walk in parts visits each record that stays, a bounded number at a time") {
  OneShard one;
  constexpr uint32_t kSize = 60'000;
  fill(one, kSize);
  const auto before = one.content();
  std::map<Endpoint, proto::Delta> seen;
  SwarmShard::Walk walk;
  uint32_t next = 1'000'000;
  uint32_t parts = 0;
  for (bool finished = false; !finished; ++parts) {
    uint32_t records = 0;
    finished = one.shard.for_each(walk, {}, [&](const proto::Delta& delta) {
      seen[delta.peer] = delta;
      ++records;
    });
    CHECK(records <= SwarmShard::kPartRecordsMax + kSegmentRecords);
    for (uint32_t i = 0; i < 3000; ++i) one.announce(1, next++, proto::Event::started, kSweepAt - 20);
  }
  CHECK(parts >= kSize / SwarmShard::kPartRecordsMax);
  bool all_seen = true;
  for (const auto& [peer, delta] : before) all_seen &= seen.contains(peer) && seen[peer] == delta;
  CHECK(all_seen);
}

TEST_CASE("shard: reading for other nodes visits every record of a large swarm once") {
  OneShard one;
  constexpr uint32_t kSize = 60'000;
  fill(one, kSize);
  const common::Tick now = kSweepAt - 20;
  std::map<Endpoint, proto::Delta> seen;
  size_t records = 0;
  SwarmShard::Walk walk;
  const auto take = [&](const sync::SwarmPart& part) {
    for (const proto::Delta& delta : part.records) seen[delta.peer] = delta;
    records += part.records.size();
  };
  uint32_t parts = 1;
  while (!one.shard.read(walk, sync::Cells::everything(), now, {}, take)) ++parts;
  CHECK(parts >= kSize / SwarmShard::kPartRecordsMax);
  CHECK(records == seen.size());
  CHECK(seen == one.content());
}

TEST_CASE("swarm shard: when full of swarms it refuses more, reports it, and keeps working") {
  OneShard s;
  s.config.swarms_max = 3;
  for (uint64_t swarm = 1; swarm <= 5; ++swarm) s.merge(swarm, 1, PeerRole::leecher, kNow, kNow);
  CHECK(s.room.merges_refused_swarms == 2);
  const node::PeerAnnounce more{hash_of(6), v4_peer(1), proto::Event::started, false, 0, 0};
  CHECK(s.shard.announce({s.key_in(6)}, more, common::Moment::begin_of(kNow), s.prng, {}).limit ==
        node::Limit::swarms);
  node::StoreTotals totals;
  s.shard.add_to(totals);
  CHECK(totals.swarms == 3);
  // Existing swarms accept peers, and a freed place is used again.
  s.merge(1, 2, PeerRole::leecher, kNow, kNow);
  CHECK(drop(s.shard, s.key_in(1), hash_of(1)));
  CHECK(s.shard.announce({s.key_in(6)}, more, common::Moment::begin_of(kNow), s.prng, {}).limit ==
        node::Limit::none);
}

TEST_CASE("shard: counts are copied in parts, also past swarms that are left out") {
  OneShard s;
  constexpr uint32_t kSwarms = 5000;
  for (uint32_t swarm = 1; swarm <= kSwarms; ++swarm) {
    const node::PeerAnnounce announce{.info_hash = hash_of(swarm), .peer = test::web_peer(swarm)};
    s.shard.announce_web({s.key_in(swarm) ^ node::kWebTwist}, announce, common::Moment::begin_of(kNow),
                         s.prng, {});
  }
  uint32_t below = node::SwarmStore::kAllSwarms;
  std::vector<proto::ScrapedSwarm> out(8);
  uint32_t parts = 0;
  for (uint32_t before = kSwarms; below > 0; ++parts) {
    CHECK(s.shard.copy_counts(below, out) == 0);
    CHECK(before - below <= SwarmShard::kPartRecordsMax / node::WorkBound::kSwarmAsked);
    before = below;
  }
  CHECK(parts >= kSwarms * node::WorkBound::kSwarmAsked / SwarmShard::kPartRecordsMax);
}

TEST_CASE("shard: dropping many swarms holds the lock for a bounded part of them") {
  OneShard s;
  constexpr uint32_t kSwarms = 3000;
  for (uint64_t swarm = 1; swarm <= kSwarms; ++swarm) s.merge(swarm, 1, PeerRole::leecher, kNow, kNow);
  uint32_t below = node::SwarmStore::kAllSwarms;
  size_t dropped = 0;
  for (int holds = 0; below > 0; ++holds) {
    REQUIRE(holds < 100);
    const size_t at_once = s.shard.drop_part_if(below, [](const auto&) { return true; }).swarms;
    CHECK(at_once <= SwarmShard::kPartRecordsMax / node::WorkBound::kSwarmGone);
    dropped += at_once;
  }
  CHECK(dropped == kSwarms);

  // A visit without a drop counts too.
  for (uint64_t swarm = 1; swarm <= kSwarms; ++swarm) s.merge(swarm, 1, PeerRole::leecher, kNow, kNow);
  below = node::SwarmStore::kAllSwarms;
  CHECK(s.shard.drop_part_if(below, [](const auto&) { return false; }).swarms == 0);
  CHECK(below > 0);
}

namespace {

// Swarms of three to 30 peers of both families; one peer of most of them stays.
constexpr uint32_t kPooledSwarms = 20'000;

void fill_pools(OneShard& one) {
  for (uint32_t swarm = 0; swarm < kPooledSwarms; ++swarm) {
    for (uint32_t i = 0; i < 3 + swarm % 28; ++i) {
      const uint32_t number = swarm * 32 + i;
      const Endpoint peer = i % 3 == 2 ? test::v6_peer(number) : v4_peer(number);
      const bool stays = swarm % 5 != 0 && i < 3;
      one.merge({hash_of(swarm), peer, {PeerRole::seeder, false}, common::stamp_of(stays ? kNow : kNow - 20)},
                kNow);
    }
  }
}

// What compaction finds.
constexpr uint64_t kStaying = kPooledSwarms / 5 * 4 * 3;

node::StoreTotals totals_of(const OneShard& one) {
  node::StoreTotals totals;
  one.shard.add_to(totals);
  return totals;
}
uint64_t bytes_of(const OneShard& one) { return totals_of(one).memory_bytes; }
uint64_t records_of(const OneShard& one) { return totals_of(one).seeders_v4 + totals_of(one).seeders_v6; }

}  // namespace

TEST_CASE("shard: compaction after a sweep holds the lock for a bounded part of it") {
  OneShard one;
  fill_pools(one);
  const uint64_t full = bytes_of(one);
  uint32_t parts_compacting = 0;
  for (bool finished = false; !finished;) {
    const node::SweepPart part = one.shard.expire(kSweepAt);
    CHECK(part.records <= SwarmShard::kPartRecordsMax + kSegmentGone);
    if (records_of(one) == kStaying) ++parts_compacting;
    finished = part.finished;
  }
  CHECK(parts_compacting > 3);
  CHECK(one.most_work() <= SwarmShard::kPartRecordsMax + kSegmentGone);
  // Nearly as small as a shard that has never had more; what has shrunk has room for one more.
  OneShard fresh;
  const auto left = one.content();
  CHECK(left.size() == kStaying);
  for (const auto& [peer, delta] : left) fresh.merge(delta, kSweepAt);
  CHECK(fresh.content() == left);
  CHECK(bytes_of(one) < full * 4 / 10);
  CHECK(bytes_of(one) < bytes_of(fresh) * 14 / 10);
}

TEST_CASE("shard: swarms come, grow and go while their blocks are compacted, and nothing is lost") {
  OneShard one;
  fill_pools(one);
  while (records_of(one) > kStaying) one.shard.expire(kSweepAt);
  std::map<Endpoint, proto::Delta> expected = one.content();
  uint32_t next = 50'000'000;
  const auto note = [&](uint64_t swarm) {
    const Endpoint peer = v4_peer(next++);
    const proto::Delta delta{hash_of(swarm), peer, {PeerRole::leecher, false}, common::stamp_of(kSweepAt)};
    one.merge(delta, kSweepAt);
    expected[peer] = delta;
  };
  std::set<common::InfoHash> dropped;
  uint32_t parts = 0;
  for (bool finished = false; !finished; ++parts) {
    finished = one.shard.expire(kSweepAt).finished;
    for (uint32_t i = 0; i < 50; ++i) {
      note(one.prng.below(kPooledSwarms));
      note(kPooledSwarms + next);
      const uint32_t gone = one.prng.below(kPooledSwarms);
      drop(one.shard, one.key_in(gone), hash_of(gone));
      dropped.insert(hash_of(gone));
    }
  }
  CHECK(parts > 3);
  const auto left = one.content();
  // A dropped swarm may have come again.
  std::erase_if(expected, [&](const auto& record) {
    return dropped.contains(record.second.info_hash) && !left.contains(record.first);
  });
  CHECK(left.size() == expected.size());
  CHECK(left == expected);
  // Answers are of the swarm asked for.
  for (uint64_t swarm = 1; swarm < 2000; ++swarm) {
    const auto details = one.shard.inspect(one.key_in(swarm), hash_of(swarm), 100, one.prng);
    if (!details) continue;
    for (const proto::Delta& delta : details->peers)
      CHECK(expected.at(delta.peer).info_hash == hash_of(swarm));
  }
}

TEST_CASE("shard: a swarm's small forms do not stay when it has outgrown them, before any sweep") {
  OneShard one;
  constexpr uint32_t kSwarms = 2000;
  constexpr uint32_t kEach = 10;
  uint32_t most = 0;
  for (uint32_t i = 0; i < kSwarms * kEach; ++i) {
    one.announce(one.prng.below(kSwarms), i, proto::Event::started, kNow);
    most = std::max(most, one.most_work());
  }
  // An entry of 32 bytes, 5 of an index, and 8 bytes for each record are 11.7 bytes a peer.
  CHECK(bytes_of(one) < kSwarms * kEach * 14);
  CHECK(most < 1000);  // no announce has done more of it
  CHECK(one.content().size() == kSwarms * kEach);
}

namespace {

// One shard with swarms of IPv4 peers, of IPv6 peers, of both and of web peers, and what it must hold.
struct Mixed {
  static constexpr uint32_t kSwarms = 400;
  using Records = std::map<Endpoint, proto::Delta>;

  explicit Mixed(uint64_t seed) : prng(seed) {}

  static bool is_web(uint64_t swarm) { return swarm % 8 == 7; }
  uint64_t key_in(uint64_t swarm) const { return one.key_in(swarm) ^ (is_web(swarm) ? node::kWebTwist : 0); }
  Endpoint new_peer(uint64_t swarm) {
    const uint32_t number = next++;
    if (is_web(swarm)) return test::web_peer(number);
    const bool v4 = swarm % 4 == 0 || (swarm % 4 != 1 && prng.below(2) == 0);
    return v4 ? v4_peer(number) : test::v6_peer(number);
  }
  void merge(uint64_t swarm, const Endpoint& peer, common::Tick at) {
    const PeerRole role = static_cast<PeerRole>(prng.below(3));
    const proto::Delta delta{hash_of(swarm), peer, {role, false}, common::stamp_of(at)};
    CHECK(one.shard.merge(key_in(swarm), {&delta, 1}, now) == 1);
    expected[swarm][peer] = delta;
  }
  void announce(uint64_t swarm, const Endpoint& peer) {
    std::array<uint8_t, 50 * 6> v4;
    std::array<uint8_t, 50 * 18> v6;
    const auto answer =
        one.shard.announce({key_in(swarm)}, {hash_of(swarm), peer, proto::Event::started, false, 50, 50},
                           common::Moment::begin_of(now), prng, {v4, v6});
    CHECK(answer.peers_v4 == std::min(50U, live(swarm, common::Family::v4)));
    CHECK(answer.peers_v6 == std::min(50U, live(swarm, common::Family::v6)));
    expected[swarm][peer] = {hash_of(swarm), peer, {PeerRole::leecher, false}, common::stamp_of(now)};
    CHECK(answer.counts.seeders + answer.counts.leechers ==
          live(swarm, common::Family::v4) + live(swarm, common::Family::v6));
  }
  uint32_t live(uint64_t swarm, common::Family family) {
    uint32_t live = 0;
    for (const auto& [peer, delta] : expected[swarm]) {
      live += peer.family == family && delta.state.role != PeerRole::stopped ? 1 : 0;
    }
    return live;
  }
  void erase_if(const std::function<bool(const proto::Delta&)>& which) {
    for (auto& [swarm, records] : expected) {
      std::erase_if(records, [&](const auto& item) { return which(item.second); });
    }
  }
  void expire(common::Tick at) {
    // A stamp is readable only before the sweep that removes it.
    erase_if([&](const proto::Delta& delta) {
      return common::stamp_age(now, delta.stamp) + (at - now) >= common::kLifetimeTicks;
    });
    now = at;
    while (!one.shard.expire(now).finished) {
    }
  }
  void drop_run() {
    const uint64_t run = common::from_endpoint(test::web_peer(prng.below(3)))->run;
    while (!one.shard.drop_runs({&run, 1}).finished) {
    }
    erase_if([&](const proto::Delta& delta) {
      return delta.peer.family == common::Family::web && common::from_endpoint(delta.peer)->run == run;
    });
  }
  void make_room() {
    one.shard.make_room(prng, true);
    const Records left = one.content();
    erase_if([&](const proto::Delta& delta) { return !left.contains(delta.peer); });
  }
  void check() {
    Records all;
    uint64_t swarms = 0;
    bool right = true;
    for (const auto& [swarm, records] : expected) {
      const auto details = one.shard.inspect(key_in(swarm), hash_of(swarm), 1000, prng);
      right &= details.has_value() == !records.empty();
      if (!details) continue;
      ++swarms;
      all.insert(records.begin(), records.end());
      uint32_t counted = 0;
      for (const node::RoleCounts& counts : {details->v4, details->v6, details->web}) {
        counted += counts[0] + counts[1] + counts[2];
      }
      right &= counted == records.size();
      for (const auto& peer : details->peers) right &= records.contains(peer.peer);
    }
    CHECK(right);
    CHECK(one.content() == all);
    node::StoreTotals totals;
    one.shard.add_to(totals);
    CHECK(totals.swarms + totals.swarms_web == swarms);
  }

  OneShard one;
  common::Prng prng;
  common::Tick now = kNow;
  std::map<uint64_t, Records> expected;
  uint32_t next = 1;
};

}  // namespace

TEST_CASE("shard: swarms of one family and of both keep what they have, whatever comes, goes and moves") {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    Mixed mixed(seed);
    common::Prng& prng = mixed.prng;
    for (int step = 0; step < 16'000; ++step) {
      const bool growing = step / 2000 % 2 == 0;
      const uint64_t swarm = prng.below(Mixed::kSwarms);
      const uint32_t kind = prng.below(1000);
      auto& records = mixed.expected[swarm];
      if (kind < (growing ? 800U : 300U)) {
        const Endpoint peer = mixed.new_peer(swarm);
        if (Mixed::is_web(swarm) || prng.below(2) == 0) {
          mixed.merge(swarm, peer, mixed.now - static_cast<int>(prng.below(100)));
        } else {
          mixed.announce(swarm, peer);
        }
      } else if (kind < 900) {
        if (records.empty()) continue;
        const auto known = std::next(records.begin(), prng.below(static_cast<uint32_t>(records.size())));
        if (common::stamp_age(mixed.now, known->second.stamp) > 0) {
          mixed.merge(swarm, known->first, mixed.now);
        }
      } else if (kind < 980) {
        CHECK(drop(mixed.one.shard, mixed.key_in(swarm), hash_of(swarm)) == !records.empty());
        records.clear();
      } else if (kind < 985) {
        mixed.make_room();
      } else if (kind < 987) {
        mixed.drop_run();
      } else {
        mixed.expire(mixed.now + static_cast<int>(prng.below(growing ? 10 : 40)));
      }
      if (step % 500 == 0) mixed.check();
    }
    mixed.check();
    // All of it is given back.
    mixed.expire(mixed.now + common::kLifetimeTicks);
    mixed.check();
    CHECK(mixed.one.content().empty());
    CHECK(bytes_of(mixed.one) == bytes_of(OneShard()));
  }
}
