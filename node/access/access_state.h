// The text of access.state_file: the run-time changes of the access list, a line each behind a line with the
// format's name:
//
//   shoal-access-1
//   INFO_HASH add|remove UNIX_MS NODE_ID
//
// in hexadecimal digits the first and the last. Pure.

#pragma once

#include <string>
#include <string_view>

#include "common/result.h"
#include "sync/access_log.h"

namespace shoal::node {

// Longer than any that is written.
constexpr size_t kAccessStateBytesMax = sync::AccessLog::kChangesMax * 100;

std::string format_access_state(const sync::AccessLog& log);

// All or nothing; the error begins with `name` and the number of the line.
common::Result<sync::AccessLog> parse_access_state(const std::string& name, std::string_view text);

}  // namespace shoal::node
