#include <cstdio>

#include "node/cli/answer_text.h"
#include "node/cli/commands.h"
#include "node/cli/terminal.h"
#include "node/config/option_values.h"

namespace shoal::node {

int command_top(const TopRequest& request) {
  const auto admin = read_admin(request.admin);
  if (!admin) return failed(request.json, admin.error().message);
  const auto answer = admin_get(*admin, "/v1/top?n=" + std::to_string(request.amount));
  if (!answer) return failed(request.json, to_string(*admin) + ": " + answer.error().message);
  if (request.json) {
    print_json(*answer);
  } else {
    std::fputs(top_text(*answer, colours_output()).c_str(), stdout);
  }
  return kExitOk;
}

}  // namespace shoal::node
