// What a reload may change in a running node, and what has to wait for the next start: the rows of the option
// table say it. Pure.

#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "node/config/options.h"

namespace shoal::node {

// Keys of options, in the order of the table.
struct OptionChanges {
  std::vector<std::string> reloadable;
  std::vector<std::string> need_restart;
};

// The outcome of a reload, for whoever asked for it.
struct ReloadReport {
  std::string error;  // not empty: why nothing has changed
  OptionChanges changes;
};

OptionChanges changes_between(const Options& running, const Options& read);

// `running` with what may change taken from `read`. The error: the new values do not fit those that stay
// until the next start.
common::Result<Options> reloaded_options(const Options& running, const Options& read);

// "tracker.udp, sync.listen".
std::string joined_keys(const std::vector<std::string>& keys);

}  // namespace shoal::node
