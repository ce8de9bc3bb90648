#include <cstdio>

#include "node/commands.h"
#include "node/http_client.h"
#include "node/option_values.h"
#include "node/printable.h"

namespace shoal::node {

namespace {

constexpr std::chrono::milliseconds kTimeout{3000};

}  // namespace

int command_drain(const std::string& admin_text) {
  const auto admin = read_admin(admin_text);
  if (!admin) return kExitFailed;
  const auto reply = http_post(*admin, "/v1/drain", kTimeout);
  const auto failed = [&](const std::string& message) {
    print_error(to_string(*admin) + ": " + message);
    return kExitFailed;
  };
  if (!reply) return failed(reply.error().message);
  const std::string_view line = std::string_view(reply->body).substr(0, reply->body.find_first_of("\r\n"));
  if (reply->status != 200) {
    return failed("HTTP status " + std::to_string(reply->status) + ": " + printable(line));
  }
  std::printf("%s: %s\n", to_string(*admin).c_str(), printable(line).c_str());
  return kExitOk;
}

}  // namespace shoal::node
