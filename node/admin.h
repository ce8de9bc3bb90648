// Admin: the admin endpoint: /metrics, /healthz, /readyz, /status.json and a page for people at /. Control
// thread only.

#pragma once

#include <functional>
#include <string>

#include "node/http_server.h"
#include "node/node_state.h"

namespace shoal::node {

class Admin final : public HttpHandler {
 public:
  // `state` gathers the present state; called per request that needs it.
  explicit Admin(std::function<NodeState()> state) : state_(std::move(state)) {}

  void answer(const proto::HttpRequest& request, const common::Endpoint& client, std::string& out) override;

 private:
  std::function<NodeState()> state_;
};

}  // namespace shoal::node
