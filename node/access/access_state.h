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

#include <string>
#include <string_view>

#include "common/result.h"
#include "sync/access_log.h"

namespace shoal::node {

// Larger than any file that a node writes.
constexpr size_t kAccessStateBytesMax = sync::AccessLog::kChangesMax * 100;

std::string format_access_state(const sync::AccessLog& log);

// Parses all changes or none. The error begins with `name` and the number of the line.
common::Result<sync::AccessLog> parse_access_state(const std::string& name, std::string_view text);

}  // namespace shoal::node
