#include "node/http_tracker.h"

#include <array>

#include "proto/http_answer.h"
#include "proto/http_query.h"
#include "proto/stats_query.h"

namespace shoal::node {

using common::Endpoint;
using common::Family;

HttpTracker::HttpTracker(Tracker& tracker, const ClusterClock& clock, uint32_t numwant_max,
                         FullScrapes* full_scrapes, OpentrackerPage& opentracker, WorkerCounters& counters)
    : tracker_(tracker),
      clock_(clock),
      full_scrapes_(full_scrapes),
      opentracker_(opentracker),
      counters_(counters),
      peers_v4_(numwant_max * common::compact_size(Family::v4)),
      peers_v6_(numwant_max * common::compact_size(Family::v6)) {}

std::unique_ptr<LongAnswer> HttpTracker::answer(const proto::HttpRequest& request, const Endpoint& client,
                                                std::string& out) {
  if (request.path == "/announce") {
    announce(request, client, out);
  } else if (request.path == "/scrape") {
    return scrape(request, client, out);
  } else if (opentracker_.is_at(request.path)) {
    return opentracker_.answer(request, client, counters_.http_tracker[family_index(client.family)], out);
  } else {
    counters_.http_tracker[family_index(client.family)].not_found.add();
    proto::append_text(out, proto::reply_to(request), 404,
                       "this is a BitTorrent tracker: /announce and /scrape\n");
  }
  return nullptr;
}

void HttpTracker::fail(const proto::HttpRequest& request, const Endpoint& client, std::string_view reason,
                       std::string& out) {
  HttpTrackerCounters& counters = counters_.http_tracker[family_index(client.family)];
  counters.failures.add();
  if (request.path == "/scrape") counters.scrape_failures.add();
  // The request will not get better by being sent again.
  proto::append_failure(out, proto::reply_to(request), reason, proto::RetryIn{.never = true});
}

void HttpTracker::announce(const proto::HttpRequest& request, const Endpoint& client, std::string& out) {
  const auto query = proto::parse_announce_query(request.query);
  if (!query) {
    fail(request, client, proto::to_string(query.error()), out);
    return;
  }
  if (const Refusal refusal = tracker_.refuses(query->request, client); refusal != Refusal::none) {
    fail(request, client, to_string(refusal), out);
    return;
  }
  counters_.http_tracker[family_index(client.family)].announces.add();
  const size_t room = peers_v4_.size() / common::compact_size(Family::v4);
  const uint32_t want = tracker_.peers_wanted(query->request, static_cast<uint32_t>(room));
  const bool v4 = client.family == Family::v4;
  const SwarmRef ref = tracker_.store().locate(query->request.info_hash);
  proto::HttpAnnounceAnswer answer;
  answer.answer = tracker_.announce(ref, query->request, client, v4 ? want : 0, v4 ? 0 : want, clock_.tick(),
                                    {peers_v4_, peers_v6_});
  answer.external_ip = client.address_bytes();
  answer.compact = query->compact;
  proto::append_announce_answer(out, proto::reply_to(request), answer);
}

std::unique_ptr<LongAnswer> HttpTracker::scrape(const proto::HttpRequest& request, const Endpoint& client,
                                                std::string& out) {
  if (tracker_.denies(client)) {
    fail(request, client, to_string(Refusal::network), out);
    return nullptr;
  }
  if (full_scrapes_ != nullptr) {
    const auto format = proto::parse_full_scrape_query(request.query);
    if (format) return full_scrapes_->answer(request, *format, client, out);
  }
  std::array<common::InfoHash, proto::kHttpScrapeMax> hashes;
  const auto asked = proto::parse_scrape_query(request.query, hashes);
  if (!asked) {
    fail(request, client, proto::to_string(asked.error()), out);
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
