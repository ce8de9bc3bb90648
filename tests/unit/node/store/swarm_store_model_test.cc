// The swarm store against a naive model of it: one std::map with whole moments instead of stamps, and every
// count made by counting. Random operations from a seed, which a failure prints.

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using common::Endpoint;
using common::Family;
using common::Moment;
using common::Tick;
using proto::Event;
using proto::PeerRole;
using test::hash_of;
using test::Reply;

namespace {

// Web peers of an info_hash are a swarm of their own. In the model its number is so much higher.
constexpr uint64_t kWeb = 1000;

common::InfoHash name_of(uint64_t swarm) { return hash_of(swarm % kWeb); }

int rank(PeerRole role) { return role == PeerRole::stopped ? 0 : role == PeerRole::leecher ? 1 : 2; }

class Model {
 public:
  explicit Model(bool replicated) : replicated_(replicated) {}

  struct Record {
    Moment moment;
    PeerRole role = PeerRole::leecher;
    bool completed = false;
    bool operator==(const Record&) const = default;
  };
  struct Swarm {
    std::map<Endpoint, Record> records;
    uint32_t completed = 0;
  };

  // The record to send to other nodes, if anything was written.
  std::optional<Record> announce(const test::Ask& ask, Moment now) {
    const PeerRole role = ask.event == Event::stopped ? PeerRole::stopped
                          : ask.seeder                ? PeerRole::seeder
                                                      : PeerRole::leecher;
    const bool completes = ask.event == Event::completed;
    const auto swarm = swarms.find(ask.hash);
    const bool known = swarm != swarms.end() && swarm->second.records.contains(ask.peer);
    if (!known) {
      if (role != PeerRole::stopped) return write(ask.hash, ask.peer, {now, role, completes});
      early_stops_[ask.hash].emplace_back(ask.peer, now + 1);
      return std::nullopt;
    }
    const Record old = swarm->second.records.at(ask.peer);
    Record next{now, role, old.completed || completes};
    if (next.role == old.role && next.completed == old.completed) {
      const bool event = ask.event != Event::none && ask.event != Event::paused;
      if (event ? now <= old.moment : now.tick() - old.moment.tick() < 20) return std::nullopt;
    } else {
      next.moment = std::max(now, rank(role) < rank(old.role) ? old.moment + 1 : old.moment);
      if (next.moment - now > 4 * 32) {
        next.moment = old.moment;
        if (rank(role) < rank(old.role)) {
          late_[{ask.hash, ask.peer}] = {old.moment, role, true};
          return write(ask.hash, ask.peer, next);
        }
      }
    }
    late_.erase({ask.hash, ask.peer});
    return write(ask.hash, ask.peer, next);
  }

  // What is said again.
  std::vector<std::pair<uint64_t, std::pair<Endpoint, Record>>> restate(Moment now) {
    std::vector<std::pair<uint64_t, std::pair<Endpoint, Record>>> said;
    std::erase_if(late_, [&](const auto& item) {
      const auto& [hash, peer] = item.first;
      const Late& late = item.second;
      const auto swarm = swarms.find(hash);
      if (swarm == swarms.end() || !swarm->second.records.contains(peer)) return true;
      Record record = swarm->second.records.at(peer);
      if (record.moment != late.moment || (!late.again && record.role != late.role)) return true;
      if (late.again) {
        record = {std::max(now, late.moment + 1), late.role, record.completed};
        if (record.moment - now > 4 * 32) return false;
        write(hash, peer, record);
      }
      said.push_back({hash, {peer, record}});
      return true;
    });
    return said;
  }

  bool merge(uint64_t hash, const Endpoint& peer, Record incoming, Tick now) {
    if (now - incoming.moment.tick() >= 180) return false;
    const auto swarm = swarms.find(hash);
    if (swarm != swarms.end() && swarm->second.records.contains(peer)) {
      const Record old = swarm->second.records.at(peer);
      incoming = join(old, incoming);
      if (incoming == old) return false;
    } else if (replicated_ && incoming.role != PeerRole::stopped) {
      const auto& stops = early_stops_[hash];
      std::optional<Moment> last;
      for (size_t i = stops.size() - std::min<size_t>(stops.size(), 8); i < stops.size(); ++i) {
        if (stops[i].first == peer && (!last || *last < stops[i].second)) last = stops[i].second;
      }
      if (last && *last > incoming.moment && now - last->tick() < 180) {
        incoming = {*last, PeerRole::stopped, incoming.completed};
        late_[{hash, peer}] = {*last, PeerRole::stopped, false};
      }
    }
    write(hash, peer, incoming);
    return true;
  }

  void expire(Tick now) {
    for (auto swarm = swarms.begin(); swarm != swarms.end();) {
      std::erase_if(swarm->second.records, [&](const auto& item) {
        if (now - item.second.moment.tick() < 180) return false;
        if (item.second.role != PeerRole::stopped) ++expired;
        return true;
      });
      swarm = swarm->second.records.empty() ? swarms.erase(swarm) : std::next(swarm);
    }
  }

  uint32_t count(uint64_t hash, PeerRole role, std::optional<Family> family = {},
                 const Endpoint* but = nullptr) const {
    const auto swarm = swarms.find(hash);
    if (swarm == swarms.end()) return 0;
    return static_cast<uint32_t>(
        std::count_if(swarm->second.records.begin(), swarm->second.records.end(), [&](const auto& item) {
          return item.second.role == role && (!family || item.first.family == *family) &&
                 (!but || item.first != *but);
        }));
  }

  proto::SwarmCounts counts(uint64_t hash) const {
    const auto swarm = swarms.find(hash);
    if (swarm == swarms.end()) return {};
    return {count(hash, PeerRole::seeder), count(hash, PeerRole::leecher), swarm->second.completed};
  }

  std::map<uint64_t, Swarm> swarms;
  uint64_t expired = 0;

 private:
  static Record join(const Record& a, const Record& b) {
    const bool takes_b = std::pair(b.moment, rank(b.role)) > std::pair(a.moment, rank(a.role));
    Record joined = takes_b ? b : a;
    joined.completed = a.completed || b.completed;
    return joined;
  }

  Record write(uint64_t hash, const Endpoint& peer, const Record& record) {
    Swarm& swarm = swarms[hash];
    Record& at = swarm.records[peer];
    if (record.completed && !at.completed) ++swarm.completed;
    return at = record;
  }

  struct Late {
    Moment moment;
    PeerRole role;
    bool again;
  };

  bool replicated_;
  std::map<std::pair<uint64_t, Endpoint>, Late> late_;
  std::map<uint64_t, std::vector<std::pair<Endpoint, Moment>>> early_stops_;
};

proto::Delta as_delta(uint64_t hash, const Endpoint& peer, const Model::Record& record) {
  return {name_of(hash),
          peer,
          {record.role, record.completed, record.moment.in_tick()},
          common::stamp_of(record.moment.tick())};
}

void check_sample(const Model& model, const test::Ask& ask, const Reply& reply) {
  if (ask.event == Event::stopped) {
    CHECK(reply.peers.empty());
    return;
  }
  // One verdict for the whole answer: a CHECK for each peer would cost more than the store.
  bool good = true;
  std::vector<Endpoint> seen = reply.peers;
  std::sort(seen.begin(), seen.end());
  good &= std::adjacent_find(seen.begin(), seen.end()) == seen.end();
  const auto swarm = model.swarms.find(ask.hash);
  const bool web = ask.hash >= kWeb;
  good &= web || std::none_of(seen.begin(), seen.end(),
                              [](const Endpoint& peer) { return peer.family == Family::web; });
  for (const Family family : {Family::v4, Family::v6, Family::web}) {
    if (web != (family == Family::web)) continue;
    uint32_t leechers = 0;
    uint32_t seeders = 0;
    for (const Endpoint& peer : reply.peers) {
      if (peer.family != family) continue;
      const auto record = swarm->second.records.find(peer);
      good &= peer != ask.peer && record != swarm->second.records.end() &&
              record->second.role != PeerRole::stopped;
      if (!good) break;
      ++(record->second.role == PeerRole::seeder ? seeders : leechers);
    }
    const uint32_t all_leechers = model.count(ask.hash, PeerRole::leecher, family, &ask.peer);
    const uint32_t all_seeders = model.count(ask.hash, PeerRole::seeder, family, &ask.peer);
    CHECK(leechers + seeders == std::min(ask.want, all_leechers + all_seeders));
    if (ask.seeder) CHECK(leechers == std::min(ask.want, all_leechers));
  }
  CHECK(good);
}

void check_same(const Model& model, const node::SwarmStore& store) {
  test::Content expected;
  node::StoreTotals totals;
  for (const auto& [hash, swarm] : model.swarms) {
    ++(hash < kWeb ? totals.swarms : totals.swarms_web);
    CHECK((hash < kWeb ? test::scrape(store, hash) : test::scrape_web(store, hash % kWeb)) ==
          model.counts(hash));
    totals.seeders_v4 += model.count(hash, PeerRole::seeder, Family::v4);
    totals.leechers_v4 += model.count(hash, PeerRole::leecher, Family::v4);
    totals.stopped_v4 += model.count(hash, PeerRole::stopped, Family::v4);
    totals.seeders_v6 += model.count(hash, PeerRole::seeder, Family::v6);
    totals.leechers_v6 += model.count(hash, PeerRole::leecher, Family::v6);
    totals.stopped_v6 += model.count(hash, PeerRole::stopped, Family::v6);
    totals.seeders_web += model.count(hash, PeerRole::seeder, Family::web);
    totals.leechers_web += model.count(hash, PeerRole::leecher, Family::web);
    totals.stopped_web += model.count(hash, PeerRole::stopped, Family::web);
    for (const auto& [peer, record] : swarm.records)
      expected[{name_of(hash), peer}] = as_delta(hash, peer, record);
  }
  CHECK(test::content(store) == expected);
  const node::StoreTotals got = store.totals();
  CHECK(got.swarms == totals.swarms);
  CHECK(got.seeders_v4 == totals.seeders_v4);
  CHECK(got.leechers_v4 == totals.leechers_v4);
  CHECK(got.stopped_v4 == totals.stopped_v4);
  CHECK(got.seeders_v6 == totals.seeders_v6);
  CHECK(got.leechers_v6 == totals.leechers_v6);
  CHECK(got.stopped_v6 == totals.stopped_v6);
  CHECK(got.swarms_web == totals.swarms_web);
  CHECK(got.seeders_web == totals.seeders_web);
  CHECK(got.leechers_web == totals.leechers_web);
  CHECK(got.stopped_web == totals.stopped_web);
  CHECK(got.expired == model.expired);
}

// `peers_max` decides which of the store's forms a swarm takes; squared, so that all sizes below occur.
void run_model(uint64_t seed, bool replicated, uint32_t peers_max, int steps) {
  CAPTURE(seed);
  CAPTURE(replicated);
  common::Prng prng(seed);
  Model model(replicated);
  const auto store = test::make_store(replicated);
  Moment moment = Moment::begin_of(118'000'000 + prng.below(256));
  const uint32_t advance_one_in = std::max(20U, peers_max / 4);
  for (int step = 0; step < steps; ++step) {
    if (prng.below(advance_one_in) == 0) {
      const uint32_t kind = prng.below(200);
      const Tick ticks = kind == 0 ? 300 : kind < 3 ? 50 : prng.below(10) == 0 ? 20 : 1;
      moment = moment + ticks * common::kMomentsPerTick;
      test::expire_all(*store, moment.tick());
      model.expire(moment.tick());
    }
    if (prng.below(20) == 0) moment = moment + 1;
    const Tick now = moment.tick();
    if (replicated && prng.below(50) == 0) {
      std::map<std::pair<common::InfoHash, Endpoint>, proto::Delta> expected;
      for (const auto& [hash, item] : model.restate(moment)) {
        expected[{name_of(hash), item.first}] = as_delta(hash, item.first, item.second);
      }
      test::Content said;
      for (const proto::OwnDelta& own : store->restate(moment)) {
        said[{own.delta.info_hash, own.delta.peer}] = own.delta;
      }
      CHECK(said == expected);
    }
    const uint64_t swarm = prng.below(6);
    const uint32_t number = prng.below(1 + prng.below(1 + peers_max * static_cast<uint32_t>(swarm) / 5));
    const bool web = prng.below(4) == 0;
    const uint64_t hash = web ? swarm + kWeb : swarm;
    const Endpoint peer = web                  ? test::web_peer(number)
                          : prng.below(3) != 0 ? test::v4_peer(number)
                                               : test::v6_peer(number);
    if (prng.below(4) == 0) {
      const Tick tick = now + 10 - prng.below(200);
      const Model::Record record{Moment::begin_of(tick) + prng.below(32),
                                 static_cast<PeerRole>(prng.below(3)), prng.below(8) == 0};
      const proto::Delta delta = as_delta(hash, peer, record);
      CHECK(store->merge(std::span(&delta, 1), now) == (model.merge(hash, peer, record, now) ? 1 : 0));
      continue;
    }
    constexpr Event kEvents[] = {Event::none,    Event::none,      Event::none,   Event::started,
                                 Event::stopped, Event::completed, Event::paused, Event::none};
    const test::Ask ask{hash, peer, kEvents[prng.below(8)], prng.below(2) == 1, prng.below(60)};
    const auto written = model.announce(ask, moment);
    test::Ask asked = ask;
    asked.hash = swarm;
    const Reply reply = test::announce(*store, asked, moment, prng);
    CHECK(reply.answer.delta.has_value() == (replicated && written));
    if (reply.answer.delta && written) CHECK(*reply.answer.delta == as_delta(hash, peer, *written));
    CHECK(reply.answer.counts == model.counts(hash));
    check_sample(model, ask, reply);
    if (step % 1000 == 0) check_same(model, *store);
  }
  check_same(model, *store);
  test::expire_all(*store, moment.tick() + 1000);
  CHECK(store->totals().swarms == 0);
  CHECK(store->totals().swarms_web == 0);
}

}  // namespace

TEST_CASE("store model: random operations, small swarms") {
  for (uint64_t seed = 1; seed <= 6; ++seed) run_model(seed, seed % 3 != 0, 20, 3000);
}

TEST_CASE("store model: random operations, swarms that grow and shrink") {
  for (uint64_t seed = 11; seed <= 14; ++seed) run_model(seed, seed % 3 != 0, 120, 6000);
}

TEST_CASE("store model: random operations, large swarms") {
  for (uint64_t seed = 21; seed <= 22; ++seed) run_model(seed, true, 6000, 10'000);
}

TEST_CASE("store merge: any order, any repetition, the same map") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    common::Prng prng(seed);
    const Tick now = 118'000'000 + prng.below(256);
    std::vector<proto::Delta> deltas;
    for (int i = 0; i < 600; ++i) {
      const Endpoint peer = prng.below(2) != 0   ? test::v4_peer(prng.below(40))
                            : prng.below(2) != 0 ? test::v6_peer(prng.below(10))
                                                 : test::web_peer(prng.below(10));
      // Few stamps, so that many are equal; from before the lifetime to the most that may lie ahead.
      const Tick tick = now + common::kAheadTicks - prng.below(12) * 20;
      deltas.push_back({hash_of(prng.below(3)),
                        peer,
                        {static_cast<PeerRole>(prng.below(3)), prng.below(6) == 0,
                         static_cast<uint8_t>(prng.below(2) * 31)},
                        common::stamp_of(tick)});
    }
    std::optional<test::Content> expected;
    for (int order = 0; order < 4; ++order) {
      const auto store = test::make_store(true);
      std::vector<proto::Delta> shuffled = deltas;
      for (int i = 0; i < order * 100; ++i) shuffled.push_back(deltas[prng.below(600)]);
      for (size_t i = shuffled.size() - 1; i > 0; --i) {
        std::swap(shuffled[i], shuffled[prng.below(static_cast<uint32_t>(i + 1))]);
      }
      store->merge(shuffled, now);
      CHECK(store->merge(shuffled, now) == 0);
      const test::Content content = test::content(*store);
      if (!expected) expected = content;
      CHECK(content == *expected);
      for (uint64_t hash = 0; hash < 3; ++hash) {
        const auto completed = std::count_if(content.begin(), content.end(), [&](const auto& item) {
          return item.first.first == hash_of(hash) && item.second.state.completed;
        });
        CHECK(test::scrape(*store, hash).completed + test::scrape_web(*store, hash).completed == completed);
      }
    }
  }
}
