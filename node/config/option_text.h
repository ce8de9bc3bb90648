// The table of options as documents: the default file, docs/OPTIONS.md and the manual page. Pure.

#pragma once

#include <string>

#include "node/config/option_table.h"

namespace shoal::node {

// A value in TOML, given as split_values() reads it: 1800, "info", ["0.0.0.0:6969"].
std::string toml_value(const Option& option, std::string_view text);

// The same, given the values of a list, or the one value; none may hold control characters.
std::string toml_values(const Option& option, const std::vector<std::string>& values);

// When a new value takes effect: "at a reload" or "at the next start".
std::string_view when_effective(const Option& option);

// The commented default file. Read back, it gives the defaults.
std::string default_file();

// docs/OPTIONS.md.
std::string options_reference();

// The manual page shoal.toml(5), in roff.
std::string options_manual(std::string_view version);

}  // namespace shoal::node
