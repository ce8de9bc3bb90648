#include "node/tracker/http_tracker.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/loopback.h"
#include "node/os/monotonic.h"
#include "node/tracker/peer_address.h"
#include "proto/http_answer.h"
#include "proto/http_query.h"
#include "proto/stats_query.h"
#include "proto/tracker_path.h"

namespace shoal::node {

using common::ByteSpan;
using common::Endpoint;
using common::Family;

namespace {

// A malformed request will not succeed on a retry.
constexpr proto::RetryIn kNever{.never = true};

// Peers of an answer as a list of dictionaries, which takes five times the bytes and is asked for by
// compact=0 alone: docs/decisions/0012-compact-0.md.
constexpr uint32_t kListedPeersMax = 50;

// The retry time for a client over its rate: the buckets refill in seconds, but BEP 31 counts in minutes.
constexpr uint32_t kTooOftenMinutes = 1;

}  // namespace

HttpTracker::HttpTracker(Tracker& tracker, const ClusterClock& clock, FullScrapes& full_scrapes,
                         OpentrackerPage& opentracker, WorkerCounters& counters)
    : tracker_(tracker),
      clock_(clock),
      full_scrapes_(full_scrapes),
      opentracker_(opentracker),
      counters_(counters) {}

std::unique_ptr<StreamedAnswer> HttpTracker::answer(const proto::HttpRequest& request,
                                                    const Endpoint& connected, std::string& out) {
  const std::string& redirect_url = tracker_.settings().options.redirect_url;
  if (request.path == "/" && !redirect_url.empty()) {
    counters_.http_tracker[family_index(connected.family)].redirected.add();
    proto::append_redirect(out, proto::reply_to(request), redirect_url);
    return nullptr;
  }
  const Ask ask = ask_of(request);
  if (ask == Ask::nothing) {
    counters_.http_tracker[family_index(connected.family)].not_found.add();
    proto::append_text(out, proto::reply_to(request), 404,
                       "this is a BitTorrent tracker: /announce and /scrape\n");
    return nullptr;
  }
  const auto client = client_of(request, connected, tracker_.settings().proxies);
  if (!client) {
    // The proxy's error, not the client's: no retry advice.
    fail(request, ask, connected, "a proxy does not tell the client's address", std::nullopt, out);
    return nullptr;
  }
  // Of a connection's own client the server has asked.
  if (*client != connected && !admits(*client)) {
    fail(request, ask, *client, "this address is banned for a while", retry_at_next_announce(), out);
    return nullptr;
  }
  if (tracker_.limits_requests() && over_rate(*client)) {
    count_failure(ask, *client);
    proto::append_too_often(out, proto::reply_to(request), "too many requests", kTooOftenMinutes);
    return nullptr;
  }
  if (ask == Ask::stats) {
    const OpentrackerPage::Terms terms{tracker_.settings().stats_networks,
                                       tracker_.settings().options.full_scrape};
    return opentracker_.answer(request, *client, terms, counters_.http_tracker[family_index(client->family)],
                               out);
  }
  if (ask == Ask::scrape) return scrape(request, *client, out);
  announce(request, *client, common::is_loopback(connected), out);
  return nullptr;
}

Upgrade HttpTracker::upgrade(const proto::HttpRequest& request, const Endpoint& client, UpgradedLink& link,
                             bool room, std::string& out) {
  return web_ == nullptr ? Upgrade{} : web_->upgrade(request, client, link, room, out);
}

HttpTracker::Ask HttpTracker::ask_of(const proto::HttpRequest& request) const {
  const std::string& stats_path = tracker_.settings().stats.path;
  if (!stats_path.empty() && request.path == stats_path) return Ask::stats;
  switch (proto::verb_of_path(request.path)) {
    case proto::TrackerVerb::announce:
      return Ask::announce;
    case proto::TrackerVerb::scrape:
      return Ask::scrape;
    case proto::TrackerVerb::none:
      break;
  }
  return Ask::nothing;
}

// Does not limit a trusted proxy that names no client, such as a health check.
bool HttpTracker::over_rate(const Endpoint& client) {
  if (tracker_.settings().proxies.networks.contains(client)) return false;
  // Uses the UDP server's clock: both charge the same buckets.
  return tracker_.over_rate(client, true, static_cast<uint64_t>(monotonic_us()),
                            tracker_.settings().offences);
}

bool HttpTracker::admits(const Endpoint& client) {
  if (tracker_.bans() == nullptr) return true;
  HttpTrackerCounters& counters = counters_.http_tracker[family_index(client.family)];
  switch (tracker_.bans()->judge(client, clock_.unix_ms())) {
    case BanIndex::Verdict::none:
      return true;
    case BanIndex::Verdict::dry:
      counters.would_ban.add();
      return true;
    case BanIndex::Verdict::banned:
      break;
  }
  counters.banned.add();
  return false;
}

void HttpTracker::malformed(const proto::HttpRequest& request, const Endpoint& client) {
  if (!proto::may_be_of_browser(request.header_lines)) malformed(client);
}

void HttpTracker::malformed(const Endpoint& client) {
  if (OffenceWatch* offences = tracker_.settings().offences) {
    offences->charge(client, proto::Offence::malformed, static_cast<uint64_t>(monotonic_us()));
  }
}

void HttpTracker::count_failure(Ask ask, const Endpoint& client) {
  HttpTrackerCounters& counters = counters_.http_tracker[family_index(client.family)];
  if (ask == Ask::stats) return counters.stats_denied.add();
  counters.failures.add();
  if (ask == Ask::scrape) counters.scrape_failures.add();
}

void HttpTracker::fail(const proto::HttpRequest& request, Ask ask, const Endpoint& client,
                       std::string_view reason, std::optional<proto::RetryIn> retry_in, std::string& out) {
  count_failure(ask, client);
  proto::append_failure(out, proto::reply_to(request), reason, retry_in);
}

proto::RetryIn HttpTracker::retry_at_next_announce() {
  return {.minutes = (tracker_.interval_s() + 59) / 60};
}

void HttpTracker::announce(const proto::HttpRequest& request, const Endpoint& client, bool local,
                           std::string& out) {
  auto query = proto::parse_announce_query(request.query);
  if (!query) {
    malformed(request, client);
    fail(request, Ask::announce, client, proto::to_string(query.error()), kNever, out);
    return;
  }
  // Only a client on this machine can have a loopback address, whatever a proxy says. Without a port nothing
  // is stored.
  if (common::is_loopback(client) && !local) query->request.port = 0;
  const Announced announced = addresses_of(*query, client);
  if (const Refusal refusal = refuses(query->request, announced, client); refusal != Refusal::none) {
    fail(request, Ask::announce, client, to_string(refusal), retry_at_next_announce(), out);
    return;
  }
  proto::HttpAnnounceAnswer answer;
  const uint32_t peers_max = tracker_.settings().http_peers_max;
  answer.answer = announce_at(query->request, announced,
                              query->compact ? peers_max : std::min(peers_max, kListedPeersMax));
  if (answer.answer.full) {
    fail(request, Ask::announce, client, to_string(Refusal::full), retry_at_next_announce(), out);
    return;
  }
  counters_.http_tracker[family_index(client.family)].announces.add();
  if (OffenceWatch* offences = tracker_.settings().offences) {
    tracker_.watch(offences, client, query->request, answer.answer, static_cast<uint64_t>(monotonic_us()));
  }
  answer.min_interval_s = std::min(tracker_.settings().options.min_interval_s, answer.answer.interval_s);
  answer.external_ip = client.address_bytes();
  answer.compact = query->compact;
  answer.warning = tracker_.settings().options.warning;
  proto::append_announce_answer(out, proto::reply_to(request), answer);
}

std::optional<Endpoint> HttpTracker::hinted(std::string_view value, const Endpoint& client) const {
  if (value.empty()) return std::nullopt;
  const auto address = proto::parse_announced_address(value);
  if (!address || !can_be_peer(*address) || !tracker_.admits(*address)) return std::nullopt;
  return common::is_loopback(*address) && !common::is_loopback(client) ? std::nullopt : address;
}

HttpTracker::Announced HttpTracker::addresses_of(const proto::AnnounceQuery& query,
                                                 const Endpoint& client) const {
  const TrackerSettings& settings = tracker_.settings();
  const bool believed =
      settings.options.ip_param == IpParam::any ||
      (settings.options.ip_param == IpParam::trusted && settings.proxies.networks.contains(client));
  if (!believed) return {client, std::nullopt};
  const auto ip = hinted(query.ip, client);
  Announced announced{ip.value_or(client), std::nullopt, ip.has_value()};
  for (const auto& [value, family] : {std::pair(query.ipv4, Family::v4), std::pair(query.ipv6, Family::v6)}) {
    const auto address = hinted(value, client);
    if (!address || address->family != family) continue;
    // For the same family, ip= takes precedence.
    if (announced.first.family != family) {
      announced.second = address;
    } else if (!ip) {
      announced.first = *address;
    }
    announced.hinted = true;
  }
  // The client's own address, if no peer can have it, must not lose the good one beside it.
  if (announced.second && !(can_be_peer(announced.first) && tracker_.admits(announced.first))) {
    announced.first = *std::exchange(announced.second, std::nullopt);
  }
  return announced;
}

Refusal HttpTracker::refuses(const proto::AnnounceRequest& request, const Announced& announced,
                             const Endpoint& client) {
  // Naming another address does not lead out of a denied network.
  if (announced.hinted && tracker_.denies(client)) {
    counters_.announce.refused[static_cast<size_t>(Refusal::network)].add();
    return Refusal::network;
  }
  const Refusal refusal = tracker_.refuses(request, announced.first);
  return refusal == Refusal::none && announced.second ? tracker_.refuses(request, *announced.second)
                                                      : refusal;
}

proto::AnnounceAnswer HttpTracker::announce_at(const proto::AnnounceRequest& request,
                                               const Announced& announced, uint32_t peers_max) {
  const uint32_t want = tracker_.peers_wanted(request, peers_max);
  peers_v4_.resize(std::max(peers_v4_.size(), want * common::compact_size(Family::v4)));
  peers_v6_.resize(std::max(peers_v6_.size(), want * common::compact_size(Family::v6)));
  const PeerBuffers buffers{peers_v4_, peers_v6_};
  const SwarmRef ref = tracker_.store().locate(request.info_hash);
  const AnnounceMoments now = clock_.announce_moments();
  const auto announce_one = [&](const proto::AnnounceRequest& one, const Endpoint& peer, uint32_t wanted) {
    const bool v4 = peer.family == Family::v4;
    return tracker_.announce(ref, one, peer, v4 ? wanted : 0, v4 ? 0 : wanted, now, buffers);
  };
  proto::AnnounceAnswer answer = announce_one(request, announced.first, want);
  if (!announced.second || answer.full) return answer;
  // Two peers but one download, which is already counted.
  proto::AnnounceRequest again = request;
  if (again.event == proto::Event::completed) again.event = proto::Event::none;
  const bool first_v4 = announced.first.family == Family::v4;
  const ByteSpan first = first_v4 ? answer.peers_v4 : answer.peers_v6;
  const auto got = static_cast<uint32_t>(first.size() / common::compact_size(announced.first.family));
  // If the tracker is full now, the peer is at least listed with its first address.
  const proto::AnnounceAnswer both = announce_one(again, *announced.second, want - got);
  if (both.full) return answer;
  // Of the two leechers that the swarm has now, both may be this client.
  const bool alone = answer.alone && both.counts.seeders == 0 && both.counts.leechers == 2;
  const uint32_t interval_s = alone ? answer.interval_s : both.interval_s;
  answer = both;
  answer.interval_s = interval_s;
  (first_v4 ? answer.peers_v4 : answer.peers_v6) = first;
  return answer;
}

std::unique_ptr<StreamedAnswer> HttpTracker::scrape(const proto::HttpRequest& request, const Endpoint& client,
                                                    std::string& out) {
  if (tracker_.denies(client)) {
    fail(request, Ask::scrape, client, to_string(Refusal::network), retry_at_next_announce(), out);
    return nullptr;
  }
  if (tracker_.settings().options.full_scrape) {
    const auto format = proto::parse_full_scrape_query(request.query);
    if (format) {
      bool too_often = false;
      auto answer = full_scrapes_.answer(request, *format, client, out, &too_often);
      if (OffenceWatch* offences = tracker_.settings().offences; too_often && offences != nullptr) {
        offences->charge(client, proto::Offence::full_scrapes, static_cast<uint64_t>(monotonic_us()));
      }
      return answer;
    }
  }
  std::array<common::InfoHash, proto::kHttpScrapeMax> hashes;
  const auto asked = proto::parse_scrape_query(request.query, hashes);
  if (!asked) {
    malformed(request, client);
    fail(request, Ask::scrape, client, proto::to_string(asked.error()), kNever, out);
    return nullptr;
  }
  counters_.http_tracker[family_index(client.family)].scrapes.add();
  std::array<proto::ScrapedSwarm, proto::kHttpScrapeMax> swarms;
  size_t count = 0;
  for (const common::InfoHash& hash : *asked) {
    if (tracker_.hides(hash)) continue;
    swarms[count++] = {hash, tracker_.scrape(tracker_.store().locate(hash), hash)};
  }
  proto::append_scrape_answer(out, proto::reply_to(request), std::span(swarms).first(count));
  return nullptr;
}

}  // namespace shoal::node
