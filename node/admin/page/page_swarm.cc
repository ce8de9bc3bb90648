#include "node/admin/page/page_swarm.h"

#include "node/admin/page/html.h"
#include "node/admin/page/page_files.h"
#include "node/text/amount_text.h"

namespace shoal::node {

namespace {

constexpr size_t kTypedMax = 200;

std::string count_tile(uint64_t value, std::string_view name) {
  return "<div class=\"tile\"><b>" + grouped_text(value) + "</b><span>" + std::string(name) + "</span></div>";
}

std::string swarm_summary(const SwarmPage& page) {
  if (!page.search.info_hash) {
    return "<span class=\"state not-ready\">This is no info_hash.</span><span>It has 40 hexadecimal digits, "
           "or 32 of "
           "base32; a magnet link has one in it.</span>";
  }
  std::string out = page.served
                        ? "<span class=\"state ready\">served</span>"
                        : "<span class=\"state not-ready\">not served</span><span>by the access list</span>";
  if (!page.swarm) out += "<span>No peer of it is known here.</span>";
  return out;
}

std::string swarm_tiles(const SwarmPage& page) {
  if (!page.swarm) return "";
  const proto::SwarmCounts& counts = page.swarm->details.counts;
  return "<div class=\"tiles\">" + count_tile(counts.seeders, "seeders") +
         count_tile(counts.leechers, "leechers") + count_tile(counts.completed, "completed") + "</div>";
}

std::string records_table(const SwarmPage& page) {
  if (!page.swarm) return "<p class=\"none\">None.</p>";
  std::string out =
      "<table><thead><tr><th></th><th>seeders</th><th>leechers</th><th>stopped</th></tr></thead><tbody>";
  const auto row = [&](const char* family, const SwarmDetails::Roles& roles) {
    const auto cell = [&](proto::PeerRole role) {
      return html_cell(grouped_text(roles[static_cast<size_t>(role)]));
    };
    out += "<tr>" + html_cell(family) + cell(proto::PeerRole::seeder) + cell(proto::PeerRole::leecher) +
           cell(proto::PeerRole::stopped) + "</tr>";
  };
  row("IPv4", page.swarm->details.v4);
  row("IPv6", page.swarm->details.v6);
  if (page.swarm->details.web != SwarmDetails::Roles{}) row("web", page.swarm->details.web);
  return out + "</tbody></table>";
}

std::string peers_table(const SwarmPage& page) {
  if (!page.swarm || page.swarm->peers.empty()) return "<p class=\"none\">None.</p>";
  std::string out =
      "<table><thead><tr><th>address</th><th>state</th><th "
      "class=\"wide\">completed</th><th>announced</th></tr></thead><tbody>";
  for (const SwarmView::Peer& peer : page.swarm->peers) {
    out += "<tr>" + html_cell(html_text(common::to_string(peer.address))) + html_cell(peer.state) +
           html_cell(peer.completed ? "yes" : "no", "wide") +
           html_cell(seconds_text(static_cast<uint64_t>(peer.age_s)) + " ago") + "</tr>";
  }
  return out + "</tbody></table>";
}

}  // namespace

std::string swarm_page_html(const NodeState& state, const SwarmPage& page) {
  const auto& hash = page.search.info_hash;
  const std::string hex = hash ? common::to_hex(*hash) : "";
  return filled(
      page_file("swarm.html"),
      {{"name", html_text(state.name)},
       {"title", hash ? hex : html_text(page.search.typed, kTypedMax)},
       {"summary", swarm_summary(page)},
       {"tiles", swarm_tiles(page)},
       {"records", records_table(page)},
       {"peers", peers_table(page)},
       {"links", hash ? "<a href=\"/v1/swarms/" + hex + "\">as JSON</a> <a href=\"/v1/access?hash=" + hex +
                            "\">on the access list?</a>"
                      : ""}});
}

}  // namespace shoal::node
