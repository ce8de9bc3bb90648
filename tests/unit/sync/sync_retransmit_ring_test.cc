#include <doctest/doctest.h>

#include "sync/retransmit_ring.h"
#include "sync/token_bucket.h"

using namespace shoal;
using sync::RetransmitRing;
using sync::TokenBucket;

namespace {

sync::SealedPacket packet(size_t size) {
  return std::make_shared<const std::vector<uint8_t>>(size, uint8_t{1});
}

}  // namespace

TEST_CASE("retransmit ring: keeps young packets and knows the oldest") {
  RetransmitRing ring;
  CHECK(ring.first() == 1);
  CHECK(ring.find(1) == nullptr);
  for (uint64_t s = 1; s <= 100; ++s) ring.add(s, packet(100), static_cast<int64_t>(s) * 1'000'000);
  CHECK(ring.first() == 70);
  CHECK(ring.next() == 101);
  CHECK(ring.bytes() == 31 * 100);
  CHECK(ring.find(69) == nullptr);
  CHECK(ring.find(70)->sent_us == 70'000'000);
  CHECK(ring.find(101) == nullptr);
  ring.forget_old(1'000'000'000);
  CHECK(ring.first() == 101);
  CHECK(ring.bytes() == 0);
  ring.add(101, packet(1), 1'000'000'000);
  ring.clear();
  CHECK(ring.first() == 102);
}

TEST_CASE("retransmit ring: bounded in bytes and count") {
  RetransmitRing ring;
  for (uint64_t s = 1; s <= 60'000; ++s) ring.add(s, packet(1200), 0);
  CHECK(ring.bytes() <= RetransmitRing::kBytesMax);
  CHECK(ring.first() > 1);
  RetransmitRing small;
  for (uint64_t s = 1; s <= 70'000; ++s) small.add(s, packet(60), 0);
  CHECK(small.next() - small.first() == RetransmitRing::kPacketsMax);
}

TEST_CASE("token bucket: lets its rate through, and tells when it opens") {
  TokenBucket bucket(1'000'000, 10'000);
  int64_t now_us = 5'000'000;
  int64_t sent = 0;
  while (now_us < 15'000'000) {
    bucket.refill(now_us);
    if (!bucket.open()) {
      REQUIRE(bucket.open_us() > now_us);
      now_us = bucket.open_us();
      continue;
    }
    bucket.spend(1200);
    sent += 1200;
  }
  CHECK(sent > 10'000'000);
  CHECK(sent < 10'000'000 + 10'000 + 2400);
  bucket.refill(now_us + 10'000);
  CHECK(bucket.ample());
  for (int i = 0; i < 100; ++i) bucket.spend(1200);
  CHECK(bucket.open_us() <= now_us + 20'000 + 2);  // debt is bounded
}
