// Admin: the admin endpoint: /metrics, /healthz, /readyz, /status.json, /v1/access, a page for people at /,
// and by POST /v1/drain and /v1/access/*. Control thread only.
//
// POST changes something, so it is taken from loopback only, and not from a browser: any page that the
// operator looks at could send one (a browser names the page in the Origin header).

#pragma once

#include <functional>
#include <string>

#include "node/http_server.h"
#include "node/node_state.h"

namespace shoal::node {

class Admin final : public HttpHandler {
 public:
  struct Actions {
    std::function<NodeState()> state;  // the present state; called per request that needs it
    std::function<bool()> drain;       // begins to drain; false: it has begun before
    AccessControl* access = nullptr;   // null: /v1/access is not there
  };

  explicit Admin(Actions actions) : actions_(std::move(actions)) {}

  void answer(const proto::HttpRequest& request, const common::Endpoint& client, std::string& out) override;

 private:
  void post(const proto::HttpRequest& request, const common::Endpoint& client, std::string& out);

  const Actions actions_;
};

}  // namespace shoal::node
