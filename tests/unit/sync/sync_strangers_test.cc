#include <doctest/doctest.h>

#include "sync/strangers.h"

using namespace shoal;
using sync::Strangeness;
using sync::Strangers;

namespace {

common::Endpoint at(uint32_t number) { return common::make_endpoint_v4(0x0a000000 + number, 6970); }

}  // namespace

TEST_CASE("sync strangers: each says what is wrong with it, and is counted") {
  Strangers strangers;
  const sync::KeyId key{0x47, 0xbb, 0x0a, 0xa6};
  strangers.heard(at(1), {.kind = Strangeness::other_key, .key_id = key, .heard_us = 1});
  strangers.heard(at(1), {.kind = Strangeness::other_key, .key_id = key, .heard_us = 2});
  REQUIRE(strangers.find(at(1)) != nullptr);
  CHECK(strangers.find(at(1))->datagrams == 2);
  CHECK(strangers.find(at(1))->heard_us == 2);
  CHECK(to_text(*strangers.find(at(1))) == "seals with key 47bb0aa6 that this node lacks");
  CHECK(sync::to_text({.kind = Strangeness::altered, .key_id = key}) ==
        "sends datagrams that key 47bb0aa6 does not open");
  CHECK(sync::to_text({.kind = Strangeness::other_cluster}) ==
        "is of another cluster: its sync.cluster differs");
  CHECK(sync::to_text({.kind = Strangeness::other_version, .major = 2}) ==
        "speaks version 2 of the sync protocol");
  CHECK(strangers.find(at(2)) == nullptr);
}

TEST_CASE("sync strangers: bounded, forgotten after a minute, and made-up addresses displace no named one") {
  Strangers strangers;
  strangers.heard(at(1), {.named = true, .heard_us = 1});
  for (uint32_t i = 2; i < 1000; ++i) strangers.heard(at(i), {.heard_us = i});
  CHECK(strangers.all().size() == Strangers::kMax);
  CHECK(strangers.find(at(1)) != nullptr);
  CHECK(strangers.find(at(2)) == nullptr);
  CHECK(strangers.find(at(999)) != nullptr);
  strangers.forget(Strangers::kForgetAfterUs + 998);
  CHECK(strangers.all().size() == 1);
  for (uint32_t i = 0; i < 100; ++i) strangers.heard(at(2000 + i), {.named = true, .heard_us = 1});
  CHECK(strangers.all().size() == Strangers::kMax);
}
