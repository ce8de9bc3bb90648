// Text files that are read line by line, of any size: the access list, lists of networks.

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace shoal::node {

// Splits text into lines as it arrives.
class LineSplitter {
 public:
  // Longer lines are cut to kLineMax + 1 bytes.
  static constexpr size_t kLineMax = 1024;

  // Calls visit(line) for each line that ends in `text`. Stops when visit returns false; do not use the
  // object after that.
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

  // The text after the last line feed.
  std::string_view rest() const { return partial_; }

 private:
  void keep(std::string_view text) { partial_ += text.substr(0, kLineMax + 1 - partial_.size()); }

  std::string partial_;
};

// Calls visit(line) for each line of a regular file, without its line feed and without a UTF-8 byte order
// mark at the beginning. `visit` returns what is wrong with the line, or "". The error names the path, and
// the line if there is one; it is also an error that a file is UTF-16. `size`, if not null, is called first
// with the file's size in bytes. Millions of lines take seconds: do not call it on the control thread's loop.
common::Result<void> for_each_line(const std::string& path,
                                   const std::function<std::string(std::string_view line)>& visit,
                                   const std::function<void(size_t bytes)>& size = nullptr);

}  // namespace shoal::node
