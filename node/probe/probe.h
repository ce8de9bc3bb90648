// Probe: asks a tracker as a client would (UDP: BEP 15; HTTP: BEP 3, 23, 48) and reports its answers, step by
// step. It announces a leecher and stops it at the end, so that no ghost peer remains. Blocking; for the
// command `shoal probe` only.

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
#include "proto/announce.h"

namespace shoal::node {

struct TrackerUrl {
  bool udp = false;
  HostPort server;
  std::string path;  // HTTP: begins with '/'
};

// "udp://HOST:PORT[/announce]" or "http://HOST[:PORT][/PATH]"; an HTTP path is "/announce" when it is left
// out.
common::Result<TrackerUrl> parse_tracker_url(std::string_view text);

// Where scrapes go (BEP 48): the last segment of an announce path, "announce" replaced by "scrape"; nothing
// when the path has no such segment.
std::optional<std::string> scrape_path(std::string_view announce_path);

struct ProbeTarget {
  TrackerUrl url;
  common::InfoHash hash;
  proto::AnnounceRequest announce;      // what is sent; the hash is the one above
  std::chrono::milliseconds timeout{};  // for each step
  // Only these steps, besides the connect.
  bool announces = true;
  bool scrapes = true;
  bool stops = true;
  std::optional<uint64_t> connection_id;  // UDP: used instead of a connect
};

// A leecher on port 6881 with a random peer_id.
proto::AnnounceRequest probe_announce(const common::InfoHash& hash);

// One request and its answer.
struct ProbeStep {
  std::string name;  // connect, announce, scrape, stopped
  double round_trip_ms = 0;
  std::string error;  // empty: it succeeded
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
  std::optional<common::Endpoint> server;  // that was asked in the end
  std::vector<ProbeStep> steps;
  std::optional<ProbeAnnounce> announce;
  std::optional<ProbeScrape> scrape;
  uint64_t connection_id = 0;  // UDP: that the server gave

  bool ok() const;  // every step succeeded
};

ProbeReport probe_udp(const ProbeTarget& target);
ProbeReport probe_http(const ProbeTarget& target);

// What HTTP trackers answer, bencoded. Pure; the body may be anything. An error is shown to the operator: a
// failure reason, or why it is no answer.
common::Result<ProbeAnnounce> parse_announce_body(std::string_view body);
common::Result<ProbeScrape> parse_scrape_body(std::string_view body, const common::InfoHash& hash);

// Appends whole compact peers, at most kProbePeersMax in all, and counts them.
void add_compact_peers(std::span<const uint8_t> compact, common::Family family, ProbeAnnounce& announce);

}  // namespace shoal::node
