// Reads the TOML file: text in, settings out. Pure; the text may be anything.

#pragma once

#include <string>
#include <string_view>

#include "node/config/setting.h"

namespace shoal::node {

constexpr size_t kConfigFileBytesMax = 1 << 20;

struct FileSettings {
  std::vector<Setting> found;  // in the order of the lines
  bool cut_short = false;      // from some line on the text is no TOML and has not been read
};

// Keys stand in sections: [tracker] interval_s = 1800. Errors begin with `file_name` ("FILE:LINE: ...").
FileSettings parse_config_file(const std::string& file_name, std::string_view text);

}  // namespace shoal::node
