#include "proto/connection_id.h"

#include <doctest/doctest.h>

#include <vector>

#include "common/siphash.h"

using namespace shoal;
using namespace shoal::proto;

namespace {

constexpr common::SipKey kKey = {1, 2, 3};
constexpr common::SipKey kOtherKey = {1, 2, 4};
constexpr int64_t kNow = 1'800'000'000 / 64 * 64;  // the first second of an epoch

const common::Endpoint kV4 = common::make_endpoint_v4(0xc0000201, 6881);
const common::Endpoint kV6 = *common::parse_endpoint("[2001:db8::1]:6881");

bool good(const common::SipKey& key, const common::Endpoint& client, int64_t unix_s, uint64_t id) {
  return check_connection_id(std::span(&key, 1), client, unix_s, id);
}

}  // namespace

TEST_CASE("connection id: valid in the current, the six previous and the next epoch") {
  for (const common::Endpoint& client : {kV4, kV6}) {
    for (int64_t offset = 0; offset < 9 * 64; ++offset) {  // every value of the clear bits
      const int64_t made = kNow + offset;
      const uint64_t id = make_connection_id(kKey, client, made);
      const int64_t epoch_start = made / 64 * 64;
      CHECK(good(kKey, client, made, id));
      CHECK(good(kKey, client, epoch_start + 7 * 64 - 1, id));
      CHECK(!good(kKey, client, epoch_start + 7 * 64, id));
      CHECK(good(kKey, client, epoch_start - 64, id));
      CHECK(!good(kKey, client, epoch_start - 65, id));
      CHECK(good(kKey, client, made + 384, id));  // BEP 15 asks for two minutes
    }
  }
}

TEST_CASE("connection id: the same on all nodes: a hash of family, address and epoch") {
  for (const common::Endpoint& client : {kV4, kV6}) {
    const uint64_t epoch = kNow / 64;
    std::vector<uint8_t> message{static_cast<uint8_t>(client.family)};
    message.insert(message.end(), client.address_bytes().begin(), client.address_bytes().end());
    for (int shift = 56; shift >= 0; shift -= 8) message.push_back(static_cast<uint8_t>(epoch >> shift));
    const uint64_t hash = common::siphash(kKey, message);
    CHECK(make_connection_id(kKey, client, kNow) == ((hash & ~uint64_t{7}) | (epoch & 7)));
  }
}

TEST_CASE("connection id: wrong, old and foreign ids are refused") {
  const uint64_t id = make_connection_id(kKey, kV4, kNow);
  for (int bit = 0; bit < 64; ++bit) CHECK(!good(kKey, kV4, kNow, id ^ uint64_t{1} << bit));
  CHECK(!good(kKey, kV4, kNow, 0));
  CHECK(!good(kOtherKey, kV4, kNow, id));  // another cluster
  CHECK(!good(kKey, common::make_endpoint_v4(0xc0000202, 6881), kNow, id));
  CHECK(!good(kKey, kV6, kNow, id));
  for (int64_t epochs = 8; epochs < 40; ++epochs) CHECK(!good(kKey, kV4, kNow + 64 * epochs, id));
}

TEST_CASE("connection id: the port does not matter, the family does") {
  common::Endpoint other_port = kV4;
  other_port.port = 1;
  CHECK(make_connection_id(kKey, kV4, kNow) == make_connection_id(kKey, other_port, kNow));

  common::Endpoint v6_of_same_bytes = kV4;
  v6_of_same_bytes.family = common::Family::v6;
  CHECK(make_connection_id(kKey, kV4, kNow) != make_connection_id(kKey, v6_of_same_bytes, kNow));
}

TEST_CASE("connection id: during a rotation the ids of every key are accepted") {
  const std::vector<common::SipKey> keys = {kOtherKey, kKey};
  CHECK(check_connection_id(keys, kV4, kNow, make_connection_id(kKey, kV4, kNow)));
  CHECK(check_connection_id(keys, kV4, kNow, make_connection_id(kOtherKey, kV4, kNow)));
  CHECK(!check_connection_id(keys, kV4, kNow, make_connection_id({}, kV4, kNow)));
  CHECK(!check_connection_id({}, kV4, kNow, make_connection_id(kKey, kV4, kNow)));
}

TEST_CASE("connection id: golden, so that nodes of different versions agree") {
  // Key 010203 and zeros, epoch 0x1ad2748; computed by an independent SipHash-2-4 of
  // 04 c0000201 0000000001ad2748 and of 06 20010db8000000000000000000000001 0000000001ad2748.
  CHECK(make_connection_id(kKey, kV4, 1'800'000'000) == 0xee2dd9e68a6ebc70);
  CHECK(make_connection_id(kKey, kV6, 1'800'000'000) == 0x648ea07bc87c9a90);
}
