// Makes Options from their sources: defaults, file, environment and flags, a later one over an earlier one.
// Then checks what concerns several keys. Pure: no file, no environment, no clock.

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
  std::vector<NamedText> environment;    // any variables; those of our sections are read
  std::vector<NamedText> flags;          // "tracker.interval_s" and its value
  std::string host_name;                 // the default of node.name
};

// Most errors in one message, and in ResolvedOptions::errors.
constexpr size_t kErrorsMax = 100;

struct ResolvedOptions {
  Options options;                  // an option with a mistake has another value that would be allowed
  std::vector<std::string> errors;  // a line each; the last one counts those beyond kErrorsMax
};

// Everything that is wrong, in one pass. Options with a mistake of their own are left out of the checks of
// several keys.
ResolvedOptions resolve_all(const OptionSources& sources);

// The error has one line per mistake, without a line feed at the end.
common::Result<Options> resolve_options(const OptionSources& sources);
common::Result<Options> options_or_errors(ResolvedOptions resolved);

// What every option is without any source; node.name is empty.
Options default_options();

// Only the checks that concern several keys; a line of the error begins with the key.
common::Result<void> check_options(const Options& options);

}  // namespace shoal::node
