// Donations and pulls without a cluster: the puller gets what the donor holds, at the donor's pace, and
// refuses anything else.

#include <doctest/doctest.h>

#include <numeric>

#include "sync/donation.h"
#include "sync/donation_desk.h"
#include "sync/pull.h"
#include "sync/sketch_reader.h"
#include "tests/unit/support/no_swarms.h"
#include "tests/unit/support/pull_seal.h"
#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using test::seal_of;

namespace {

constexpr common::Tick kTick = 118'000'000;
constexpr int64_t kTickMs = 15'000;
constexpr int64_t kSecondUs = 1'000'000;

struct Donor {
  explicit Donor(int64_t bytes_per_s) : desk(std::make_shared<sync::DonationDesk>(bytes_per_s)) {
    desk->time_offset_ms = kTick * kTickMs;
  }
  std::unique_ptr<sync::Donation> donate(uint8_t request = 1, sync::Cells cells = sync::Cells::everything(),
                                         bool web = true) const {
    return sync::make_donation(desk, *store, kTickMs, seal_of(request), {std::move(cells), web, {}});
  }

  std::unique_ptr<node::SwarmStore> store = test::make_store(true);
  std::shared_ptr<sync::DonationDesk> desk;
};

void fill(node::SwarmStore& store, uint32_t swarms, uint32_t peers) {
  common::Prng prng(swarms);
  for (uint32_t swarm = 0; swarm < swarms; ++swarm) {
    std::vector<proto::Delta> deltas;
    for (uint32_t i = 0; i < peers; ++i) {
      const auto number = static_cast<uint32_t>(prng.next());
      deltas.push_back({test::hash_of(swarm),
                        i % 4 == 0 ? test::v6_peer(number) : test::v4_peer(number & 0xffffff),
                        {static_cast<proto::PeerRole>(i % 3), i % 5 == 0},
                        common::stamp_of(kTick - i % 150)});
    }
    store.merge(deltas, kTick);
  }
}

// All pieces, in the time the donor takes.
std::vector<uint8_t> all_of(sync::Donation& donation, int64_t& now_us) {
  std::vector<uint8_t> bytes;
  for (;;) {
    const size_t before = bytes.size();
    const sync::Donation::Next next = donation.next({.mono_us = now_us}, bytes);
    CHECK(bytes.size() - before <= sync::Donation::kPieceMax);
    if (next.done) return bytes;
    now_us = std::max(now_us + 1, next.again_us);
  }
}

sync::Pull pull_of(uint8_t request) { return {{1, 11, "donor", true, {}}, seal_of(request), 0}; }

// Merges what the pull accepts; false: damaged.
bool take_all(sync::Pull& pull, common::ByteSpan bytes, node::SwarmStore& into) {
  proto::PullFrame frame;
  for (;;) {
    const sync::Pull::Came came = pull.feed(bytes, frame, 0);
    if (came == sync::Pull::Came::damaged) return false;
    if (came == sync::Pull::Came::nothing_yet) return true;
    for (const proto::RecordBlock& block : frame.blocks) {
      into.merge_part({block.info_hash, block.completed, block.records}, kTick);
    }
  }
}

}  // namespace

TEST_CASE("sync donation: all records arrive, in pieces of any size") {
  Donor donor(0);
  fill(*donor.store, 300, 40);
  fill(*donor.store, 1, 5000);
  donor.store->merge_part({test::hash_of(0), 77'000, {}}, kTick);
  int64_t now_us = 0;
  const auto donation = donor.donate();
  const std::vector<uint8_t> bytes = all_of(*donation, now_us);
  CHECK(donor.desk->bytes == bytes.size());
  CHECK(donor.desk->finished == 1);
  CHECK(donor.desk->records == test::content(*donor.store).size());
  for (const size_t piece : {size_t{1}, size_t{997}, size_t{100'000}, bytes.size()}) {
    const auto into = test::make_store(true);
    sync::Pull pull = pull_of(1);
    for (size_t at = 0; at < bytes.size(); at += piece) {
      CHECK(!pull.complete());
      REQUIRE(take_all(pull, common::ByteSpan(bytes).subspan(at, std::min(piece, bytes.size() - at)), *into));
    }
    CHECK(pull.complete());
    CHECK(pull.percent() == 100);
    CHECK(test::content(*into) == test::content(*donor.store));
    CHECK(test::scrape(*into, 0).completed == 77'000);
    CHECK(into->stamp_digests() == donor.store->stamp_digests());
  }
}

TEST_CASE("sync donation: web peers come only to those who ask for them") {
  Donor donor(0);
  fill(*donor.store, 20, 10);
  test::Content without = test::content(*donor.store);
  for (uint32_t i = 0; i < 200; ++i) {
    test::announce(*donor.store, {.hash = i % 30, .peer = test::web_peer(i)}, kTick);
  }
  int64_t now_us = 0;
  for (const bool web : {true, false}) {
    CAPTURE(web);
    const uint8_t request = web ? 1 : 2;
    const auto into = test::make_store(true);
    sync::Pull pull = pull_of(request);
    const auto donation = donor.donate(request, sync::Cells::everything(), web);
    REQUIRE(take_all(pull, all_of(*donation, now_us), *into));
    CHECK(pull.complete());
    CHECK(test::content(*into) == (web ? test::content(*donor.store) : without));
  }
}

TEST_CASE("sync donation: keeps to its rate, shared by all donations underway") {
  Donor donor(500'000);
  fill(*donor.store, 500, 400);
  int64_t now_us = kSecondUs;
  const auto first = donor.donate(1);
  const auto second = donor.donate(2);
  CHECK(donor.desk->full());
  size_t bytes = all_of(*first, now_us).size();
  bytes += all_of(*second, now_us).size();
  CHECK(bytes > 1'500'000);
  // A burst of a quarter of a megabyte comes at once.
  CHECK(static_cast<int64_t>(bytes) <= (now_us - kSecondUs) / 2 + 256 * 1024 + 72 * 1024);
  CHECK(static_cast<int64_t>(bytes) >= (now_us - kSecondUs) / 2);
}

TEST_CASE("sync donation: a new rate applies to one underway") {
  Donor donor(1);
  fill(*donor.store, 3000, 100);
  int64_t now_us = kSecondUs;
  const auto donation = donor.donate();
  std::vector<uint8_t> bytes;
  // The burst is spent, and at a byte a second it would take days.
  while (donation->next({.mono_us = now_us}, bytes).again_us <= now_us + kSecondUs) continue;
  donor.desk->set_pace(1'000'000);
  const int64_t before_us = now_us;
  const size_t before = bytes.size();
  const size_t rest = all_of(*donation, now_us).size();
  REQUIRE(rest > 1'000'000);
  CHECK(now_us - before_us <= static_cast<int64_t>(rest));
  CHECK(now_us - before_us >= static_cast<int64_t>(rest) * 6 / 10);
  CHECK(donor.desk->bytes == before + rest);
}

TEST_CASE("sync donation: only the cells asked for") {
  Donor donor(0);
  fill(*donor.store, 100, 150);
  sync::Cells cells;
  cells.add(common::stamp_of(kTick - 7));
  cells.add(common::stamp_of(kTick - 9), proto::digest_bucket(test::hash_of(3)));
  int64_t now_us = 0;
  const auto donation = donor.donate(1, cells);
  const std::vector<uint8_t> bytes = all_of(*donation, now_us);
  const auto into = test::make_store(true);
  sync::Pull pull = pull_of(1);
  REQUIRE(take_all(pull, bytes, *into));
  test::Content expected = test::content(*donor.store);
  std::erase_if(expected, [&](const auto& entry) {
    return !cells.contains(entry.second.stamp, proto::digest_bucket(entry.second.info_hash));
  });
  CHECK(test::content(*into) == expected);
  CHECK(expected.size() >= 101);
}

namespace {

// Counts the records that are visited.
struct CountedReads final : test::NoSwarms {
  explicit CountedReads(node::SwarmStore& of) : store(of) {}
  size_t read_steps() const override { return store.read_steps(); }
  void read(size_t step, const sync::Cells& cells, common::Tick now,
            const std::function<void(const sync::SwarmPart&)>& visit) const override {
    store.read(step, cells, now, counted(visit));
  }
  bool read_part(std::unique_ptr<Walk>& walk, size_t step, const sync::Cells& cells, common::Tick now,
                 const std::function<void(const sync::SwarmPart&)>& visit) const override {
    return store.read_part(walk, step, cells, now, counted(visit));
  }
  std::function<void(const sync::SwarmPart&)> counted(
      const std::function<void(const sync::SwarmPart&)>& visit) const {
    return [&](const sync::SwarmPart& part) {
      visited += part.records.size();
      visit(part);
    };
  }

  node::SwarmStore& store;
  mutable size_t visited = 0;
};

}  // namespace

TEST_CASE("sync donation: a large swarm is read in parts, whole") {
  Donor donor(0);
  fill(*donor.store, 1, 100'000);
  const CountedReads counted(*donor.store);
  const auto donation =
      sync::make_donation(donor.desk, counted, kTickMs, seal_of(1), {sync::Cells::everything()});
  int64_t now_us = 0;
  std::vector<uint8_t> bytes;
  for (bool done = false; !done;) {
    const size_t before = counted.visited;
    done = donation->next({.mono_us = ++now_us}, bytes).done;
    REQUIRE(counted.visited - before <= 20'000);
  }
  const auto into = test::make_store(true);
  sync::Pull pull = pull_of(1);
  REQUIRE(take_all(pull, bytes, *into));
  CHECK(pull.complete());
  CHECK(test::content(*into) == test::content(*donor.store));
}

TEST_CASE("sync donation: reading that finds nothing keeps the pace, and of no cells nothing is read") {
  Donor donor(1'000'000);
  fill(*donor.store, 3000, 3);
  const CountedReads counted(*donor.store);
  sync::Cells elsewhere;
  elsewhere.add(common::stamp_of(kTick - 170), 0);
  int64_t slow_us = 0;
  constexpr int64_t kTimes = 20;  // one after the other, as a member may ask for it
  for (int64_t i = 0; i < kTimes; ++i) {
    all_of(*sync::make_donation(donor.desk, counted, kTickMs, seal_of(1), {elsewhere}), slow_us);
  }
  const auto calls = static_cast<int64_t>(counted.store.read_steps() / 8);
  const int64_t budget_us = kTimes * (calls - 1) * 256 - 256 * 1024;  // what the bucket holds is free
  REQUIRE(budget_us > 0);
  CHECK(slow_us >= budget_us);
  int64_t none_us = kSecondUs * 10;
  const int64_t start_us = none_us;
  const auto none = sync::make_donation(donor.desk, counted, kTickMs, seal_of(2), {});
  CHECK(all_of(*none, none_us).size() > 0);
  CHECK(none_us == start_us);
}

namespace {

// What the store lacks, and the donor has: the answer to a sketch of all its ticks.
std::unique_ptr<sync::Donation> donate_beyond(const Donor& donor, const node::SwarmStore& store,
                                              size_t symbols) {
  sync::SketchReader reader(sync::Cells::everything(), {1, 2}, symbols);
  while (!reader.read_some(store, kTick)) continue;
  return sync::make_donation(donor.desk, *donor.store, kTickMs, seal_of(1),
                             {sync::Cells::everything(), true, std::move(reader.sketch())});
}

}  // namespace

TEST_CASE("sync donation: of a sketch what is not in it arrives, and nothing else") {
  Donor donor(0);
  fill(*donor.store, 300, 40);
  const auto into = test::make_store(true);
  size_t number = 0;
  for (const auto& [key, delta] : test::content(*donor.store)) {
    if (++number % 30 != 0) into->merge(std::span(&delta, 1), kTick);
  }
  // It has something of its own, too.
  for (uint32_t i = 0; i < 50; ++i) {
    test::announce(*into, {.hash = 1000 + i, .peer = test::v4_peer(i)}, kTick);
  }
  test::Content both = test::content(*donor.store);
  both.merge(test::content(*into));
  const size_t lacking = both.size() - test::content(*into).size();
  REQUIRE(lacking > 300);
  int64_t now_us = 0;
  sync::Pull pull = pull_of(1);
  const auto donation = donate_beyond(donor, *into, proto::RecordSketch::symbols_for(lacking + 50));
  const std::vector<uint8_t> bytes = all_of(*donation, now_us);
  REQUIRE(take_all(pull, bytes, *into));
  CHECK(pull.complete());
  CHECK(donor.desk->records == lacking);
  CHECK(test::content(*into) == both);
  CHECK(bytes.size() < lacking * 60);
}

TEST_CASE("sync donation: a sketch that does not do is answered by an estimate alone") {
  Donor donor(0);
  fill(*donor.store, 300, 40);
  const auto into = test::make_store(true);
  int64_t now_us = 0;
  for (const bool noise : {false, true}) {
    CAPTURE(noise);
    std::unique_ptr<sync::Donation> donation = donate_beyond(donor, *into, 500);
    if (noise) {
      common::Prng prng(1);
      std::vector<uint8_t> any(proto::RecordSketch::kSizeMax);
      for (uint8_t& byte : any) byte = static_cast<uint8_t>(prng.next());
      donation =
          sync::make_donation(donor.desk, *donor.store, kTickMs, seal_of(1),
                              {sync::Cells::everything(), true, proto::RecordSketch::read({3, 4}, any)});
    }
    const std::vector<uint8_t> bytes = all_of(*donation, now_us);
    CHECK(bytes.size() < 100);
    sync::Pull pull = pull_of(1);
    proto::PullFrame frame;
    common::ByteSpan rest(bytes);
    REQUIRE(pull.feed(rest, frame, 0) == sync::Pull::Came::frame);
    CHECK(pull.complete());
    REQUIRE(frame.differing.has_value());
    if (!noise) {
      CHECK(*frame.differing > test::content(*donor.store).size() / 2);
      CHECK(*frame.differing < test::content(*donor.store).size() * 2);
    }
    CHECK(frame.blocks.empty());
  }
  CHECK(donor.desk->records == 0);
}

TEST_CASE("sync donation: what changes between the two passes of a sketch does no harm") {
  Donor donor(0);
  fill(*donor.store, 300, 40);
  const auto into = test::make_store(true);
  std::vector<proto::Delta> lacking;
  size_t number = 0;
  for (const auto& [key, delta] : test::content(*donor.store)) {
    if (++number % 30 == 0) {
      lacking.push_back(delta);
    } else {
      into->merge(std::span(&delta, 1), kTick);
    }
  }
  const auto donation = donate_beyond(donor, *into, proto::RecordSketch::symbols_for(lacking.size()));
  std::vector<uint8_t> bytes;
  int64_t now_us = 0;
  // The first frame says that the first pass is over.
  while (bytes.empty()) REQUIRE(!donation->next({now_us++, 0}, bytes).done);
  proto::Delta moved = lacking[0];
  moved.stamp = common::stamp_of(kTick + 1);
  proto::Delta stopped = lacking[1];
  stopped.state.role = proto::PeerRole::stopped;
  stopped.stamp = common::stamp_of(kTick + 1);
  donor.store->merge(std::vector{moved, stopped}, kTick + 1);
  test::announce(*donor.store, {.hash = 5000, .peer = test::v4_peer(1)}, kTick + 1);
  const std::vector<uint8_t> rest = all_of(*donation, now_us);
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  sync::Pull pull = pull_of(1);
  REQUIRE(take_all(pull, bytes, *into));
  CHECK(pull.complete());
  // Those two come with a later repair, the others now.
  CHECK(donor.desk->records == lacking.size() - 2);
}

TEST_CASE("sync donation: comparing with a sketch takes a bounded share of the donor's time") {
  Donor donor(0);
  donor.desk->comparing = sync::TokenBucket(100'000, 65'536);
  fill(*donor.store, 5, 70'000);
  const auto into = test::make_store(true);
  int64_t now_us = kSecondUs;
  const int64_t start_us = now_us;
  const std::vector<uint8_t> bytes = all_of(*donate_beyond(donor, *into, 100), now_us);
  CHECK(now_us - start_us >= 2 * kSecondUs);
  // And a sign of life now and then.
  sync::Pull pull = pull_of(1);
  proto::PullFrame frame;
  common::ByteSpan rest(bytes);
  int frames = 0;
  while (pull.feed(rest, frame, 0) == sync::Pull::Came::frame) ++frames;
  CHECK(pull.complete());
  CHECK(frames >= 2);
}

TEST_CASE("sync donation: destroying one frees its place") {
  Donor donor(0);
  auto first = donor.donate();
  auto second = donor.donate();
  CHECK(donor.desk->full());
  first.reset();
  CHECK(!donor.desk->full());
  second.reset();
  CHECK(donor.desk->underway == 0);
}

TEST_CASE("sync pull: data that is altered, left out, repeated, or of another answer is refused") {
  Donor donor(0);
  fill(*donor.store, 300, 60);
  int64_t now_us = 0;
  const auto donation = donor.donate();
  const std::vector<uint8_t> bytes = all_of(*donation, now_us);
  const size_t first_size = 4 + common::ByteReader(bytes).u32();
  REQUIRE(bytes.size() > 2 * first_size);
  const auto taken = [&](sync::Pull pull, std::vector<uint8_t> stream) {
    const auto into = test::make_store(true);
    return take_all(pull, stream, *into) && pull.complete();
  };
  CHECK(taken(pull_of(1), bytes));
  CHECK(!taken(pull_of(2), bytes));  // the answer to another request
  for (const size_t at :
       {size_t{0}, size_t{3}, size_t{4}, size_t{11}, size_t{12}, first_size - 1, first_size + 50}) {
    std::vector<uint8_t> altered = bytes;
    altered[at] ^= 1;
    CHECK(!taken(pull_of(1), altered));
  }
  CHECK(!taken(pull_of(1), {bytes.begin() + static_cast<ptrdiff_t>(first_size), bytes.end()}));
  std::vector<uint8_t> repeated(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(first_size));
  repeated.insert(repeated.end(), bytes.begin(), bytes.end());
  CHECK(!taken(pull_of(1), repeated));
  std::vector<uint8_t> longer = bytes;
  longer.push_back(0);
  CHECK(!taken(pull_of(1), longer));
  CHECK(!taken(pull_of(1), {bytes.begin(), bytes.end() - 1}));  // not complete
}

TEST_CASE("pull request: how many bytes of it are missing") {
  const auto missing = [](std::vector<uint8_t> head, size_t size) {
    head.resize(std::max(head.size(), size));
    return sync::pull_request_missing(head);
  };
  CHECK(missing({}, 0) == 2);
  CHECK(missing({0}, 1) == 1);
  CHECK(missing({0, 100}, 2) == 100);
  CHECK(missing({0, 100}, 102) == 0);
  CHECK(missing({4, 176}, 2) == 1200);
  CHECK(missing({255, 255}, 2) == 65'535);  // with a sketch
  CHECK(missing({255, 255, 's', 'h'}, 4) == 65'533);
  CHECK(missing({255, 255, 's', 'x'}, 4) == std::nullopt);  // of no node
  CHECK(missing({0, 52}, 2) == std::nullopt);               // a packet without a body
  CHECK(missing({0, 100}, 103) == std::nullopt);            // something follows
}

TEST_CASE("pull: bytes that are no frame are no sign of life") {
  sync::Pull pull = pull_of(1);
  const int64_t deadline_us = pull.deadline_us();
  CHECK(deadline_us == sync::Pull::kSilentMaxUs);
  proto::PullFrame frame;
  std::vector<uint8_t> head = {0, 1, 0, 0};  // a frame of 64 KiB follows
  head.resize(100);
  for (size_t i = 0; i < head.size(); ++i) {
    common::ByteSpan one = common::ByteSpan(head).subspan(i, 1);
    REQUIRE(pull.feed(one, frame, static_cast<int64_t>(i) * 9 * kSecondUs) == sync::Pull::Came::nothing_yet);
    REQUIRE(pull.deadline_us() == deadline_us);
  }
}

TEST_CASE("pull: frames must bring so much in the long run") {
  Donor donor(0);
  fill(*donor.store, 1500, 60);
  const auto donation = donor.donate();
  int64_t donor_us = 0;
  const std::vector<uint8_t> bytes = all_of(*donation, donor_us);
  // A frame every 9 s is no silence, but too slow once the first minute is over.
  sync::Pull pull = pull_of(1);
  proto::PullFrame frame;
  common::ByteSpan rest = bytes;
  int64_t now_us = 0;
  while (now_us < pull.deadline_us() && pull.feed(rest, frame, now_us) == sync::Pull::Came::frame) {
    now_us += 9 * kSecondUs;
  }
  CHECK(!pull.complete());
  CHECK(pull.too_slow());
  CHECK(pull.deadline_us() <= 100 * kSecondUs);
}
