// Admin: the admin endpoint: /metrics, /healthz, /readyz, /status.json, /scrape of all swarms, /v1/access, a
// page for people at /, and by POST /v1/drain and /v1/access/*. Control thread only.
//
// POST changes something, so it is taken from loopback only, and not from a browser: any page that the
// operator looks at could send one (a browser names the page in the Origin header).

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "node/full_scrapes.h"
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

  // `full_scrapes` outlives the object.
  Admin(Actions actions, FullScrapes& full_scrapes)
      : actions_(std::move(actions)), full_scrapes_(full_scrapes) {}

  std::unique_ptr<LongAnswer> answer(const proto::HttpRequest& request, const common::Endpoint& client,
                                     std::string& out) override;

 private:
  void post(const proto::HttpRequest& request, const common::Endpoint& client, std::string& out);

  std::unique_ptr<LongAnswer> full_scrape(const proto::HttpRequest& request, std::string& out);

  const Actions actions_;
  FullScrapes& full_scrapes_;
};

}  // namespace shoal::node
