// What the table of options looks like to a reader.

#pragma once

#include <string>

#include "node/config/option_table.h"

namespace shoal::node {

// The TOML of a value as split_values() reads it: 1800, "info", ["0.0.0.0:6969"].
std::string toml_value(const Option& option, std::string_view text);

// The same of values that are apart already and hold no control characters; one, unless it is a list.
std::string toml_values(const Option& option, const std::vector<std::string>& values);

// "at a reload" or "at the next start".
std::string_view when_taken(const Option& option);

// The commented default file. Read back it gives the defaults.
std::string default_file();

// docs/OPTIONS.md.
std::string options_reference();

// The manual page shoal.toml(5), in roff.
std::string options_manual(std::string_view version);

}  // namespace shoal::node
