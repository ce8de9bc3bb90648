#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "node/cli/commands.h"
#include "node/cluster/key_file.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

constexpr const char* kKeygenExamples = R"(
Examples:
  shoal keygen /etc/shoal.key     write a key that only the owner can read; copy it to every node
  shoal keygen --keep /keys/a.key the same, unless there is one already: for scripts that run again
  shoal keygen                    print a key)";

struct KeygenRequest {
  std::string file = "-";  // a new file; -: standard output
  bool keep = false;       // a key that is in the file already stays
  bool json = false;
};

// With --keep, whatever stands at the file's place must be a key.
int keep_key(const KeygenRequest& request) {
  const auto kept = load_key_file(request.file);
  if (!kept) return failed(request.json, kept.error().message);
  if (request.json) {
    print_json({{"file", request.file}, {"result", "kept"}});
  } else {
    std::printf("%s: kept\n", printable(request.file).c_str());
  }
  return kExitOk;
}

bool something_is_at(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(path, error));
}

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
  if (request.keep && something_is_at(request.file)) return keep_key(request);
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
  app->add_flag("--keep", request->keep, "Leave a file that holds a key as it is, and succeed");
  app->add_flag("--json", request->json, "Print JSON");
  return {app, [request] { return run_keygen(*request); }};
}

}  // namespace shoal::node
