#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "node/os/atomic_file.h"
#include "node/snapshot/snapshot_file.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using namespace shoal::node;
using namespace shoal::test;

namespace {

const SnapshotIdentity kIdentity{"test", 2700};

struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / "shoal-test-XXXXXX").string();
  Folder() { REQUIRE(mkdtemp(path.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file() const { return path + "/snapshot"; }
  size_t files() const {
    const std::filesystem::directory_iterator all(path);
    return static_cast<size_t>(std::distance(begin(all), end(all)));
  }
};

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::vector<proto::Delta> records_of(const SwarmStore& store) {
  std::vector<proto::Delta> all;
  for (size_t shard = 0; shard < SwarmStore::kShards; ++shard) {
    store.for_each(shard, [&](const proto::Delta& delta) { all.push_back(delta); });
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tie(a.info_hash, a.peer) < std::tie(b.info_hash, b.peer);
  });
  return all;
}

// Swarms of all sizes, both families, all states; one too large for a block.
std::unique_ptr<SwarmStore> example_store(const ClusterClock& clock, uint32_t large = 5000) {
  auto store = make_store(true);
  common::Prng prng(1);
  const common::Tick now = clock.tick();
  for (uint32_t i = 0; i < 600; ++i) {
    const common::Endpoint peer = i % 3 == 0 ? v6_peer(i) : v4_peer(i);
    const common::Tick then = now - i % 170;
    announce(*store, {i % 97, peer, proto::Event::none, i % 2 == 0}, then, prng);
    if (i % 5 == 0) announce(*store, {i % 97, peer, proto::Event::completed, true}, then, prng);
    if (i % 7 == 0) announce(*store, {i % 97, peer, proto::Event::stopped}, then, prng);
  }
  for (uint32_t i = 0; i < large; ++i) announce(*store, {1000, v4_peer(i), proto::Event::none}, now, prng);
  return store;
}

common::Result<std::optional<SnapshotLoaded>> load(const std::string& path, SwarmStore& store,
                                                   const ClusterClock& clock,
                                                   const SnapshotIdentity& identity = kIdentity) {
  std::atomic<unsigned> percent{0};
  auto loaded = load_snapshot(path, identity, store, clock, percent);
  if (loaded && *loaded) CHECK(percent == 100);
  return loaded;
}

std::string error_of(const std::string& path, const ClusterClock& clock,
                     const SnapshotIdentity& identity = kIdentity) {
  auto store = make_store(true);
  const auto loaded = load(path, *store, clock, identity);
  CHECK(records_of(*store).empty());
  return loaded ? "no error" : loaded.error().message;
}

}  // namespace

TEST_CASE("snapshot: what is written comes back, with its stamps") {
  const Folder folder;
  const ClusterClock clock(2700);
  const auto store = example_store(clock);
  const auto written = write_snapshot(folder.file(), kIdentity, *store, clock);
  REQUIRE(written);
  CHECK(written->records == records_of(*store).size());
  CHECK(written->bytes == std::filesystem::file_size(folder.file()));
  CHECK(folder.files() == 1);
  struct stat info {};
  REQUIRE(stat(folder.file().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);

  auto again = make_store(true);
  const auto loaded = load(folder.file(), *again, clock);
  REQUIRE(loaded);
  REQUIRE(*loaded);
  CHECK((*loaded)->records == written->records);
  CHECK(records_of(*again) == records_of(*store));
  // Merging twice, and over what is newer, changes nothing.
  const auto twice = load(folder.file(), *again, clock);
  REQUIRE(twice);
  CHECK((*twice)->merged == 0);
}

TEST_CASE("snapshot: swarms that are not served are neither loaded nor written") {
  const Folder folder;
  const ClusterClock clock(2700);
  const auto store = example_store(clock);
  REQUIRE(write_snapshot(folder.file(), kIdentity, *store, clock));
  const auto knows = [](const SwarmStore& store, uint64_t swarm) {
    const auto records = records_of(store);
    return std::any_of(records.begin(), records.end(),
                       [&](const proto::Delta& delta) { return delta.info_hash == hash_of(swarm); });
  };
  for (const uint64_t denied : {uint64_t{5}, uint64_t{1000}}) {  // a small one and a large one
    const auto filter = [&](const common::InfoHash& hash) { return hash != hash_of(denied); };
    const auto again = make_store(true);
    again->serve_only(filter);
    REQUIRE(load(folder.file(), *again, clock));
    CHECK(again->totals().swarms == store->totals().swarms - 1);
    again->serve_only(nullptr);
    CHECK(!knows(*again, denied));
    CHECK(knows(*again, 6));

    store->serve_only(filter);
    const std::string without = folder.path + "/without";
    REQUIRE(write_snapshot(without, kIdentity, *store, clock));
    store->serve_only(nullptr);
    const auto third = make_store(true);
    REQUIRE(load(without, *third, clock));
    CHECK(!knows(*third, denied));
    CHECK(knows(*third, 6));
  }
}

TEST_CASE("snapshot: whether its node had held the cluster's state is kept") {
  const Folder folder;
  const ClusterClock clock(2700);
  const auto store = example_store(clock, 10);
  for (const bool held : {true, false}) {
    REQUIRE(write_snapshot(folder.file(), kIdentity, *store, clock, held));
    const auto loaded = load(folder.file(), *make_store(true), clock);
    REQUIRE(loaded);
    REQUIRE(*loaded);
    CHECK((*loaded)->header.held == held);
  }
}

TEST_CASE("snapshot: an empty store, and no file at all") {
  const Folder folder;
  const ClusterClock clock(2700);
  const auto store = make_store(true);
  const auto none = load(folder.file(), *store, clock);
  REQUIRE(none);
  CHECK(!*none);
  REQUIRE(write_snapshot(folder.file(), kIdentity, *store, clock));
  const auto empty = load(folder.file(), *store, clock);
  REQUIRE(empty);
  REQUIRE(*empty);
  CHECK((*empty)->records == 0);
}

TEST_CASE("snapshot: records age while the file lies unread, and stamps do not wrap around") {
  const Folder folder;
  ClusterClock clock(2700);
  auto store = make_store(true);
  common::Prng prng(1);
  announce(*store, {1, v4_peer(1), proto::Event::none}, clock.tick() - 100, prng);
  announce(*store, {2, v4_peer(2), proto::Event::none}, clock.tick(), prng);
  REQUIRE(write_snapshot(folder.file(), kIdentity, *store, clock));
  // 256 ticks later the stamps would look fresh again.
  for (const auto& [ticks, left] :
       std::map<int64_t, size_t>{{79, 2}, {80, 1}, {179, 1}, {180, 0}, {256, 0}, {300, 0}, {100'000, 0}}) {
    CAPTURE(ticks);
    ClusterClock later(2700);
    later.follow(later.offset_ms() + ticks * later.tick_ms(), 0);
    auto again = make_store(true);
    const auto loaded = load(folder.file(), *again, later);
    REQUIRE(loaded);
    // The clock may have entered the next tick meanwhile.
    CHECK(records_of(*again).size() <= left);
    CHECK((*loaded)->expired + records_of(*again).size() == 2);
    if (ticks % 10 == 9) CHECK(records_of(*again).size() >= left - 1);
  }
  ClusterClock earlier(2700);
  earlier.follow(earlier.offset_ms() - 60 * earlier.tick_ms(), 0);
  CHECK(error_of(folder.file(), earlier).find("future") != std::string::npos);
}

TEST_CASE("snapshot: stamped in the cluster's ticks, whatever the store's ticks are") {
  const Folder folder;
  auto store = make_store(true);
  common::Prng prng(1);
  // Cluster time was stepped on both nodes; the stores kept their ticks.
  ClusterClock writes(2700);
  writes.follow(writes.offset_ms() + 1000 * writes.tick_ms(), 1000);
  const common::Tick now = writes.tick();
  announce(*store, {1, v4_peer(1), proto::Event::none}, now - 100, prng);
  REQUIRE(write_snapshot(folder.file(), kIdentity, *store, writes));
  ClusterClock reads(2700);
  reads.follow(reads.offset_ms() + 1007 * reads.tick_ms(), 17);
  auto again = make_store(true);
  REQUIRE(load(folder.file(), *again, reads));
  REQUIRE(records_of(*again).size() == 1);
  // Seven ticks later in cluster ticks; the clock may have entered the next.
  const int age = common::stamp_age(reads.tick(), records_of(*again)[0].stamp);
  CHECK(age >= 107);
  CHECK(age <= 108);
}

TEST_CASE("snapshot: a clock that is behind makes no record younger than it was") {
  const Folder folder;
  const ClusterClock clock(2700);
  auto store = make_store(true);
  common::Prng prng(1);
  announce(*store, {1, v4_peer(1), proto::Event::none}, clock.tick() - 10, prng);
  REQUIRE(write_snapshot(folder.file(), kIdentity, *store, clock));
  ClusterClock behind(2700);
  behind.follow(behind.offset_ms() - 20 * behind.tick_ms(), 0);
  auto again = make_store(true);
  REQUIRE(load(folder.file(), *again, behind));
  REQUIRE(records_of(*again).size() == 1);
  CHECK(common::stamp_age(behind.tick(), records_of(*again)[0].stamp) == 10);
}

TEST_CASE("snapshot: foreign and damaged files are told apart and change nothing") {
  const Folder folder;
  const ClusterClock clock(2700);
  const auto store = example_store(clock, 200);
  REQUIRE(write_snapshot(folder.file(), kIdentity, *store, clock));
  CHECK(error_of(folder.file(), clock, {"other", 2700}) ==
        "it belongs to cluster \"test\", this node to \"other\"");
  CHECK(error_of(folder.file(), ClusterClock(1800), {"test", 1800}) ==
        "it was written with tracker.peer_timeout_s = 2700, now it is 1800");

  const std::string good = contents(folder.file());
  const std::string path = folder.path + "/damaged";
  const auto damaged = [&](const std::string& bytes) {
    put(path, bytes);
    return error_of(path, clock);
  };
  CHECK(damaged("") == "it is cut short");
  CHECK(damaged("not a snapshot at all") == "it is not a shoal snapshot");
  CHECK(damaged(good + "x") == "it has bytes after its end");
  std::string version = good;
  version[9] = 2;
  CHECK(damaged(version) == "it has format 2; this version reads format 1");
  for (size_t size = 0; size < good.size(); size += 1 + size / 16) {
    CAPTURE(size);
    CHECK(damaged(good.substr(0, size)) == "it is cut short");
  }
  for (size_t at = 0; at < good.size(); at += 1 + at / 16) {
    CAPTURE(at);
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x40);
    CHECK(damaged(flipped) != "no error");
  }
  CHECK(error_of(folder.path, clock) == "is not a regular file");
  REQUIRE(mkfifo((folder.path + "/fifo").c_str(), 0600) == 0);
  CHECK(error_of(folder.path + "/fifo", clock) == "is not a regular file");
}

TEST_CASE("snapshot: a full disk leaves the old file") {
  const Folder folder;
  const ClusterClock clock(2700);
  const auto small = example_store(clock, 10);
  REQUIRE(write_snapshot(folder.file(), kIdentity, *small, clock));
  const std::string before = contents(folder.file());

  const auto large = example_store(clock, 200'000);
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
  rlimit tight = old;
  tight.rlim_cur = 300'000;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const auto written = write_snapshot(folder.file(), kIdentity, *large, clock);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &old) == 0);
  REQUIRE(!written);
  CHECK(written.error().message.find("File too large") != std::string::npos);
  CHECK(contents(folder.file()) == before);
  CHECK(folder.files() == 1);
}

TEST_CASE("snapshot: paths that cannot be written") {
  const Folder folder;
  CHECK(check_replaceable("node.snapshot", folder.file()));
  CHECK(!check_replaceable("node.snapshot", folder.path));
  CHECK(!check_replaceable("node.snapshot", folder.path + "/none/snapshot"));
  const auto written =
      write_snapshot(folder.path + "/none/snapshot", kIdentity, *make_store(true), ClusterClock(2700));
  REQUIRE(!written);
  CHECK(written.error().message.starts_with("cannot create "));
}

TEST_CASE("snapshot: what is loaded of swarms with peers of both families fits as well") {
  const Folder folder;
  const ClusterClock clock(2700);
  const common::Tick now = clock.tick();
  const auto store = make_store(true);
  for (uint32_t i = 0; i < 30'000; ++i) {
    announce(*store, {.hash = i, .peer = v4_peer(i), .want = 0}, now);
    announce(*store, {.hash = i, .peer = test::v6_peer(i), .want = 0}, now);
  }
  REQUIRE(write_snapshot(folder.file(), kIdentity, *store, clock));
  StoreLimits limits;
  limits.memory_bytes = uint64_t{2} << 20;
  const uint64_t swarms_max = limits.memory_bytes / 16 * 15 / (36 + 20 + 9 + 28);
  const auto again = make_store(true);
  again->set_limits(limits);
  REQUIRE(load(folder.file(), *again, clock));
  const StoreTotals totals = again->totals();
  CHECK(totals.swarms <= swarms_max);
  CHECK(totals.swarms > swarms_max * 9 / 10);
  CHECK(totals.leechers_v4 == totals.swarms);
  CHECK(totals.leechers_v6 == totals.swarms);
  CHECK(totals.evicted_swarms == 0);
}

TEST_CASE("snapshot: no more is loaded than there is room for, the largest swarms first, then the newest") {
  const Folder folder;
  const ClusterClock clock(2700);
  const common::Tick now = clock.tick();
  constexpr uint64_t kPairs = 10'000;
  constexpr uint64_t kLonely = 100'000;
  constexpr uint32_t kLarge = 5'000;
  const auto store = make_store(true);
  common::Prng prng(1);
  const auto add = [&](uint64_t swarm, uint32_t peer, common::Tick then) {
    announce(*store, {.hash = swarm, .peer = v4_peer(peer), .want = 0}, then, prng);
  };
  for (uint32_t i = 0; i < kPairs; ++i) {
    add(i, 2 * i, now);
    add(i, 2 * i + 1, now);
  }
  // Half of them an hour ago: as it happens, those that are stored first.
  for (uint32_t i = 0; i < kLonely; ++i) add(kPairs + i, i, i < kLonely / 2 ? now - 100 : now);
  for (uint32_t i = 0; i < kLarge; ++i) add(1'000'000, i, now - 50);
  REQUIRE(write_snapshot(folder.file(), kIdentity, *store, clock));
  const auto found = [&](const SwarmStore& in, uint64_t from, uint64_t to) {
    uint64_t found = 0;
    for (uint64_t i = from; i < to; ++i) found += scrape(in, i).leechers > 0;
    return found;
  };
  StoreLimits limits;
  uint64_t lonely_max = 0;
  SUBCASE("of memory") {
    limits.memory_bytes = uint64_t{2} << 20;
    lonely_max = ((limits.memory_bytes / 16 * 15) - kPairs * 54 - kLarge * 9) / 45;
  }
  SUBCASE("of swarms") {
    limits.swarms = kPairs + 1 + 30'000;
    lonely_max = 30'000;
  }
  SUBCASE("of peers") {
    limits.peers = 2 * kPairs + kLarge + 20'000;
    lonely_max = 20'000;
  }
  const auto again = make_store(true);
  again->set_limits(limits);
  const auto loaded = load(folder.file(), *again, clock);
  REQUIRE(loaded);
  CHECK(found(*again, 0, kPairs) == kPairs);
  CHECK(scrape(*again, 1'000'000).leechers == kLarge);
  CHECK(found(*again, kPairs, kPairs + kLonely / 2) == 0);
  const uint64_t newest = found(*again, kPairs + kLonely / 2, kPairs + kLonely);
  CHECK(newest <= lonely_max);
  CHECK(newest > lonely_max * 9 / 10);
  CHECK((*loaded)->left_out_swarms == kLonely - newest);
  CHECK((*loaded)->left_out_records == kLonely - newest);
  CHECK((*loaded)->merged == (*loaded)->records - (*loaded)->left_out_records);
  // A newcomer finds room.
  if (limits.memory_bytes != 0) {
    CHECK(announce(*again, {.hash = 2'000'000, .peer = v4_peer(1), .want = 0}, now, prng).answer.limit ==
          Limit::none);
    CHECK(again->totals().evicted_swarms == 0);
  }
}
