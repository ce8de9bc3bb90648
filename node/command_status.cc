#include <cstdio>

#include "node/commands.h"
#include "node/http_client.h"
#include "node/option_values.h"
#include "node/printable.h"
#include "node/status_table.h"

namespace shoal::node {

namespace {

constexpr std::chrono::milliseconds kTimeout{3000};

std::string reason_of(const HttpReply& reply) {
  const std::string_view line = std::string_view(reply.body).substr(0, reply.body.find_first_of("\r\n"));
  return line.empty() ? "HTTP status " + std::to_string(reply.status) : printable(line);
}

common::Result<void> print_ready(const HostPort& admin) {
  const auto reply = http_get(admin, "/readyz", kTimeout);
  if (!reply) return tl::make_unexpected(reply.error());
  if (reply->status != 200) return common::fail("not ready: " + reason_of(*reply));
  std::printf("%s: ready\n", to_string(admin).c_str());
  return {};
}

}  // namespace

int command_status(const StatusRequest& request) {
  bool ok = true;
  auto documents = nlohmann::json::array();
  for (size_t i = 0; i < request.admins.size(); ++i) {
    const auto admin = read_admin(request.admins[i]);
    if (!admin) return kExitFailed;
    const auto note = [&](const common::Error& error) {
      print_error(to_string(*admin) + ": " + error.message);
      ok = false;
    };
    if (request.ready) {
      if (const auto ready = print_ready(*admin); !ready) note(ready.error());
      continue;
    }
    auto status = admin_get(*admin, "/status.json");
    if (!status) {
      note(status.error());
    } else if (request.json) {
      documents.push_back(std::move(*status));
    } else {
      std::printf("%s%s", i > 0 ? "\n" : "", status_table(*status).c_str());
    }
  }
  const bool one = request.admins.size() == 1;
  if (request.json && !request.ready && !(one && documents.empty()))
    print_json(one ? documents[0] : documents);
  return ok ? kExitOk : kExitFailed;
}

}  // namespace shoal::node
