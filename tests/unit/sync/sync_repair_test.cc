#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "sync/repair.h"
#include "tests/unit/support/sync_parts.h"

namespace shoal::sync {

// Writes the phase in place of the real one.
class Bootstrap {
 public:
  static void enter(Phase& phase, SyncPhase next) { phase.mine() = next; }
};

// Writes what heartbeats say.
class Heartbeats {
 public:
  static void know_sketches(Member& member) { member.profile.mine().sketches = true; }
};

namespace {

struct RepairParts : test::Parts {
  explicit RepairParts(SyncPhase at = SyncPhase::synced) { Bootstrap::enter(phase, at); }

  // As the member would send them: it has something in this many ticks that we lack.
  proto::Digests digests(size_t differing, uint64_t by = 1) {
    StampDigests theirs{};
    const common::Tick tick = clock.tick(now());
    for (size_t i = 0; i < differing; ++i) {
      theirs[common::stamp_of(tick - 20 - static_cast<common::Tick>(i))] = by;
    }
    return make_digests(theirs, tick, identity.peer_timeout_s, false);
  }

  void compare(Member& member, size_t differing, uint64_t by = 1) {
    member.heard(now_us);
    member.hears_us_until(now_us + 10'000'000);  // its heartbeats say so
    receive(repair, member, digests(differing, by));
    now_us += 1'000'000;
  }

  // A pull from this member that was for `by` in the newest tick of digests().
  Pulls::Ended ended(const Member& member, uint64_t by, uint64_t applied) const {
    Pulls::Ended out{};
    out.purpose.member = member.id();
    out.purpose.differences = {{clock.tick(now()) - 20, Difference::kAllBuckets, by}};
    out.good = true;
    out.applied = applied;
    return out;
  }

  // The requests that were sent, once the sketches are made.
  std::vector<proto::PullRequest> requests() {
    for (int i = 0; i < 3; ++i) repair.advance_sketch(now(), out);
    std::vector<proto::PullRequest> made;
    for (const PullStart& start : std::exchange(out.pulls, {})) {
      const common::ByteSpan packet = common::ByteSpan(*start.request).subspan(2);
      const auto header = proto::parse_sync_header(packet, proto::kSyncRequestMax);
      REQUIRE(header.has_value());
      const auto body = open_sealed(keys, *header, packet);
      REQUIRE(body.has_value());
      const auto message = proto::decode_sync_packet(*body);
      REQUIRE(message.has_value());
      made.push_back(std::get<proto::PullRequest>(*message));
    }
    return made;
  }

  Phase phase{SyncPhase::waiting};
  PullTimer timer;
  Pulls pulls{sender, keys, members, clock, swarms, departure, timer, complaints, prng};
  Repair repair{identity, phase, sender, members, clock, swarms, pulls, timer, prng};
};

TEST_CASE("repair: a difference that lasts is narrowed down to cells, which are pulled") {
  RepairParts parts;
  Member& member = parts.admit(2);
  parts.compare(member, 1);
  CHECK(parts.sent<proto::CellsAsk>().empty());  // it may be in flight
  parts.compare(member, 1);
  const auto asks = parts.sent<proto::CellsAsk>();
  REQUIRE(asks.size() == 1);
  REQUIRE(asks[0].ticks.size() == 1);
  // In one bucket there is something we do not have.
  for (uint32_t first = 0; first < proto::kDigestBuckets; first += 128) {
    proto::CellDigests cells{asks[0].ticks[0], first, std::vector<uint64_t>(128)};
    if (first == 256) cells.digests[5] = 1;
    parts.receive(parts.repair, member, cells);
  }
  parts.repair.pull_due_cells(parts.now(), parts.out);
  CHECK(parts.repair.cells_us() == std::numeric_limits<int64_t>::max());
  REQUIRE(parts.out.pulls.size() == 1);
  REQUIRE(parts.pulls.running() != nullptr);
  CHECK(!parts.pulls.running()->purpose().everything);
  REQUIRE(parts.pulls.running()->purpose().differences.size() == 2);
  CHECK(parts.pulls.running()->purpose().differences[0] == Difference{asks[0].ticks[0], 256 + 5, 1});
}

TEST_CASE("repair: what a pull did not bring is not pulled again, from any member") {
  RepairParts parts;
  Member& first = parts.admit(2);
  Member& second = parts.admit(3);
  parts.repair.pull_ended(parts.now(), parts.ended(first, 1, 0));
  for (Member* member : {&first, &second}) {
    for (int i = 0; i < 3; ++i) parts.compare(*member, 1);
    CHECK(member->repair->it_lacks > 0);
  }
  CHECK(parts.sent<proto::CellsAsk>().empty());
  // By another digest it is another difference.
  for (int i = 0; i < 2; ++i) parts.compare(first, 1, 2);
  CHECK(parts.sent<proto::CellsAsk>().size() == 1);
}

TEST_CASE("repair: what a pull has brought is not pulled again from members that lack it") {
  RepairParts parts;
  Member& first = parts.admit(2);
  Member& second = parts.admit(3);
  const Pulls::Ended ended = parts.ended(first, 1, 1);
  SUBCASE("at once") {
    parts.repair.pull_ended(parts.now(), ended);
    for (int i = 0; i < 4; ++i) parts.compare(second, 1);
    CHECK(parts.sent<proto::CellsAsk>().empty());
  }
  SUBCASE("but what was given up for lack of memory is") {
    parts.repair.pull_ended(parts.now(), ended);
    parts.store.full = true;
    parts.repair.announce(parts.now(), parts.out);
    parts.store.full = false;
    for (int i = 0; i < 2; ++i) parts.compare(second, 1);
    CHECK(parts.sent<proto::CellsAsk>().size() == 1);
  }
  SUBCASE("nor is what a full store did not take called brought") {
    parts.store.full = true;
    parts.repair.pull_ended(parts.now(), ended);
    parts.store.full = false;
    for (int i = 0; i < 3; ++i) parts.compare(second, 1);
    CHECK(parts.sent<proto::CellsAsk>().size() == 1);
  }
}

TEST_CASE("repair: of many members one that alone differs acts first") {
  RepairParts parts;
  std::vector<Member*> members;
  for (uint64_t id = 2; id < 12; ++id) members.push_back(&parts.admit(id));
  const auto compare_all = [&](size_t differ) {
    for (size_t i = 0; i < members.size(); ++i) {
      members[i]->heard(parts.now_us);
      members[i]->hears_us_until(parts.now_us + 10'000'000);
      parts.receive(parts.repair, *members[i], parts.digests(i < differ ? 1 : 0));
    }
    parts.now_us += 1'000'000;
  };
  SUBCASE("it is asked for its cells two or three comparisons later") {
    for (int i = 0; i < 3; ++i) compare_all(1);
    CHECK(parts.sent<proto::CellsAsk>().empty());
    for (int i = 0; i < 2; ++i) compare_all(1);
    CHECK(parts.sent<proto::CellsAsk>().size() == 1);
  }
  SUBCASE("what differs from most is missing here, and is asked for at once") {
    for (int i = 0; i < 2; ++i) compare_all(members.size());
    CHECK(!parts.sent<proto::CellsAsk>().empty());
  }
  SUBCASE("once it agrees its next difference is left to it again") {
    for (int i = 0; i < 3; ++i) compare_all(1);
    compare_all(0);
    for (int i = 0; i < 3; ++i) compare_all(1);
    CHECK(parts.sent<proto::CellsAsk>().empty());
  }
}

TEST_CASE("repair: of few members one that alone differs is not waited for") {
  RepairParts parts;
  std::vector<Member*> members;
  for (uint64_t id = 2; id < 10; ++id) members.push_back(&parts.admit(id));
  for (int i = 0; i < 2; ++i) {
    for (Member* const member : members) {
      member->heard(parts.now_us);
      member->hears_us_until(parts.now_us + 10'000'000);
      parts.receive(parts.repair, *member, parts.digests(member == members[0] ? 1 : 0));
    }
    parts.now_us += 1'000'000;
  }
  CHECK(parts.sent<proto::CellsAsk>().size() == 1);
}

TEST_CASE("repair: many differing ticks are pulled whole") {
  RepairParts parts;
  Member& member = parts.admit(2);
  for (int i = 0; i < 2; ++i) parts.compare(member, proto::kCellTicksMax + 1);
  CHECK(parts.sent<proto::CellsAsk>().empty());
  CHECK(parts.out.pulls.size() == 1);
}

TEST_CASE(
    "repair: of ticks with so many differing cells the last are pulled whole: a request has room for some") {
  RepairParts parts;
  Member& member = parts.admit(2);
  constexpr size_t kTicks = 5;
  constexpr size_t kOfTick = 100;
  for (int i = 0; i < 2; ++i) parts.compare(member, kTicks);
  const auto asks = parts.sent<proto::CellsAsk>();
  REQUIRE(asks.size() == 1);
  REQUIRE(asks[0].ticks.size() == kTicks);
  for (const common::Tick tick : asks[0].ticks) {
    for (uint32_t first = 0; first < proto::kDigestBuckets; first += 128) {
      proto::CellDigests cells{tick, first, std::vector<uint64_t>(128)};
      if (first == 0) std::fill_n(cells.digests.begin(), kOfTick, 1);
      parts.receive(parts.repair, member, cells);
    }
  }
  parts.repair.pull_due_cells(parts.now(), parts.out);
  const auto requests = parts.requests();
  REQUIRE(requests.size() == 1);
  size_t whole = 0;
  size_t buckets = 0;
  for (const proto::PullPart& part : requests[0].parts) {
    buckets += part.buckets.size();
    whole += part.buckets.empty() ? 1 : 0;
  }
  CHECK(buckets == proto::kPullBucketsMax / kOfTick * kOfTick);
  CHECK(whole >= kTicks - proto::kPullBucketsMax / kOfTick);
}

// Of a node that has many records.
struct SketchParts : RepairParts {
  SketchParts() { store.records = 1'000'000; }

  Member& admit_new(uint64_t id) {
    Member& member = admit(id);
    Heartbeats::know_sketches(member);
    return member;
  }

  size_t symbols() {
    const auto made = requests();
    REQUIRE(made.size() == 1);
    return proto::RecordSketch::symbols_in(made[0].sketch.size());
  }

  // The pull that runs ends like this.
  void end(Member& member, bool good, std::optional<uint32_t> differing, uint64_t applied = 0) {
    REQUIRE(pulls.running() != nullptr);
    Pulls::Ended ended{pulls.running()->purpose(), good, true, false, applied, applied, differing};
    pulls.abort(out);
    repair.pull_ended(now(), ended);
    now_us += 1'000'000;
    member.heard(now_us);
  }
};

TEST_CASE("differences: ticks between two that differ are joined to them where none differs") {
  constexpr common::Tick kNow = 120'000'000;
  StampDigests theirs{};
  for (const common::Tick age : {20, 24, 26, 30}) theirs[common::stamp_of(kNow - age)] = 1;
  Differences differences;
  differences.compare(make_digests(theirs, kNow, 2700, false), {}, kNow);
  CHECK(differences.count() == 4);
  CHECK(differences.joined({}).empty());
  const std::vector<common::Tick> joined = {kNow - 30, kNow - 24, kNow - 23, kNow - 22, kNow - 21, kNow - 20};
  CHECK(differences.joined({kNow - 30, kNow - 24, kNow - 20}) == joined);
}

TEST_CASE("repair: where many records are, and few differ, a sketch is sent") {
  for (const size_t ticks : {size_t{1}, size_t{8}, size_t{100}}) {
    CAPTURE(ticks);
    SketchParts parts;
    Member& member = parts.admit_new(UINT64_MAX);
    for (int i = 0; i < 2; ++i) parts.compare(member, ticks);
    CHECK(parts.sent<proto::CellsAsk>().empty());
    const auto made = parts.requests();
    REQUIRE(made.size() == 1);
    REQUIRE(made[0].parts.size() == 1);
    CHECK(made[0].parts[0].ticks == ticks);
    CHECK(proto::RecordSketch::symbols_in(made[0].sketch.size()) > ticks);
    CHECK(parts.pulls.running()->purpose().sketched);
    CHECK(parts.pulls.running()->purpose().differences.size() == ticks);
  }
}

TEST_CASE("repair: no sketch goes to a member that does not know them, or of few records") {
  for (const bool few : {false, true}) {
    SketchParts parts;
    Member& member = few ? parts.admit_new(UINT64_MAX) : parts.admit(UINT64_MAX);
    if (few) parts.store.records = 1000;
    for (int i = 0; i < 2; ++i) parts.compare(member, 2);
    CHECK(parts.requests().empty());
    CHECK(parts.sent<proto::CellsAsk>().size() == 1);
  }
}

TEST_CASE("repair: of two members one lets the other pull first") {
  SketchParts parts;
  Member& member = parts.admit_new(1);  // less than our id
  for (int i = 0; i < 3; ++i) parts.compare(member, 5);
  CHECK(parts.requests().empty());
  for (int i = 0; i < 3; ++i) parts.compare(member, 5);
  CHECK(parts.requests().size() == 1);
  CHECK(parts.sent<proto::CellsAsk>().empty());
}

TEST_CASE("repair: a sketch that was too small is followed by one that is not, of fewer ticks if need be") {
  SketchParts parts;
  Member& member = parts.admit_new(UINT64_MAX);
  for (int i = 0; i < 2; ++i) parts.compare(member, 100);
  CHECK(parts.symbols() < 400);
  parts.end(member, true, 1000);
  for (int i = 0; i < 2; ++i) parts.compare(member, 100);
  CHECK(parts.symbols() == proto::RecordSketch::symbols_for(1000));
  parts.end(member, true, 20'000);
  for (int i = 0; i < 2; ++i) parts.compare(member, 100);
  const auto made = parts.requests();
  REQUIRE(made.size() == 1);
  REQUIRE(made[0].parts.size() == 1);
  CHECK(made[0].parts[0].ticks == proto::RecordSketch::kRecordsMax / 200);
  // The newest ones.
  CHECK(made[0].parts[0].first_tick + made[0].parts[0].ticks == parts.clock.tick(parts.now()) - 19);
}

TEST_CASE("repair: what differs most is pulled whole") {
  SketchParts parts;
  Member& member = parts.admit_new(UINT64_MAX);
  for (int i = 0; i < 2; ++i) parts.compare(member, 100);
  CHECK(parts.symbols() > 0);
  parts.end(member, true, 300'000);
  for (int i = 0; i < 2; ++i) parts.compare(member, 100);
  const auto made = parts.requests();
  REQUIRE(made.size() == 1);
  CHECK(made[0].sketch.empty());
}

TEST_CASE("repair: sketches that fail again and again give way to cells") {
  SketchParts parts;
  Member& member = parts.admit_new(UINT64_MAX);
  int sketches = 0;
  for (int i = 0; i < 30 && parts.sent<proto::CellsAsk>().empty(); ++i) {
    parts.compare(member, 5);
    if (parts.requests().empty()) continue;
    ++sketches;
    parts.end(member, i % 2 == 0, 10);
  }
  CHECK(sketches == 3);
}

TEST_CASE("repair: what still differs after a sketch is what the member lacks, and is not pulled for") {
  SketchParts parts;
  Member& member = parts.admit_new(UINT64_MAX);
  for (int i = 0; i < 2; ++i) parts.compare(member, 5, 1);
  REQUIRE(parts.requests().size() == 1);
  SUBCASE("nothing was brought: the same") {
    parts.end(member, true, std::nullopt, 0);
    for (int i = 0; i < 3; ++i) parts.compare(member, 5, 1);
  }
  SUBCASE("something was: the rest") {
    const common::Tick tick = parts.clock.tick(parts.now()) - 20;
    for (common::Tick i = 0; i < 5; ++i) parts.store.stamps[common::stamp_of(tick - i)] = 3;
    parts.end(member, true, std::nullopt, 7);
    for (int i = 0; i < 3; ++i) parts.compare(member, 5, 1);
  }
  CHECK(parts.requests().empty());
  CHECK(parts.sent<proto::CellsAsk>().empty());
  // Something else differs.
  for (int i = 0; i < 4; ++i) {
    parts.compare(member, 5, 4);
    parts.repair.pull_due_cells(parts.now(), parts.out);
  }
  CHECK(parts.requests().size() == 1);
}

TEST_CASE("repair: sketches that are turned away give way to cells, later than those that fail") {
  SketchParts parts;
  Member& member = parts.admit_new(UINT64_MAX);
  int sketches = 0;
  for (int i = 0; i < 60 && parts.sent<proto::CellsAsk>().empty(); ++i) {
    parts.compare(member, 5);
    if (parts.requests().empty()) continue;
    ++sketches;
    Pulls::Ended ended{parts.pulls.running()->purpose(), false, false, true, 0, 0, std::nullopt};
    parts.pulls.abort(parts.out);
    parts.repair.pull_ended(parts.now(), ended);
  }
  CHECK(sketches == 6);
}

TEST_CASE("repair: making sketches takes a third of the thread at most, whatever members say") {
  SketchParts parts;
  Member& member = parts.admit_new(UINT64_MAX);
  for (int i = 0; i < 2; ++i) parts.compare(member, 5);
  parts.now_us += 4'000'000;  // so long it takes
  member.heard(parts.now_us);
  REQUIRE(parts.requests().size() == 1);
  parts.end(member, true, 10);
  parts.compare(member, 0);  // they agree
  const int64_t began_us = parts.now_us;
  while (parts.requests().empty()) parts.compare(member, 5, 9);
  CHECK(parts.now_us - began_us >= 4'000'000);
  CHECK(parts.now_us - began_us < 12'000'000);
}

TEST_CASE("repair: of more than some sketches hold ticks are pulled whole") {
  SketchParts parts;
  parts.store.records = 100'000'000;
  Member& member = parts.admit_new(UINT64_MAX);
  for (int i = 0; i < 2; ++i) parts.compare(member, 100);
  CHECK(parts.symbols() > 0);
  parts.end(member, true, 9 * proto::RecordSketch::kRecordsMax);
  for (int i = 0; i < 2; ++i) parts.compare(member, 100);
  const auto made = parts.requests();
  REQUIRE(made.size() == 1);
  CHECK(made[0].sketch.empty());
}

TEST_CASE("repair: a sketch that is being made ends when everything is compared anew") {
  SketchParts parts;
  Member& member = parts.admit_new(UINT64_MAX);
  for (int i = 0; i < 2; ++i) parts.compare(member, 5);
  CHECK(parts.repair.sketch_us(parts.now()) == parts.now_us);
  parts.repair.restart(parts.now());
  CHECK(parts.repair.sketch_us(parts.now()) == std::numeric_limits<int64_t>::max());
  CHECK(parts.requests().empty());
}

TEST_CASE("repair: nothing is compared or announced before everything is pulled") {
  RepairParts parts(SyncPhase::waiting);
  Member& member = parts.admit(2);
  for (int i = 0; i < 3; ++i) parts.compare(member, 1);
  parts.repair.announce(parts.now(), parts.out);
  CHECK(parts.out.sends.empty());
  CHECK(parts.repair.stats().digests_compared == 0);
  // But it is known that this member has everything.
  CHECK(member.repair->has_everything);
}

TEST_CASE("repair: digests counted by another timeout are dropped") {
  RepairParts parts;
  Member& member = parts.admit(2);
  proto::Digests digests = parts.digests(1);
  ++digests.peer_timeout_s;
  parts.receive(parts.repair, member, digests);
  CHECK(parts.repair.dropped_refused() == 1);
  CHECK(!member.repair->has_everything);
}

TEST_CASE("repair: a request for digests is answered, but not too often") {
  RepairParts parts;
  Member& member = parts.admit(2);
  proto::Digests asking = parts.digests(0);
  asking.ask = true;
  for (int i = 0; i < 3; ++i) parts.receive(parts.repair, member, asking);
  const auto answers = parts.sent<proto::Digests>();
  REQUIRE(answers.size() == 1);
  CHECK(!answers[0].ask);
  for (int i = 0; i < 3; ++i) parts.receive(parts.repair, member, proto::CellsAsk{{1}});
  CHECK(parts.sent<proto::CellDigests>().size() == 6);
  CHECK(parts.repair.dropped_repair() == 2);
}

TEST_CASE("repair: digests that come too often are not compared with anything") {
  RepairParts parts;
  Member& member = parts.admit(2);
  member.heard(parts.now_us);
  proto::Digests digests = parts.digests(1);
  digests.ask = true;
  for (int i = 0; i < 100; ++i) {
    parts.receive(parts.repair, member, digests);
    parts.now_us += 10;
  }
  CHECK(parts.store.stamps_read <= 2);
}

TEST_CASE("repair: cells that have been heard are not compared again") {
  RepairParts parts;
  Member& member = parts.admit(2);
  parts.compare(member, 1);
  parts.compare(member, 1);
  const auto asks = parts.sent<proto::CellsAsk>();
  REQUIRE(asks.size() == 1);
  const int before = parts.store.buckets_read;
  for (int i = 0; i < 100; ++i) {
    parts.receive(parts.repair, member,
                  proto::CellDigests{asks[0].ticks[0], 0, std::vector<uint64_t>(128, 7)});
  }
  CHECK(parts.store.buckets_read == before + 1);
}

TEST_CASE("bucket digests: a map in order, whatever the order of setting") {
  BucketDigestMap map;
  for (const uint32_t bucket : {7u, 1023u, 0u, 7u, 500u}) map.set(bucket, proto::kDigestMask - bucket);
  map.set(0, 3);
  CHECK(map.size() == 4);
  CHECK(map.find(0) == 3);
  CHECK(map.find(7) == proto::kDigestMask - 7);
  CHECK(map.find(8) == 0);
  CHECK(map.find(1023) == proto::kDigestMask - 1023);
  std::vector<uint32_t> order;
  for (const BucketDigestMap::Entry& entry : map) order.push_back(entry.bucket());
  CHECK(order == std::vector<uint32_t>{0, 7, 500, 1023});
}

TEST_CASE("repair: a member that gives up records is not pulled from, however its records change") {
  RepairParts parts;
  Member& member = parts.admit(2);
  for (uint64_t i = 1; i < 50; ++i) {
    member.heard(parts.now_us);
    // Other records are missing each time, in all ticks.
    proto::Digests digests = parts.digests(100, i);
    digests.partial = true;
    parts.receive(parts.repair, member, digests);
    parts.now_us += 5'000'000;
  }
  CHECK(parts.sent<proto::CellsAsk>().empty());
  CHECK(parts.out.pulls.empty());
  CHECK(!member.repair->has_everything);
  CHECK(member.repair->partial);
  CHECK(member.repair->comparisons > 0);
  CHECK(member.repair->differences.count() == 0);
  // Once it has room again, and says so, both find out what the other lacks.
  for (int i = 0; i < 3; ++i) parts.compare(member, 1);
  CHECK(parts.sent<proto::CellsAsk>().size() == 1);
}

TEST_CASE("repair: a node that gives up records says so, and pulls nothing") {
  RepairParts parts;
  parts.store.full = true;
  Member& member = parts.admit(2);
  for (int i = 0; i < 5; ++i) parts.compare(member, 20, 7);
  CHECK(parts.sent<proto::CellsAsk>().empty());
  CHECK(parts.out.pulls.empty());
  proto::Digests asking = parts.digests(0);
  asking.ask = true;
  parts.receive(parts.repair, member, asking);
  const auto answers = parts.sent<proto::Digests>();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].partial);
  parts.store.full = false;
  for (int i = 0; i < 3; ++i) parts.compare(member, 1);
  CHECK(parts.sent<proto::CellsAsk>().size() == 1);
}

TEST_CASE("repair: digests of a hundred members do not make the table be read a hundred times") {
  RepairParts parts;
  constexpr uint64_t kMembers = 100;
  for (uint64_t id = 2; id < 2 + kMembers; ++id) {
    Member& member = parts.admit(id);
    member.heard(parts.now_us);
    parts.receive(parts.repair, member, parts.digests(0));
  }
  CHECK(parts.repair.stats().digests_compared == kMembers);
  // As the number grew; the first few read each for itself.
  CHECK(parts.store.stamps_read <= 10);
  // What was merged meanwhile is seen soon.
  const int before = parts.store.stamps_read;
  parts.now_us += 1'000'000;
  Member& member = *parts.members.find(2);
  member.heard(parts.now_us);
  parts.receive(parts.repair, member, parts.digests(0));
  CHECK(parts.store.stamps_read == before + 1);
}

}  // namespace
}  // namespace shoal::sync
