#include <cstdio>

#include "node/cli/check_files.h"
#include "node/cli/commands.h"
#include "node/config/load_options.h"
#include "node/config/opentracker_config.h"
#include "node/config/option_text.h"
#include "node/config/version.h"
#include "node/os/files.h"
#include "node/text/printable.h"

namespace shoal::node {

int command_config_default() {
  std::fputs(default_file().c_str(), stdout);
  return kExitOk;
}

int command_config_reference() {
  std::fputs(options_reference().c_str(), stdout);
  return kExitOk;
}

int command_config_from_opentracker(const std::string& file) {
  const auto text = read_file(file, kOpentrackerConfigBytesMax);
  if (!text) {
    print_error(text.error().message);
    return kExitFailed;
  }
  const TranslatedConfig translated = translate_opentracker_config(*text);
  std::fputs(translated.toml.c_str(), stdout);
  if (translated.errors.empty()) return kExitOk;
  print_error(translated.errors);
  return kExitFailed;
}

int command_config_manual() {
  std::fputs(options_manual(version()).c_str(), stdout);
  return kExitOk;
}

int command_config_check(const std::string& file, bool json) {
  const auto options = load_options(file, {});
  std::vector<std::string> wrong;
  if (options) {
    wrong = wrong_files(*options);
  } else {
    wrong.push_back(options.error().message);
  }
  for (const std::string& message : wrong) print_error(message);
  if (json) {
    nlohmann::json document{{"file", file}, {"ok", wrong.empty()}, {"errors", wrong}};
    if (!wrong.empty()) document["error"] = wrong.front();
    print_json(document);
  } else if (wrong.empty()) {
    std::printf("%s: ok\n", printable(file).c_str());
  }
  return wrong.empty() ? kExitOk : kExitFailed;
}

}  // namespace shoal::node
