// From what the sources say to Options: defaults, file, environment, flags, in rising precedence, then the
// checks that look at more than one key. Pure: no file, no environment, no clock.

#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "node/config/options.h"

namespace shoal::node {

// A key or variable, and its text.
using NamedText = std::pair<std::string, std::string>;

struct OptionSources {
  std::string file_name;                 // for errors
  std::optional<std::string> file_text;  // none: no file
  std::vector<NamedText> environment;    // any variables; only those that begin with SHOAL_ count
  std::vector<NamedText> flags;          // "tracker.interval_s" and its value
  std::string host_name;                 // what node.name is when nobody set it
};

// Most errors that are told at once.
constexpr size_t kErrorsMax = 20;

// The error holds one line per mistake, without a line feed at the end.
common::Result<Options> resolve_options(const OptionSources& sources);

// The checks that look at more than one key alone; an error begins with the key.
common::Result<void> check_options(const Options& options);

}  // namespace shoal::node
