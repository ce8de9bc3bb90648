// The 128-bit product of two 64-bit numbers. One instruction on a 64-bit processor; compilers for 32-bit ones
// have no type for it, so there it is put together from four products.

#pragma once

#include <cstdint>

namespace shoal::common {

struct Product {
  uint64_t low;
  uint64_t high;

  bool operator==(const Product&) const = default;
};

// The same result without a 128-bit type. Nodes compare digests that are made of it, so it must be exact.
constexpr Product product_of_halves(uint64_t x, uint64_t y) {
  const uint64_t x_low = x & UINT32_MAX;
  const uint64_t x_high = x >> 32;
  const uint64_t y_low = y & UINT32_MAX;
  const uint64_t y_high = y >> 32;
  const uint64_t low = x_low * y_low;
  // Cannot overflow: at most (2^32 - 1)^2 + 2^32 - 1, and the second sum 2^32 - 1 more.
  const uint64_t middle = x_high * y_low + (low >> 32);
  const uint64_t crossed = x_low * y_high + (middle & UINT32_MAX);
  return {crossed << 32 | (low & UINT32_MAX), x_high * y_high + (middle >> 32) + (crossed >> 32)};
}

constexpr Product product(uint64_t x, uint64_t y) {
#ifdef __SIZEOF_INT128__
  __extension__ using Wide = unsigned __int128;
  const Wide wide = static_cast<Wide>(x) * y;
  return {static_cast<uint64_t>(wide), static_cast<uint64_t>(wide >> 64)};
#else
  return product_of_halves(x, y);
#endif
}

// Both halves of the product, as one number: a step of hashes.
constexpr uint64_t folded_product(uint64_t x, uint64_t y) {
  const Product wide = product(x, y);
  return wide.low ^ wide.high;
}

}  // namespace shoal::common
