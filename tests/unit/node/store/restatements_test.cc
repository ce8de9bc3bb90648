// What is to be said again, beside a map that gets the same changes.

#include "node/store/restatements.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/unit/support/store_fixture.h"

using namespace shoal;
using node::Restatements;
using proto::PeerRole;

namespace {

Restatements::Key key_of(uint32_t number) {
  return {test::hash_of(number % 7), number % 2 == 0 ? test::v4_peer(number) : test::v6_peer(number)};
}

common::Moment moment_of(uint32_t number) { return common::Moment::begin_of(118'000'000 + number); }

}  // namespace

TEST_CASE("restatements: what is noted is found until it is forgotten, and nothing else is forgotten") {
  Restatements noted;
  std::map<uint32_t, common::Moment> expected;
  common::Prng prng(4);
  for (uint32_t step = 0; step < 50'000; ++step) {
    const uint32_t number = prng.below(3000);
    if (prng.below(2) == 0) {
      if (expected.size() == Restatements::kMax && !expected.contains(number)) continue;
      noted.note(key_of(number), {moment_of(step), PeerRole::seeder, true});
      expected.insert_or_assign(number, moment_of(step));
    } else {
      noted.forget(key_of(number));
      expected.erase(number);
    }
    const uint32_t other = prng.below(3000);
    const auto found = noted.find(key_of(other));
    REQUIRE(found.has_value() == expected.contains(other));
    if (found) REQUIRE(found->moment == expected.at(other));
    REQUIRE(noted.empty() == expected.empty());
  }
  CHECK(noted.dropped() == 0);
  CHECK(noted.keys().size() == expected.size());
  for (uint32_t number = 0; number < 3000; ++number) noted.forget(key_of(number));
  CHECK(noted.empty());
}

TEST_CASE("restatements: a full table drops new ones, and keeps those it has") {
  Restatements noted;
  for (uint32_t i = 0; i < Restatements::kMax + 5; ++i) {
    noted.note(key_of(i), {moment_of(i), PeerRole::stopped, false});
  }
  CHECK(noted.dropped() == 5);
  noted.note(key_of(0), {moment_of(9999), PeerRole::leecher, false});
  CHECK(noted.dropped() == 5);
  CHECK(noted.find(key_of(0))->role == PeerRole::leecher);
  noted.forget(key_of(Restatements::kMax));  // never noted
  CHECK(noted.keys().size() == Restatements::kMax);
}
