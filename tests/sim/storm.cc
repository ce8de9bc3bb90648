#include "storm.h"

#include <algorithm>
#include <array>

#include "scenario.h"

namespace shoal::sim {

namespace {

// A storm on so many nodes or fewer has an event in 1 to 15 s, one on more nodes has more.
constexpr size_t kNodesUsual = 7;
constexpr size_t kClientsPerNode = 20;
constexpr int64_t kSaveUs = 30 * kSecondUs;
constexpr int64_t kCheckUs = 5 * kSecondUs;

// Delta packets: more than any node sends in the minute between two checks of what to give up.
constexpr uint64_t kMissingMax = 60 * 20;

constexpr std::array<uint32_t, 3> kTimeouts = {360, 900, 2700};

ClientSettings client_settings(uint32_t peer_timeout_s) {
  const int64_t timeout_us = peer_timeout_s * kSecondUs;
  ClientSettings settings;
  settings.interval_min_us = 10 * kSecondUs;
  settings.interval_max_us = timeout_us / 4;
  settings.life_us = 300 * kSecondUs;
  return settings;
}

std::string text(const std::vector<size_t>& nodes) {
  std::string out;
  for (const size_t node : nodes) out += " n" + std::to_string(node);
  return out;
}

std::string text(size_t node) { return " n" + std::to_string(node); }

std::string seconds_text(int64_t us) {
  return std::to_string(us / kSecondUs) + "." + std::to_string(us / 100'000 % 10) + " s";
}

}  // namespace

Storm::Storm(World& world, uint64_t seed, const StormSettings& settings)
    : world_(world),
      prng_(seed ^ 0x73746f726d),
      ban_prng_(seed ^ 0x62616e73),
      settings_(settings),
      version_prng_(seed ^ 0x76657273),
      mixed_(version_prng_.below(4) == 0),
      sketches_(version_prng_.below(2) == 0),
      peer_timeout_s_(kTimeouts[prng_.below(3)]),
      clients_(world, prng_.next(), client_settings(peer_timeout_s_)) {
  ends_us_ = world.now_us() + seconds(120, peer_timeout_s_ == 360 ? 600 : 240);
}

int64_t Storm::seconds(double least, double most) {
  return static_cast<int64_t>((least + prng_.unit() * (most - least)) * static_cast<double>(kSecondUs));
}

std::vector<size_t> Storm::up() const {
  std::vector<size_t> out;
  for (const size_t node : world_.everyone()) {
    if (world_.runs(node)) out.push_back(node);
  }
  return out;
}

void Storm::later(int64_t us, std::function<void()> happen) {
  due_.push({world_.now_us() + us, order_++, std::move(happen)});
}

void Storm::note(const std::string& what) { history_.push_back(seconds_text(world_.now_us()) + ": " + what); }

void Storm::report(const std::string& problem) {
  note("WRONG: " + problem);
  problems_.push_back(problem);
}

// Runs planned events and clients in the order of time.
void Storm::run_until(int64_t until_us, bool clients_act) {
  for (;;) {
    const int64_t plan_us = due_.empty() ? INT64_MAX : due_.top().at_us;
    const int64_t next_us = clients_act ? std::min(plan_us, clients_.next_us()) : plan_us;
    world_.run_for(std::max<int64_t>(0, std::min(next_us, until_us) - world_.now_us()));
    if (next_us > until_us) return;
    if (plan_us > next_us) {
      clients_.act();
      continue;
    }
    const auto happen = due_.top().happen;
    due_.pop();
    happen();
  }
}

std::vector<std::string> Storm::run() {
  set_up();
  run_until(ends_us_);
  calm();
  return problems_;
}

NodeSettings Storm::draw_settings(size_t index) {
  const bool grouped = shape_ == 1 || (shape_ == 2 && chance(0.6));
  std::vector<size_t> seeds;
  // A node outside the group needs an address to reach the others.
  if (index > 0 && (shape_ != 1 || chance(0.5))) seeds.push_back(0);
  if (index > 1 && chance(0.5)) seeds.push_back(1);
  NodeSettings settings = settings_of(index, seeds, grouped ? std::vector<size_t>{0} : std::vector<size_t>{});
  settings.peer_timeout_s = peer_timeout_s_;
  settings.clock_offset_ms = static_cast<int64_t>(prng_.below(4000)) - 2000;
  settings.snapshots = chance(0.5);
  if (sited_) {
    constexpr std::array<const char*, 4> kSites = {"", "fra", "nyc", "sgp"};
    settings.site = kSites[prng_.below(kSites.size())];
  }
  if (chance(0.25)) settings.pace_bytes_per_s = 30'000;
  if (chance(0.25)) settings.donate_bytes_per_s = 20'000;
  draw_version(settings);
  return settings;
}

void Storm::draw_weather() {
  Weather& weather = world_.weather;
  weather.loss = chance(0.3) ? 0 : 0.4 * prng_.unit() * prng_.unit();
  if (chance(0.1)) weather.loss = 0.4;
  weather.duplicate = chance(0.5) ? 0 : 0.2 * prng_.unit();
  weather.delay_max_us = chance(0.5) ? 2'000 : 2'000 + prng_.below(298'000);
  note("weather: loss " + std::to_string(weather.loss) + ", delay up to " +
       std::to_string(weather.delay_max_us) + " us, duplicates " + std::to_string(weather.duplicate));
}

void Storm::set_up() {
  shape_ = prng_.below(3);
  sited_ = chance(0.5);
  const auto more = static_cast<uint32_t>(settings_.nodes_max - settings_.nodes_min + 1);
  const size_t count = settings_.nodes_min + prng_.below(more);
  note("peer_timeout_s " + std::to_string(peer_timeout_s_) + ", shape " + std::to_string(shape_) +
       (sited_ ? ", sites, " : ", ") + std::to_string(count) + " nodes");
  draw_weather();
  for (size_t i = 0; i < count; ++i) world_.start(draw_settings(i));
  if (!settings_.heals) {
    // Who is outside the core in the end may be the only one that the others name.
    for (size_t i = 0; i < count; ++i) world_.set_seeds(i, world_.everyone());
  }
  clients_.add(std::max<size_t>(150, kClientsPerNode * count), 30 * kSecondUs, std::nullopt);
  run_until(world_.now_us() + seconds(5, 20));
  save_snapshots();
  check_now();
  cause_event();
  ban_somebody();
}

// Causes one more event, and plans the next.
void Storm::cause_event() {
  if (calm_ || world_.now_us() >= ends_us_) return;
  note_logs();
  using Trouble = void (Storm::*)();
  struct Weighted {
    uint32_t weight;
    Trouble trouble;
  };
  constexpr std::array<Weighted, 13> kTroubles = {{{10, &Storm::cut_in_two},
                                                   {10, &Storm::cut_one_way},
                                                   {6, &Storm::clog_link},
                                                   {8, &Storm::trouble_streams},
                                                   {10, &Storm::crash},
                                                   {6, &Storm::leave},
                                                   {6, &Storm::join},
                                                   {8, &Storm::freeze},
                                                   {5, &Storm::set_clock},
                                                   {6, &Storm::overflow},
                                                   {6, &Storm::burst},
                                                   {6, &Storm::move_clients},
                                                   {5, &Storm::draw_weather}}};
  uint32_t sum = 0;
  for (const Weighted& one : kTroubles) sum += one.weight;
  uint32_t drawn = prng_.below(sum);
  for (const Weighted& one : kTroubles) {
    if (drawn < one.weight) {
      (this->*one.trouble)();
      break;
    }
    drawn -= one.weight;
  }
  clients_.add(prng_.below(10), 10 * kSecondUs, std::nullopt);
  const double size = std::max(1.0, static_cast<double>(world_.size()) / kNodesUsual);
  later(seconds(1 / size, 15 / size), [this] { cause_event(); });
}

void Storm::cut_in_two() {
  std::vector<size_t> one;
  std::vector<size_t> other;
  for (const size_t node : world_.everyone()) (chance(0.5) ? one : other).push_back(node);
  if (one.empty() || other.empty()) return;
  const int64_t us = seconds(1, chance(0.3) ? 120 : 20);
  note("cut" + text(one) + " from the others for " + seconds_text(us));
  const auto each = [one, other](const auto& act) {
    for (const size_t a : one) {
      for (const size_t b : other) act(a, b), act(b, a);
    }
  };
  each([this](size_t a, size_t b) { world_.cut(a, b); });
  later(us, [this, each] { each([this](size_t a, size_t b) { world_.heal(a, b); }); });
}

void Storm::cut_one_way() {
  const size_t from = some(world_.everyone());
  const size_t to = some(world_.everyone());
  if (from == to) return;
  const int64_t us = seconds(1, 40);
  note("cut from" + text(from) + " to" + text(to) + " for " + seconds_text(us));
  world_.cut(from, to);
  later(us, [this, from, to] { world_.heal(from, to); });
}

void Storm::clog_link() {
  const size_t from = some(world_.everyone());
  const size_t to = some(world_.everyone());
  if (from == to) return;
  const int64_t us = seconds(5, 40);
  note("clog from" + text(from) + " to" + text(to) + " for " + seconds_text(us));
  world_.clog(from, to, 2'000 + prng_.below(30'000), 5'000 + prng_.below(60'000));
  later(us, [this, from, to] { world_.heal(from, to); });
}

void Storm::trouble_streams() {
  const size_t donor = some(world_.everyone());
  if (chance(0.5)) {
    note("a piece of a stream of" + text(donor) + " is damaged");
    return world_.damage_stream(donor);
  }
  const int64_t us = seconds(2, 30);
  note("streams of" + text(donor) + " stand still for " + seconds_text(us));
  world_.clog(donor);
  later(us, [this, donor] { world_.unclog(donor); });
}

void Storm::draw_version(NodeSettings& settings) {
  settings.numbered = !mixed_ || version_prng_.below(2) == 0;
  settings.sketching = !settings.numbered ? sync::Sketching::never
                       : sketches_        ? sync::Sketching::always
                                          : sync::Sketching::usual;
}

void Storm::bring_back(size_t node) {
  if (world_.node(node).cluster) return;
  note("start" + text(node));
  clients_.forget_held(node);
  // With another version, maybe.
  draw_version(world_.node(node).settings);
  world_.restart(node);
  clients_.note_loss();
}

void Storm::crash() {
  if (up().size() < 2) return;
  const size_t node = some(up());
  const int64_t us = seconds(0.5, chance(0.1) ? 400 : chance(0.3) ? 90 : 15);
  note("crash" + text(node) + (world_.node(node).settings.snapshots ? ", that has a snapshot" : "") +
       ", for " + seconds_text(us));
  count_work(node);
  world_.crash(node);
  clients_.note_loss();
  later(us, [this, node] { bring_back(node); });
}

void Storm::leave() {
  if (up().size() < 2) return;
  const size_t node = some(up());
  const int64_t us = seconds(0.5, chance(0.3) ? 90 : 15);
  note("leave" + text(node) + ", for " + seconds_text(us));
  count_work(node);
  world_.stop(node);
  clients_.note_loss();
  later(us, [this, node] { bring_back(node); });
}

void Storm::join() {
  if (world_.size() > settings_.nodes_max) return;
  NodeSettings settings = draw_settings(world_.size());
  if (chance(0.3)) settings.clock_offset_ms = (chance(0.5) ? 1 : -1) * seconds(100, 5 * 3600) / 1000;
  note("join" + text(world_.size()) + ", clock off by " + std::to_string(settings.clock_offset_ms) + " ms");
  const size_t joined = world_.start(settings);
  if (!settings_.heals) world_.set_seeds(joined, world_.everyone());
}

void Storm::freeze() {
  if (up().empty()) return;
  const size_t node = some(up());
  const int64_t us = seconds(0.5, chance(0.1) ? 400 : chance(0.3) ? 60 : 10);
  note("freeze" + text(node) + " for " + seconds_text(us));
  // By then some records have expired here, while other nodes keep them.
  if (us > peer_timeout_s_ * kSecondUs / 2) clients_.excuse_counts();
  world_.freeze(node);
  later(us, [this, node] {
    if (world_.node(node).frozen) world_.thaw(node);
  });
}

void Storm::set_clock() {
  const size_t node = some(world_.everyone());
  const int64_t ms = (chance(0.5) ? 1 : -1) * (chance(0.5) ? seconds(0.1, 30) : seconds(30, 8 * 3600)) / 1000;
  note("set the clock of" + text(node) + " by " + std::to_string(ms) + " ms");
  world_.node(node).settings.clock_offset_ms += ms;
}

void Storm::overflow() {
  const int64_t us = seconds(1, 20);
  note("the workers' queues are full for " + seconds_text(us));
  world_.queues_overflow = true;
  later(us, [this] { world_.queues_overflow = false; });
}

void Storm::burst() {
  const size_t node = some(world_.everyone());
  const size_t count = 20 + prng_.below(150);
  note(std::to_string(count) + " clients come to" + text(node));
  clients_.add(count, seconds(0.2, 8), node);
}

void Storm::move_clients() {
  const size_t count = 1 + prng_.below(static_cast<uint32_t>(clients_.size() / 10));
  note(std::to_string(count) + " clients move from node to node");
  clients_.move(count);
}

// Bans, lifts a ban, or takes back what a node said; of few addresses, so that nodes change the same ones.
void Storm::ban_somebody() {
  if (calm_) return;
  const std::vector<size_t> nodes = up();
  if (!nodes.empty()) {
    const size_t node = nodes[ban_prng_.below(static_cast<uint32_t>(nodes.size()))];
    const proto::BanPrefix prefix{4, 198, 51, 100, static_cast<uint8_t>(ban_prng_.below(40))};
    const uint32_t drawn = ban_prng_.below(20);
    if (drawn == 0) {
      const size_t other = ban_prng_.below(static_cast<uint32_t>(world_.size()));
      note("what" + text(other) + " banned is forgotten by" + text(node));
      world_.forget_bans_of(node, World::stamp_id(other));
    } else {
      world_.ban(node, prefix, {5 + ban_prng_.below(600), proto::Offence::ports, 0, drawn < 5});
    }
  }
  later(ban_prng_.below(5 * kSecondUs), [this] { ban_somebody(); });
}

void Storm::save_snapshots() {
  for (const size_t node : up()) {
    if (world_.node(node).settings.snapshots) world_.save(node);
  }
  if (!calm_) later(kSaveUs, [this] { save_snapshots(); });
}

// Notes what the nodes have logged since the last call.
void Storm::note_logs() {
  logs_noted_.resize(world_.size());
  for (const size_t node : world_.everyone()) {
    const auto& logs = world_.node(node).logs;
    for (size_t& at = logs_noted_[node]; at < logs.size(); ++at) {
      if (logs[at].level < common::LogLevel::warn || logs[at].message.starts_with("member is ")) continue;
      std::string line = "  n" + std::to_string(node) + " says: " + logs[at].message;
      for (const auto& [key, value] : logs[at].fields)
        line.append(", ").append(key).append(" ").append(value);
      note(line);
    }
  }
}

void Storm::check_now() {
  note_logs();
  clients_.note_time();
  if (const std::string wrong = clients_.check_stops(); !wrong.empty()) report(wrong);
  for (const size_t node : up()) {
    const sync::Status status = world_.status(node);
    if (status.members.size() >= world_.size()) report(text(node) + " has too many members");
    if (status.waiting > clients_.size()) report(text(node) + " lets too many deltas wait");
    for (const sync::MemberStatus& member : status.members) {
      if (member.missing > kMissingMax) report(text(node) + " has too many gaps of " + member.name);
    }
  }
  if (!calm_) later(kCheckUs, [this] { check_now(); });
}

}  // namespace shoal::sim
