#include <cstdio>

#include "node/cli/commands.h"
#include "node/cluster/key_file.h"
#include "node/text/printable.h"

namespace shoal::node {

int command_keygen(const std::string& file, bool json) {
  if (file == "-") {
    const std::string text = format_key_file(new_key());
    if (json) {
      print_json({{"key_file", text}});
    } else {
      std::fputs(text.c_str(), stdout);
    }
    return kExitOk;
  }
  const auto created = create_key_file(file);
  if (!created) return failed(json, created.error().message);
  if (json) {
    print_json({{"file", file}, {"result", "new key"}});
  } else {
    std::printf("%s: new key\n", printable(file).c_str());
  }
  return kExitOk;
}

}  // namespace shoal::node
