#include <cstdio>

#include "node/admin_client.h"
#include "node/commands.h"
#include "node/printable.h"

namespace shoal::node {

int command_drain(const AdminRequest& request, bool json) {
  const auto answer = admin_post(request, "/v1/drain");
  if (!answer) {
    print_error(answer.error().message);
    return kExitFailed;
  }
  if (json) {
    print_json(*answer);
  } else {
    std::printf("%s: %s\n", request.admin.c_str(), printable(answer->value("result", "?")).c_str());
  }
  return kExitOk;
}

}  // namespace shoal::node
