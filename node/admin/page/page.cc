#include "node/admin/page/page.h"

#include <algorithm>

#include "node/admin/page/html.h"
#include "node/admin/page/page_chart.h"
#include "node/admin/page/page_cluster.h"
#include "node/admin/page/page_files.h"
#include "node/config/version.h"
#include "node/status/request_totals.h"
#include "node/text/amount_text.h"

namespace shoal::node {

namespace {

using Points = std::vector<History::Point>;

constexpr size_t kTopShown = 10;

std::string summary(const NodeState& state) {
  const std::string ready = state.readiness.ready ? "<span class=\"state ready\">ready</span>"
                                                  : "<span class=\"state not-ready\">not ready: " +
                                                        html_text(state.readiness.reason, 200) + "</span>";
  return ready + "<span>cluster " + html_text(state.cluster) + "</span><span>shoal " + html_text(version()) +
         "</span><span>up " + seconds_text(static_cast<uint64_t>(std::max<int64_t>(0, state.uptime_s))) +
         "</span>";
}

std::string tile(const std::string& value, std::string_view name) {
  return "<div class=\"tile\"><b>" + value + "</b><span>" + std::string(name) + "</span></div>";
}

std::string tiles(const NodeState& state, const Points& history) {
  const StoreTotals& store = state.store;
  const auto rate = [&](Series series) {
    return history.empty() ? 0 : history.back().values[static_cast<size_t>(series)];
  };
  std::string out =
      tile(grouped_text(store.swarms), "swarms") +
      tile(grouped_text(store.seeders_v4 + store.seeders_v6), "seeders") +
      tile(grouped_text(store.leechers_v4 + store.leechers_v6), "leechers") +
      tile(amount_text(rate(Series::udp_announces) + rate(Series::http_announces)) + "/s", "announces") +
      tile(amount_text(static_cast<double>(store.memory_bytes)) + "B", "memory of the peers");
  if (!state.sync) return out;
  const auto& members = state.sync->members;
  const auto alive = std::count_if(members.begin(), members.end(), [](const auto& member) {
    return member.state == sync::MemberState::alive;
  });
  return out + tile(std::to_string(alive + 1) + " of " + std::to_string(members.size() + 1), "nodes alive");
}

std::string charts(const Points& history) {
  constexpr ChartLine kAnnounces[] = {{"UDP", Series::udp_announces}, {"HTTP", Series::http_announces}};
  constexpr ChartLine kPeers[] = {{"seeders", Series::seeders}, {"leechers", Series::leechers}};
  constexpr ChartLine kSwarms[] = {{"swarms", Series::swarms}};
  constexpr ChartLine kTraffic[] = {{"in", Series::bytes_received}, {"out", Series::bytes_sent}};
  constexpr ChartLine kSync[] = {{"sent", Series::deltas_sent}, {"received", Series::deltas_received}};
  constexpr ChartLine kBad[] = {{"dropped", Series::dropped}, {"refused", Series::refused}};
  return chart_html("Announces", "/s", kAnnounces, history) + chart_html("Peers", "", kPeers, history) +
         chart_html("Swarms", "", kSwarms, history) + chart_html("Traffic", "B/s", kTraffic, history) +
         chart_html("Changes between the nodes", "/s", kSync, history) +
         chart_html("Requests without a good answer", "/s", kBad, history);
}

std::string top_table(const std::vector<proto::ScrapedSwarm>& top) {
  if (top.empty())
    return "<p class=\"none\">None known yet. Opening this page makes the node look for them: reload it in a "
           "moment.</p>";
  std::string out =
      "<table><thead><tr><th>info_hash</th><th>seeders</th><th>leechers</th><th class=\"wide\">completed</th>"
      "</tr></thead><tbody>";
  for (size_t i = 0; i < std::min(top.size(), kTopShown); ++i) {
    const std::string hash = common::to_hex(top[i].info_hash);
    const proto::SwarmCounts& counts = top[i].counts;
    out.append("<tr><td><a href=\"/v1/swarms/").append(hash).append("\"><code>").append(hash);
    out.append("</code></a></td><td>").append(grouped_text(counts.seeders));
    out.append("</td><td>").append(grouped_text(counts.leechers));
    out.append("</td><td class=\"wide\">").append(grouped_text(counts.completed)).append("</td></tr>");
  }
  return out + "</tbody></table>";
}

std::string drops_table(const NodeState& state) {
  const RequestTotals totals = request_totals(state);
  std::string out = "<table><thead><tr><th>what</th><th>since start</th></tr></thead><tbody>";
  const auto row = [&](const char* what, uint64_t count) {
    out += std::string("<tr><td>") + what + "</td><td>" + grouped_text(count) + "</td></tr>";
  };
  row("UDP requests dropped", totals.udp_dropped);
  row("UDP requests answered with an error", totals.udp_errors);
  row("HTTP requests answered with a failure", totals.http_failures);
  row("malformed HTTP requests", totals.http_bad_requests);
  if (state.sync) {
    const sync::Stats& stats = state.sync->stats;
    row("changes dropped between a worker and the sync channel", state.queue_dropped);
    row("sync packets lost", stats.packets_lost);
    row("sync packets sent again", stats.packets_resent);
    row("sync datagrams that none of our keys opens", stats.dropped_unauthentic);
    row("sync datagrams malformed, foreign or refused",
        stats.dropped_malformed + stats.dropped_foreign + stats.dropped_refused);
  }
  return out + "</tbody></table>";
}

}  // namespace

std::string page_html(const NodeState& state, const Points& history,
                      const std::vector<proto::ScrapedSwarm>& top) {
  return filled(page_file("page.html"), {{"name", html_text(state.name)},
                                         {"summary", summary(state)},
                                         {"tiles", tiles(state, history)},
                                         {"cluster", cluster_picture(state)},
                                         {"members", members_table(state)},
                                         {"charts", charts(history)},
                                         {"top", top_table(top)},
                                         {"drops", drops_table(state)}});
}

}  // namespace shoal::node
