#include <doctest/doctest.h>

#include <array>

#include "sync/vain_differences.h"

namespace shoal::sync {
namespace {

TEST_CASE("vain differences: identified by tick, bucket and digest, and forgotten with their ticks") {
  VainDifferences vain;
  const std::array<Difference, 3> some = {
      {{100, 7, 0xabc}, {100, Difference::kAllBuckets, 0xdef}, {200, 7, 0xabc}}};
  vain.add(some);
  for (const Difference& one : some) CHECK(vain.contains(one));
  CHECK(!vain.contains({100, 7, 0xabd}));
  CHECK(!vain.contains({100, 8, 0xabc}));
  CHECK(!vain.contains({101, 7, 0xabc}));
  vain.forget_before(101);
  CHECK(!vain.contains(some[0]));
  CHECK(!vain.contains(some[1]));
  CHECK(vain.contains(some[2]));
}

TEST_CASE("vain differences: bounded") {
  VainDifferences vain;
  for (uint32_t i = 0; i < VainDifferences::kMax; ++i) {
    const Difference one{1, i, i};
    vain.add({&one, 1});
  }
  CHECK(vain.contains({1, 0, 0}));
  const Difference last{2, 0, 0};
  vain.add({&last, 1});
  CHECK(vain.contains(last));
  CHECK(!vain.contains({1, 0, 0}));
}

}  // namespace
}  // namespace shoal::sync
