// A MaxMind DB file, whatever its bytes are: nothing outside of it is read, and the walk ends.

#include <string>

#include "common/check.h"
#include "node/access/geo_database.h"

using namespace shoal;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto database = node::GeoDatabase::parse(std::string(reinterpret_cast<const char*>(data), size));
  if (!database) return 0;
  size_t networks = 0;
  (void)database->for_each([&](const common::AddressRange& range, const node::GeoEntry& entry) {
    ++networks;
    CHECK_INVARIANT(range.first.family == range.last.family && range.first.address <= range.last.address);
    CHECK_INVARIANT(entry.asn != 0 || entry.country[0] != '\0');
  });
  // A tree of n nodes has n + 1 leaves.
  CHECK_INVARIANT(networks <= size);
  return 0;
}
