// sketch_bench: how many symbols a sketch needs for each record that differs, how often the number that is
// chosen does, and what it costs to make and to decode.
//
//   build/release/tests/sketch_bench

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <vector>

#include "common/prng.h"
#include "proto/record_sketch.h"

using namespace shoal;
using proto::RecordSketch;

namespace {

// Of CPU time.
double seconds_since(std::clock_t start) {
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

std::vector<uint64_t> random_ids(size_t count, common::Prng& prng) {
  std::vector<uint64_t> ids(count);
  for (uint64_t& id : ids) id = prng.next() & ((uint64_t{1} << 48) - 1);
  return ids;
}

RecordSketch sketch_of(const std::vector<uint64_t>& ids, const proto::SketchSalt& salt, size_t symbols) {
  RecordSketch sketch(salt, symbols);
  for (const uint64_t id : ids) sketch.add(id);
  return sketch;
}

// The least number of symbols that decodes.
size_t least(const std::vector<uint64_t>& ids, const proto::SketchSalt& salt) {
  size_t low = ids.size(), high = std::min(RecordSketch::kSymbolsMax, ids.size() * 4 + 20);
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (sketch_of(ids, salt, middle).decode()) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

void overhead(size_t count, int runs) {
  common::Prng prng(count);
  double sum = 0, worst = 0, off = 0, decode_s = 0;
  int exact_fails = 0, estimate_fails = 0;
  for (int i = 0; i < runs; ++i) {
    const proto::SketchSalt salt = {prng.next(), prng.next()};
    const std::vector<uint64_t> ids = random_ids(count, prng);
    const double each = static_cast<double>(least(ids, salt)) / static_cast<double>(count);
    sum += each;
    worst = std::max(worst, each);
    RecordSketch sketch = sketch_of(ids, salt, RecordSketch::symbols_for(count));
    const uint64_t estimate = sketch.estimate();
    off += std::abs(static_cast<double>(estimate) / static_cast<double>(count) - 1);
    const auto start = std::clock();
    exact_fails += sketch.decode() ? 0 : 1;
    decode_s += seconds_since(start);
    estimate_fails += sketch_of(ids, salt, RecordSketch::symbols_for(estimate)).decode() ? 0 : 1;
  }
  std::printf(
      "%5zu differ: %.2f symbols each, at worst %.2f; %4zu chosen: fail %.1f %%, by estimate %.1f %% "
      "(estimate off by %.0f %%); decoded in %.0f us\n",
      count, sum / runs, worst, RecordSketch::symbols_for(count), 100.0 * exact_fails / runs,
      100.0 * estimate_fails / runs, 100 * off / runs, decode_s / runs * 1e6);
}

}  // namespace

int main() {
  for (const size_t count : {1, 4, 10, 30, 100, 300, 1000, 3000}) overhead(count, count < 1000 ? 1000 : 100);
  for (const size_t symbols : {size_t{200}, RecordSketch::kSymbolsMax}) {
    constexpr uint32_t kRecords = 1'000'000;
    RecordSketch sketch({1, 2}, symbols);
    proto::Delta record;
    record.peer = common::make_endpoint_v4(0xcb007109, 6881);
    const auto start = std::clock();
    for (uint32_t i = 0; i < kRecords; ++i) {
      record.info_hash.bytes[3] = static_cast<uint8_t>(i);
      record.peer.port = static_cast<uint16_t>(i >> 8 | 1);
      sketch.add(sketch.id(record));
    }
    std::printf("%4zu symbols: made in %.0f ns a record\n", symbols, seconds_since(start) / kRecords * 1e9);
  }
}
