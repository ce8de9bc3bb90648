#include "tests/unit/support/page_samples.h"

#include <cmath>
#include <limits>
#include <utility>

#include "node/admin/page/page.h"
#include "node/admin/page/page_swarm.h"
#include "node/config/version.h"

namespace shoal::test {

namespace {

using node::History;
using node::Series;
using sync::MemberState;

constexpr int64_t kUnixMs = 1'800'000'000'000;

std::vector<History::Point> history(size_t points) {
  std::vector<History::Point> out(points);
  for (size_t i = 0; i < points; ++i) {
    const auto x = static_cast<double>(i);
    const double wave = 1 + std::sin(x / 17) / 2;
    out[i].unix_ms = kUnixMs + static_cast<int64_t>(i) * node::kHistoryStepMs;
    const auto set = [&](Series series, double value) { out[i].values[static_cast<size_t>(series)] = value; };
    set(Series::udp_announces, 12'345 * wave);
    set(Series::http_announces, 2'345 * wave + x);
    set(Series::udp_connects, 8'000 * wave);
    set(Series::refused, 3 * wave);
    set(Series::dropped, i % 40 == 7 ? 250 : 12);
    set(Series::bytes_received, 1.2e6 * wave);
    set(Series::bytes_sent, 4.7e6 * wave);
    set(Series::deltas_sent, 900 * wave);
    set(Series::deltas_received, 1'800 * wave);
    set(Series::swarms, 1'234'567 + 100 * x);
    set(Series::seeders, 2.1e6 + 300 * x);
    set(Series::leechers, 9.1e5 - 200 * x);
    set(Series::udp_p99, 180 * wave);
    // Nobody asked over HTTP for a while.
    set(Series::http_p99, i % 60 < 12 ? std::nan("") : 620 * wave);
    set(Series::lag_p50, 31'000 * wave);
    set(Series::lag_p99, i % 90 == 30 ? 480'000 : 71'000 * wave);
  }
  return out;
}

std::vector<proto::ScrapedSwarm> largest_swarms() {
  std::vector<proto::ScrapedSwarm> out(10);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i].info_hash.bytes.fill(static_cast<uint8_t>(0x11 * (i + 1)));
    const auto size = static_cast<uint32_t>(123'456 / (i + 1));
    out[i].counts = {size, size / 3, size * 7};
  }
  return out;
}

sync::MemberStatus member(size_t number) {
  sync::MemberStatus out;
  out.name = std::string(1, static_cast<char>('b' + number % 25));
  out.id = number + 1;
  out.address = common::make_endpoint_v4(0xc0000201 + static_cast<uint32_t>(number), 6970);
  out.round_trip_us = 1'500 + 700 * static_cast<int64_t>(number);
  out.lag_us = 23'400;
  out.synced = true;
  out.version = node::version();
  out.announces_per_s = 1'234;
  out.load_permille = 125;
  out.clock_offset_ms = 3;
  out.agreed_ago_ms = 4'000;
  return out;
}

const node::WorkerCounters& counters() {
  static const node::WorkerCounters kCounters;
  return kCounters;
}

// More countries and autonomous systems than the page shows.
node::PlaceStatus many_places() {
  node::PlaceCounts counts;
  for (size_t i = 0; i < 25; ++i) {
    const auto letter = static_cast<char>('A' + i);
    counts.countries.push_back({{letter, letter}, 1'234'567 / (i + 1)});
    counts.asns.push_back({static_cast<uint32_t>(4'200'000'000 + i), 987'654 / (i + 1)});
  }
  counts.peers_of_no_country = 43'210;
  counts.peers_beyond = 65'432;
  counts.peers_of_no_asn = 54'321;
  return {1'000'000, 12'345'678, std::make_shared<const node::PlaceCounts>(std::move(counts))};
}

std::string page(const node::NodeState& state, size_t points = node::kHistoryPointsMax,
                 uint32_t minutes = 0) {
  return node::page_html(state, history(points), largest_swarms(), minutes);
}

node::NodeState with_problems(node::NodeState state) {
  state.readiness = {false, "bootstrapping from b (37 %)"};
  state.sync->phase = sync::SyncPhase::bootstrapping;
  state.lately[node::Limit::swarms] = 12;
  state.lately[node::Limit::requests_per_s_per_address] = 123'456;
  state.lately[node::Fault::answers_dropped] = 7;
  state.last_hour[node::Fault::snapshots_failed] = 1;
  state.need_restart = {"tracker.udp", "sync.listen"};
  state.reload_error = "tracker.interval_s: \"x\" is not allowed";
  state.sync->namesake = common::make_endpoint_v4(0xc6336407, 6970);
  state.sync->members.back().namesake = common::make_endpoint_v4(0xc6336408, 6970);
  state.sync->peers = {{"tracker.example.org:6970", sync::PeerSight::unresolved, "has no address"}};
  state.sync->strangers = {{common::make_endpoint_v4(0xc6336409, 6970), "other_key",
                            "seals with key 47bb0aa6 that this node lacks", 1'234, 500}};
  return state;
}

node::NodeState hostile_node() {
  const std::string text(kHostileText);
  node::NodeState state = mixed_node(6);
  state.name = text;
  state.cluster = text;
  state.readiness = {false, text};
  state.need_restart = {text};
  state.member_url = "http://{name}:9697/";
  state.reload_error = text;
  state.sync->peers = {{text, sync::PeerSight::unresolved, text}};
  state.sync->strangers = {{common::make_endpoint_v4(0xc6336409, 6970), "other_key", text, 1, 500}};
  for (auto& member : state.sync->members) {
    member.name = text;
    member.version = text;
    member.refused = text;
    if (member.state == MemberState::alive) member.state = MemberState::refused;
  }
  return state;
}

node::SwarmPage swarm() {
  node::SwarmPage out{.search = {}, .swarm = node::SwarmView{}};
  common::InfoHash hash;
  hash.bytes.fill(0xab);
  out.search.info_hash = hash;
  out.swarm->info_hash = hash;
  out.swarm->details.counts = {1'234, 567, 8'901};
  out.swarm->details.v4 = {467, 1'200, 80};
  out.swarm->details.v6 = {100, 34, 3};
  for (uint16_t i = 0; i < 20; ++i) {
    out.swarm->peers.push_back({.address = common::make_endpoint_v4(0xcb007100 + i, 6881),
                                .state = i % 3 == 0 ? "leecher" : "seeder",
                                .completed = i % 4 == 1,
                                .age_s = 15 * i});
  }
  out.swarm->peers.push_back(
      {.address = *common::parse_endpoint("[2001:db8:1234:5678:9abc:def0:1234:5678]:51413"),
       .state = "seeder",
       .completed = false,
       .age_s = 900});
  return out;
}

}  // namespace

node::NodeState well_node(size_t members) {
  node::NodeState state;
  state.name = "a";
  state.cluster = "example";
  state.readiness = {true, ""};
  state.uptime_s = 200'000;
  state.store.swarms = 1'234'567;
  state.store.seeders_v4 = 1'900'000;
  state.store.seeders_v6 = 200'000;
  state.store.leechers_v4 = 900'000;
  state.store.leechers_v6 = 10'000;
  state.store.memory_bytes = 345'000'000;
  state.announces_per_s = 14'690;
  state.workers = {&counters()};
  state.latency[static_cast<size_t>(node::Timing::udp)] = node::Percentiles{21, 90, 180};
  state.latency[static_cast<size_t>(node::Timing::lag)] = node::Percentiles{31'000, 55'000, 1'200'000};
  state.sync = sync::Status{};
  state.sync->phase = sync::SyncPhase::synced;
  for (size_t i = 0; i < members; ++i) state.sync->members.push_back(member(i));
  return state;
}

node::NodeState mixed_node(size_t members) {
  node::NodeState state = well_node(members);
  state.name = "tracker-ams1-node01";
  state.sync->wall_ahead_ms = 12;
  for (size_t i = 0; i < members; ++i) {
    sync::MemberStatus& one = state.sync->members[i];
    // "W" is the widest letter there is; hosts of one provider have long names.
    one.name = i % 2 == 0 ? std::string(18 + i, 'W') : "tracker-fra" + std::to_string(i) + ".example.org";
    one.lag_us = 987'654;
    one.loss_in_permille = 125;
    switch (i % 7) {
      case 0:
        one.clock_offset_ms = 1'500;
        break;
      case 1:
        one.state = MemberState::down;
        one.heard_ago_ms = 7'100'000;
        break;
      case 2:
        one.state = MemberState::refused;
        one.refused = "tracker.peer_timeout_s is 60 there and 2700 here";
        break;
      case 3:
        one.state = MemberState::suspect;
        one.heard_ago_ms = 4'000;
        one.version = "0.1.0";
        break;
      case 4:
        one.synced = false;
        one.lag_us = 0;
        one.round_trip_us = 0;
        break;
      case 5:
        one.state = MemberState::left;
        one.heard_ago_ms = 7'100'000;
        break;
      default:
        one.clock_offset_ms = -7'200'000;
        one.agreed_ago_ms = 900'000;
        break;
    }
  }
  return state;
}

std::vector<PageSample> page_samples() {
  std::vector<PageSample> out;
  node::NodeState single = well_node(0);
  single.sync.reset();
  out.push_back({"single", page(single, 3)});
  out.push_back({"alone", page(well_node(0), 18)});
  node::NodeState cut_off = well_node(0);
  cut_off.readiness = {
      false, "alone: no sync peer of 2 answers (192.0.2.1:6970 silent, 192.0.2.2:6970 silent)", true};
  cut_off.sync->alone = true;
  cut_off.sync->peers = {{"192.0.2.1:6970", sync::PeerSight::silent, "silent"},
                         {"192.0.2.2:6970", sync::PeerSight::silent, "silent"}};
  out.push_back({"cut-off", page(cut_off, 18)});
  out.push_back({"well-3", page(well_node(2))});
  node::NodeState linked = well_node(2);
  linked.member_url = "https://shoal.example/{name}/";
  linked.places = many_places();
  out.push_back({"linked-3", page(linked, 60, 15)});
  out.push_back({"mixed-3", page(mixed_node(2))});
  out.push_back({"mixed-5", page(with_problems(mixed_node(4)))});
  out.push_back({"mixed-12", page(with_problems(mixed_node(11)))});
  for (size_t members = 1; members <= 12; ++members) {
    const std::string number = (members < 10 ? "0" : "") + std::to_string(members);
    out.push_back({"members-" + number, page(mixed_node(members), 40)});
  }
  out.push_back({"members-300", page(mixed_node(300), 1)});
  out.push_back({"hostile", page(hostile_node())});
  out.push_back({"swarm", node::swarm_page_html(well_node(2), swarm())});
  node::SwarmPage unknown = swarm();
  unknown.swarm.reset();
  unknown.served = false;
  out.push_back({"swarm-unknown", node::swarm_page_html(well_node(2), unknown)});
  node::SwarmPage hostile{.search = {std::string(kHostileText), std::nullopt}, .swarm = std::nullopt};
  out.push_back({"swarm-hostile", node::swarm_page_html(hostile_node(), hostile)});
  return out;
}

}  // namespace shoal::test
