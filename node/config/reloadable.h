// What a reload changes in a running node and what waits for the next start: the rows of the option table say
// it. Pure.

#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "node/config/option_table.h"
#include "node/config/options.h"

namespace shoal::node {

// The options in which two Options differ: their keys, in the order of the table.
struct OptionChanges {
  std::vector<std::string> reloadable;
  std::vector<std::string> need_restart;
  std::vector<Apply> apply{};  // where the reloadable ones go, each once; never Apply::restart
};

// The outcome of a reload, for those who requested it.
struct ReloadReport {
  std::string error;  // not empty: why nothing has changed
  OptionChanges changes;
};

OptionChanges changes_between(const Options& running, const Options& read);

// `running` with the reloadable options of `read`. Fails if the new values do not fit those that stay until
// the next start.
common::Result<Options> reloaded_options(const Options& running, const Options& read);

// "tracker.udp, sync.listen".
std::string joined_keys(const std::vector<std::string>& keys);

}  // namespace shoal::node
