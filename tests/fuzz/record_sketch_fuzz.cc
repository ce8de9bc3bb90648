// Sketches as a member could make them. What decode() finds must explain every symbol.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/check.h"
#include "proto/record_sketch.h"

using namespace shoal;

namespace {

constexpr proto::SketchSalt kSalt = {1, 2};
constexpr size_t kHeld = 20;  // records that are here

std::vector<uint8_t> symbols_of(const proto::RecordSketch& sketch) {
  std::vector<uint8_t> bytes = sketch.bytes();
  bytes.erase(bytes.begin(),
              bytes.begin() + proto::RecordSketch::kCounters * proto::RecordSketch::kCounterSize);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const common::ByteSpan bytes(data, size);
  const size_t symbols = proto::RecordSketch::symbols_in(size);
  if (symbols == 0) return 0;
  const proto::RecordSketch theirs = proto::RecordSketch::read(kSalt, bytes);
  const std::vector<uint8_t> again = theirs.bytes();
  CHECK_INVARIANT(theirs.symbols() == symbols && std::equal(again.begin(), again.end(), data, data + size));
  proto::RecordSketch difference(kSalt, symbols);
  for (uint64_t id = 0; id < kHeld; ++id) difference.add(0x0123'4567'89ab ^ id << 20);
  difference.subtract(theirs);
  const std::vector<uint8_t> before = symbols_of(difference);
  (void)difference.estimate();
  const auto ids = difference.decode();
  if (!ids) return 0;
  CHECK_INVARIANT(ids->size() <= symbols);
  proto::RecordSketch explained(kSalt, symbols);
  for (const uint64_t id : *ids) explained.add(id);
  CHECK_INVARIANT(symbols_of(explained) == before);
  return 0;
}
