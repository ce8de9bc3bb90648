// The text of access.state_file: the name of the format, then the run-time changes of the access list, one
// per line:
//
//   shoal-access-1
//   INFO_HASH add|remove UNIX_MS NODE_ID
//   forget UNIX_MS NODE_ID
//
// The last makes void what that node changed up to then; with 16 zeros, what everybody has. INFO_HASH and
// NODE_ID are hexadecimal. Pure.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"
#include "sync/access_log.h"

namespace shoal::node {

// Larger than any file that a node writes.
constexpr size_t kAccessStateBytesMax = sync::AccessLog::kChangesMax * 100;

std::string format_access_state(std::span<const proto::AccessChange> changes,
                                std::span<const proto::ForgottenOrigin> forgotten);
std::string format_access_state(const sync::AccessLog& log);

// A copy of a log's changes that is made in slices, as there may be kChangesMax of them. One that changes
// meanwhile may be in it as it was or as it is; what is gone may be in it as well.
class AccessLogCopy {
 public:
  static constexpr size_t kSliceMax = 1'000;

  // Copies the next slice. Returns whether there are more.
  bool step(const sync::AccessLog& log) {
    return log.for_some(last_, kSliceMax,
                        [this](const proto::AccessChange& change) { changes_.push_back(change); });
  }

  size_t size() const { return changes_.size(); }
  std::vector<proto::AccessChange> take() { return std::move(changes_); }

 private:
  std::optional<common::InfoHash> last_;
  std::vector<proto::AccessChange> changes_;
};

// Parses all changes or none. The error begins with `name` and the number of the line.
common::Result<sync::AccessLog> parse_access_state(const std::string& name, std::string_view text);

}  // namespace shoal::node
