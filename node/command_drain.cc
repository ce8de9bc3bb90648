#include <cstdio>

#include "node/commands.h"
#include "node/option_values.h"
#include "node/printable.h"

namespace shoal::node {

int command_drain(const AdminRequest& request) {
  const auto admin = read_admin(request.admin);
  if (!admin) return kExitFailed;
  const auto answer = admin_post(*admin, request.token_file, "/v1/drain");
  if (!answer) {
    print_error(to_string(*admin) + ": " + answer.error().message);
    return kExitFailed;
  }
  if (request.json) {
    print_json(*answer);
  } else {
    std::printf("%s: %s\n", to_string(*admin).c_str(), printable(answer->value("result", "?")).c_str());
  }
  return kExitOk;
}

}  // namespace shoal::node
