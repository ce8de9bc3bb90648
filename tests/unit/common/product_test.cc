#include "common/product.h"

#include <doctest/doctest.h>

#include <array>

#include "common/prng.h"

namespace shoal::common {
namespace {

// By long multiplication in base 2^16.
Product by_hand(uint64_t x, uint64_t y) {
  std::array<uint32_t, 8> digits{};
  for (unsigned i = 0; i < 4; ++i) {
    uint64_t carry = 0;
    for (unsigned j = 0; j < 4; ++j) {
      carry += digits[i + j] + (x >> 16 * i & 0xffff) * (y >> 16 * j & 0xffff);
      digits[i + j] = carry & 0xffff;
      carry >>= 16;
    }
    digits[i + 4] = static_cast<uint32_t>(carry);
  }
  Product result{};
  for (unsigned i = 0; i < 4; ++i) {
    result.low |= static_cast<uint64_t>(digits[i]) << 16 * i;
    result.high |= static_cast<uint64_t>(digits[i + 4]) << 16 * i;
  }
  return result;
}

static_assert(product_of_halves(UINT64_MAX, UINT64_MAX) == Product{1, UINT64_MAX - 1});

TEST_CASE("product: the same with and without a 128-bit type") {
  Prng random(19);
  const std::array<uint64_t, 8> edges = {
      0, 1, UINT32_MAX, 1ull << 32, (1ull << 32) + 1, 1ull << 63, UINT64_MAX - 1, UINT64_MAX};
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t x = i % 3 == 0 ? edges[random.below(8)] : random.next();
    const uint64_t y = i % 5 == 0 ? edges[random.below(8)] : random.next() >> random.below(64);
    const Product expected = by_hand(x, y);
    REQUIRE(product(x, y) == expected);
    REQUIRE(product_of_halves(x, y) == expected);
    REQUIRE(folded_product(x, y) == (expected.low ^ expected.high));
  }
}

}  // namespace
}  // namespace shoal::common
