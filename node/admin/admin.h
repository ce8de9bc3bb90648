// Admin: the admin endpoint. The table in admin_api.cc has all its paths. Control thread only.
//
// POST changes something: node/admin/admin_token.h says who may. Requests to a foreign name get no answer:
// node/admin/admin_host.h.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "node/config/reloadable.h"
#include "node/feeds/feeds.h"
#include "node/http/http_server.h"
#include "node/scan/full_scrapes.h"
#include "node/scan/top_swarms.h"
#include "node/status/admin_refusals.h"
#include "node/status/history.h"
#include "node/status/node_state.h"
#include "node/store/cluster_clock.h"
#include "node/store/swarm_store.h"

namespace shoal::node {

// What the endpoint reads and may change. What is pointed to outlives the endpoint.
struct AdminContext {
  std::function<NodeState()> state;  // the present state; called by each request that needs it
  std::function<bool()> drain;       // begins to drain; false: it had begun before
  // Begins a reload; `done` is called when it is over, from the loop, or at once.
  std::function<void(std::function<void(const ReloadReport&)> done)> reload;
  std::function<std::string()> token;                     // of admin.token_file; empty: there is none
  std::function<bool(std::string_view host)> answers_as;  // see is_admin_host()
  std::function<void(AdminRefused why, const common::Endpoint& client)> refused;  // a request was refused
  std::function<sync::Forgotten(std::string_view name)> forget;                   // see sync::Cluster
  const SwarmStore* store;
  const ClusterClock* clock;
  const History* history;
  std::function<std::shared_ptr<const TopLists>()> top;  // the largest swarms as far as known
  FullScrapes* full_scrapes;
  AccessControl* access = nullptr;                           // null: /v1/access is not there
  Feeds* feeds = nullptr;                                    // null: /v1/feeds is not there
  BanControl* bans = nullptr;                                // null: /v1/bans is not there
  std::function<uint64_t(std::string_view name)> node_id{};  // by which a node's changes are stamped
};

class Admin final : public HttpHandler {
 public:
  explicit Admin(AdminContext context) : context_(std::move(context)) {}

  std::unique_ptr<StreamedAnswer> answer(const proto::HttpRequest& request, const common::Endpoint& client,
                                         std::string& out) override;

 private:
  const AdminContext context_;
};

}  // namespace shoal::node
