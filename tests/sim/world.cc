#include "world.h"

#include <time.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "common/check.h"
#include "common/tick.h"
#include "node/store/cluster_clock.h"

namespace shoal::sim {

namespace {

constexpr int64_t kEpochMs = 1'800'000'000'000;

// Where node 0 is; the others follow.
constexpr uint32_t kFirstAddress = 0x0a000001;

int64_t cpu_now_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// What asking for the time costs between two answers.
int64_t meter_ns() {
  static const int64_t cost_ns = [] {
    int64_t least_ns = std::numeric_limits<int64_t>::max();
    for (int i = 0; i < 1'000; ++i) {
      const int64_t began_ns = cpu_now_ns();
      least_ns = std::min(least_ns, cpu_now_ns() - began_ns);
    }
    return least_ns;
  }();
  return cost_ns;
}

// Adds the CPU time of its life to `ns`, if that is measured.
class CpuMeter {
 public:
  CpuMeter(bool measures, int64_t& ns) : ns_(ns), began_ns_(measures ? cpu_now_ns() : -1) {}
  ~CpuMeter() {
    if (began_ns_ >= 0) ns_ += std::max<int64_t>(0, cpu_now_ns() - began_ns_ - meter_ns());
  }
  CpuMeter(const CpuMeter&) = delete;
  CpuMeter& operator=(const CpuMeter&) = delete;

 private:
  int64_t& ns_;
  int64_t began_ns_;
};

// The code speaks version 1 only. To simulate a node of another version, that version and 1 are swapped in
// what it sends and hears. If `from` is `to`, nothing changes.
SharedBytes translated(const SharedBytes& bytes, uint8_t from, uint8_t to) {
  constexpr size_t kMajorAt = 3;
  if (from == to || bytes->size() <= kMajorAt) return bytes;
  std::vector<uint8_t> out = *bytes;
  if (out[kMajorAt] == from) {
    out[kMajorAt] = to;
  } else if (out[kMajorAt] == to) {
    out[kMajorAt] = from;
  }
  return std::make_shared<const std::vector<uint8_t>>(std::move(out));
}

std::string to_text(const Record& record, common::Tick now) {
  constexpr const char* kRoles[] = {"leecher", "seeder", "stopped"};
  return std::string(kRoles[static_cast<size_t>(record.state.role)]) +
         (record.state.completed ? " completed" : "") + ", " +
         std::to_string(common::stamp_age(now, record.stamp)) + " ticks old";
}

}  // namespace

sync::Now World::now_of(size_t node) const {
  return {now_us_ - nodes_[node]->stood_us, unix_ms() + nodes_[node]->settings.clock_offset_ms};
}

int64_t World::unix_ms() const { return kEpochMs + now_us_ / 1000; }

size_t World::start(NodeSettings settings) {
  const size_t index = nodes_.size();
  auto node = std::make_unique<SimNode>();
  node->settings = std::move(settings);
  node->address = common::make_endpoint_v4(kFirstAddress + static_cast<uint32_t>(index), 6970);
  nodes_.push_back(std::move(node));
  launch(index);
  return index;
}

void World::launch(size_t index) {
  SimNode& node = *nodes_[index];
  const sync::Now now = now_of(index);
  sync::Config config;
  config.name = node.settings.name;
  config.incarnation = static_cast<uint64_t>(now.unix_ms) << 16 | prng_.below(65536);
  config.cluster = node.settings.cluster;
  config.site = node.settings.site;
  config.keys = node.settings.keys;
  if (node.settings.advertises) config.advertise = node.address;
  config.peers_named = !node.settings.seeds.empty();
  config.multicast_groups = node.settings.groups.size();
  config.peer_timeout_s = node.settings.peer_timeout_s;
  node.access = std::make_unique<sync::AccessLog>();
  config.access_log = node.access.get();
  node.bans = std::make_unique<sync::BanLog>();
  config.ban_log = node.bans.get();
  config.donate_bytes_per_s = node.settings.donate_bytes_per_s;
  config.pace_bytes_per_s = node.settings.pace_bytes_per_s;
  config.numbered = node.settings.numbered;
  config.sketching = node.settings.sketching;
  config.snapshot = node.settings.snapshots && !node.snapshot.empty();
  node.merged = !config.snapshot;
  // Each run of each node has a key of its own, as in production.
  const auto run = static_cast<uint8_t>(config.incarnation);
  node.swarms =
      std::make_unique<SimSwarms>(common::SipKey{static_cast<uint8_t>(index), run}, node.settings.keeps_map);
  node.cluster = std::make_unique<sync::Cluster>(config, *node.swarms, now);
  node.expired_at = 0;
  set_seeds(index, node.settings.seeds);
}

void World::set_seeds(size_t index, const std::vector<size_t>& seeds) {
  SimNode& node = *nodes_[index];
  node.settings.seeds = seeds;
  std::vector<common::Endpoint> addresses;
  for (const size_t seed : seeds) addresses.push_back(nodes_[seed]->address);
  node.cluster->set_seeds(addresses);
}

void World::crash(size_t index) {
  end_donations_of(index);
  nodes_[index]->frozen = false;
  buffered_.erase(index);
  nodes_[index]->cluster.reset();
  nodes_[index]->swarms.reset();
}

void World::stop(size_t index) {
  sync::Outputs out;
  nodes_[index]->cluster->leave(now_of(index), out);
  drain(index, out);
  run_until([&] { return nodes_[index]->cluster->left_in_order(now_of(index)); }, kLingerUs);
  save(index);
  crash(index);
}

void World::restart(size_t index) {
  CHECK_INVARIANT(!nodes_[index]->cluster);
  ++nodes_[index]->restarts;
  launch(index);
}

sync::Forgotten World::forget(size_t index, const std::string& name) {
  sync::Outputs out;
  const sync::Forgotten forgotten = nodes_[index]->cluster->forget(now_of(index), name, out);
  drain(index, out);
  return forgotten;
}

void World::change_access(size_t index, const common::InfoHash& hash, bool listed,
                          std::optional<uint64_t> made_by) {
  SimNode& node = *nodes_[index];
  const auto change = node.access->change(hash, listed, cluster_ms(index), made_by.value_or(stamp_id(index)));
  CHECK_INVARIANT(change.has_value());
  sync::Outputs out;
  node.cluster->publish_access(now_of(index), std::span(&*change, 1), out);
  drain(index, out);
}

bool World::ban(size_t index, const proto::BanPrefix& prefix, const proto::BanTerm& term,
                std::optional<uint64_t> made_by) {
  SimNode& node = *nodes_[index];
  const auto made = node.bans->change(prefix, term, cluster_ms(index), made_by.value_or(stamp_id(index)));
  if (!made) return false;
  sync::Outputs out;
  node.cluster->publish_bans(now_of(index), std::span(&*made, 1), out);
  drain(index, out);
  return true;
}

void World::forget_access_of(size_t index, uint64_t node_id) {
  SimNode& node = *nodes_[index];
  std::vector<proto::AccessChange> dropped;
  sync::Outputs out;
  node.cluster->publish_access(now_of(index), node.access->forget_origin(node_id, cluster_ms(index), dropped),
                               out);
  drain(index, out);
}

void World::forget_bans_of(size_t index, uint64_t node_id) {
  SimNode& node = *nodes_[index];
  std::vector<proto::BanChange> dropped;
  sync::Outputs out;
  node.cluster->publish_bans(now_of(index), node.bans->forget_origin(node_id, cluster_ms(index), dropped),
                             out);
  drain(index, out);
}

void World::relay(size_t from, uint64_t run, const std::vector<uint8_t>& message) {
  sync::Outputs out;
  nodes_[from]->cluster->relay(now_of(from), run, message, out);
  drain(from, out);
}

void World::thaw(size_t index) {
  nodes_[index]->frozen = false;
  if (!nodes_[index]->cluster) return;
  // A loop may run timers or datagrams first.
  const bool timers_first = prng_.below(2) == 0;
  if (timers_first) advance(index);
  std::vector<Flight> waiting;
  waiting.swap(buffered_[index]);
  for (const Flight& flight : waiting) land(flight);
  if (!timers_first) advance(index);
}

void World::thaw(size_t index, int64_t stood_us) {
  nodes_[index]->stood_us += stood_us;
  thaw(index);
}

void World::set_keys(size_t index, std::vector<sync::ClusterKey> keys) {
  SimNode& node = *nodes_[index];
  node.settings.keys = std::move(keys);
  if (!node.cluster) return;
  sync::Outputs out;
  node.cluster->set_keys(now_of(index), node.settings.keys, out);
  drain(index, out);
}

void World::drain(size_t index, sync::Outputs& out) {
  SimNode& node = *nodes_[index];
  for (const sync::Send& send : out.sends) {
    CHECK_INVARIANT(send.bytes->size() <= 1200);
    const SharedBytes bytes = translated(send.bytes, 1, node.settings.protocol_major);
    if (watch && !send.group) watch(index, send.to);
    if (recording) recorded.emplace_back(index, bytes);
    if (!send.group) {
      for (const size_t to : nodes_at(send.to)) fly(index, to, std::nullopt, bytes);
      continue;
    }
    for (size_t to = 0; to < nodes_.size(); ++to) {
      // A group's datagrams also come back to their sender, as on a real socket.
      const auto& joined = nodes_[to]->settings.groups;
      const auto found = std::find(joined.begin(), joined.end(), node.settings.groups[*send.group]);
      if (found != joined.end()) fly(index, to, static_cast<size_t>(found - joined.begin()), bytes);
    }
  }
  for (sync::LogEvent& event : out.logs) node.logs.push_back(std::move(event));
  if (!out.runs_gone.empty()) node.swarms->drop_runs(out.runs_gone);
  for (sync::Relayed& one : out.relayed) node.relayed.push_back(std::move(one));
  for (const uint64_t pull : out.pull_aborts) end_stream({index, pull}, false);
  for (const sync::PullStart& start : out.pulls) open_stream(index, start);
  if (out.load_snapshot) {
    later(now_us_ + node.settings.load_us, [this, index, run = node.restarts] {
      SimNode& then = *nodes_[index];
      if (!then.cluster || then.restarts != run) return;
      const bool held = load(index);
      then.merged = true;
      then.cluster->snapshot_merged(now_of(index), held);
    });
  }
  if (const common::Tick now = store_tick(index); now != node.expired_at) {
    node.expired_at = now;
    node.swarms->expire(now);
  }
}

std::optional<Record> World::record(size_t index, const PeerKey& key) const {
  const SimNode& node = *nodes_[index];
  const auto found = node.swarms->records().find(key);
  if (found == node.swarms->records().end()) return std::nullopt;
  Record record = found->second;
  record.stamp = common::stamp_of(record.stamp + node.cluster->store_ticks_behind());
  return record;
}

std::map<PeerKey, Record> World::records(size_t index) const {
  std::map<PeerKey, Record> out = nodes_[index]->swarms->records();
  for (auto& [key, record] : out) {
    record.stamp = common::stamp_of(record.stamp + nodes_[index]->cluster->store_ticks_behind());
  }
  return out;
}

common::Moment World::moment(size_t index, int64_t later_ms) const {
  const int64_t tick_ms = int64_t{nodes_[index]->settings.peer_timeout_s} * 1000 / common::kLifetimeTicks;
  return common::moment_at(cluster_ms(index) + later_ms, tick_ms);
}

common::Tick World::tick(size_t index) const { return moment(index).tick(); }

std::vector<size_t> World::nodes_at(const common::Endpoint& address) const {
  // Almost always it is the address that a node was given.
  if (address.family == common::Family::v4) {
    const auto& at = address.address;
    const uint32_t number = uint32_t{at[0]} << 24 | uint32_t{at[1]} << 16 | uint32_t{at[2]} << 8 | at[3];
    const size_t index = number - kFirstAddress;
    if (index < nodes_.size() && nodes_[index]->address == address) return {index};
  }
  std::vector<size_t> out;
  for (size_t index = 0; index < nodes_.size(); ++index) {
    const auto& others = nodes_[index]->also_at;
    if (nodes_[index]->address == address || std::find(others.begin(), others.end(), address) != others.end())
      out.push_back(index);
  }
  return out;
}

void World::fly(size_t from, size_t to, std::optional<size_t> group, const SharedBytes& bytes) {
  if (watch_links) watch_links(from, to, *bytes);
  if (cuts_.contains({from, to}) || datagram_cuts_.contains({from, to})) return;
  int64_t queued_us = 0;
  if (const auto clog = clogs_.find({from, to}); clog != clogs_.end()) {
    Clog& link = clog->second;
    link.free_us = std::max(link.free_us, now_us_);
    const auto size = static_cast<int64_t>(bytes->size());
    if ((link.free_us - now_us_) * link.bytes_per_s / 1'000'000 > link.buffer_bytes) return;
    link.free_us += size * 1'000'000 / link.bytes_per_s;
    queued_us = link.free_us - now_us_;
  }
  if (distance_us) queued_us += distance_us(from, to);
  const int copies = prng_.unit() < weather.duplicate ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (prng_.unit() < weather.loss) continue;
    const auto spread = static_cast<uint32_t>(weather.delay_max_us - weather.delay_min_us + 1);
    const int64_t delay_us = weather.delay_min_us + prng_.below(spread);
    flights_.push({now_us_ + queued_us + delay_us, order_++, from, to, nodes_[from]->address, group, bytes});
  }
}

void World::inject(size_t to, const common::Endpoint& from, std::vector<uint8_t> bytes) {
  flights_.push({now_us_, order_++, to, to, from, std::nullopt,
                 std::make_shared<const std::vector<uint8_t>>(std::move(bytes))});
}

void World::land(const Flight& flight) {
  SimNode& node = *nodes_[flight.to];
  if (!node.cluster) return;
  if (node.frozen) {
    std::vector<Flight>& buffer = buffered_[flight.to];
    if (buffer.size() < kReceiveBuffer) buffer.push_back(flight);
    return;
  }
  sync::Outputs out;
  const SharedBytes bytes = translated(flight.bytes, node.settings.protocol_major, 1);
  {
    const CpuMeter meter(measures_cpu, node.cpu_ns);
    node.cluster->receive(now_of(flight.to), {flight.source, flight.group, *bytes}, out);
  }
  drain(flight.to, out);
}

// Runs the next event, if there is one by `until_us`.
bool World::step(int64_t until_us) {
  size_t next_node = 0;
  int64_t deadline_us = std::numeric_limits<int64_t>::max();
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (runs(i) && this->deadline_us(i) < deadline_us) {
      deadline_us = this->deadline_us(i);
      next_node = i;
    }
  }
  const int64_t landing_us = flights_.empty() ? std::numeric_limits<int64_t>::max() : flights_.top().at_us;
  const int64_t event_us = events_.empty() ? std::numeric_limits<int64_t>::max() : events_.top().at_us;
  if (std::min({deadline_us, landing_us, event_us}) > until_us) return false;
  if (event_us <= std::min(deadline_us, landing_us)) {
    const std::function<void()> happen = events_.top().happen;
    events_.pop();
    now_us_ = std::max(now_us_, event_us);
    happen();
    return true;
  }
  if (landing_us <= deadline_us) {
    const Flight flight = flights_.top();
    flights_.pop();
    now_us_ = std::max(now_us_, flight.at_us);
    land(flight);
    return true;
  }
  now_us_ = std::max(now_us_, deadline_us);
  advance(next_node);
  return true;
}

void World::advance(size_t index) {
  sync::Outputs out;
  sync::Cluster& cluster = *nodes_[index]->cluster;
  {
    const CpuMeter meter(measures_cpu, nodes_[index]->cpu_ns);
    cluster.advance(now_of(index), out);
  }
  CHECK_INVARIANT(deadline_us(index) > now_us_);
  drain(index, out);
}

void World::run_for(int64_t us) {
  const int64_t until_us = now_us_ + us;
  while (step(until_us)) continue;
  now_us_ = until_us;
}

bool World::run_until(const std::function<bool()>& condition, int64_t limit_us) {
  for (const int64_t end_us = now_us_ + limit_us; now_us_ < end_us; run_for(10'000)) {
    if (condition()) return true;
  }
  return condition();
}

void World::announce_for(int64_t us, size_t count, const std::vector<size_t>& nodes) {
  for (size_t i = 0; i < count; ++i) {
    announce_random(nodes[prng_.below(static_cast<uint32_t>(nodes.size()))]);
    run_for(us / static_cast<int64_t>(count));
  }
}

void World::announce_random(size_t index) {
  if (!runs(index)) return;
  node::PeerAnnounce announce;
  announce.info_hash.bytes.fill(static_cast<uint8_t>(first_swarm_ + prng_.below(kSwarms)));
  const uint32_t peer = prng_.below(kPeers);
  if (peer % 4 == 0) {
    std::array<uint8_t, 16> address{0x20, 0x01, 0x0d, 0xb8};
    address[15] = static_cast<uint8_t>(peer + 1);
    announce.peer = common::make_endpoint(address, 6881);
  } else {
    announce.peer = common::make_endpoint_v4(0xc0000200 + peer, 6881);
  }
  constexpr proto::Event kEvents[] = {proto::Event::none, proto::Event::started, proto::Event::completed,
                                      proto::Event::stopped, proto::Event::none};
  announce.event = kEvents[prng_.below(5)];
  announce.seeder = announce.event == proto::Event::completed || prng_.below(2) == 0;
  this->announce(index, announce);
}

void World::announce(size_t index, const node::PeerAnnounce& announce) {
  if (!runs(index)) return;
  SimNode& node = *nodes_[index];
  const sync::Now now = now_of(index);
  const bool stops = announce.event == proto::Event::stopped;
  const node::AnnounceMoments moments{store_moment(index, common::kLiveLeadMs), store_moment(index, 0)};
  node::PeerAnnounce told = announce;
  told.live_lead = moments.live_lead();
  const auto delta = node.swarms->announce(told, stops ? moments.stopped : moments.live, prng_);
  if (!delta) return;
  touched_.insert({delta->delta.info_hash, delta->delta.peer});
  if (queues_overflow) return;
  sync::Outputs out;
  {
    const CpuMeter meter(measures_cpu, node.cpu_ns);
    node.cluster->publish(now, {&*delta, 1}, out);
  }
  drain(index, out);
}

bool World::meshed(const std::vector<size_t>& nodes) const {
  for (const size_t index : nodes) {
    if (!nodes_[index]->cluster) continue;
    std::set<std::string> alive;
    for (const sync::MemberStatus& member : status(index).members) {
      if (member.state == sync::MemberState::alive && member.refused.empty()) alive.insert(member.name);
    }
    for (const size_t other : nodes) {
      if (other != index && nodes_[other]->cluster && !alive.contains(nodes_[other]->settings.name)) {
        return false;
      }
    }
  }
  return true;
}

std::string World::difference(const std::vector<size_t>& nodes) const {
  for (const size_t index : nodes) {
    const std::string wrong = nodes_[index]->swarms->disagreement();
    if (!wrong.empty()) return nodes_[index]->settings.name + ": " + wrong;
    for (const PeerKey& key : touched_) {
      if (record(index, key) == record(nodes.front(), key)) continue;
      return to_hex(key.first) + " " + to_string(key.second) + " differs between " +
             nodes_[nodes.front()]->settings.name + " and " + nodes_[index]->settings.name;
    }
  }
  return {};
}

std::string World::difference_in_all(const std::vector<size_t>& nodes) const {
  // A record about to expire on one node may have expired on another that is a tick ahead.
  const auto missed = [this](size_t one, size_t other) -> std::string {
    const common::Tick now = tick(one);
    const auto there = records(other);
    for (const auto& [key, record] : records(one)) {
      if (common::stamp_age(now, record.stamp) > common::kLifetimeTicks - 8) continue;
      const auto found = there.find(key);
      if (found != there.end() && found->second == record) continue;
      return to_hex(key.first) + " " + to_string(key.second) + " of " + nodes_[one]->settings.name + " (" +
             to_text(record, now) + ") is " +
             (found == there.end() ? "unknown to" : "another (" + to_text(found->second, now) + ") at") +
             " " + nodes_[other]->settings.name;
    }
    return {};
  };
  for (const size_t index : nodes) {
    const std::string wrong = nodes_[index]->swarms->disagreement();
    if (!wrong.empty()) return nodes_[index]->settings.name + ": " + wrong;
    for (const auto& [one, other] : {std::pair(nodes.front(), index), std::pair(index, nodes.front())}) {
      if (const std::string missing = missed(one, other); !missing.empty()) return missing;
    }
  }
  return {};
}

std::vector<size_t> World::everyone() const {
  std::vector<size_t> out(nodes_.size());
  std::iota(out.begin(), out.end(), size_t{0});
  return out;
}

}  // namespace shoal::sim
