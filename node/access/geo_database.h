// GeoDatabase: a MaxMind DB file (.mmdb), as far as it tells the country or the autonomous system of
// networks. Made from the whole file in memory: a file that is cut while a process has it mapped ends that
// process, and a reader of our own is bounded where it must be (docs/decisions/0020-own-mmdb-reader.md).
// Whatever the bytes are: no read outside of them, and no more work than a few steps a byte.
// Format: https://maxmind.github.io/MaxMind-DB/ 2.0. Immutable; any number of threads.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/bytes.h"
#include "common/network.h"
#include "common/result.h"

namespace shoal::node {

// The largest that is read: free databases have 10 MB, the largest with cities 130 MB.
constexpr size_t kGeoDatabaseBytesMax = 256 << 20;

// What a database says of a network.
struct GeoEntry {
  std::array<char, 2> country{};  // ISO 3166; zeros: not said
  uint32_t asn = 0;               // 0: not said
  bool operator==(const GeoEntry&) const = default;
};

class GeoDatabase {
 public:
  // `bytes` is the content of a file. The error says what is wrong with it.
  static common::Result<GeoDatabase> parse(std::string bytes);

  // Calls visit(range, entry) for each network of which it says something. Those that stand for IPv4
  // addresses in IPv6 (6to4 and the like) are left out. Fails where the file is damaged.
  common::Result<void> for_each(
      const std::function<void(const common::AddressRange& range, const GeoEntry& entry)>& visit) const;

  // "GeoLite2-Country", printable.
  const std::string& type() const { return type_; }

 private:
  struct Walk;

  uint32_t child(uint32_t node, unsigned bit) const;

  std::string bytes_;
  std::string type_;
  uint32_t nodes_ = 0;
  unsigned record_bits_ = 0;  // 24, 28 or 32
  bool v6_ = false;
  size_t data_begin_ = 0;  // of the data section, behind the tree and 16 zeros
  size_t data_end_ = 0;
};

// Reads a file. The error begins with the path.
common::Result<GeoDatabase> load_geo_database(const std::string& path);

}  // namespace shoal::node
