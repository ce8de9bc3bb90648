// HttpTracker: announces and scrapes over HTTP (BEP 3, 7, 23, 24, 31, 48) under the paths of
// proto/tracker_path.h, and full scrapes if they are allowed. Worker's thread only.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/http/http_server.h"
#include "node/scan/full_scrapes.h"
#include "node/store/cluster_clock.h"
#include "node/tracker/opentracker_page.h"
#include "node/tracker/tracker.h"
#include "node/tracker/web_tracker.h"
#include "proto/http_answer.h"
#include "proto/http_query.h"

namespace shoal::node {

class HttpTracker final : public HttpHandler, public HttpGate {
 public:
  // All references outlive the object.
  HttpTracker(Tracker& tracker, const ClusterClock& clock, FullScrapes& full_scrapes,
              OpentrackerPage& opentracker, WorkerCounters& counters);

  std::unique_ptr<StreamedAnswer> answer(const proto::HttpRequest& request, const common::Endpoint& client,
                                         std::string& out) override;

  // Those of web peers, if there is a WebTracker.
  Upgrade upgrade(const proto::HttpRequest& request, const common::Endpoint& client, UpgradedLink& link,
                  bool room, std::string& out) override;
  // Outlives all connections.
  void set_web(WebTracker* web) { web_ = web; }

  // Bans.
  bool admits(const common::Endpoint& client) override;
  void malformed(const common::Endpoint& client) override;

 private:
  enum class Ask : uint8_t { nothing, announce, scrape, stats };
  Ask ask_of(const proto::HttpRequest& request) const;
  // Charges it, unless a web page may have made the client's browser send it.
  void malformed(const proto::HttpRequest& request, const common::Endpoint& client);
  // `local`: the connection comes from this machine.
  void announce(const proto::HttpRequest& request, const common::Endpoint& client, bool local,
                std::string& out);
  // The addresses to announce: one, or one of each family.
  struct Announced {
    common::Endpoint first;
    std::optional<common::Endpoint> second;
    bool hinted = false;  // at least one is not the client's own
  };
  // What ip=, ipv4= or ipv6= names, if it can be announced for this client.
  std::optional<common::Endpoint> hinted(std::string_view value, const common::Endpoint& client) const;
  Announced addresses_of(const proto::AnnounceQuery& query, const common::Endpoint& client) const;
  Refusal refuses(const proto::AnnounceRequest& request, const Announced& announced,
                  const common::Endpoint& client);
  proto::AnnounceAnswer announce_at(const proto::AnnounceRequest& request, const Announced& announced,
                                    uint32_t peers_max);
  std::unique_ptr<StreamedAnswer> scrape(const proto::HttpRequest& request, const common::Endpoint& client,
                                         std::string& out);
  void fail(const proto::HttpRequest& request, Ask ask, const common::Endpoint& client,
            std::string_view reason, std::optional<proto::RetryIn> retry_in, std::string& out);
  // For refused clients that may be served later, because access lists change at run time.
  proto::RetryIn retry_at_next_announce();
  void count_failure(Ask ask, const common::Endpoint& client);
  bool over_rate(const common::Endpoint& client);

  Tracker& tracker_;
  const ClusterClock& clock_;
  FullScrapes& full_scrapes_;
  OpentrackerPage& opentracker_;
  WorkerCounters& counters_;
  WebTracker* web_ = nullptr;
  std::vector<uint8_t> peers_v4_;  // for one answer; as large as the largest so far
  std::vector<uint8_t> peers_v6_;
};

}  // namespace shoal::node
