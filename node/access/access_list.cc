#include "node/access/access_list.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "node/access/line_file.h"
#include "node/store/allocation.h"
#include "node/text/printable.h"

namespace shoal::node {

using common::InfoHash;

namespace {

constexpr size_t kHashesPerSlot = 16;
constexpr unsigned kSlotBitsMax = 24;
constexpr size_t kHashDigits = 40;

// The first eight bytes as a number.
uint64_t head_of(const InfoHash& hash) {
  uint64_t head;
  std::memcpy(&head, hash.bytes.data(), sizeof head);
  return __builtin_bswap64(head);
}

bool before(const InfoHash& a, const InfoHash& b) {
  const uint64_t head_a = head_of(a);
  const uint64_t head_b = head_of(b);
  if (head_a != head_b) return head_a < head_b;
  return std::memcmp(a.bytes.data() + 8, b.bytes.data() + 8, a.bytes.size() - 8) < 0;
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

}  // namespace

AccessList::AccessList(std::vector<InfoHash> hashes) : hashes_(std::move(hashes)) {
  if (!std::is_sorted(hashes_.begin(), hashes_.end(), before)) {
    std::sort(hashes_.begin(), hashes_.end(), before);
  }
  hashes_.erase(std::unique(hashes_.begin(), hashes_.end()), hashes_.end());
  if (hashes_.capacity() > hashes_.size() + hashes_.size() / 16) hashes_.shrink_to_fit();
  slot_bits_ = std::min(kSlotBitsMax, static_cast<unsigned>(std::bit_width(hashes_.size() / kHashesPerSlot)));
  starts_.assign((size_t{1} << slot_bits_) + 1, 0);
  for (const InfoHash& hash : hashes_) ++starts_[slot_of(hash) + 1];
  for (size_t slot = 1; slot < starts_.size(); ++slot) starts_[slot] += starts_[slot - 1];
}

size_t AccessList::slot_of(const InfoHash& hash) const {
  return slot_bits_ == 0 ? 0 : head_of(hash) >> (64 - slot_bits_);
}

bool AccessList::contains(const InfoHash& hash) const {
  const size_t slot = slot_of(hash);
  return std::binary_search(hashes_.begin() + starts_[slot], hashes_.begin() + starts_[slot + 1], hash,
                            before);
}

size_t AccessList::bytes() const { return allocated_bytes(hashes_) + allocated_bytes(starts_); }

AccessLine read_access_line(std::string_view line, InfoHash& hash) {
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  if (line.empty() || line.front() == '#') return AccessLine::nothing;
  const auto found = common::info_hash_from_hex(line.substr(0, kHashDigits));
  const bool ends = line.size() <= kHashDigits || is_blank(line[kHashDigits]) || line[kHashDigits] == '#';
  if (!found || !ends) return AccessLine::bad;
  hash = *found;
  return AccessLine::hash;
}

common::Result<AccessList> load_access_file(const std::string& path) {
  std::vector<InfoHash> hashes;
  const auto add = [&](std::string_view line) -> std::string {
    InfoHash hash;
    switch (read_access_line(line, hash)) {
      case AccessLine::nothing:
        return "";
      case AccessLine::bad:
        return "\"" + printable(line, 60) + "\" is not an info_hash (40 hexadecimal digits)";
      case AccessLine::hash:
        break;
    }
    if (hashes.size() == kListedMax) return "more than " + std::to_string(kListedMax) + " info_hashes";
    hashes.push_back(hash);
    return "";
  };
  const auto read = for_each_line(
      path, add, [&](size_t bytes) { hashes.reserve(std::min(bytes / kHashDigits + 1, kListedMax)); });
  if (!read) return tl::make_unexpected(read.error());
  return AccessList(std::move(hashes));
}

}  // namespace shoal::node
