#include <cstdio>

#include "node/commands.h"
#include "node/key_file.h"
#include "node/printable.h"

namespace shoal::node {

int command_keygen(const std::string& file) {
  if (file == "-") {
    std::fputs(format_key_file(new_key()).c_str(), stdout);
    return kExitOk;
  }
  const auto created = create_key_file(file);
  if (!created) {
    print_error(created.error().message);
    return kExitFailed;
  }
  std::printf("%s: new key\n", printable(file).c_str());
  return kExitOk;
}

}  // namespace shoal::node
