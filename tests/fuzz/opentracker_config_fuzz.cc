// Any bytes as opentracker.conf: no single value in the translation is invalid, though values may contradict
// each other.

#include <algorithm>
#include <string>
#include <string_view>

#include "common/check.h"
#include "node/config/opentracker_config.h"
#include "node/config/resolve_options.h"

using namespace shoal::node;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data),
                              std::min(size, kOpentrackerConfigBytesMax));
  const TranslatedConfig translated = translate_opentracker_config(text);
  OptionSources sources;
  sources.file_name = "file";
  sources.file_text = translated.toml;
  sources.host_name = "host";
  const auto options = resolve_options(sources);
  for (const std::string& hint : translated.hints) {
    CHECK_INVARIANT(std::all_of(hint.begin(), hint.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
  }
  // Outside comments, nothing of the file appears but what an option has accepted.
  std::string_view rest = translated.toml;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    CHECK_INVARIANT(line.empty() || line.front() == '#' || line.front() == '[' ||
                    line.find(" = ") != std::string_view::npos);
    if (line.starts_with('#')) {
      CHECK_INVARIANT(std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
    }
  }
  if (options) {
    CHECK_INVARIANT(options->tracker.full_scrape && !options->stats.path.empty());
    CHECK_INVARIANT(!options->stats.networks.empty());
  }
  return 0;
}
