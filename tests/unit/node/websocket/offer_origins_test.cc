#include "node/websocket/offer_origins.h"

#include <doctest/doctest.h>

using namespace shoal;
using node::OfferOrigins;

namespace {

proto::OfferId offer_id(uint8_t number) {
  proto::OfferId id{};
  id[0] = number;
  return id;
}

}  // namespace

TEST_CASE("offer origins: each offer is found once") {
  OfferOrigins origins;
  CHECK(origins.add(offer_id(1), {10, 100}, 0));
  CHECK(origins.add(offer_id(2), {20, 200}, 0));
  CHECK(origins.take(offer_id(2), 1) == common::WebAddress{20, 200});
  CHECK_FALSE(origins.take(offer_id(2), 1));
  CHECK(origins.take(offer_id(1), 1) == common::WebAddress{10, 100});
  CHECK(origins.bytes() == 0);
}

TEST_CASE("offer origins: they are kept for a minute, and then hold no memory") {
  OfferOrigins origins;
  origins.add(offer_id(1), {1, 1}, 0);
  CHECK(origins.take(offer_id(1), OfferOrigins::kLifeMs - 1));
  origins.add(offer_id(1), {1, 1}, 0);
  CHECK_FALSE(origins.take(offer_id(1), OfferOrigins::kLifeMs));
  CHECK(origins.bytes() == 0);
}

TEST_CASE("offer origins: the oldest makes room") {
  OfferOrigins origins;
  for (size_t i = 0; i < OfferOrigins::kMax; ++i)
    CHECK(origins.add(offer_id(static_cast<uint8_t>(i)), {1, i}, 0));
  CHECK_FALSE(origins.add(offer_id(255), {1, 255}, 0));
  CHECK_FALSE(origins.take(offer_id(0), 0));
  CHECK(origins.take(offer_id(1), 0));
  CHECK(origins.take(offer_id(255), 0));
}
