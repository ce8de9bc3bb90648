// worst_bench: the most instructions that a single call takes where somebody has made it as expensive as can
// be. A case prepares the store, or a table, uncounted, up to just before the expensive call; then each of
// some calls is counted for itself by callgrind. Counts nothing by itself: tests/bench/worst runs the cases
// and reads the counts.
//
//   worst_bench list     names, bounds and what is counted, a line each, separated by tabs
//   worst_bench NAME     runs one case
//
// What is random for a node, its secret keys, is fixed here, so that the cases know what no attacker does.

#include <uv.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <numeric>
#include <string_view>
#include <vector>

#include "common/network.h"
#include "common/web_address.h"
#include "node/access/access_list.h"
#include "node/bans/ban_control.h"
#include "node/bans/ban_index.h"
#include "node/bans/offence_table.h"
#include "node/config/resolve_options.h"
#include "node/limits/rate_table.h"
#include "node/store/restatements.h"
#include "node/store/sorted_peers.h"
#include "node/store/store_room.h"
#include "node/store/swarm_store.h"
#include "node/store/swarm_table.h"
#include "proto/udp_tracker.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_DUMP_STATS
#endif

namespace {
size_t largest_allocation = 0;  // since it was last set to 0
}

// These replace the library's in this program: what grows is found by what it allocates.
[[gnu::noinline]] void* operator new(size_t size) {
  largest_allocation = std::max(largest_allocation, size);
  void* made = std::malloc(size);
  if (made == nullptr) throw std::bad_alloc();
  return made;
}
[[gnu::noinline]] void operator delete(void* made) noexcept { std::free(made); }
[[gnu::noinline]] void operator delete(void* made, size_t /*size*/) noexcept { std::free(made); }

namespace {

using namespace shoal;
using common::Endpoint;
using common::Family;
using common::InfoHash;
using node::SwarmStore;

constexpr common::Tick kNow = 118'000'000;
constexpr common::SipKey kKey{1, 2, 3};
constexpr uint32_t kWant = 200;  // the default of tracker.numwant_max

// Counts what runs in call(), each call for itself.
class Counted {
 public:
  Counted() { CALLGRIND_START_INSTRUMENTATION; }
  template <class Call>
  void call(Call call) {
    CALLGRIND_TOGGLE_COLLECT;
    call();
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS;
  }
};

template <Family F>
Endpoint peer_of(uint64_t number) {
  common::Prng prng(number);
  const uint64_t mixed = prng.next();
  const auto port = static_cast<uint16_t>(mixed >> 48 | 1);
  if constexpr (F == Family::v4) {
    return common::make_endpoint_v4(static_cast<uint32_t>(mixed), port);
  } else {
    Endpoint peer{F, {}, F == Family::web ? uint16_t{0} : port};
    peer.address[0] = 0x20;
    std::memcpy(peer.address.data() + 8, &mixed, sizeof mixed);
    return peer;
  }
}

// Info_hashes as somebody makes them up: all bits alike but for a number in the middle. All are of one shard,
// as nobody without the key can choose them.
class ShardHashes {
 public:
  InfoHash next() {
    InfoHash hash;
    do {
      hash.bytes.fill(0xaa);
      std::memcpy(hash.bytes.data() + 8, &++number_, sizeof number_);
    } while (common::siphash(kKey, hash.bytes) >> 54 != 0);
    return hash;
  }

 private:
  uint32_t number_ = 0;
};

class Store {
 public:
  SwarmStore* operator->() { return &store_; }

  template <Family F>
  void merge(const InfoHash& hash, uint64_t first_peer, uint32_t peers, common::Tick at = kNow) {
    std::vector<proto::Delta> deltas;
    for (uint32_t i = 0; i < peers; ++i) {
      deltas.push_back(
          {hash, peer_of<F>(first_peer + i), {proto::PeerRole::leecher, false}, common::stamp_of(at)});
      if (deltas.size() < 1024 && i + 1 < peers) continue;
      store_.merge(deltas, at);
      deltas.clear();
    }
  }

  node::PeerAnswer announce(const InfoHash& hash, const Endpoint& peer, bool seeder = false,
                            common::Tick at = kNow) {
    const node::PeerAnnounce announce{hash, peer, proto::Event::none, seeder, kWant, kWant};
    return store_.announce(store_.locate(hash), announce, common::Moment::begin_of(at), prng_, {v4_, v6_});
  }

  void sweep(common::Tick at) {
    for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) store_.expire_shard(shard, at);
  }

 private:
  SwarmStore store_{SwarmStore::Config{.key = kKey, .replicated = true}};
  common::Prng prng_{5};
  std::vector<uint8_t> v4_ = std::vector<uint8_t>(size_t{kWant} * 6);
  std::vector<uint8_t> v6_ = std::vector<uint8_t>(size_t{kWant} * 18);
};

// The step from `from` to `to` that allocates most at once.
template <class Step>
uint32_t largest_step(uint32_t from, uint32_t to, Step step) {
  size_t most = 0;
  uint32_t at = from;
  for (uint32_t i = from; i < to; ++i) {
    largest_allocation = 0;
    step(i);
    if (largest_allocation <= most) continue;
    most = largest_allocation;
    at = i;
  }
  return at;
}

constexpr uint32_t kDeep = 1'000'000;

// The call that makes the directory of a large swarm larger, those before it and those after it.
template <Family F>
void announce_deep() {
  const InfoHash hash = ShardHashes().next();
  uint32_t at;
  {
    Store twin;
    twin.merge<F>(hash, 0, kDeep / 2);
    at = largest_step(kDeep / 2, kDeep, [&](uint32_t i) { twin.merge<F>(hash, i, 1); });
  }
  Store store;
  store.merge<F>(hash, 0, at - 32);
  Counted counted;
  for (uint32_t i = at - 32; i < at + 160; ++i) {
    counted.call([&] { store.announce(hash, peer_of<F>(i)); });
  }
}

// A third of the peers is left, so that segments join all the time; and the call that makes the directory
// smaller.
void leave_deep() {
  using Peers = node::SortedPeers<Family::v4>;
  const node::PeerHash hash{0x9ddfea08eb382d69, 0xc3a5c85c97cb3127};
  const auto fill = [&](Peers& peers) {
    for (uint32_t i = 0; i < kDeep; ++i) {
      peers.insert(hash, {node::key_of<Family::v4>(peer_of<Family::v4>(i)), 0, 0});
    }
  };
  const auto erase = [&](Peers& peers, uint32_t i) {
    const auto* record = peers.find(hash, node::key_of<Family::v4>(peer_of<Family::v4>(i)));
    if (record != nullptr) peers.erase(hash, record);
  };
  uint32_t smaller;
  {
    Peers twin;
    fill(twin);
    smaller = largest_step(0, kDeep - 2'000, [&](uint32_t i) { erase(twin, i); });
  }
  Peers peers;
  fill(peers);
  std::vector<uint32_t> begins{std::min(smaller, kDeep - 2'000) - 32, kDeep / 3 * 2};
  std::sort(begins.begin(), begins.end());
  uint32_t erased = 0;
  for (const uint32_t begin : begins) {
    for (; erased < begin; ++erased) erase(peers, erased);
    Counted counted;
    for (; erased < begin + 300; ++erased) counted.call([&] { erase(peers, erased); });
    CALLGRIND_STOP_INSTRUMENTATION;
  }
}

void announce_makes_large() {
  const InfoHash hash = ShardHashes().next();
  Store store;
  store.merge<Family::v4>(hash, 0, 28);
  Counted counted;
  for (uint32_t i = 28; i < 40; ++i) counted.call([&] { store.announce(hash, peer_of<Family::v4>(i)); });
}

constexpr uint32_t kShardSwarms = 40'000;  // as a store of 40M swarms has in each shard

void fill_shard(Store& store, ShardHashes& hashes, uint32_t swarms) {
  for (uint32_t i = 0; i < swarms; ++i) store.merge<Family::v4>(hashes.next(), i, 1);
}

// The announce of a new swarm that makes the shard's index larger, and the others around it.
void index_grows() {
  uint32_t at;
  {
    Store twin;
    ShardHashes hashes;
    fill_shard(twin, hashes, kShardSwarms / 2);
    at = largest_step(kShardSwarms / 2, kShardSwarms,
                      [&](uint32_t i) { twin.merge<Family::v4>(hashes.next(), i, 1); });
  }
  Store store;
  ShardHashes hashes;
  fill_shard(store, hashes, at - 32);
  Counted counted;
  for (uint32_t i = at - 32; i < at + 96; ++i) {
    const InfoHash hash = hashes.next();
    counted.call([&] { store.announce(hash, peer_of<Family::v4>(i)); });
  }
}

// The index of a shard as full as it gets, and in it announces of new swarms whose place is where the longest
// row of taken slots begins: they pass all of it.
void longest_probe() {
  Store store;
  ShardHashes hashes;
  std::vector<uint64_t> homes;
  size_t slots = 0;
  std::vector<char> taken;
  for (uint32_t i = 0; i < kShardSwarms || (i + 4) * size_t{5} <= slots * 4; ++i) {
    if ((i + 1) * size_t{5} > slots * 4) slots += slots / (slots < 2048 ? 2 : 4) + 8;
    const InfoHash hash = hashes.next();
    store.merge<Family::v4>(hash, i, 1);
    homes.push_back(common::siphash(kKey, hash.bytes));
  }
  taken.assign(slots, 0);
  for (const uint64_t hash : homes) {
    size_t at = node::home_slot(hash, slots);
    while (taken[at] != 0) at = at + 1 == slots ? 0 : at + 1;
    taken[at] = 1;
  }
  size_t longest = 0;
  size_t begin = 0;
  for (size_t i = 0, row = 0; i < slots; ++i) {
    row = taken[i] != 0 ? row + 1 : 0;
    if (row <= longest) continue;
    longest = row;
    begin = i + 1 - row;
  }
  std::printf("longest row: %zu of %zu slots\n", longest, slots);
  InfoHash hash;
  do hash = hashes.next();
  while (node::home_slot(common::siphash(kKey, hash.bytes), slots) - begin > 3);
  Counted counted;
  counted.call([&] { store->scrape(store->locate(hash), hash); });
  counted.call([&] { store.announce(hash, peer_of<Family::v4>(1)); });
}

// A store that is full of swarms of three peers each, which are worth keeping, and newcomers: the first, or
// those after many.
template <bool first>
void full_of_settled() {
  constexpr uint32_t kSwarms = 100'000;
  // Half of it fits. A shard reports what it has by steps, so fewer swarms would leave the store with room.
  constexpr node::StoreLimits kLimits{.memory_bytes = 3'000'000};
  Store store;
  if (!first) store->set_limits(kLimits);
  ShardHashes hashes;
  for (uint32_t i = 0; i < kSwarms; ++i) {
    InfoHash hash{};
    std::memcpy(hash.bytes.data(), &i, sizeof i);
    store.merge<Family::v4>(hash, uint64_t{i} * 3, 3);
  }
  store->set_limits(kLimits);
  Counted counted;
  for (uint32_t i = 0; i < (first ? 8 : 200); ++i) {
    const InfoHash hash = hashes.next();
    counted.call([&] { store.announce(hash, peer_of<Family::v4>(UINT32_MAX - i)); });
  }
}

// A full store in which two addresses have made many swarms of many peers: whoever comes has some of them
// removed.
void full_of_blamed() {
  constexpr uint32_t kSwarms = 6'000;
  constexpr uint32_t kPeers = 300;
  Store store;
  std::vector<proto::Delta> deltas;
  for (uint32_t swarm = 0; swarm < kSwarms; ++swarm) {
    InfoHash hash{};
    std::memcpy(hash.bytes.data(), &swarm, sizeof swarm);
    deltas.clear();
    for (uint32_t i = 0; i < kPeers; ++i) {
      deltas.push_back({hash,
                        common::make_endpoint_v4(0x0b000001 + i % 2, static_cast<uint16_t>(1 + i / 2)),
                        {proto::PeerRole::leecher, false},
                        common::stamp_of(kNow)});
    }
    store->merge(deltas, kNow);
  }
  // Far below what is there: every round finds the store full still.
  store->set_limits({.memory_bytes = 1'000'000});
  Counted counted;
  for (uint32_t i = 0; i < 100; ++i) {
    InfoHash hash{};
    const uint32_t swarm = 1'000'000 + i;
    std::memcpy(hash.bytes.data(), &swarm, sizeof swarm);
    counted.call([&] { store.announce(hash, peer_of<Family::v4>(i)); });
  }
}

// Peers that change their role again and again within a tick, until what they say last has to be said later.
void note_restatements(Store& store, const InfoHash& hash) {
  for (uint32_t peer = 0; peer < node::Restatements::kMax; ++peer) {
    for (uint32_t i = 0; i < 300; ++i) {
      const node::PeerAnnounce announce{hash, peer_of<Family::v4>(peer), proto::Event::none, i % 2 == 0};
      common::Prng prng(5);
      store->announce(store->locate(hash), announce, common::Moment::begin_of(kNow), prng, {});
    }
  }
}

void announce_restated() {
  const InfoHash hash = ShardHashes().next();
  Store store;
  note_restatements(store, hash);
  Counted counted;
  for (uint32_t i = 0; i < 200; ++i) {
    const common::Tick later = kNow + 30;
    counted.call([&] { store.announce(hash, peer_of<Family::v4>(i * 5), i % 2 == 0, later); });
  }
}

void restate() {
  const InfoHash hash = ShardHashes().next();
  Store store;
  note_restatements(store, hash);
  Counted counted;
  counted.call([&] {
    const size_t said = store->restate(common::Moment::begin_of(kNow + 6)).size();
    std::printf("restated: %zu\n", said);
  });
}

// A swarm of 200,000 and 20,000 small ones, all in one shard.
struct Mixed {
  Mixed() {
    store.merge<Family::v4>(large, 0, 100'000);
    store.merge<Family::v6>(large, 0, 100'000);
    for (uint32_t i = 0; i < 20'000; ++i) store.merge<Family::v4>(hashes.next(), i * 4, 1 + i % 4);
    store->expire_shard(0, kNow);
  }

  Store store;
  ShardHashes hashes;
  const InfoHash large = hashes.next();
};

// Counts each part of what `part` does, until it returns true.
template <class Part>
void count_parts(Part part) {
  Counted counted;
  for (bool finished = false; !finished;) counted.call([&] { finished = part(); });
}

void after_a_pause() {
  Mixed of;
  Counted counted;
  counted.call(
      [&] { of.store.announce(of.large, peer_of<Family::v4>(1), false, kNow + common::kLifetimeTicks); });
}

void sweep_part() {
  Mixed of;
  count_parts([&] { return of.store->expire_part(0, kNow + common::kLifetimeTicks).finished; });
}

void drop_part() {
  Mixed of;
  count_parts([&] { return of.store->drop_part(of.large).finished; });
}

void drop_part_if() {
  Mixed of;
  uint32_t below = SwarmStore::kAllSwarms;
  const std::function<bool(const InfoHash&)> all = [](const InfoHash&) { return true; };
  count_parts([&] { return of.store->drop_part_if(0, below, all).finished; });
}

void copy_counts_web() {
  Store store;
  uint32_t number = 0;
  for (uint32_t made = 0; made < kShardSwarms; ++number) {
    InfoHash hash{};
    std::memcpy(hash.bytes.data(), &number, sizeof number);
    const auto ref = store->locate_web(hash);
    if (ref.swarm.hash >> 54 != 0) continue;
    ++made;
    Endpoint peer = peer_of<Family::web>(number);
    peer.port = common::kWebPort;
    const proto::Delta delta{hash, peer, {proto::PeerRole::leecher, false}, common::stamp_of(kNow)};
    store->merge({&delta, 1}, kNow);
  }
  std::vector<proto::ScrapedSwarm> out(512);
  uint32_t below = SwarmStore::kAllSwarms;
  Counted counted;
  while (below > 0) {
    counted.call([&] { store->copy_counts(0, below, out); });
  }
}

// What another node sends at once, all into one deep swarm: new peers.
void merge_deep() {
  constexpr uint32_t kBatch = 100;
  const InfoHash hash = ShardHashes().next();
  Store store;
  store.merge<Family::v6>(hash, 0, kDeep / 4);
  Counted counted;
  for (uint32_t call = 0; call < 50; ++call) {
    std::vector<proto::Delta> deltas;
    for (uint32_t i = 0; i < kBatch; ++i) {
      deltas.push_back({hash,
                        peer_of<Family::v6>(kDeep + call * kBatch + i),
                        {proto::PeerRole::leecher, false},
                        common::stamp_of(kNow)});
    }
    counted.call([&] { store->merge(deltas, kNow); });
  }
}

// Of the peers of 40,000 swarms of six, of which nine in ten have expired.
void compaction_part() {
  Store store;
  ShardHashes hashes;
  for (uint32_t i = 0; i < kShardSwarms; ++i) {
    const InfoHash hash = hashes.next();
    const common::Tick at = i % 10 == 0 ? kNow : kNow - 20;
    std::vector<proto::Delta> deltas;
    for (uint32_t peer = 0; peer < 6; ++peer) {
      deltas.push_back(
          {hash, peer_of<Family::v4>(i * 6 + peer), {proto::PeerRole::leecher, false}, common::stamp_of(at)});
    }
    store->merge(deltas, kNow);
  }
  Counted counted;
  for (bool finished = false; !finished;) {
    counted.call([&] { finished = store->expire_part(0, kNow + common::kLifetimeTicks - 10).finished; });
  }
}

void announce_large() {
  const InfoHash hash = ShardHashes().next();
  Store store;
  store.merge<Family::v4>(hash, 0, kDeep / 2);
  store.merge<Family::v6>(hash, 0, kDeep / 2);
  Counted counted;
  for (uint32_t i = 0; i < 200; ++i) {
    counted.call([&] { store.announce(hash, peer_of<Family::v6>(i), i % 2 == 0); });
  }
}

void scrape() {
  Store store;
  ShardHashes hashes;
  std::vector<InfoHash> asked;
  for (size_t i = 0; i < proto::kUdpScrapeMax; ++i) {
    asked.push_back(hashes.next());
    store.merge<Family::v4>(asked.back(), i * 100, 50);
    store.merge<Family::v6>(asked.back(), i * 100, 50);
  }
  fill_shard(store, hashes, kShardSwarms - 100);
  uint64_t seen = 0;
  Counted counted;
  for (int i = 0; i < 10; ++i) {
    counted.call([&] {
      std::array<node::SwarmRef, proto::kUdpScrapeMax> refs;
      for (size_t at = 0; at < asked.size(); ++at) refs[at] = store->locate(asked[at]);
      store->prefetch(refs);
      for (size_t at = 0; at < asked.size(); ++at) seen += store->scrape(refs[at], asked[at]).leechers;
    });
  }
  std::printf("leechers: %llu\n", static_cast<unsigned long long>(seen));
}

// Clients of all kinds, until every set of the tables is full.
template <class Call>
void tables(Call call) {
  for (uint32_t i = 0; i < 300'000; ++i) call(node::address_prefix(peer_of<Family::v4>(i)));
  Counted counted;
  for (uint32_t i = 0; i < 200; ++i) {
    const auto client = node::address_prefix(peer_of<Family::v6>(i));
    counted.call([&] { call(client); });
  }
}

void rate_table() {
  node::RateTable table(kKey);
  tables([&](const node::ClientPrefix& client) { table.charge(client, 10, 1'000'000); });
}

void offence_table() {
  node::OffenceTable table(kKey, {600, {0, 10'000, 10'000, 200, 1'000, 20}});
  const InfoHash hash = ShardHashes().next();
  uint8_t number = 0;
  tables([&](const node::ClientPrefix& client) {
    std::array<uint8_t, 20> id{};
    id.fill(++number);
    table.announced(client, {hash, id, true, true}, 1'000'000);
  });
}

constexpr uint32_t kBans = 100'000;

void ban_index() {
  std::vector<node::Ban> bans;
  for (uint32_t i = 0; i < kBans; ++i) {
    bans.push_back({node::address_prefix(common::make_endpoint_v4(0x0b000000 + i, 0)), INT64_MAX / 2, false});
  }
  const node::BanIndex index(bans, kKey);
  int seen = 0;
  Counted counted;
  for (uint32_t i = 0; i < 500; ++i) {
    const Endpoint client = common::make_endpoint_v4(0x0b000000 + kBans + i, 0);
    counted.call([&] { seen += index.judge(client, 1) == node::BanIndex::Verdict::none ? 1 : 0; });
  }
  std::printf("not banned: %d\n", seen);
}

// A list of a million that begin alike, all of which lie in one slot of its index.
void access_list() {
  std::vector<InfoHash> hashes(1'000'000);
  for (uint32_t i = 0; i < hashes.size(); ++i) {
    hashes[i].bytes.fill(0xaa);
    const uint32_t number = __builtin_bswap32(i * 2);
    std::memcpy(hashes[i].bytes.data() + 16, &number, sizeof number);
  }
  const node::AccessList list(hashes);
  int seen = 0;
  Counted counted;
  for (uint32_t i = 0; i < 100; ++i) {
    InfoHash hash = hashes[i * 9'999];
    hash.bytes[19] |= 1;
    counted.call([&] { seen += list.contains(hash) ? 1 : 0; });
  }
  std::printf("listed: %d\n", seen);
}

// Turns of the control thread while bans are published: as many as are remembered, and one more.
void publish_bans() {
  uv_loop_t loop;
  uv_loop_init(&loop);
  node::Options options = node::default_options();
  options.bans.mode = node::BanMode::on;
  int published = 0;
  uint64_t told = 0;
  node::BanControl control(&loop, options, 1, kKey,
                           {.publish = [&](auto) { ++published; },
                            .send = [](auto) {},
                            .send_forgotten = [](const auto&) {},
                            .unix_ms = [] { return int64_t{1'800'000'000'000}; }});
  control.on_change([&](const node::Ban&) { ++told; });
  for (uint32_t i = 0; i + 1 < kBans; ++i) {
    control.log().merge({node::address_prefix(common::make_endpoint_v4(0x0b000000 + i, 0)),
                         {3'600, proto::Offence::ports, 0, false},
                         {1'800'000'000'000, 2}},
                        1'800'000'000'000);
  }
  control.changed();
  Counted counted;
  const auto turn = [&] {
    counted.call([&] { uv_run(&loop, UV_RUN_NOWAIT); });
    uv_sleep(1);
  };
  const auto until = [&](uint64_t all) {
    for (int turns = 0; turns < 20'000 && (published == 0 || told < all); ++turns) turn();
  };
  until(kBans - 1);
  published = 0;
  counted.call([&] { (void)control.ban(common::make_endpoint_v4(0x0c000000, 0), 60); });
  until(kBans);
  std::printf("published: %d, told: %llu\n", published, static_cast<unsigned long long>(told));
  control.stop();
  uv_run(&loop, UV_RUN_DEFAULT);
}

struct Case {
  const char* name;
  uint64_t bound;  // instructions of one call
  const char* what;
  void (*run)();
};

constexpr std::array kCases = {
    Case{"announce-deep-v4", 15'000, "announce into a swarm of a million, its directory grows; IPv4",
         announce_deep<Family::v4>},
    Case{"announce-deep-v6", 15'000, "the same, IPv6", announce_deep<Family::v6>},
    Case{"leave-deep", 250'000,
         "a peer leaves a swarm that was of a million: segments join, its directory shrinks", leave_deep},
    Case{"announce-makes-large", 12'000, "announce that makes a swarm a large one (33 peers)",
         announce_makes_large},
    Case{"announce-numwant", 30'000, "announce for 200 IPv4 and 200 IPv6 peers of a swarm of a million",
         announce_large},
    Case{"index-grows", 300'000, "announce of a new swarm, the index of its shard grows (40,000 swarms)",
         index_grows},
    Case{"longest-probe", 10'000, "scrape and announce that pass the longest row of a shard's index (40,000)",
         longest_probe},
    Case{"full-first", 55'000, "announce of a new swarm, the store is full and nothing in it may go",
         full_of_settled<true>},
    Case{"full-settled", 15'000, "the same, after eight for which nothing was found", full_of_settled<false>},
    Case{"full-blamed", 1'300'000,
         "the same, the limit is far below what is there, and swarms of 300 peers go", full_of_blamed},
    Case{"announce-restated", 12'000, "announce of one of 1,024 whose last words are noted",
         announce_restated},
    Case{"restate", 4'000'000, "saying again all of 1,024 last words", restate},
    Case{"after-a-pause", 75'000'000, "the first announce after a pause, its shard has 250,000 records",
         after_a_pause},
    Case{"sweep-part", 1'000'000, "a part of a sweep that removes all", sweep_part},
    Case{"drop-part", 500'000, "a part of dropping a swarm", drop_part},
    Case{"drop-part-if", 850'000, "a part of dropping what is not allowed", drop_part_if},
    Case{"copy-counts-web", 950'000, "a step of a full scrape over web swarms only", copy_counts_web},
    Case{"merge-deep", 300'000, "100 records of another node, new ones of one deep swarm", merge_deep},
    Case{"compaction-part", 2'000'000, "a part of a sweep and of the compaction after it (40,000 swarms)",
         compaction_part},
    Case{"scrape", 45'000, "scrape of 74 swarms, all in one shard of 40,000", scrape},
    Case{"rate-table", 500, "a client is charged, all sets are full", rate_table},
    Case{"offence-table", 4'000, "an announce is charged, all sets are full", offence_table},
    Case{"ban-index", 300, "looking up a client among 100,000 bans", ban_index},
    Case{"access-list", 1'500, "looking up an info_hash in a list of a million that begin alike",
         access_list},
    Case{"publish-bans", 300'000, "a turn of the control thread while 100,000 bans are published",
         publish_bans},
};

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "list";
  for (const Case& one : kCases) {
    if (name == "list")
      std::printf("%s\t%llu\t%s\n", one.name, static_cast<unsigned long long>(one.bound), one.what);
    if (name != one.name) continue;
    one.run();
    return 0;
  }
  if (name == "list") return 0;
  std::fprintf(stderr, "worst_bench: there is no case %s\n", argv[1]);
  return 1;
}
