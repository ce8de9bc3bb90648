#include "node/tls/ticket_keys.h"

#include <doctest/doctest.h>

#include <vector>

#include "common/hex.h"

using namespace shoal;
using namespace shoal::node;

namespace {

sync::TicketRoot root(uint8_t filled) {
  sync::TicketRoot made;
  made.fill(filled);
  return made;
}

// Whether what `from` seals now, `at` opens.
bool opens(const TicketKeys& at, const TicketKeys& from) {
  const sync::TicketKey* found = at.find(from.sealing().name);
  if (found == nullptr) return false;
  CHECK(found->cipher == from.sealing().cipher);
  CHECK(found->mac == from.sealing().mac);
  return true;
}

}  // namespace

TEST_CASE("ticket keys: nodes with the same roots have the same keys, for an epoch to both sides") {
  TicketSource one({root(1)});
  TicketSource other({root(1)});
  const auto sealed = one.keys(1000);
  for (const uint64_t epoch : {998, 999, 1000, 1001, 1002}) {
    CHECK(opens(*other.keys(epoch), *sealed) == (epoch >= 999 && epoch <= 1001));
  }
  TicketSource stranger({root(2)});
  CHECK_FALSE(opens(*stranger.keys(1000), *sealed));
  TicketSource rotated({root(2), root(1)});
  CHECK(opens(*rotated.keys(1000), *sealed));
  CHECK_FALSE(opens(*one.keys(1000), *rotated.keys(1000)));
}

TEST_CASE("ticket keys: cipher, mac and name differ") {
  TicketSource source({root(1)});
  const auto keys = source.keys(7);
  CHECK(keys->sealing().cipher != keys->sealing().mac);
  CHECK(keys->sealing().name != source.keys(8)->sealing().name);
}

TEST_CASE("ticket keys: a node by itself opens its own of the epoch before and after, and forgets") {
  TicketSource source({});
  const auto at_10 = source.keys(10);
  CHECK(opens(*source.keys(10), *at_10));
  const auto at_11 = source.keys(11);
  CHECK(opens(*at_11, *at_10));
  CHECK(opens(*at_10, *at_11));
  CHECK_FALSE(opens(*source.keys(12), *at_10));
  // A clock that was set back.
  const auto at_12 = source.keys(12);
  CHECK(opens(*source.keys(3), *at_12));
  // A long sleep.
  CHECK_FALSE(opens(*source.keys(1'000'000), *at_12));
  TicketSource other({});
  CHECK_FALSE(opens(*other.keys(10), *at_10));
}

TEST_CASE("ticket keys: epochs are two hours of cluster time") {
  CHECK(ticket_epoch(0) == 0);
  CHECK(ticket_epoch(7'199'999) == 0);
  CHECK(ticket_epoch(7'200'000) == 1);
  CHECK(ticket_epoch(-5) == 0);
}

// All versions of all nodes must derive the same.
TEST_CASE("ticket keys: what is derived from a cluster's key") {
  sync::ClusterKey key;
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<uint8_t>(i);
  const sync::TicketRoot derived = sync::derive_ticket_root(key, "default");
  const sync::TicketKey at_1 = sync::derive_ticket_key(derived, 1);
  CHECK(common::to_hex(derived) == "d08e10bb3c19aedaf245d83a758013788d324c39bab436f0c196e71d81fed87e");
  CHECK(common::to_hex(at_1.name) == "2ca7c6ffb3ed31d1b52960dedeeb941c");
  CHECK(common::to_hex(at_1.cipher) == "56e8c6ee085959920c3d5ba04e1dedc5cf4a1c24028391252760bb86ed3bddc8");
  CHECK(common::to_hex(at_1.mac) == "03c00d2ee60c4abd6f8d81a89f9619505d3f857b419c43570deba6b5f21d5c35");
}
