#include "common/time_histogram.h"

#include <doctest/doctest.h>

using shoal::common::TimeHistogram;

TEST_CASE("time histogram: upper bounds are inclusive") {
  TimeHistogram histogram;
  const size_t last = TimeHistogram::kBoundsUs.size();
  for (const uint32_t bound : TimeHistogram::kBoundsUs) {
    histogram.add(bound);
    histogram.add(bound + 1, 2);
  }
  CHECK(histogram.count(0) == 1);
  for (size_t i = 1; i < last; ++i) CHECK(histogram.count(i) == 3);
  CHECK(histogram.count(last) == 2);
  uint64_t sum_us = 0;
  for (const uint32_t bound : TimeHistogram::kBoundsUs) sum_us += uint64_t{3} * bound + 2;
  CHECK(histogram.sum_us() == sum_us);
  histogram.add(0);
  CHECK(histogram.count(0) == 2);
}
