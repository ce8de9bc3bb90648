#include "node/bans/client_sketch.h"

#include <doctest/doctest.h>

#include "common/prng.h"

namespace shoal::node {
namespace {

constexpr uint64_t kStartUs = 10'000'000'000;

// How far the estimate may be off, of 1: three deviations.
constexpr double kError = 0.4;

TEST_CASE("client sketch: tells a few from many, each once") {
  common::Prng prng(1);
  for (const uint32_t clients : {1U, 5U, 50U, 500U, 10'000U, 100'000U}) {
    ClientSketch sketch;
    const uint64_t seed = prng.next();
    for (int again = 0; again < 2; ++again) {
      common::Prng hashes(seed);
      for (uint32_t i = 0; i < clients; ++i) sketch.add(hashes.next(), kStartUs);
    }
    CAPTURE(clients);
    CHECK(sketch.count(kStartUs) >= clients * (1 - kError));
    CHECK(sketch.count(kStartUs) <= clients * (1 + kError) + 1);
  }
}

TEST_CASE("client sketch: clients that are gone are forgotten after two windows") {
  ClientSketch sketch;
  CHECK(sketch.count(kStartUs) == 0);
  common::Prng prng(2);
  for (int i = 0; i < 1000; ++i) sketch.add(prng.next(), kStartUs);
  CHECK(sketch.count(kStartUs + ClientSketch::kWindowUs) > 500);
  sketch.add(1, kStartUs + ClientSketch::kWindowUs);
  CHECK(sketch.count(kStartUs + ClientSketch::kWindowUs) > 500);
  CHECK(sketch.count(kStartUs + 3 * ClientSketch::kWindowUs) == 0);
  sketch.add(1, kStartUs + 2 * ClientSketch::kWindowUs);
  CHECK(sketch.count(kStartUs + 2 * ClientSketch::kWindowUs) < 10);
  sketch.clear();
  CHECK(sketch.count(kStartUs + 2 * ClientSketch::kWindowUs) == 0);
}

}  // namespace
}  // namespace shoal::node
