#include "proto/record_sketch.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <numeric>

#include "common/check.h"
#include "common/product.h"
#include "proto/record_digest.h"

namespace shoal::proto {

namespace {

// The first two constants of the hash of records, odd.
constexpr uint64_t kA = 0x6a09e667f3bcc909;
constexpr uint64_t kB = 0xbb67ae8584caa73b;

// A multiplier of full period modulo 2^64, of good spectrum (Steele and Vigna, 2021).
constexpr uint64_t kStep = 0xd1342543de82ef95;

static_assert(FLT_EVAL_METHOD == 0,
              "doubles are rounded after each operation: symbols are the same everywhere");

constexpr uint64_t kIdMask = (uint64_t{1} << 48) - 1;

constexpr unsigned kCounterShift = 24;  // above the check
constexpr unsigned kSignShift = 31;

template <size_t N>
std::array<uint8_t, N> compact(const common::Endpoint& peer) {
  std::array<uint8_t, N> out;
  common::ByteWriter writer(out);
  writer.bytes(peer.address_bytes());
  writer.u16(peer.port);
  return out;
}

uint64_t hash_of(const Delta& record) {
  const RecordHash hash(record.info_hash, record.peer.family == common::Family::web);
  if (record.peer.family == common::Family::v4) return hash(compact<6>(record.peer), record.state.byte());
  return hash(compact<18>(record.peer), record.state.byte());
}

}  // namespace

void RecordSketch::Places::next() {
  state_ = state_ * kStep + 1;
  // 1 to 2^32. Exact, as are the root and the quotient to the last bit: every node finds the same.
  const auto drawn = static_cast<double>((state_ >> 32) + 1);
  const double gap = std::ceil((static_cast<double>(at_) + 1.5) * (65'536.0 / std::sqrt(drawn) - 1.0));
  at_ += std::max<size_t>(1, static_cast<size_t>(gap));
}

size_t RecordSketch::symbols_for(uint64_t records) {
  if (records >= kRecordsMax) return kSymbolsMax;
  const auto count = static_cast<double>(records);
  return std::min(kSymbolsMax, static_cast<size_t>(count * 1.6 + std::sqrt(count) * 2 + 8));
}

RecordSketch::RecordSketch(const SketchSalt& salt, size_t symbols) : salt_(salt), symbols_(symbols) {
  CHECK_INVARIANT(symbols > 0 && symbols <= kSymbolsMax);
}

size_t RecordSketch::symbols_in(size_t bytes) {
  if (bytes <= kCounters * kCounterSize || bytes > kSizeMax) return 0;
  const size_t rest = bytes - kCounters * kCounterSize;
  return rest % kSymbolSize == 0 ? rest / kSymbolSize : 0;
}

RecordSketch RecordSketch::read(const SketchSalt& salt, common::ByteSpan bytes) {
  RecordSketch out(salt, symbols_in(bytes.size()));
  common::ByteReader reader(bytes);
  for (uint16_t& counter : out.counters_) counter = reader.u16();
  for (Symbol& symbol : out.symbols_) {
    const uint64_t high = reader.u16();
    symbol.id = high << 32 | reader.u32();
    const uint32_t check = reader.u16();
    symbol.check = check << 8 | reader.u8();
  }
  CHECK_INVARIANT(reader.ok() && reader.remaining() == 0);
  return out;
}

std::vector<uint8_t> RecordSketch::bytes() const {
  std::vector<uint8_t> out(kCounters * kCounterSize + symbols_.size() * kSymbolSize);
  common::ByteWriter writer(out);
  for (const uint16_t counter : counters_) writer.u16(counter);
  for (const Symbol& symbol : symbols_) {
    writer.u16(static_cast<uint16_t>(symbol.id >> 32));
    writer.u32(static_cast<uint32_t>(symbol.id));
    writer.u16(static_cast<uint16_t>(symbol.check >> 8));
    writer.u8(static_cast<uint8_t>(symbol.check));
  }
  CHECK_INVARIANT(writer.ok() && writer.room() == 0);
  return out;
}

uint64_t RecordSketch::id(const Delta& record) const {
  const uint64_t inner = common::folded_product(hash_of(record) ^ salt_[0], kA);
  return common::folded_product(inner + record.stamp, salt_[1] ^ kB) & kIdMask;
}

uint64_t RecordSketch::mixed(uint64_t id) const {
  return common::folded_product(common::folded_product(id ^ salt_[1], kB) + salt_[0], kA);
}

void RecordSketch::add(uint64_t id) {
  const uint64_t mixed_id = mixed(id);
  uint16_t& counter = counters_[mixed_id >> kCounterShift & (kCounters - 1)];
  counter = static_cast<uint16_t>((mixed_id >> kSignShift & 1) != 0 ? counter + 1 : counter - 1);
  toggle(id, mixed_id);
}

void RecordSketch::toggle(uint64_t id, uint64_t mixed) {
  for (Places place(mixed); place.at() < symbols_.size(); place.next()) {
    symbols_[place.at()].id ^= id;
    symbols_[place.at()].check ^= check_of(mixed);
  }
}

void RecordSketch::subtract(const RecordSketch& other) {
  CHECK_INVARIANT(salt_ == other.salt_ && symbols_.size() == other.symbols_.size());
  for (size_t i = 0; i < kCounters; ++i) {
    counters_[i] = static_cast<uint16_t>(counters_[i] - other.counters_[i]);
  }
  for (size_t i = 0; i < symbols_.size(); ++i) {
    symbols_[i].id ^= other.symbols_[i].id;
    symbols_[i].check ^= other.symbols_[i].check;
  }
}

uint64_t RecordSketch::estimate() const {
  // Each record adds 1 or -1 to one counter: the sum of the squares is, on average, their number.
  return std::accumulate(counters_.begin(), counters_.end(), uint64_t{0}, [](uint64_t sum, uint16_t counter) {
    const int64_t value = static_cast<int16_t>(counter);
    return sum + static_cast<uint64_t>(value * value);
  });
}

std::optional<std::vector<uint64_t>> RecordSketch::decode() {
  std::vector<uint64_t> ids;
  std::vector<uint32_t> suspects(symbols_.size());
  std::iota(suspects.begin(), suspects.end(), 0);
  std::vector<bool> suspected(symbols_.size(), true);
  while (!suspects.empty()) {
    const uint32_t at = suspects.back();
    suspects.pop_back();
    suspected[at] = false;
    const Symbol found = symbols_[at];
    const uint64_t mixed_id = mixed(found.id);
    if (found.empty() || check_of(mixed_id) != found.check) continue;
    Places own(mixed_id);
    while (own.at() < at) own.next();
    if (own.at() != at) continue;  // the sum of several, by chance
    // More than there are symbols for: the same ones again and again, if these are not made of records.
    if (ids.size() == symbols_.size()) return std::nullopt;
    ids.push_back(found.id);
    for (Places place(mixed_id); place.at() < symbols_.size(); place.next()) {
      const size_t covered = place.at();
      symbols_[covered].id ^= found.id;
      symbols_[covered].check ^= found.check;
      if (suspected[covered]) continue;
      suspected[covered] = true;
      suspects.push_back(static_cast<uint32_t>(covered));
    }
  }
  const bool all =
      std::all_of(symbols_.begin(), symbols_.end(), [](const Symbol& one) { return one.empty(); });
  if (!all) return std::nullopt;
  return ids;
}

}  // namespace shoal::proto
