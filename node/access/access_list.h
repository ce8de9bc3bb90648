// AccessList: a set of info_hashes that never changes once it is made, and the lines it is read from.
//
// Sorted, with an index over their first bits: 20 bytes each and less than one more for the index; a lookup
// touches a cache line of the index and one or two of the hashes. Any number of threads may look up.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/info_hash.h"
#include "common/result.h"

namespace shoal::node {

class AccessList {
 public:
  AccessList() : AccessList(std::vector<common::InfoHash>()) {}
  // In any order; of duplicates one stays.
  explicit AccessList(std::vector<common::InfoHash> hashes);

  bool contains(const common::InfoHash& hash) const;
  size_t size() const { return hashes_.size(); }
  size_t bytes() const;

 private:
  size_t slot_of(const common::InfoHash& hash) const;

  unsigned slot_bits_ = 0;
  std::vector<common::InfoHash> hashes_;
  std::vector<uint32_t> starts_;  // by slot: its first hash; one more at the end
};

// Most hashes of one list.
constexpr size_t kListedMax = 100'000'000;

enum class AccessLine : uint8_t { nothing, hash, bad };

// One line without its line feed: 40 hexadecimal digits and, behind a blank or '#', anything; or nothing but
// blanks and a comment ('#'). A carriage return is a blank. `hash` is set for AccessLine::hash only.
AccessLine read_access_line(std::string_view line, common::InfoHash& hash);

// Text as it arrives, cut into lines.
class LineSplitter {
 public:
  // Longer lines are passed on cut to one byte more.
  static constexpr size_t kLineMax = 1024;

  // Calls visit(line) for every line that ends in `text`; stops when it returns false, and is then done for.
  template <class Visit>
  bool feed(std::string_view text, Visit visit) {
    while (!text.empty()) {
      const size_t end = text.find('\n');
      if (end == std::string_view::npos) {
        keep(text);
        return true;
      }
      std::string_view line = text.substr(0, end);
      text.remove_prefix(end + 1);
      if (!partial_.empty()) {
        keep(line);
        line = partial_;
      }
      if (!visit(line.substr(0, kLineMax + 1))) return false;
      partial_.clear();
    }
    return true;
  }

  // What stands behind the last line feed.
  std::string_view rest() const { return partial_; }

 private:
  void keep(std::string_view text) { partial_ += text.substr(0, kLineMax + 1 - partial_.size()); }

  std::string partial_;
};

// Reads a file of lines. The error names the path, and the line of the first that is bad. Takes seconds for
// ten million lines: not to be called on the control thread's loop.
common::Result<AccessList> load_access_file(const std::string& path);

}  // namespace shoal::node
