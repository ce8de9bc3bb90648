// Setting: what one source (file, environment, flag) says about one key, before it is checked.

#pragma once

#include <string>
#include <vector>

#include "node/config/option_table.h"

namespace shoal::node {

struct Setting {
  const Option* option = nullptr;
  std::vector<std::string> values;  // exactly one unless the option is a list
  std::string origin;             // begins an error: "FILE:LINE: tracker.interval_s", "--tracker.interval_s"
  std::string error;              // not empty: the source cannot be understood here; the whole message
  const Option* meant = nullptr;  // with an error: the option that it is probably about
};

// The values of a flag, an environment variable or a default. Commas separate the values of a list, with any
// spaces around them; an empty text is an empty list.
std::vector<std::string> split_values(const Option& option, std::string_view text);

// "ORIGIN: VALUE is not allowed: ALLOWED".
std::string not_allowed(const std::string& origin, const std::string& value, const Option& option);

// Writes one setting into `options`, or appends the reason why it cannot to `errors`.
void apply(const Setting& setting, Options& options, std::vector<std::string>& errors);

}  // namespace shoal::node
