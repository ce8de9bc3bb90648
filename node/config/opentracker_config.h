// opentracker.conf as a shoal.toml, for `shoal config --from-opentracker`. Pure.

#pragma once

#include <string>
#include <string_view>

namespace shoal::node {

constexpr size_t kOpentrackerConfigBytesMax = 1 << 20;

struct TranslatedConfig {
  std::string toml;    // with every line of the file in a comment: what it became, or why nothing
  std::string errors;  // what `shoal config --check` says against `toml`, a mistake a line; empty: nothing
};

// `text`: what the file holds, at most kOpentrackerConfigBytesMax. Takes any bytes: lines that opentracker
// would not understand either are commented like those without a counterpart.
TranslatedConfig translate_opentracker_config(std::string_view text);

}  // namespace shoal::node
