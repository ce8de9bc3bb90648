#include <cstdio>

#include "node/cli/check_config.h"
#include "node/cli/commands.h"
#include "node/config/load_options.h"
#include "node/config/opentracker_config.h"
#include "node/config/option_text.h"
#include "node/config/version.h"
#include "node/os/files.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

void print_findings(const Findings& found) {
  for (const std::string& error : found.errors) print_error(error);
  for (const std::string& warning : found.warnings) print_error("warning: " + warning);
}

}  // namespace

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
  std::fflush(stdout);
  OptionSources sources;
  sources.file_name = "shoal.toml";
  sources.file_text = translated.toml;
  sources.host_name = "node";
  const Findings found = check_config(resolve_all(sources));
  print_findings(found);
  for (const std::string& hint : translated.hints) print_error("look at: " + hint);
  return found.errors.empty() ? kExitOk : kExitFailed;
}

int command_config_manual() {
  std::fputs(options_manual(version()).c_str(), stdout);
  return kExitOk;
}

int command_config_check(const std::string& file, bool json) {
  const Findings found = check_config(load_all(file, {}));
  const bool ok = found.errors.empty();
  print_findings(found);
  if (json) {
    nlohmann::json document{
        {"file", file}, {"ok", ok}, {"errors", found.errors}, {"warnings", found.warnings}};
    if (!ok) document["error"] = found.errors.front();
    print_json(document);
  } else if (ok) {
    const size_t warnings = found.warnings.size();
    const std::string with =
        warnings == 0 ? ""
                      : ", with " + std::to_string(warnings) + (warnings == 1 ? " warning" : " warnings");
    std::printf("%s: ok%s\n", printable(file).c_str(), with.c_str());
  }
  return ok ? kExitOk : kExitFailed;
}

}  // namespace shoal::node
