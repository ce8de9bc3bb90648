#include "node/access/place_counter.h"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using node::GeoEntry;
using node::PlaceCounter;
using node::PlaceCounts;
using node::PlaceIndex;

namespace {

constexpr common::Tick kPlaceNow = 1'000'000;

GeoEntry entry_of(std::array<char, 2> country, uint32_t asn) { return {country, asn}; }

common::AddressRange range_between(const common::Endpoint& first, const common::Endpoint& last) {
  return {{first.family, first.address, 0}, {last.family, last.address, 0}};
}

// Peers 0 to 99 of IPv4 are of NL and AS 1, 100 to 199 of DE and AS 1, 200 to 299 of NL without an AS; of
// IPv6 0 to 99 are of AS 2.
PlaceIndex example_index() {
  PlaceIndex::Builder builder;
  builder.add(range_between(test::v4_peer(0), test::v4_peer(99)), entry_of({'N', 'L'}, 1));
  builder.add(range_between(test::v4_peer(100), test::v4_peer(199)), entry_of({'D', 'E'}, 1));
  builder.add(range_between(test::v4_peer(200), test::v4_peer(299)), entry_of({'N', 'L'}, 0));
  builder.add(range_between(test::v6_peer(0), test::v6_peer(99)), entry_of({}, 2));
  builder.end_file();
  return PlaceIndex(std::move(builder));
}

PlaceIndex index_of_asns(uint32_t asns) {
  PlaceIndex::Builder builder;
  for (uint32_t i = 0; i < asns; ++i)
    builder.add(range_between(test::v4_peer(i), test::v4_peer(i)), entry_of({}, 1 + i));
  builder.end_file();
  return PlaceIndex(std::move(builder));
}

}  // namespace

TEST_CASE("place counter: live peers of all swarms, known and unknown ones") {
  const auto store = test::make_store(false);
  const auto announce = [&](uint64_t swarm, const common::Endpoint& peer, bool seeder) {
    test::announce(*store, {swarm, peer, proto::Event::none, seeder}, kPlaceNow);
  };
  for (uint32_t i = 0; i < 30; ++i) announce(1, test::v4_peer(i), true);
  for (uint32_t i = 100; i < 120; ++i) announce(2, test::v4_peer(i), false);
  for (uint32_t i = 200; i < 205; ++i) announce(3, test::v4_peer(i), false);
  for (uint32_t i = 0; i < 7; ++i) announce(4, test::v6_peer(i), i % 2 == 0);
  announce(4, test::v4_peer(3), true);      // in two swarms
  announce(4, test::v4_peer(9'999), true);  // unknown, as is the next
  announce(4, test::v6_peer(9'999), true);
  // Stopped: no peer any more.
  announce(5, test::v4_peer(50), false);
  test::announce(*store, {5, test::v4_peer(50), proto::Event::stopped}, kPlaceNow);

  const PlaceIndex index = example_index();
  const auto counts = node::count_places(*store, index, kPlaceNow, {});
  REQUIRE(counts);
  CHECK(counts->peers == 30 + 20 + 5 + 7 + 3);
  CHECK(counts->countries == std::vector<PlaceCounts::OfCountry>{{{'N', 'L'}, 36}, {{'D', 'E'}, 20}});
  CHECK(counts->peers_of_no_country == 9);
  CHECK(counts->asns == std::vector<PlaceCounts::OfAsn>{{1, 51}, {2, 7}});
  CHECK(counts->peers_of_no_asn == 7);
  CHECK(counts->asns_beyond == 0);
}

TEST_CASE("place counter: a swarm larger than what is read at once is counted whole") {
  const auto store = test::make_store(false);
  constexpr uint32_t kPeers = 50'000;
  for (uint32_t i = 0; i < kPeers; ++i)
    test::announce(*store, {1, test::v4_peer(i), proto::Event::none, true, 0}, kPlaceNow);
  const auto counts = node::count_places(*store, example_index(), kPlaceNow, {});
  REQUIRE(counts);
  CHECK(counts->peers == kPeers);
  CHECK(counts->countries[0] == PlaceCounts::OfCountry{{'N', 'L'}, 200});
  CHECK(counts->peers_of_no_asn == kPeers - 200);
}

TEST_CASE("place counter: of autonomous systems the largest are kept, the others summed") {
  constexpr uint32_t kAsns = 1'000;
  const PlaceIndex index = index_of_asns(kAsns);
  std::vector<uint64_t> peers(index.places().size());
  for (uint32_t i = 0; i < kAsns; ++i) peers[index.find(test::v4_peer(i))] = 10 + i;
  const PlaceCounts counts = node::summed_places(index, peers);
  REQUIRE(counts.asns.size() == PlaceCounts::kAsnsMax);
  CHECK(counts.asns.front() == PlaceCounts::OfAsn{kAsns, 10 + kAsns - 1});
  CHECK(counts.asns.back() == PlaceCounts::OfAsn{901, 910});
  CHECK(counts.asns_beyond == 900);
  uint64_t sum = counts.peers_beyond;
  for (const auto& one : counts.asns) sum += one.peers;
  CHECK(sum == counts.peers);
  CHECK(counts.peers_of_no_country == counts.peers);
}

TEST_CASE("place counter: equal ones come by name") {
  const PlaceIndex index = index_of_asns(3);
  std::vector<uint64_t> peers(index.places().size(), 5);
  peers[0] = 0;
  CHECK(node::summed_places(index, peers).asns == std::vector<PlaceCounts::OfAsn>{{1, 5}, {2, 5}, {3, 5}});
}

TEST_CASE("place counter: is broken off when it is told to stop") {
  const auto store = test::make_store(false);
  std::stop_source stop;
  stop.request_stop();
  CHECK(!node::count_places(*store, example_index(), kPlaceNow, stop.get_token()));
}

TEST_CASE("place counter: off, on, and off again") {
  uv_loop_t loop;
  REQUIRE(uv_loop_init(&loop) == 0);
  const auto store = test::make_store(false);
  const node::ClusterClock clock(2'700);
  test::announce(*store, {1, test::v4_peer(1), proto::Event::none, true}, clock.tick());
  {
    PlaceCounter counter(&loop, *store, clock, nullptr);
    CHECK(!counter.status());
    counter.set(std::make_shared<const PlaceIndex>(example_index()));
    REQUIRE(counter.status());
    CHECK(counter.status()->index_bounds == 6);
    CHECK(!counter.status()->counts);
    while (!counter.status()->counts) uv_run(&loop, UV_RUN_ONCE);
    const auto counts = counter.status()->counts;
    CHECK(counts->peers == 1);
    CHECK(counts->unix_ms > 0);
    // Those of the old index stay until there are others.
    counter.set(std::make_shared<const PlaceIndex>(example_index()));
    CHECK(counter.status()->counts == counts);
    counter.set(nullptr);
    CHECK(!counter.status());
    counter.set(std::make_shared<const PlaceIndex>(example_index()));
    CHECK(!counter.status()->counts);
    counter.stop();
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&loop) == 0);
}
