// AccessList: an immutable set of info_hashes, and the lines that it is read from.
//
// Sorted, with an index over the first bits. A hash takes 20 bytes and less than one more for the index. A
// lookup touches one cache line of the index and one or two of the hashes. Any number of threads may look up.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/info_hash.h"
#include "common/result.h"

namespace shoal::node {

class AccessList {
 public:
  AccessList() : AccessList(std::vector<common::InfoHash>()) {}
  // The hashes may have any order, and duplicates.
  explicit AccessList(std::vector<common::InfoHash> hashes);

  bool contains(const common::InfoHash& hash) const;
  std::span<const common::InfoHash> hashes() const { return hashes_; }  // sorted
  size_t size() const { return hashes_.size(); }
  size_t bytes() const;

 private:
  size_t slot_of(const common::InfoHash& hash) const;

  unsigned slot_bits_ = 0;
  std::vector<common::InfoHash> hashes_;
  std::vector<uint32_t> starts_;  // the first hash of each slot, then the number of hashes
};

// The maximum number of hashes in a list.
constexpr size_t kListedMax = 100'000'000;

enum class AccessLine : uint8_t { nothing, hash, bad };

// Reads a line without its line feed: 40 hexadecimal digits, optionally followed by a blank or '#' and any
// text; or only blanks and a comment ('#'). A carriage return is a blank. Sets `hash` only for
// AccessLine::hash.
AccessLine read_access_line(std::string_view line, common::InfoHash& hash);

// Reads a file of lines. The error names the path and the number of the first bad line. Ten million lines
// take seconds: do not call it on the control thread's loop.
common::Result<AccessList> load_access_file(const std::string& path);

}  // namespace shoal::node
