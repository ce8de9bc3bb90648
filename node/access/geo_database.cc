#include "node/access/geo_database.h"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "node/os/files.h"
#include "node/text/printable.h"

namespace shoal::node {

using common::Result;
using namespace std::string_view_literals;

namespace {

constexpr std::string_view kMetadataMark = "\xab\xcd\xefMaxMind.com"sv;
// The mark lies within this distance of the end.
constexpr size_t kMetadataBytesMax = 128 << 10;
constexpr size_t kTreeEndBytes = 16;
constexpr size_t kTypeShownMax = 60;
// Values within values, and pointers to pointers. What databases hold is four deep.
constexpr unsigned kDepthMax = 16;
// Values that are looked at per byte of the file, on average. Real files need less than one.
constexpr size_t kStepsPerByte = 4;
constexpr size_t kStepsMin = 10'000;

// Types of the format.
enum class DbType : uint8_t {
  extended = 0,
  pointer = 1,
  string = 2,
  number_double = 3,
  bytes = 4,
  uint16 = 5,
  uint32 = 6,
  map = 7,
  int32 = 8,
  uint64 = 9,
  uint128 = 10,
  array = 11,
  boolean = 14,
  number_float = 15,
};

struct DbValue {
  DbType type{};
  size_t size = 0;  // bytes, or entries of a map or an array
  size_t at = 0;    // of the bytes, or the first entry
};

// The values of one section. Each step costs one of `steps_left`, so that hostile pointers end.
class DbReader {
 public:
  DbReader(std::string_view bytes, size_t begin, size_t end, size_t& steps_left)
      : bytes_(bytes), begin_(begin), end_(end), steps_left_(steps_left) {}

  bool good() const { return good_; }

  // The value at `at`, and where the next begins. A pointer is followed once: the format has none to another.
  DbValue value(size_t at, size_t& next) {
    DbValue found = head(at, next);
    if (!good_ || found.type != DbType::pointer) return found;
    size_t behind = 0;
    found = head(found.at, behind);
    if (found.type == DbType::pointer) good_ = false;
    return found;
  }

  // Calls visit(key, value) for each of a map.
  template <class Visit>
  void entries(const DbValue& map, Visit visit) {
    size_t at = map.at;
    for (size_t i = 0; good_ && i < map.size; ++i) {
      const DbValue key = value(at, at);
      if (!good_) return;
      const size_t value_at = at;
      const DbValue found = value(at, at);
      if (!good_) return;
      visit(key.type == DbType::string ? bytes_.substr(key.at, key.size) : std::string_view(), found);
      at = skip(value_at, 0);
    }
  }

  uint64_t number(const DbValue& value) {
    if ((value.type != DbType::uint16 && value.type != DbType::uint32 && value.type != DbType::uint64) ||
        value.size > 8) {
      good_ = false;
      return 0;
    }
    uint64_t number = 0;
    for (const char byte : bytes_.substr(value.at, value.size))
      number = number << 8 | static_cast<uint8_t>(byte);
    return number;
  }

  std::string_view text(const DbValue& value) {
    if (value.type != DbType::string) good_ = false;
    return good_ ? bytes_.substr(value.at, value.size) : std::string_view();
  }

 private:
  uint8_t byte(size_t at) {
    if (at >= end_ || at < begin_) {
      good_ = false;
      return 0;
    }
    return static_cast<uint8_t>(bytes_[at]);
  }

  uint64_t big_endian(size_t at, size_t size) {
    uint64_t number = 0;
    for (size_t i = 0; i < size; ++i) number = number << 8 | byte(at + i);
    return number;
  }

  DbValue head(size_t at, size_t& next) {
    if (steps_left_ == 0) good_ = false;
    if (!good_) return {};
    --steps_left_;
    const uint8_t control = byte(at++);
    auto type = static_cast<DbType>(control >> 5);
    if (type == DbType::pointer) {
      const size_t more = (control >> 3 & 3u);  // bytes - 1
      uint64_t to = big_endian(at, more + 1);
      if (more < 3) to |= uint64_t{control & 7u} << (8 * (more + 1));
      if (more == 1) to += 2'048;
      if (more == 2) to += 526'336;
      next = at + more + 1;
      if (to >= end_ - begin_) good_ = false;
      return {DbType::pointer, 0, begin_ + static_cast<size_t>(good_ ? to : 0)};
    }
    if (type == DbType::extended) type = static_cast<DbType>(byte(at++) + 7);
    size_t size = control & 31u;
    if (size >= 29) {
      const size_t more = size - 28;
      constexpr size_t kFrom[] = {0, 29, 285, 65'821};
      size = kFrom[more] + static_cast<size_t>(big_endian(at, more));
      at += more;
    }
    const bool has_bytes = type != DbType::map && type != DbType::array && type != DbType::boolean;
    // Every entry of a map or an array has a byte at least.
    if (type != DbType::boolean && (at > end_ || size > end_ - at)) good_ = false;
    next = has_bytes && good_ ? at + size : at;
    return {type, size, at};
  }

  // Where the value behind the one at `at` begins.
  size_t skip(size_t at, unsigned depth) {
    if (depth > kDepthMax) good_ = false;
    if (!good_) return at;
    size_t next = at;
    const DbValue found = head(at, next);
    size_t values = 0;
    if (found.type == DbType::map) values = 2 * found.size;
    if (found.type == DbType::array) values = found.size;
    for (size_t i = 0; good_ && i < values; ++i) next = skip(next, depth + 1);
    return next;
  }

  const std::string_view bytes_;
  const size_t begin_;
  const size_t end_;
  size_t& steps_left_;
  bool good_ = true;
};

// The country is country.iso_code, or where that is missing registered_country.iso_code.
std::optional<GeoEntry> read_entry(DbReader reader, size_t at) {
  GeoEntry entry;
  bool own_country = false;
  const auto read_country = [&](const DbValue& country, bool own) {
    if (country.type != DbType::map) return;
    reader.entries(country, [&](std::string_view key, const DbValue& value) {
      if (key != "iso_code" || (own_country && !own)) return;
      const std::string_view code = reader.text(value);
      if (code.size() != 2) return;
      std::copy(code.begin(), code.end(), entry.country.begin());
      own_country |= own;
    });
  };
  size_t next = 0;
  const DbValue whole = reader.value(at, next);
  if (!reader.good()) return std::nullopt;
  if (whole.type != DbType::map) return entry;
  reader.entries(whole, [&](std::string_view key, const DbValue& value) {
    if (key == "country") read_country(value, true);
    if (key == "registered_country") read_country(value, false);
    if (key == "autonomous_system_number") entry.asn = static_cast<uint32_t>(reader.number(value));
  });
  return reader.good() ? std::optional(entry) : std::nullopt;
}

}  // namespace

Result<GeoDatabase> GeoDatabase::parse(std::string bytes) {
  constexpr const char* kNone = "is not a MaxMind DB file, or is cut";
  const size_t from = bytes.size() - std::min(bytes.size(), kMetadataBytesMax);
  const size_t mark = std::string_view(bytes).substr(from).rfind(kMetadataMark);
  if (mark == std::string::npos) return common::fail(kNone);
  const size_t metadata = from + mark + kMetadataMark.size();
  GeoDatabase database;
  database.data_end_ = from + mark;
  uint64_t nodes = 0;
  uint64_t record_bits = 0;
  uint64_t version = 0;
  uint64_t major = 0;
  size_t steps_left = kStepsMin;
  DbReader reader(bytes, metadata, bytes.size(), steps_left);
  size_t next = 0;
  const DbValue map = reader.value(metadata, next);
  if (!reader.good() || map.type != DbType::map) return common::fail(kNone);
  reader.entries(map, [&](std::string_view key, const DbValue& value) {
    if (key == "node_count") nodes = reader.number(value);
    if (key == "record_size") record_bits = reader.number(value);
    if (key == "ip_version") version = reader.number(value);
    if (key == "binary_format_major_version") major = reader.number(value);
    if (key == "database_type") database.type_ = printable(reader.text(value), kTypeShownMax);
  });
  if (!reader.good()) return common::fail("is a damaged MaxMind DB file");
  if (major != 2) return common::fail("is of version " + std::to_string(major) + " of the format, not 2");
  const bool known = (record_bits == 24 || record_bits == 28 || record_bits == 32) &&
                     (version == 4 || version == 6) && nodes > 0;
  const uint64_t tree = nodes > UINT32_MAX ? UINT64_MAX : nodes * record_bits / 4;
  if (!known || tree > database.data_end_ || database.data_end_ - tree < kTreeEndBytes)
    return common::fail("is a damaged MaxMind DB file");
  database.nodes_ = static_cast<uint32_t>(nodes);
  database.record_bits_ = static_cast<unsigned>(record_bits);
  database.v6_ = version == 6;
  database.data_begin_ = static_cast<size_t>(tree) + kTreeEndBytes;
  database.bytes_ = std::move(bytes);
  return database;
}

uint32_t GeoDatabase::child(uint32_t node, unsigned bit) const {
  const auto* at = reinterpret_cast<const uint8_t*>(bytes_.data()) + size_t{node} * record_bits_ / 4;
  const auto be24 = [](const uint8_t* p) { return uint32_t{p[0]} << 16 | uint32_t{p[1]} << 8 | p[2]; };
  if (record_bits_ == 24) return be24(at + 3 * bit);
  if (record_bits_ == 32) return be24(at + 4 * bit) << 8 | at[4 * bit + 3];
  return bit == 0 ? (at[3] & 0xf0u) << 20 | be24(at) : (at[3] & 0x0fu) << 24 | be24(at + 4);
}

// A walk through the tree, depth first, with a stack of at most 129 nodes.
struct GeoDatabase::Walk {
  const GeoDatabase& db;
  const std::function<void(const common::AddressRange&, const GeoEntry&)>& visit;
  std::vector<bool> seen;
  size_t steps_left;
  std::unordered_map<uint32_t, GeoEntry> entries{};  // by record: networks share them
  uint32_t v4_root = UINT32_MAX;
  std::array<uint8_t, 16> address{};
  bool good = true;

  // Everything below one record at `depth` bits of the address.
  void below(uint32_t record, unsigned depth) {
    const unsigned bits = db.v6_ ? 128 : 32;
    if (!good || record == db.nodes_) return;
    if (record > db.nodes_) return entry(record, depth);
    // IPv4 lies in IPv6 several times; it is looked at where it belongs, behind 96 zeros.
    const bool zeros = std::all_of(address.begin(), address.end(), [](uint8_t byte) { return byte == 0; });
    if (record == v4_root && !(depth == 96 && zeros)) return;
    // A tree reaches each node once.
    if (depth == bits || seen[record]) {
      good = false;
      return;
    }
    seen[record] = true;
    const auto mask = static_cast<uint8_t>(0x80 >> depth % 8);
    below(db.child(record, 0), depth + 1);
    address[depth / 8] |= mask;
    below(db.child(record, 1), depth + 1);
    address[depth / 8] &= static_cast<uint8_t>(~mask);
  }

  void entry(uint32_t record, unsigned depth) {
    const auto known = entries.find(record);
    GeoEntry found;
    if (known != entries.end()) {
      found = known->second;
    } else {
      const size_t offset = size_t{record} - db.nodes_ - kTreeEndBytes;
      const bool inside = record >= db.nodes_ + kTreeEndBytes && offset < db.data_end_ - db.data_begin_;
      const DbReader reader(db.bytes_, db.data_begin_, db.data_end_, steps_left);
      const auto read = inside ? read_entry(reader, db.data_begin_ + offset) : std::nullopt;
      if (!read) {
        good = false;
        return;
      }
      found = *read;
      entries.emplace(record, found);
    }
    if (found.asn == 0 && found.country[0] == '\0') return;
    const bool v4 = !db.v6_ || (depth >= 96 && std::all_of(address.begin(), address.begin() + 12,
                                                           [](uint8_t byte) { return byte == 0; }));
    common::Network network;
    network.address.family = v4 ? common::Family::v4 : common::Family::v6;
    const size_t skipped = db.v6_ && v4 ? 12 : 0;
    std::copy(address.begin() + static_cast<ptrdiff_t>(skipped), address.end(),
              network.address.address.begin());
    network.prefix = static_cast<uint8_t>(depth - 8 * skipped);
    visit(common::range_of(network), found);
  }
};

Result<void> GeoDatabase::for_each(
    const std::function<void(const common::AddressRange&, const GeoEntry&)>& visit) const {
  Walk walk{*this, visit, std::vector<bool>(nodes_), kStepsMin + kStepsPerByte * bytes_.size()};
  if (v6_) {
    uint32_t root = 0;
    for (unsigned depth = 0; depth < 96 && root < nodes_; ++depth) root = child(root, 0);
    if (root > 0 && root < nodes_) walk.v4_root = root;
  }
  walk.below(0, 0);
  if (!walk.good) return common::fail("is a damaged MaxMind DB file");
  return {};
}

Result<GeoDatabase> load_geo_database(const std::string& path) {
  auto bytes = read_large_file(path, kGeoDatabaseBytesMax);
  if (!bytes) return tl::make_unexpected(bytes.error());
  auto database = GeoDatabase::parse(std::move(*bytes));
  if (!database) return common::fail(printable(path) + ": " + database.error().message);
  return database;
}

}  // namespace shoal::node
