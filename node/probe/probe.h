// Probe: queries a tracker as a client would (UDP: BEP 15; HTTP: BEP 3, 23, 48) and reports its answers, step
// by step. It announces a leecher and stops it at the end, so that no ghost peer remains. Blocks; only for
// the command `shoal probe`.

#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/endpoint.h"
#include "common/info_hash.h"
#include "common/result.h"
#include "node/config/options.h"
#include "node/tls/tls_client.h"
#include "proto/announce.h"

namespace shoal::node {

struct TrackerUrl {
  bool udp = false;
  bool tls = false;  // https
  HostPort server;
  std::string path;  // HTTP: begins with '/'
};

// Parses "udp://HOST:PORT[/announce]", "http://HOST[:PORT][/PATH]" or "https://HOST[:PORT][/PATH]". The
// default path of HTTP is
// "/announce".
common::Result<TrackerUrl> parse_tracker_url(std::string_view text);

// Returns the scrape path of an announce path (BEP 48): "announce" in the last segment becomes "scrape".
// Returns nothing if the last segment does not begin with "announce".
std::optional<std::string> scrape_path(std::string_view announce_path);

struct ProbeTarget {
  TrackerUrl url;
  common::InfoHash hash;
  proto::AnnounceRequest announce;      // the request to send, for the same hash
  std::chrono::milliseconds timeout{};  // for each step
  // The steps to do, after the connect.
  bool announces = true;
  bool scrapes = true;
  bool stops = true;
  std::optional<uint64_t> connection_id;  // UDP: used instead of a connect
  const TlsClient* tls = nullptr;         // https: what verifies the server
  std::string tls_host;                   // https: whose certificate it must be, if not that of url.server
};

// A leecher on port 6881 with a random peer_id.
proto::AnnounceRequest probe_announce(const common::InfoHash& hash);

// One request and its answer.
struct ProbeStep {
  std::string name;  // connect, announce, scrape, stopped
  double round_trip_ms = 0;
  std::string error;  // empty: success
};

struct ProbeAnnounce {
  int64_t interval_s = 0;
  int64_t seeders = 0;
  int64_t leechers = 0;
  std::vector<common::Endpoint> peers;  // at most kProbePeersMax
  size_t peers_told = 0;
};
constexpr size_t kProbePeersMax = 200;

struct ProbeScrape {
  int64_t seeders = 0;
  int64_t leechers = 0;
  int64_t completed = 0;
};

struct ProbeReport {
  std::optional<common::Endpoint> server;  // the last address tried
  std::vector<ProbeStep> steps;
  std::optional<ProbeAnnounce> announce;
  std::optional<ProbeScrape> scrape;
  uint64_t connection_id = 0;  // UDP: from the server
  std::string tls_protocol;    // https: "TLSv1.3"
  TlsTicketPtr tls_ticket;     // https: the server's newest

  bool ok() const;       // every step succeeded
  bool refused() const;  // the tracker answered the announce, but only to refuse it
};

// Begins the error of a step that the tracker refused.
inline const std::string kRefused = "the tracker refused: ";

ProbeReport probe_udp(const ProbeTarget& target);
ProbeReport probe_http(const ProbeTarget& target);

// https: whether this address resumes a session that began elsewhere, by one scrape. An error: it did not
// answer.
common::Result<bool> probe_resumes(const common::Endpoint& server, const ProbeTarget& target,
                                   SSL_SESSION* ticket);

// Parse the bencoded answers of HTTP trackers. Pure; the body may be anything. The error is for the operator:
// the tracker's failure reason, or why the body is not an answer.
common::Result<ProbeAnnounce> parse_announce_body(std::string_view body);
common::Result<ProbeScrape> parse_scrape_body(std::string_view body, const common::InfoHash& hash);

// Appends compact peers up to kProbePeersMax in total, and counts all of them. Ignores an incomplete peer at
// the end.
void add_compact_peers(std::span<const uint8_t> compact, common::Family family, ProbeAnnounce& announce);

}  // namespace shoal::node
