#include <cstdio>

#include "node/cli/answer_text.h"
#include "node/cli/commands.h"
#include "node/config/option_values.h"

namespace shoal::node {

int command_drain(const AdminRequest& request) {
  const auto admin = read_admin(request.admin);
  if (!admin) return failed(request.json, admin.error().message);
  const auto answer = admin_post(*admin, request.token_file, "/v1/drain");
  if (!answer) return failed(request.json, to_string(*admin) + ": " + answer.error().message);
  if (request.json) {
    print_json(*answer);
  } else {
    std::printf("%s: %s\n", to_string(*admin).c_str(), result_text(*answer).c_str());
  }
  return kExitOk;
}

}  // namespace shoal::node
