// store_bench: the cost of the swarm store. Prints nanoseconds per announce for several loads, one by one and
// in batches with prefetch, and bytes per IPv4 peer for several shapes. Reads the process's resident memory
// from /proc (Linux).
//
//   store_bench            all
//   store_bench memory     bytes per peer
//   store_bench quick      the same of stores that fill within a tick
//   store_bench flood      what a flood of lonely swarms leaves behind in memory; fails above a fifth
//   store_bench announce   nanoseconds per announce
//   store_bench holds      longest announce while swarms are added, longest hold of a lock while they are
//   removed
//   store_bench worst      the most work under one hold of a lock, counted, where somebody has made it large;
//   fails
//                          above the bound

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>
#include <vector>

#include "bench/measure.h"
#include "node/os/heap_trim.h"
#include "node/store/peer_rules.h"
#include "node/store/swarm_shard.h"
#include "node/store/swarm_store.h"

using namespace shoal;
using node::SwarmStore;

namespace {

constexpr common::Tick kNow = 118'000'000;
constexpr uint32_t kWant = 30;
constexpr size_t kBatch = 32;

common::InfoHash hash_of(uint64_t number) {
  common::InfoHash hash;
  common::Prng prng(number);
  for (size_t i = 0; i < hash.bytes.size(); ++i) hash.bytes[i] = static_cast<uint8_t>(prng.next());
  return hash;
}

common::Endpoint peer_of(uint64_t number) {
  const uint64_t mixed = common::Prng(number).next();
  return common::make_endpoint_v4(static_cast<uint32_t>(mixed), static_cast<uint16_t>(mixed >> 32 | 1));
}

uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t size = 0;
  uint64_t resident = 0;
  statm >> size >> resident;
  return resident * 4096;
}

std::unique_ptr<SwarmStore> make_store() {
  return std::make_unique<SwarmStore>(SwarmStore::Config{.key = {1, 2, 3}, .replicated = true});
}

struct Request {
  node::PeerAnnounce announce;
};

// Announces like one worker, and discards the answers.
class Driver {
 public:
  explicit Driver(SwarmStore& store) : store_(store), v4_(kWant * 6), v6_(kWant * 18) {}

  void one_by_one(const std::vector<Request>& requests, common::Tick now) {
    for (const Request& request : requests) {
      work(store_.locate(request.announce.info_hash), request.announce, now);
    }
  }

  void batched(const std::vector<Request>& requests, common::Tick now, bool prefetched = true) {
    std::array<node::PeerRef, kBatch> refs;
    for (size_t at = 0; at < requests.size(); at += kBatch) {
      const size_t count = std::min(kBatch, requests.size() - at);
      for (size_t i = 0; i < count; ++i) {
        const node::PeerAnnounce& announce = requests[at + i].announce;
        refs[i] = {store_.locate(announce.info_hash), announce.peer};
      }
      if (prefetched) store_.prefetch(std::span(refs).first(count));
      for (size_t i = 0; i < count; ++i) work(refs[i].swarm, requests[at + i].announce, now);
    }
  }

  uint64_t peers() const { return peers_; }

 private:
  void work(node::SwarmRef ref, const node::PeerAnnounce& announce, common::Tick now) {
    const node::PeerAnswer answer =
        store_.announce(ref, announce, common::Moment::begin_of(now), prng_, {v4_, v6_});
    peers_ += answer.peers_v4;
  }

  SwarmStore& store_;
  common::Prng prng_{5};
  std::vector<uint8_t> v4_;
  std::vector<uint8_t> v6_;
  uint64_t peers_ = 0;
};

// CPU time of this thread, so that other load on the machine matters little.
template <class Run>
double nanoseconds_each(size_t count, Run run) {
  const uint64_t begin = bench::thread_cpu_ns();
  run();
  return static_cast<double>(bench::thread_cpu_ns() - begin) / static_cast<double>(count);
}

// A load: which swarm and which of the peers a random announce comes from.
struct Load {
  const char* name;
  uint32_t swarms;
  uint64_t peers;
  bool skewed;  // weights 0.5 + exp(6.5 - 500 i / swarms), else all the same
};

class Requests {
 public:
  explicit Requests(const Load& load) : load_(load) {
    double sum = 0;
    for (uint32_t i = 0; i < load.swarms; ++i) {
      sum += load.skewed ? 0.5 + std::exp(6.5 - 500.0 * i / load.swarms) : 1;
      sums_.push_back(sum);
    }
    for (uint32_t i = 0; i < load.swarms; ++i) hashes_.push_back(hash_of(i));
  }

  // Peer `number` is always in the same swarm, with the same role; three of four are seeders.
  Request request(uint64_t number) const {
    const double at = common::Prng(~number).unit() * sums_.back();
    const auto swarm =
        static_cast<uint32_t>(std::upper_bound(sums_.begin(), sums_.end() - 1, at) - sums_.begin());
    return {{hashes_[swarm], peer_of(number), proto::Event::none, number % 4 != 0, kWant, 0}};
  }

  std::vector<Request> random(size_t count, common::Prng& prng) const {
    std::vector<Request> requests;
    for (size_t i = 0; i < count; ++i) {
      requests.push_back(request(prng.below(static_cast<uint32_t>(load_.peers))));
    }
    return requests;
  }

 private:
  Load load_;
  std::vector<double> sums_;
  std::vector<common::InfoHash> hashes_;
};

void bench_announce(const Load& load) {
  constexpr size_t kRound = 400'000;
  constexpr int kRounds = 5;
  const auto store = make_store();
  const Requests requests(load);
  common::Prng prng(9);
  double fill_ns = 0;
  Driver driver(*store);
  for (uint64_t done = 0; done < load.peers;) {
    std::vector<Request> part;
    for (; part.size() < kRound && done < load.peers; ++done) part.push_back(requests.request(done));
    for (Request& request : part) request.announce.want_v4 = 0;
    fill_ns += nanoseconds_each(1, [&] { driver.batched(part, kNow); });
  }
  std::printf("%-28s fill %4.0f ns", load.name, fill_ns / static_cast<double>(load.peers));

  const auto measure = [&](const char* name, auto run) {
    std::vector<double> rounds;
    for (int i = 0; i < kRounds; ++i) {
      const std::vector<Request> part = requests.random(kRound, prng);
      rounds.push_back(nanoseconds_each(kRound, [&] { run(part); }));
    }
    std::sort(rounds.begin(), rounds.end());
    std::printf("  %s %4.0f ns", name, rounds[kRounds / 2]);
  };
  measure("single", [&](const auto& part) { driver.one_by_one(part, kNow + 1); });
  measure("in batches", [&](const auto& part) { driver.batched(part, kNow + 1, false); });
  measure("prefetched", [&](const auto& part) { driver.batched(part, kNow + 1); });
  measure("role change", [&](std::vector<Request> part) {
    for (Request& request : part) request.announce.seeder = prng.below(2) == 1;
    driver.batched(part, kNow + 2);
  });
  const auto sweeps = nanoseconds_each(SwarmStore::kShards, [&] {
    for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) store->expire_shard(shard, kNow + 3);
  });
  std::printf("  sweep %3.0f us/shard  %.1f peers\n", sweeps / 1000,
              static_cast<double>(driver.peers()) / (5.0 * kRounds * kRound));
  std::fflush(stdout);
}

void bench_memory(uint32_t swarms, uint32_t peers) {
  const uint64_t resident = resident_bytes();
  const auto store = make_store();
  Driver driver(*store);
  std::vector<Request> batch;
  double worst_us = 0;
  double sweep_us = 0;
  // Peer by peer, so that all swarms grow together through all sizes; in a hundred ticks, each with a sweep.
  common::Tick now = kNow;
  const uint64_t all = uint64_t{swarms} * peers;
  for (uint64_t i = 0; i < all; ++i) {
    const auto swarm = static_cast<uint32_t>(i % swarms);
    batch.push_back({{hash_of(swarm), peer_of(i), proto::Event::none, i / swarms % 4 != 0, 0, 0}});
    if (batch.size() < kBatch && i + 1 < all) continue;
    worst_us = std::max(worst_us, nanoseconds_each(1000, [&] { driver.batched(batch, now); }));
    batch.clear();
    if (now == kNow + static_cast<common::Tick>(i * 100 / all)) continue;
    ++now;
    for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) {
      for (bool finished = false; !finished;) {
        const double hold_us =
            nanoseconds_each(1000, [&] { finished = store->expire_part(shard, now).finished; });
        sweep_us = std::max(sweep_us, hold_us);
      }
    }
  }
  const auto each = static_cast<double>(all);
  const uint64_t counted = store->totals().memory_bytes;
  std::printf(
      "%8u swarms of %3u: %5.1f bytes per peer counted, %5.1f resident; slowest batch of %zu: %.0f us, "
      "longest hold of a sweep: %.0f us\n",
      swarms, peers, static_cast<double>(counted) / each,
      static_cast<double>(resident_bytes() - resident) / each, kBatch, worst_us, sweep_us);
  std::fflush(stdout);
}

// The same of a store that fills within a tick, in an order drawn at random; no sweep.
void bench_quick(uint32_t swarms, uint32_t peers) {
  const uint64_t all = uint64_t{swarms} * peers;
  std::vector<uint32_t> order(all);
  for (uint64_t i = 0; i < all; ++i) order[i] = static_cast<uint32_t>(i % swarms);
  common::Prng prng(7);
  for (uint64_t i = all; i > 1; --i) std::swap(order[i - 1], order[prng.below(static_cast<uint32_t>(i))]);
  const uint64_t resident = resident_bytes();
  const auto store = make_store();
  Driver driver(*store);
  node::HeapTrim trim;
  std::vector<Request> batch;
  double ns = 0;
  for (uint64_t i = 0; i < all; ++i) {
    batch.push_back({{hash_of(order[i]), peer_of(i), proto::Event::none, i % 4 != 0, 0, 0}});
    if (batch.size() < kBatch && i + 1 < all) continue;
    ns += nanoseconds_each(1, [&] { driver.batched(batch, kNow); });
    batch.clear();
  }
  trim.step(1'000'000);
  const auto each = static_cast<double>(all);
  const uint64_t counted = store->totals().memory_bytes;
  std::printf(
      "%8u swarms of %3u at once: %5.1f bytes per peer counted, %5.1f resident; %.0f ns an announce\n",
      swarms, peers, static_cast<double>(counted) / each,
      static_cast<double>(resident_bytes() - resident) / each, ns / each);
  std::fflush(stdout);
}

// A flood of lonely swarms, among which swarms of three go on. Returns the share of memory that is more than
// before once the flood has expired, two lifetimes after it has ended.
double bench_flood(uint32_t swarms, uint32_t flood) {
  const uint64_t resident = resident_bytes();
  const auto store = make_store();
  Driver driver(*store);
  node::HeapTrim trim;
  int64_t now_ms = 1'000'000;
  common::Tick now = kNow;
  std::vector<Request> batch;
  const auto announce = [&](uint64_t swarm, uint64_t peer) {
    batch.push_back({{hash_of(swarm), peer_of(peer), proto::Event::none, peer % 4 != 0, 0, 0}});
    if (batch.size() < kBatch) return;
    driver.batched(batch, now);
    batch.clear();
  };
  const auto everybody = [&] {
    for (uint64_t i = 0; i < uint64_t{swarms} * 3; ++i) announce(i % swarms, i);
  };
  const auto pass = [&](common::Tick ticks) {
    for (const common::Tick end = now + ticks; now < end;) {
      now += std::min<common::Tick>(end - now, common::kAheadTicks / 2);
      for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) store->expire_shard(shard, now);
      trim.step(now_ms += 60'000);
    }
  };
  everybody();
  pass(1);
  const auto before = static_cast<double>(resident_bytes() - resident);
  for (uint64_t i = 0; i < flood; ++i) announce(uint64_t{1} << 40 | i, uint64_t{1} << 40 | i);
  const auto during = static_cast<double>(resident_bytes() - resident);
  for (int i = 0; i < 4; ++i) {
    everybody();
    pass(common::kLifetimeTicks / 2);
  }
  const auto after = static_cast<double>(resident_bytes() - resident);
  std::printf(
      "%8u swarms of 3: %.1f MB resident; %.1f with %u lonely ones among them; %.1f two lifetimes later "
      "(%+.0f %%)\n",
      swarms, before / 1e6, during / 1e6, flood, after / 1e6, (after / before - 1) * 100);
  std::fflush(stdout);
  return after / before - 1;
}

// Keeps the longest times.
class Longest {
 public:
  void add(double ns) {
    if (ns <= ns_.back()) return;
    ns_.back() = ns;
    std::sort(ns_.rbegin(), ns_.rend());
  }
  void print(const char* what) const {
    std::printf("  %s", what);
    for (const double ns : ns_) std::printf(" %.0f", ns / 1000);
  }

 private:
  std::array<double, 3> ns_{};
};

void sweep_all(SwarmStore& store, common::Tick now, Longest& holds) {
  for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) {
    for (bool finished = false; !finished;) {
      holds.add(nanoseconds_each(1, [&] { finished = store.expire_part(shard, now).finished; }));
    }
  }
}

// Adds swarms one by one with `peers` announces each; later four of five expire together.
void bench_holds(uint32_t swarms, uint32_t peers) {
  const auto store = make_store();
  common::Prng prng(5);
  Longest announces;
  Longest looks;
  Longest removals;
  const uint32_t early = swarms / 5 * 4;
  common::Tick now = kNow;
  for (uint32_t swarm = 0; swarm < swarms; ++swarm) {
    if (swarm == early) sweep_all(*store, now += 50, looks);
    const common::InfoHash hash = hash_of(swarm);
    const node::SwarmRef ref = store->locate(hash);
    for (uint32_t i = 0; i < peers; ++i) {
      const common::Endpoint peer = peer_of(uint64_t{swarm} * peers + i);
      const node::PeerAnnounce announce{hash, peer, proto::Event::none, i % 4 != 0, 0, 0};
      announces.add(nanoseconds_each(
          1, [&] { store->announce(ref, announce, common::Moment::begin_of(now), prng, {}); }));
    }
  }
  sweep_all(*store, kNow + common::kLifetimeTicks, removals);
  std::printf("%8u swarms of %2u, longest in us:", swarms, peers);
  announces.print("announces");
  looks.print("holds of a sweep that finds nothing");
  removals.print("of one that removes four of five");
  std::printf("\n");
  std::fflush(stdout);
}

// One swarm that somebody has filled, among others; peers are merged as another node would send them.
class Filled {
 public:
  explicit Filled(uint32_t peers) {
    for (uint32_t i = 0; i < peers; ++i) merge(0, i, kNow);
    for (uint32_t i = 0; i < kOthers; ++i) merge(1 + i, peers + i, kNow);
    sweep(kNow);
  }

  SwarmStore& store() { return *store_; }
  void merge(uint64_t swarm, uint32_t peer, common::Tick at) {
    const proto::Delta delta{
        hash_of(swarm), peer_of(peer), {proto::PeerRole::seeder, false}, common::stamp_of(at)};
    store_->merge({&delta, 1}, at);
  }
  void announce(uint64_t swarm, uint32_t peer, common::Tick at) {
    const common::InfoHash hash = hash_of(swarm);
    common::Prng prng(5);
    store_->announce(store_->locate(hash), {hash, peer_of(peer), proto::Event::none, true, 0, 0},
                     common::Moment::begin_of(at), prng, {});
  }
  void sweep(common::Tick at) {
    for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) store_->expire_shard(shard, at);
  }

 private:
  static constexpr uint32_t kOthers = 100'000;
  std::unique_ptr<SwarmStore> store_ = make_store();
};

struct WorstCase {
  const char* name;
  void (*run)(Filled& filled);
};

constexpr std::array kWorstCases = {
    WorstCase{"a sweep that removes all", [](Filled& f) { f.sweep(kNow + common::kLifetimeTicks); }},
    WorstCase{"the first announce after a pause of the node",
              [](Filled& f) { f.announce(0, 1, kNow + common::kLifetimeTicks); }},
    WorstCase{"a record of another node after a pause",
              [](Filled& f) { f.merge(0, 1, kNow + common::kAheadTicks + 1); }},
    WorstCase{"dropping a swarm",
              [](Filled& f) {
                while (!f.store().drop_part(hash_of(0)).finished) {
                }
              }},
    WorstCase{"dropping what is not allowed",
              [](Filled& f) {
                const auto is_it = [](const auto& hash) { return hash == hash_of(0); };
                for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) {
                  uint32_t below = SwarmStore::kAllSwarms;
                  while (!f.store().drop_part_if(shard, below, is_it).finished) {
                  }
                }
              }},
};

// Swarms of one shard: as many as a store of 40M swarms has in each.
void compact_one_shard(SwarmStore& store) {
  constexpr uint32_t kSwarms = 40'000;
  const auto is_there = [&](const common::InfoHash& hash) { return store.locate(hash).hash >> 54 == 0; };
  common::InfoHash hash{};
  for (uint32_t swarm = 0, number = 0; swarm < kSwarms; ++swarm) {
    do {
      ++number;
      std::memcpy(hash.bytes.data(), &number, sizeof number);
    } while (!is_there(hash));
    // Nine of ten expire.
    const common::Tick at = swarm % 10 == 0 ? kNow : kNow - 20;
    for (uint32_t peer = 0; peer < 6; ++peer) {
      const proto::Delta delta{
          hash, peer_of(swarm * 6 + peer), {proto::PeerRole::seeder, false}, common::stamp_of(at)};
      store.merge({&delta, 1}, kNow);
    }
  }
  store.expire_shard(0, kNow + common::kLifetimeTicks - 10);
}

// Some work more than the bound is done: the last segment of a large swarm, and what is removed of it.
int bench_worst(uint32_t peers) {
  constexpr uint32_t kBound = node::SwarmShard::kPartRecordsMax + 512 * (1 + node::WorkBound::kRecordGone);
  int above = 0;
  const auto judge = [&](const char* name, const SwarmStore& store, uint64_t begun_ns) {
    const double ms = static_cast<double>(bench::thread_cpu_ns() - begun_ns) / 1e6;
    const uint32_t most = store.totals().most_work;
    above += most > kBound ? 1 : 0;
    std::printf("%s %-46s %6u records' work under one hold, bound %u; %.1f ms of CPU in all\n",
                most > kBound ? "ABOVE" : "ok   ", name, most, kBound, ms);
    std::fflush(stdout);
  };
  for (const WorstCase& worst : kWorstCases) {
    Filled filled(peers);
    const uint64_t begin = bench::thread_cpu_ns();
    worst.run(filled);
    judge(worst.name, filled.store(), begin);
  }
  const auto store = make_store();
  const uint64_t begin = bench::thread_cpu_ns();
  compact_one_shard(*store);
  judge("compaction of 40,000 swarms of one shard", *store, begin);
  return above;
}

// Runs it in its own process, so that its memory is measured alone.
void apart(void (*bench)(uint32_t swarms, uint32_t peers), uint32_t swarms, uint32_t peers) {
  const pid_t child = fork();
  if (child == 0) {
    bench(swarms, peers);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "all";
  if (what == "all" || what == "memory") {
    apart(bench_memory, 1'000'000, 1);
    apart(bench_memory, 1'000'000, 4);
    apart(bench_memory, 1'000'000, 10);
    apart(bench_memory, 10'000, 500);
    apart(bench_memory, 1, 2'000'000);
  }
  if (what == "all" || what == "memory" || what == "quick") {
    apart(bench_quick, 1'000'000, 1);
    apart(bench_quick, 1'000'000, 4);
    apart(bench_quick, 1'000'000, 10);
    apart(bench_quick, 10'000, 500);
  }
  if (what == "flood") return bench_flood(1'000'000, 4'000'000) <= 0.2 ? 0 : 1;
  if (what == "all" || what == "holds") {
    apart(bench_holds, 1'000'000, 1);
    apart(bench_holds, 1'000'000, 10);

    apart(bench_holds, 10'000'000, 2);
  }
  if (what == "all" || what == "announce") {
    bench_announce({"1000 swarms, 4000 peers", 1000, 4000, false});
    bench_announce({"1M swarms, 2M peers, skewed", 1'000'000, 2'000'000, true});
    bench_announce({"1M swarms, 10M peers", 1'000'000, 10'000'000, false});
    bench_announce({"1 swarm, 1M peers", 1, 1'000'000, false});
  }
  if (what == "all" || what == "worst") return bench_worst(2'000'000) == 0 ? 0 : 1;
  return 0;
}
