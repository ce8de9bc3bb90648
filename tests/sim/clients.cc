#include "clients.h"

#include <algorithm>
#include <cstdlib>

#include "scenario.h"

namespace shoal::sim {

namespace {

constexpr int64_t kTryAgainUs = 5 * kSecondUs;

// How often clients learn which nodes are ready, as from a load balancer's probes.
constexpr int64_t kProbeUs = kSecondUs;

// A record about to expire on one node may have expired on another.
constexpr common::Tick kNearExpiry = common::kLifetimeTicks - 8;

}  // namespace

ClientCounts& ClientCounts::operator+=(const ClientCounts& other) {
  announces += other.announces;
  unanswered += other.unanswered;
  lives += other.lives;
  lives_lost += other.lives_lost;
  lives_aged += other.lives_aged;
  stops += other.stops;
  stops_unknown += other.stops_unknown;
  stops_lost += other.stops_lost;
  stops_outdone += other.stops_outdone;
  lives_outdone += other.lives_outdone;
  flips += other.flips;
  moves += other.moves;
  misdated += other.misdated;
  return *this;
}

std::string to_string(const ClientCounts& counts) {
  const auto part = [](uint64_t count, const std::string& what) {
    return std::to_string(count) + " " + what;
  };
  return part(counts.announces, "announces, ") + part(counts.flips, "of them in bursts, ") +
         part(counts.moves, "right after one elsewhere, ") +
         part(counts.unanswered, "tries at no ready node\n") +
         part(counts.lives, "peers had to be everywhere (exempt: ") + part(counts.lives_lost, "lost, ") +
         part(counts.lives_aged, "aged, ") + part(counts.lives_outdone, "outdone)\n") +
         part(counts.stops, "had to be nowhere (exempt: ") +
         part(counts.stops_unknown, "unknown where they stopped, ") + part(counts.stops_lost, "lost, ") +
         part(counts.stops_outdone, "outdone)\n") +
         part(counts.misdated, "had met a node whose time was wrong by far");
}

Clients::Clients(World& world, uint64_t seed, const ClientSettings& settings)
    : world_(world), prng_(seed), settings_(settings), swarms_(settings.swarms) {
  for (common::InfoHash& hash : swarms_) {
    for (uint8_t& byte : hash.bytes) byte = static_cast<uint8_t>(prng_.below(256));
  }
}

void Clients::add(size_t count, int64_t spread_us, std::optional<size_t> home) {
  const auto within = [this](int64_t us) {
    return 1 + static_cast<int64_t>(prng_.unit() * static_cast<double>(us));
  };
  for (size_t i = 0; i < count; ++i) {
    Client client;
    const auto number = static_cast<uint32_t>(clients_.size());
    // Makes some swarms larger than others.
    const uint32_t swarm = prng_.below(1 + prng_.below(settings_.swarms));
    common::Endpoint peer = common::make_endpoint_v4(0xc0000000 + number, 6881);
    if (number % 4 == 0) {
      const std::array<uint8_t, 16> address{0x20,
                                            0x01,
                                            0x0d,
                                            0xb8,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            0,
                                            static_cast<uint8_t>(number >> 8),
                                            static_cast<uint8_t>(number)};
      peer = common::make_endpoint(address, 6881);
    }
    client.key = {swarms_[swarm], peer};
    client.home = home ? *home : prng_.below(static_cast<uint32_t>(world_.size()));
    client.roams = prng_.below(2) == 0;
    client.hasty = prng_.below(8) == 0;
    client.interval_us =
        settings_.interval_min_us + within(settings_.interval_max_us - settings_.interval_min_us);
    const int64_t starts_us = world_.now_us() + within(spread_us);
    client.seeder = prng_.below(4) == 0;
    if (!client.seeder && prng_.below(2) == 0) client.complete_us = starts_us + within(settings_.life_us);
    client.repeats = prng_.below(8) == 0;
    client.restless = prng_.below(6) == 0;
    if (prng_.below(2) == 0) client.stop_us = starts_us + within(settings_.life_us);
    clients_.push_back(client);
    plan(clients_.size() - 1, starts_us);
  }
}

int64_t Clients::next_us() const { return due_.empty() ? INT64_MAX : due_.top().first; }

std::optional<size_t> Clients::choose_node(const Client& client) {
  if (world_.now_us() >= ready_us_ + kProbeUs) {
    ready_us_ = world_.now_us();
    ready_.clear();
    for (const size_t node : world_.everyone()) {
      if (world_.runs(node) && world_.status(node).phase == sync::SyncPhase::synced) ready_.push_back(node);
    }
  }
  std::erase_if(ready_, [this](size_t node) { return !world_.runs(node); });
  if (ready_.empty()) return std::nullopt;
  if (client.flips > 0) return ready_[prng_.below(static_cast<uint32_t>(ready_.size()))];
  if (client.moves > 0) {
    const size_t drawn = prng_.below(static_cast<uint32_t>(ready_.size()));
    return ready_[ready_[drawn] == client.last_node ? (drawn + 1) % ready_.size() : drawn];
  }
  if (client.hasty && world_.runs(client.home)) return client.home;
  const bool home = std::find(ready_.begin(), ready_.end(), client.home) != ready_.end();
  if (home && !(client.roams && prng_.below(2) == 0)) return client.home;
  return ready_[prng_.below(static_cast<uint32_t>(ready_.size()))];
}

void Clients::move(size_t count) {
  if (clients_.empty()) return;
  for (size_t i = 0; i < count; ++i) {
    const size_t index = prng_.below(static_cast<uint32_t>(clients_.size()));
    Client& client = clients_[index];
    if (!client.told || client.stopped || client.flips > 0) continue;
    client.moves = 2 + prng_.below(6);
    plan(index, world_.now_us() + 1);
  }
}

void Clients::act() {
  const auto [at_us, index] = due_.top();
  due_.pop();
  Client& client = clients_[index];
  if (at_us != client.plan_us) return;  // it was moved meanwhile
  const int64_t now_us = world_.now_us();
  if (client.ended) return;
  if (client.repeats && client.complete_us < 0) {
    client.repeats = false;
    return announce(index, proto::Event::completed);
  }
  if (now_us >= client.stop_us) return announce(index, proto::Event::stopped);
  if (now_us >= client.complete_us) return announce(index, proto::Event::completed);
  if (client.restless && client.told && client.flips == 0 && prng_.below(3) == 0) {
    client.flips = 1 + prng_.below(10);
  }
  if (client.flips > 0 && client.told && !client.stopped) return announce(index, proto::Event::stopped);
  announce(index, client.told && !client.stopped ? proto::Event::none : proto::Event::started);
}

void Clients::announce(size_t index, proto::Event event) {
  Client& client = clients_[index];
  const int64_t now_us = world_.now_us();
  const auto node = choose_node(client);
  if (!node) {
    ++counts_.unanswered;
    return plan(index, now_us + kTryAgainUs);
  }
  ++counts_.announces;
  const bool first_completed = event == proto::Event::completed && client.complete_us > 0;
  if (event == proto::Event::completed) {
    client.seeder = true;
    if (first_completed) ++completed_[client.key.first];
    client.complete_us = client.repeats ? -1 : INT64_MAX;
  }
  node::PeerAnnounce announce;
  announce.info_hash = client.key.first;
  announce.peer = client.key.second;
  announce.event = event;
  announce.seeder = client.seeder;
  world_.announce(*node, announce);
  client.last_node = *node;
  client.told_us = now_us;

  client.misdated = client.misdated || misdates(*node);
  const std::optional<Record> record = world_.record(*node, client.key);
  client.lost = false;
  client.stopped = event == proto::Event::stopped;
  client.recorded = record.has_value();
  // A stop that created no record may still win over an earlier start.
  client.word = record ? word_of(*record, world_.tick(*node)) : Word{world_.moment(*node) + 1, 0};
  client.outdone = client.word < client.greatest;
  client.greatest = std::max(client.greatest, client.word);
  if (client.stopped) {
    client.held.reset();
    client.ended = now_us >= client.stop_us;
    if (client.ended) return;
  } else {
    client.told = true;
  }
  int64_t next_us = now_us + client.interval_us;
  if (first_completed && client.repeats) next_us = now_us + 1 + prng_.below(5 * kSecondUs);
  if (now_us < client.complete_us) next_us = std::min(next_us, client.complete_us);
  if (client.flips > 0) {
    ++counts_.flips;
    --client.flips;
    next_us = now_us + (prng_.below(4) == 0 ? 1 : 1 + prng_.below(2 * kSecondUs));
  } else if (client.moves > 0) {
    ++counts_.moves;
    --client.moves;
    next_us = now_us + (prng_.below(3) == 0 ? 1 : 1 + prng_.below(2 * kSecondUs));
  }
  plan(index, std::max(now_us + 1, std::min(next_us, client.stop_us)));
}

bool Clients::misdates(size_t node) const {
  const int64_t tick_ms = int64_t{world_.node(node).settings.peer_timeout_s} * 1000 / common::kLifetimeTicks;
  return std::abs(world_.ahead_ms(node)) > common::kAheadTicks * tick_ms;
}

void Clients::note_time() {
  for (const size_t node : world_.everyone()) {
    for (Client& client : clients_) {
      client.misdated = client.misdated || world_.node(node).misdated.contains(client.key);
    }
  }
  for (const size_t node : world_.everyone()) {
    if (!world_.runs(node) || world_.status(node).phase != sync::SyncPhase::synced || !misdates(node))
      continue;
    for (Client& client : clients_) client.misdated = client.misdated || client.told;
    return;
  }
}

bool Clients::holds(size_t node, const Client& client) const {
  const SimNode& one = world_.node(node);
  std::optional<Record> record;
  if (one.cluster) {
    record = world_.record(node, client.key);
  } else if (const auto found = one.saved.find(client.key); found != one.saved.end()) {
    record = found->second;
  }
  if (!record) return false;
  const common::Tick now = one.cluster ? world_.tick(node) : one.saved_tick;
  return word_of(*record, now) >= client.word &&
         (record->state.role == proto::PeerRole::stopped) == client.stopped;
}

void Clients::note_loss(const std::vector<size_t>& nodes, int64_t since_us) {
  for (Client& client : clients_) {
    if (client.lost || !(client.stopped ? client.recorded : client.told)) continue;
    if (client.told_us >= since_us &&
        std::find(nodes.begin(), nodes.end(), client.last_node) != nodes.end()) {
      continue;
    }
    client.lost = std::none_of(nodes.begin(), nodes.end(), [&](size_t node) { return holds(node, client); });
  }
}

void Clients::note_completed(Client& client) {
  for (const size_t node : world_.everyone()) {
    if (!world_.runs(node)) continue;
    const std::optional<Record> record = world_.record(node, client.key);
    if (record) {
      if (record->state.completed) client.counted.set(node);
    } else if (client.counted.test(node)) {
      client.counted.reset(node);
      if (client.counted.any()) excused_.insert(client.key.first);
    }
  }
}

std::string Clients::check_stops() {
  for (Client& client : clients_) note_completed(client);
  for (Client& client : clients_) {
    if (!client.stopped || !client.recorded || client.outdone || client.misdated) continue;
    for (const size_t node : world_.everyone()) {
      if (!world_.runs(node)) continue;
      const std::optional<Record> record = world_.record(node, client.key);
      if (!record) continue;
      if (record->state.role == proto::PeerRole::stopped) {
        // It may be an earlier stop, of a client that has started again since.
        if (word_of(*record, world_.tick(node)) >= client.word) client.held.set(node);
      } else if (client.held.test(node) && world_.status(node).phase == sync::SyncPhase::synced) {
        client.outdone = true;  // reported once
        return name(client) + " has stopped, " + world_.node(node).settings.name +
               " had it on record, and hands it out again: moments " +
               std::to_string(client.word.moment.count) + " then, " +
               std::to_string(record->moment(world_.tick(node)).count) + " on record, at " +
               std::to_string(world_.moment(node).count);
      }
    }
  }
  return {};
}

void Clients::forget_held(size_t node) {
  for (Client& client : clients_) {
    client.held.reset(node);
    client.counted.reset(node);
  }
}

std::string Clients::name(const Client& client) const {
  return to_hex(client.key.first).substr(0, 8) + " " + to_string(client.key.second);
}

void Clients::check_one(const Client& client, const std::vector<size_t>& nodes,
                        std::vector<std::string>& problems) {
  if (client.stopped && !client.recorded) return void(++counts_.stops_unknown);
  if (client.lost) return void(++(client.stopped ? counts_.stops_lost : counts_.lives_lost));
  if (client.misdated) return void(++counts_.misdated);
  if (client.outdone) return void(++(client.stopped ? counts_.stops_outdone : counts_.lives_outdone));
  const common::Tick age = world_.tick(nodes.front()) - client.word.moment.tick();
  if (!client.stopped && age > kNearExpiry) return void(++counts_.lives_aged);
  ++(client.stopped ? counts_.stops : counts_.lives);
  for (const size_t node : nodes) {
    const std::optional<Record> record = world_.record(node, client.key);
    const bool there = record && record->state.role != proto::PeerRole::stopped;
    if (there != client.stopped) continue;
    problems.push_back(
        name(client) + (client.stopped ? " has stopped, and " : " is there, and ") +
        world_.node(node).settings.name + (client.stopped ? " hands it out" : " does not hand it out") +
        "; age in ticks " + std::to_string(age) + ", on record " +
        (record ? std::to_string(common::stamp_age(world_.tick(node), record->stamp)) : "nothing"));
  }
}

void Clients::check(const std::vector<size_t>& nodes, std::vector<std::string>& problems) {
  for (const Client& client : clients_) {
    if (client.told) check_one(client, nodes, problems);
  }
  if (counts_excused_) return;
  for (const common::InfoHash& hash : swarms_) {
    if (excused_.contains(hash)) continue;
    for (const size_t node : nodes) {
      const uint32_t counted = world_.node(node).swarms->completed(hash);
      if (counted <= completed_[hash]) continue;
      problems.push_back(world_.node(node).settings.name + " counts " + std::to_string(counted) +
                         " completed of " + to_hex(hash).substr(0, 8) + ", where " +
                         std::to_string(completed_[hash]) + " have");
    }
  }
}

}  // namespace shoal::sim
