// opentracker.conf as a shoal.toml, for `shoal config --from-opentracker`. Pure.

#pragma once

#include <string>
#include <string_view>

namespace shoal::node {

constexpr size_t kOpentrackerConfigBytesMax = 1 << 20;

struct TranslatedConfig {
  std::string toml;  // every line of the file is in a comment: what it became, or why it has no effect
  std::string
      errors;  // what `shoal config --check` finds wrong with `toml`, one mistake per line; empty: none
};

// `text`: the file, at most kOpentrackerConfigBytesMax, with any bytes in it. Lines that opentracker would
// not understand either become comments, like those without a counterpart.
TranslatedConfig translate_opentracker_config(std::string_view text);

}  // namespace shoal::node
