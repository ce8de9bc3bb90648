#include "proto/sync_columns.h"

#include <algorithm>
#include <bit>
#include <bitset>
#include <optional>
#include <string>

#include "common/bytes.h"
#include "common/check.h"
#include "proto/compact_endpoint.h"

namespace shoal::proto {

namespace {

using common::ByteReader;
using common::bytes_of;
using common::ByteSpan;
using common::Family;
using common::kInfoHashSize;

constexpr size_t kChangesMax = 256;

// Tags, lengths, the timeout and the time of a batch with both families, and some reserve.
constexpr size_t kBatchOverhead = 56;
// And with a third.
constexpr size_t kWebOverhead = 20;
// And with numbers: of the first that is told, and a column of each family.
constexpr size_t kNumbersOverhead = 20;

void append(std::string& column, ByteSpan bytes) {
  column.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Bits of one index into `changes` distinct changes.
size_t code_bits(size_t changes) { return static_cast<size_t>(std::bit_width(changes - 1)); }

// Bits of equal width, least significant first.
class BitPacker {
 public:
  BitPacker(std::string& out, size_t width) : out_(out), width_(width) {}
  void put(uint32_t code) {
    pending_ |= code << filled_;
    for (filled_ += width_; filled_ >= 8; filled_ -= 8, pending_ >>= 8) {
      out_.push_back(static_cast<char>(pending_ & 0xff));
    }
  }
  void finish() {
    if (filled_ > 0) out_.push_back(static_cast<char>(pending_ & 0xff));
  }

 private:
  std::string& out_;
  size_t width_;
  uint32_t pending_ = 0;
  size_t filled_ = 0;
};

class BitReader {
 public:
  BitReader(ByteSpan bytes, size_t width) : bytes_(bytes), width_(width) {}
  uint32_t get() {
    while (filled_ < width_) {
      pending_ |= static_cast<uint32_t>(bytes_[next_++]) << filled_;
      filled_ += 8;
    }
    const uint32_t code = pending_ & ((uint32_t{1} << width_) - 1);
    pending_ >>= width_;
    filled_ -= width_;
    return code;
  }
  // The unused bits of the last byte are zeros.
  bool clean() const { return pending_ == 0; }

 private:
  ByteSpan bytes_;
  size_t width_;
  size_t next_ = 0;
  uint32_t pending_ = 0;
  size_t filled_ = 0;
};

constexpr size_t varint_size(uint64_t value) {
  return (static_cast<size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// The runs of deltas of one info_hash that have a number, or are told, and how far back the numbers go.
class Runs {
 public:
  Runs(std::span<const Delta> deltas, const HashNumbers& numbers) : deltas_(deltas), numbers_(numbers) {}

  bool by_number(size_t i) const { return numbers_.by_number(i); }

  // Another one than that of the delta before, in columns that begin at `first`.
  bool begins(size_t i, size_t first) const {
    if (i == first || by_number(i) != by_number(i - 1)) return true;
    if (by_number(i)) return numbers_.of[i] != numbers_.of[i - 1];
    return deltas_[i].info_hash != deltas_[i - 1].info_hash;
  }
  // Of one that begins and has a number.
  uint64_t back(size_t i, size_t first) const {
    return (i == first ? numbers_.first_told : numbers_.of[i - 1]) - numbers_.of[i];
  }

 private:
  std::span<const Delta> deltas_;
  const HashNumbers& numbers_;
};

// The size of the columns of one family, as deltas are added.
class ColumnSizer {
 public:
  // `hash_bytes`: of the info_hash, if a run begins with this delta; else 0.
  void add(const Delta& delta, size_t hash_bytes) {
    if (hash_bytes != 0) {
      fixed_ += hash_bytes + 1;
      run_ = 1;
    } else if (++run_ == 128) {
      ++fixed_;  // its length needs a second byte
    }
    const size_t change = static_cast<size_t>(delta.state.byte()) << 8 | delta.stamp;
    if (!changes_seen_.test(change)) {
      changes_seen_.set(change);
      ++changes_;
      fixed_ += 2;
    }
    fixed_ += common::compact_size(delta.peer.family);
    ++count_;
  }
  bool encodable() const { return changes_ <= kChangesMax; }
  size_t bytes() const { return count_ == 0 ? 0 : fixed_ + (count_ * code_bits(changes_) + 7) / 8; }

 private:
  std::bitset<65536> changes_seen_;
  size_t changes_ = 0;
  size_t count_ = 0;
  size_t run_ = 0;
  size_t fixed_ = 0;
};

// The number of deltas, or nothing if the lengths of the columns contradict each other. `by_number`: runs
// without an info_hash.
std::optional<size_t> agreed_count(const pb::Columns& columns, Family family, size_t by_number) {
  const size_t endpoint_size = common::compact_size(family);
  if (columns.endpoints().empty() || columns.endpoints().size() % endpoint_size != 0) return std::nullopt;
  const size_t count = columns.endpoints().size() / endpoint_size;

  const size_t runs = static_cast<size_t>(columns.run_lengths_size());
  const size_t hashes = columns.info_hashes().size() / kInfoHashSize;
  if (columns.info_hashes().size() % kInfoHashSize != 0 || hashes + by_number != runs) return std::nullopt;
  size_t in_runs = 0;
  for (const uint32_t run : columns.run_lengths()) {
    if (run == 0 || run > count - in_runs) return std::nullopt;
    in_runs += run;
  }
  if (in_runs != count) return std::nullopt;

  const size_t changes = columns.changes().size() / 2;
  if (columns.changes().size() % 2 != 0 || changes == 0 || changes > kChangesMax) return std::nullopt;
  if (columns.change_codes().size() != (count * code_bits(changes) + 7) / 8) return std::nullopt;
  return count;
}

// Where the numbers of runs go; null: there are none.
struct NumbersOut {
  uint64_t first_told;
  size_t& told;
  std::vector<uint64_t>& numbers;
};

bool unpack(const pb::Columns& columns, Family family, const NumbersOut* numbers, std::vector<Delta>& out) {
  const int by_number = numbers != nullptr ? columns.back_size() : 0;
  const std::optional<size_t> count = agreed_count(columns, family, static_cast<size_t>(by_number));
  if (!count) return false;
  const ByteSpan changes = bytes_of(columns.changes());
  for (size_t i = 0; i < changes.size(); i += 2) {
    if (!is_peer_state(changes[i])) return false;
  }
  ByteReader hashes(bytes_of(columns.info_hashes()));
  ByteReader endpoints(bytes_of(columns.endpoints()));
  BitReader codes(bytes_of(columns.change_codes()), code_bits(changes.size() / 2));
  out.reserve(out.size() + *count);
  Delta delta;
  uint64_t number = numbers != nullptr ? numbers->first_told : 0;
  for (int run = 0; run < columns.run_lengths_size(); ++run) {
    if (run < by_number) {
      const uint32_t back = columns.back(run);
      if (back == 0 || back >= number) return false;
      number -= back;
    } else {
      const common::InfoHash info_hash{hashes.take_array<kInfoHashSize>()};
      if (run > by_number && info_hash <= delta.info_hash) return false;
      delta.info_hash = info_hash;
      if (numbers != nullptr) number = numbers->first_told + numbers->told++;
    }
    for (uint32_t left = columns.run_lengths(run); left > 0; --left) {
      const size_t change = size_t{codes.get()} * 2;
      if (change >= changes.size() || !read_endpoint(endpoints, family, delta.peer)) return false;
      delta.state = peer_state_from(changes[change]);
      delta.stamp = changes[change + 1];
      out.push_back(delta);
      if (numbers != nullptr) numbers->numbers.push_back(number);
    }
  }
  return codes.clean();
}

}  // namespace

size_t fitting_deltas(std::span<const Delta> sorted, size_t raw_bytes_max, const HashNumbers& numbers) {
  const Runs runs(sorted, numbers);
  size_t before = kBatchOverhead;  // and the columns of the families before this one
  if (!numbers.of.empty()) before += kNumbersOverhead;
  std::optional<ColumnSizer> sizer;
  size_t first = 0;  // of this family
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (i == 0 || sorted[i].peer.family != sorted[i - 1].peer.family) {
      if (sizer) before += sizer->bytes();
      if (sorted[i].peer.family == Family::web) before += kWebOverhead;
      sizer.emplace();
      first = i;
    }
    size_t hash_bytes = 0;
    if (runs.begins(i, first)) {
      hash_bytes = runs.by_number(i) ? varint_size(runs.back(i, first)) : kInfoHashSize;
    }
    sizer->add(sorted[i], hash_bytes);
    if (!sizer->encodable() || sizer->bytes() + before > raw_bytes_max) return i;
  }
  return sorted.size();
}

void pack_columns(std::span<const Delta> sorted, const HashNumbers& numbers, pb::Columns& out) {
  const Runs runs(sorted, numbers);
  std::vector<uint16_t> changes;  // in order of appearance
  std::vector<uint32_t> codes;
  codes.reserve(sorted.size());
  for (size_t i = 0; i < sorted.size(); ++i) {
    const Delta& delta = sorted[i];
    if (!runs.begins(i, 0)) {
      const int last = out.run_lengths_size() - 1;
      out.set_run_lengths(last, out.run_lengths(last) + 1);
    } else if (runs.by_number(i)) {
      const uint64_t back = runs.back(i, 0);
      CHECK_INVARIANT(out.info_hashes().empty() && back > 0 && back <= UINT32_MAX);
      out.add_back(static_cast<uint32_t>(back));
      out.add_run_lengths(1);
    } else {
      CHECK_INVARIANT(i == 0 || runs.by_number(i - 1) || sorted[i - 1].info_hash < delta.info_hash);
      append(*out.mutable_info_hashes(), delta.info_hash.bytes);
      out.add_run_lengths(1);
    }
    const std::array<uint8_t, 2> port = {static_cast<uint8_t>(delta.peer.port >> 8),
                                         static_cast<uint8_t>(delta.peer.port)};
    append(*out.mutable_endpoints(), delta.peer.address_bytes());
    append(*out.mutable_endpoints(), port);
    const uint16_t change = static_cast<uint16_t>(delta.state.byte() << 8 | delta.stamp);
    const auto found = std::find(changes.begin(), changes.end(), change);
    codes.push_back(static_cast<uint32_t>(found - changes.begin()));
    if (found == changes.end()) changes.push_back(change);
  }
  CHECK_INVARIANT(!changes.empty() && changes.size() <= kChangesMax);
  for (const uint16_t change : changes) {
    out.mutable_changes()->push_back(static_cast<char>(change >> 8));
    out.mutable_changes()->push_back(static_cast<char>(change & 0xff));
  }
  BitPacker packer(*out.mutable_change_codes(), code_bits(changes.size()));
  for (const uint32_t code : codes) packer.put(code);
  packer.finish();
}

bool unpack_columns(const pb::Columns& columns, Family family, std::vector<Delta>& out) {
  return unpack(columns, family, nullptr, out);
}

bool unpack_columns(const pb::Columns& columns, Family family, size_t& told, NumberedBatch& out) {
  const NumbersOut numbers{out.first_told, told, out.numbers};
  return unpack(columns, family, &numbers, out.deltas);
}

}  // namespace shoal::proto
