// WebTracker: WebTorrent over WebSocket, as npm's bittorrent-tracker speaks it: announces with offers,
// answers, scrapes. One object per worker, for the connections of its HttpServer; what peers tell each other
// goes through the WebHub, also to peers of this worker. Worker's thread only.
//
// A web peer is a connection: it is in each swarm once, whatever peer_ids it names, and out of all of them
// when it is closed.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "node/http/http_gate.h"
#include "node/http/upgraded.h"
#include "node/store/cluster_clock.h"
#include "node/tracker/tracker.h"
#include "node/tracker/worker_counters.h"
#include "node/websocket/web_hub.h"
#include "proto/http_request.h"
#include "proto/web_tracker_json.h"

namespace shoal::node {

class WebTracker {
 public:
  // All references outlive the object, which outlives all connections. `worker`: the number of its inbox.
  WebTracker(Tracker& tracker, const ClusterClock& clock, HttpGate& gate, WebHub& hub, uint16_t worker,
             WebCounters& counters);
  ~WebTracker();
  WebTracker(const WebTracker&) = delete;
  WebTracker& operator=(const WebTracker&) = delete;

  // See HttpHandler::upgrade().
  Upgrade upgrade(const proto::HttpRequest& request, const common::Endpoint& connected, UpgradedLink& link,
                  bool room, std::string& out);

  // Passes on some of what is in the inbox; true: there is more, call again soon.
  bool deliver();

 private:
  class Peer;

  // Messages that deliver() passes on at once: about a millisecond.
  static constexpr size_t kDeliveredAtOnce = 64;

  void request(Peer& peer, std::string_view text, std::string& out);
  void announce(Peer& peer, std::string& out);
  void answer(Peer& peer);
  void scrape(Peer& peer, std::string& out);
  void fail(std::string_view reason, std::string& out);
  void stop(const Peer& peer, const common::InfoHash& info_hash);
  void pass_on(const WebMessage& message);
  WebAnnounced store(const Peer& peer, const proto::AnnounceRequest& request, uint32_t want);

  Tracker& tracker_;
  const ClusterClock& clock_;
  HttpGate& gate_;
  WebHub& hub_;
  const uint16_t worker_;
  WebCounters& counters_;
  uint64_t next_number_ = 1;
  std::unordered_map<uint64_t, Peer*> peers_;  // by connection
  std::vector<WebMessage> batch_;              // taken from the inbox
  size_t passed_on_ = 0;                       // of the batch
  proto::WebRequest request_;
  std::string text_;                 // a message to a client, before it is framed
  std::string frame_;                // the same, framed
  std::vector<uint8_t> peer_bytes_;  // for one answer; as large as the largest so far
};

}  // namespace shoal::node
