#include "node/admin/page/page.h"

#include <algorithm>
#include <map>
#include <utility>

#include "node/admin/page/html.h"
#include "node/admin/page/page_chart.h"
#include "node/admin/page/page_files.h"
#include "node/admin/page/page_look.h"
#include "node/admin/page/page_members.h"
#include "node/admin/page/page_picture.h"
#include "node/config/option_values.h"
#include "node/config/version.h"
#include "node/status/problems.h"
#include "node/status/request_totals.h"
#include "node/text/amount_text.h"

namespace shoal::node {

namespace {

using Points = std::vector<History::Point>;

constexpr size_t kTopShown = 10;
constexpr size_t kPlacesOnPage = 20;
constexpr size_t kProblemMax = 1500;

std::string summary(const NodeState& state) {
  const std::string ready = state.readiness.ready ? "<span class=\"state ready\">ready</span>"
                                                  : "<span class=\"state not-ready\">not ready</span>";
  return ready + "<span>cluster " + html_text(state.cluster) + "</span><span>shoal " + html_text(version()) +
         "</span><span>up " + seconds_text(static_cast<uint64_t>(std::max<int64_t>(0, state.uptime_s))) +
         "</span>";
}

std::string tile(const std::string& value, std::string_view name) {
  return "<div class=\"tile\"><b>" + value + "</b><span>" + std::string(name) + "</span></div>";
}

std::string problems(const NodeState& state) {
  const std::vector<Problem> found = problems_of(state);
  if (found.empty()) return "<p class=\"ready\">✓ Nothing is wrong, as far as this node knows.</p>";
  std::string out = "<ul>";
  for (const Problem& problem : found) {
    out.append("<li class=\"").append(to_string(problem.severity)).append("\">");
    out.append(html_text(problem.text, kProblemMax)).append("</li>");
  }
  return out + "</ul>";
}

// "3 of 5", and what keeps the others. A node that has left is none of the cluster's any more.
std::string nodes_tile(const sync::Status& sync) {
  size_t at_work = 1;  // this node
  size_t all = 1;
  std::map<std::string, size_t> others;
  for (const sync::MemberStatus& member : sync.members) {
    if (member.state != sync::MemberState::left) ++all;
    if (is_at_work(member)) {
      ++at_work;
    } else {
      ++others[look_of(member).name];
    }
  }
  std::string why;
  for (const auto& [state, count] : others) {
    why += (why.empty() ? "" : ", ") + std::to_string(count) + " " + state;
  }
  return tile(std::to_string(at_work) + " of " + std::to_string(all),
              why.empty() ? "nodes" : "nodes: " + why);
}

double cluster_announces_per_s(const NodeState& state) {
  double sum = state.announces_per_s;
  for (const sync::MemberStatus& member : state.sync->members) {
    if (is_at_work(member)) sum += member.announces_per_s;
  }
  return sum;
}

// Swarms and peers of the whole cluster: every node holds all of them.
std::string held_tiles(const StoreTotals& store) {
  return tile(grouped_text(store.swarms), "swarms") +
         tile(grouped_text(store.seeders_v4 + store.seeders_v6), "seeders") +
         tile(grouped_text(store.leechers_v4 + store.leechers_v6), "leechers");
}

std::string memory_title(const StoreTotals& store) {
  if (store.memory_limit_bytes == 0) return "memory of the peers";
  return "memory of the peers, of " + amount_text(static_cast<double>(store.memory_limit_bytes)) + "B";
}

std::string node_tiles(const NodeState& state, const Points& history) {
  const auto rate = [&](Series series) {
    return history.empty() ? 0 : history.back().values[static_cast<size_t>(series)];
  };
  return tile(amount_text(state.announces_per_s) + "/s", "announces") +
         tile(byte_rate_text(rate(Series::bytes_received)), "traffic in") +
         tile(byte_rate_text(rate(Series::bytes_sent)), "traffic out") +
         tile(amount_text(static_cast<double>(state.store.memory_bytes)) + "B", memory_title(state.store));
}

std::string tiles(const NodeState& state, const Points& history) {
  const auto group = [](const char* title, const std::string& tiles) {
    return std::string("<h2>") + title + "</h2><div class=\"tiles\">" + tiles + "</div>";
  };
  if (!state.sync) return group("Now", held_tiles(state.store) + node_tiles(state, history));
  return group("Whole cluster, as this node knows it",
               held_tiles(state.store) +
                   tile(amount_text(cluster_announces_per_s(state)) + "/s", "announces") +
                   nodes_tile(*state.sync)) +
         group("This node", node_tiles(state, history));
}

std::string ranges(uint32_t shown, uint32_t chosen) {
  std::string out;
  for (const uint32_t minutes : kChartMinutes) {
    const std::string text = minutes == 60 ? "1 h" : std::to_string(minutes) + " min";
    out += "<a href=\"/?minutes=" + std::to_string(minutes) + "\"" +
           (minutes == shown ? " aria-current=\"true\"" : "") + ">" + text + "</a> ";
  }
  return out + (chosen == 0 ? "" : "<a href=\"/\">all there is</a>");
}

std::string charts(const NodeState& state, const Points& history, uint32_t minutes) {
  constexpr ChartLine kAnnounces[] = {{"UDP", Series::udp_announces}, {"HTTP", Series::http_announces}};
  constexpr ChartLine kPeers[] = {{"seeders", Series::seeders}, {"leechers", Series::leechers}};
  constexpr ChartLine kSwarms[] = {{"swarms", Series::swarms}};
  constexpr ChartLine kTraffic[] = {{"in", Series::bytes_received}, {"out", Series::bytes_sent}};
  constexpr ChartLine kTimes[] = {{"UDP", Series::udp_p99}, {"HTTP", Series::http_p99}};
  constexpr ChartLine kBad[] = {{"dropped", Series::dropped}, {"refused", Series::refused}};
  constexpr ChartLine kSync[] = {{"sent", Series::deltas_sent}, {"received", Series::deltas_received}};
  constexpr ChartLine kLag[] = {{"50 %", Series::lag_p50}, {"99 %", Series::lag_p99}};
  std::vector<Chart> all = {{"Announces", ChartUnit::per_second, kAnnounces},
                            {"Peers", ChartUnit::count, kPeers},
                            {"Swarms", ChartUnit::count, kSwarms},
                            {"Traffic", ChartUnit::bytes_per_second, kTraffic},
                            {"99 % of the answers within", ChartUnit::microseconds, kTimes},
                            {"Requests without a good answer", ChartUnit::per_second, kBad}};
  if (state.sync) {
    all.push_back({"Changes between the nodes", ChartUnit::per_second, kSync});
    all.push_back({"Changes of other nodes are here within", ChartUnit::microseconds, kLag});
  }
  std::string out = chart_times_html(history, minutes);
  for (const Chart& chart : all) out += chart_html(chart, history, minutes);
  return out;
}

std::string latency_table(const NodeState& state) {
  constexpr std::pair<Timing, std::string_view> kRows[] = {{Timing::udp, "UDP requests"},
                                                           {Timing::http, "HTTP requests"},
                                                           {Timing::lag, "changes of other nodes"}};
  std::string out =
      "<p class=\"none\">Of the last 5 minutes: from a request to its answer, and from a change at another "
      "node until "
      "it is here, by two clocks.</p><table><thead><tr><th></th><th>50 %</th><th>95 %</th><th>99 "
      "%</th></tr></thead><tbody>";
  for (const auto& [timing, name] : kRows) {
    if (timing == Timing::lag && !state.sync) continue;
    const auto& times = state.latency[static_cast<size_t>(timing)];
    const auto cell = [&, timing = timing](double us) {
      return html_cell(us >= longest_us(timing) ? "over " + duration_text(longest_us(timing))
                                                : duration_text(us));
    };
    out.append("<tr>").append(html_cell(name));
    out += times ? cell(times->p50_us) + cell(times->p95_us) + cell(times->p99_us)
                 : html_cell("–") + html_cell("–") + html_cell("–");
    out += "</tr>";
  }
  return out + "</tbody></table>";
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
    out.append("<tr><td><a href=\"/swarm?info_hash=").append(hash).append("\"><code>").append(hash);
    out.append("</code></a></td><td>").append(grouped_text(counts.seeders));
    out.append("</td><td>").append(grouped_text(counts.leechers));
    out.append("</td><td class=\"wide\">").append(grouped_text(counts.completed)).append("</td></tr>");
  }
  return out + "</tbody></table>";
}

// The first few of a list, the largest first, then all the others.
template <class Place, class Name>
std::string places_table(const char* title, const std::vector<Place>& places, uint64_t beyond,
                         uint64_t unknown, Name name) {
  std::string out = std::string("<table><thead><tr><th>") + title + "</th><th>peers</th></tr></thead><tbody>";
  const auto row = [&](const std::string& what, uint64_t peers) {
    out += "<tr><td>" + what + "</td><td>" + grouped_text(peers) + "</td></tr>";
  };
  for (size_t i = 0; i < places.size(); ++i) {
    if (i < kPlacesOnPage) {
      row(name(places[i]), places[i].peers);
    } else {
      beyond += places[i].peers;
    }
  }
  if (beyond > 0) row("others", beyond);
  if (unknown > 0) row("not known", unknown);
  return out + "</tbody></table>";
}

// Nothing where access.geo_counts is off.
std::string places_section(const NodeState& state) {
  if (!state.places) return "";
  const std::string head = "<h2>Countries and networks</h2>";
  if (!state.places->counts) return head + "<p class=\"none\">Not counted yet: it takes a moment.</p>";
  const PlaceCounts& counts = *state.places->counts;
  return head +
         "<p class=\"none\">Peers of the whole cluster, as counted once a minute by access.geo_databases: "
         "the "
         "largest 20 of each.</p><div class=\"scroll pair\">" +
         places_table("country", counts.countries, 0, counts.peers_of_no_country,
                      [](const auto& one) { return std::string(one.country.begin(), one.country.end()); }) +
         places_table("autonomous system", counts.asns, counts.peers_beyond, counts.peers_of_no_asn,
                      [](const auto& one) { return "AS" + std::to_string(one.asn); }) +
         "</div>";
}

// What was done and what would have been, side by side.
std::string bans_table(const NodeState& state) {
  const BanStatus& bans = state.bans;
  const RequestTotals totals = request_totals(state);
  std::string out =
      "<p class=\"none\">bans.mode is " + std::string(to_string(bans.mode)) +
      ". <a href=\"/v1/bans\">All bans</a></p><table><thead><tr><th>since start</th><th>done</th>"
      "<th>would be, if it were on</th></tr></thead><tbody>";
  const auto row = [&](const std::string& what, uint64_t done, uint64_t would_be) {
    out += "<tr><td>" + what + "</td><td>" + grouped_text(done) + "</td><td>" + grouped_text(would_be) +
           "</td></tr>";
  };
  row("clients banned now", bans.in_force, bans.dry);
  row("requests of theirs refused", totals.banned, totals.would_ban);
  for (size_t i = 0; i < proto::kOffences; ++i) {
    row("bans made here: " + std::string(to_string(static_cast<proto::Offence>(i))), bans.made[i],
        bans.made_dry[i]);
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
  if (state.shield) {
    uint64_t answered = 0;
    uint64_t dropped = 0;
    for (const ShieldCounts& counts : state.shield->decisions) {
      answered += counts.packets[SHIELD_CONNECT_ANSWERED];
      dropped += counts.dropped();
    }
    row("of these, dropped by the shield", dropped);
    row("UDP connects answered by the shield", answered);
  }
  row("UDP requests answered with an error", totals.udp_errors);
  row("HTTP requests answered with a failure", totals.http_failures);
  row("malformed HTTP requests", totals.http_bad_requests);
  if (state.tls) {
    const TlsTotals tls = tls_totals(state);
    row("TLS handshakes, full", tls.full);
    row("TLS handshakes, resumed", tls.resumed);
    row("TLS handshakes that failed", tls.failed);
  }
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
                      const std::vector<proto::ScrapedSwarm>& top, uint32_t minutes) {
  const uint32_t shown = minutes == 0 ? fitting_minutes(history) : minutes;
  return filled(page_file("page.html"), {{"name", html_text(state.name)},
                                         {"summary", summary(state)},
                                         {"problems", problems(state)},
                                         {"tiles", tiles(state, history)},
                                         {"cluster", cluster_picture(state)},
                                         {"members", members_table(state)},
                                         {"ranges", ranges(shown, minutes)},
                                         {"charts", charts(state, history, shown)},
                                         {"latency", latency_table(state)},
                                         {"top", top_table(top)},
                                         {"places", places_section(state)},
                                         {"bans", bans_table(state)},
                                         {"drops", drops_table(state)}});
}

}  // namespace shoal::node
