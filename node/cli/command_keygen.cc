#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "node/cli/commands.h"
#include "node/cluster/key_file.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

constexpr const char* kKeygenExamples = R"(
Examples:
  shoal keygen /etc/shoal.key     write a key that only the owner can read; copy it to every node
  shoal keygen                    print a key)";

struct KeygenRequest {
  std::string file = "-";  // a new file; -: standard output
  bool json = false;
};

int run_keygen(const KeygenRequest& request) {
  if (request.file == "-") {
    const std::string text = format_key_file(new_key());
    if (request.json) {
      print_json({{"key_file", text}});
    } else {
      std::fputs(text.c_str(), stdout);
    }
    return kExitOk;
  }
  const auto created = create_key_file(request.file);
  if (!created) return failed(request.json, created.error().message);
  if (request.json) {
    print_json({{"file", request.file}, {"result", "new key"}});
  } else {
    std::printf("%s: new key\n", printable(request.file).c_str());
  }
  return kExitOk;
}

}  // namespace

Command keygen_command(CLI::App& shoal) {
  CLI::App* app = shoal.add_subcommand("keygen", "Make a key for a cluster");
  app->footer(kKeygenExamples);
  auto request = std::make_shared<KeygenRequest>();
  app->add_option("file", request->file, "New file; standard output if it is - or missing")
      ->type_name("FILE");
  app->add_flag("--json", request->json, "Print JSON");
  return {app, [request] { return run_keygen(*request); }};
}

}  // namespace shoal::node
