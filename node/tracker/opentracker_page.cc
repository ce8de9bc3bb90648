#include "node/tracker/opentracker_page.h"

#include <algorithm>
#include <utility>

#include "node/config/version.h"
#include "node/os/monotonic.h"
#include "proto/http_answer.h"
#include "proto/stats_query.h"

namespace shoal::node {

using proto::StatsMode;

namespace {

class StatsText final : public StreamedAnswer {
 public:
  StatsText(OpentrackerPage& page, StatsMode mode, proto::HttpReply reply)
      : page_(page), mode_(mode), reply_(reply) {}

  bool next(std::string& out) override {
    const auto text = page_.text(mode_);
    proto::append_text(out, reply_, text ? 200 : 503, text ? *text : "swarms are being counted: ask again\n");
    return false;
  }

 private:
  OpentrackerPage& page_;
  const StatsMode mode_;
  const proto::HttpReply reply_;
};

void add_worker(proto::OpentrackerFigures& out, const WorkerCounters& worker) {
  out.started += worker.announce.started.value();
  out.stopped += worker.announce.stopped.value();
  out.completed += worker.announce.downloads.value();
  out.tcp_connections += worker.http.connections_accepted.value();
  out.bad_requests += worker.http.bad_requests.value();
  for (const HttpTrackerCounters& http : worker.http_tracker) {
    out.tcp_announces += http.announces.value();
    out.tcp_scrapes += http.scrapes.value();
    out.bad_parameters += http.failures.value();
    out.access_denied += http.stats_denied.value();
    out.not_found += http.not_found.value();
    out.redirected += http.redirected.value();
  }
  for (const UdpCounters& udp : worker.udp) {
    out.udp_datagrams += udp.datagrams_received.value();
    out.udp_connects += udp.connects.value();
    out.udp_announces += udp.announces.value();
    out.udp_scrapes += udp.scrapes.value();
    out.udp_mismatches += udp.dropped_connection_id.value() + udp.connection_id_errors.value();
  }
}

}  // namespace

OpentrackerPage::OpentrackerPage(const Settings& settings, const SwarmStore& store, FullScrapes& full_scrapes,
                                 TopSwarms& top, std::span<const std::unique_ptr<WorkerCounters>> workers,
                                 const std::atomic<uint64_t>& synced_peers)
    : settings_(settings),
      store_(store),
      full_scrapes_(full_scrapes),
      workers_(workers),
      synced_peers_(synced_peers),
      top_(top) {}

std::unique_ptr<StreamedAnswer> OpentrackerPage::answer(const proto::HttpRequest& request,
                                                        const common::Endpoint& client, const Terms& terms,
                                                        HttpTrackerCounters& counters, std::string& out) {
  const proto::HttpReply reply = reply_to_long(request);
  if (!terms.networks.contains(client)) {
    counters.stats_denied.add();
    proto::append_text(out, reply, 403, "not for this address\n");
    return nullptr;
  }
  const auto query = proto::parse_stats_query(request.query);
  if (!query) {
    counters.failures.add();
    proto::append_text(out, reply, 400, "no such mode or format\n");
    return nullptr;
  }
  counters.stats.add();
  if (query->mode != StatsMode::dump && query->mode != StatsMode::state_dump) {
    return std::make_unique<StatsText>(*this, query->mode, reply);
  }
  if (terms.dumps) return full_scrapes_.answer(request, query->format, client, out);
  proto::append_text(out, reply, 403, "full scrapes are off\n");
  return nullptr;
}

std::optional<std::string> OpentrackerPage::text(StatsMode mode) {
  if (mode == StatsMode::top_10) return top(10);
  if (mode == StatsMode::top_100) return top(100);
  std::string out;
  proto::append_opentracker_stats(out, mode, figures());
  return out;
}

std::optional<std::string> OpentrackerPage::top(size_t amount) {
  const auto lists = top_.lists();
  if (!lists->unix_ms) return std::nullopt;
  const auto first = [amount](const std::vector<proto::ScrapedSwarm>& swarms) {
    return std::vector(swarms.begin(),
                       swarms.begin() + static_cast<ptrdiff_t>(std::min(amount, swarms.size())));
  };
  std::string out;
  proto::append_opentracker_top(out, amount, first(lists->by_peers), first(lists->by_seeders),
                                first(lists->by_leechers));
  return out;
}

proto::OpentrackerFigures OpentrackerPage::figures() const {
  proto::OpentrackerFigures out;
  out.version = version();
  out.tracker_id = settings_.tracker_id;
  out.uptime_s = monotonic_s() - settings_.started_mono_s;
  const StoreTotals store = store_.totals();
  out.torrents = store.swarms;
  out.seeds = store.seeders_v4 + store.seeders_v6;
  out.peers = out.seeds + store.leechers_v4 + store.leechers_v6;
  out.lock_stalls = store.lock_stalls;
  for (const auto& worker : workers_) {
    add_worker(out, *worker);
    for (size_t slot = 0; slot < kRenewalSlots; ++slot) {
      const uint64_t age_s = slot * settings_.peer_timeout_s / kRenewalSlots;
      const size_t minute = std::min<size_t>(age_s / 60, proto::kRenewMinutes - 1);
      out.renewed[minute] += worker->announce.renewed[slot].value();
    }
  }
  out.synced_peers = synced_peers_.load(std::memory_order_relaxed);
  const DumpGate& gate = full_scrapes_.gate();
  out.full_scrapes = gate.dumps();
  out.full_scrape_bytes = gate.bytes();
  out.not_modest = gate.refused_too_often();
  out.server_errors = gate.refused_busy();
  return out;
}

}  // namespace shoal::node
