#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

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

constexpr const char* kConfigExamples = R"(
Examples:
  shoal config > shoal.toml
  shoal config --check shoal.toml
  shoal config --from-opentracker /etc/opentracker/opentracker.conf > shoal.toml
  shoal config --for-service --from-opentracker opentracker.conf > /etc/shoal/shoal.toml)";

struct ConfigRequest {
  std::string check;
  bool json = false;
  std::string opentracker_config;
  bool for_service = false;
  bool reference = false;
  bool manual = false;
};

int print_document(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return kExitOk;
}

void print_findings(const Findings& found) {
  for (const std::string& error : found.errors) print_error(error);
  for (const std::string& warning : found.warnings) print_error("warning: " + warning);
}

int print_translated(const std::string& file, StartedBy by) {
  const auto text = read_text_file(file, kOpentrackerConfigBytesMax);
  if (!text) {
    print_error(text.error().message);
    return kExitFailed;
  }
  const TranslatedConfig translated = translate_opentracker_config(*text, by);
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

int check_file(const std::string& file, bool json) {
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

}  // namespace

Command config_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("config", "Print the default options file, check one, or make one");
  app->footer(kConfigExamples);
  auto request = std::make_shared<ConfigRequest>();
  CLI::Option* check =
      app->add_option("--check", request->check,
                      "Check this file, with the current environment, and the files that it names");
  check->type_name("FILE");
  app->add_flag("--json", request->json, "With --check: print JSON")->needs(check);
  CLI::Option* opentracker =
      app->add_option("--from-opentracker", request->opentracker_config,
                      "Translate this opentracker.conf, and report what has no equivalent");
  opentracker->type_name("FILE")->excludes(check);
  app->add_flag("--for-service", request->for_service,
                "With --from-opentracker: for shoal.service, which has its own user and sandbox")
      ->needs(opentracker);
  CLI::Option* reference =
      app->add_flag("--reference", request->reference, "Print the reference of all options as Markdown")
          ->excludes(check)
          ->excludes(opentracker);
  app->add_flag("--manual", request->manual, "Print the manual page shoal.toml(5)")
      ->excludes(check)
      ->excludes(opentracker)
      ->excludes(reference);
  return {app, [check, opentracker, request] {
            if (check->count() > 0) return check_file(request->check, request->json);
            if (opentracker->count() > 0) {
              return print_translated(request->opentracker_config,
                                      request->for_service ? StartedBy::service : StartedBy::hand);
            }
            if (request->manual) return print_document(options_manual(version()));
            return print_document(request->reference ? options_reference() : default_file());
          }};
}

}  // namespace shoal::node
