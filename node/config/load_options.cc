#include "node/config/load_options.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "node/config/config_file.h"
#include "node/os/files.h"

namespace shoal::node {

namespace {

std::vector<NamedText> environment() {
  std::vector<NamedText> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

ResolvedOptions load_all(const std::optional<std::string>& file, std::vector<NamedText> flags) {
  if (file && file->empty()) return {default_options(), {"the options file has an empty name"}};
  OptionSources sources;
  const char* variable = std::getenv("SHOAL_CONFIG");
  sources.file_name = file ? *file : variable != nullptr ? variable : "";
  if (file || !sources.file_name.empty()) {
    auto text = read_text_file(sources.file_name, kConfigFileBytesMax);
    if (!text) return {default_options(), {text.error().message}};
    sources.file_text = std::move(*text);
  }
  sources.environment = environment();
  sources.flags = std::move(flags);
  sources.host_name = host_name();
  return resolve_all(sources);
}

common::Result<Options> load_options(const std::optional<std::string>& file, std::vector<NamedText> flags) {
  return options_or_errors(load_all(file, std::move(flags)));
}

}  // namespace shoal::node
