// Nothing that is not proved changes what a Cluster knows or does: datagrams that do not open, that were
// recorded and are played again, or that are its own, from every address and in every state, leave it as it
// was. What they may change is counters, and what it says about strangers.

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/prng.h"
#include "proto/sync_packet.h"
#include "sync/cluster.h"
#include "sync/keys.h"
#include "tests/unit/support/no_swarms.h"
#include "tests/unit/support/sync_peer.h"

using namespace shoal;

namespace {

constexpr int64_t kStartMs = 1'800'000'000'000;
constexpr uint64_t kRun = static_cast<uint64_t>(kStartMs) << 16;
const common::Endpoint kOwn = common::make_endpoint_v4(0x0a000001, 6970);
const common::Endpoint kSeed = common::make_endpoint_v4(0x0a000002, 6970);
const common::Endpoint kOther = common::make_endpoint_v4(0x0a000003, 6970);
const common::Endpoint kElsewhere = common::make_endpoint_v4(0xc6336407, 4444);

sync::ClusterKey secret(uint8_t byte) {
  sync::ClusterKey key;
  key.fill(byte);
  return key;
}

sync::Config here() {
  sync::Config config;
  config.name = "here";
  config.cluster = "test";
  config.keys = {secret(1)};
  config.incarnation = kRun;
  config.peers_named = true;
  return config;
}

// Rounds of heartbeats are jittered.
std::string order_of(int count) {
  return "2^" + std::to_string(std::bit_width(static_cast<unsigned>(count)));
}

enum class State {
  unmet,
  newcomer,
  member,
  silent_member,
  left_member,
  member_elsewhere,
  own_seed,
  rival,
  kCount
};

// A cluster with the seeds kSeed and kOwn, and who it has met so far.
struct Scene {
  explicit Scene(State wanted) : state(wanted) {
    cluster.set_seeds({kSeed, kOwn});
    const bool elsewhere = state == State::member_elsewhere;
    old_run.from = there.from = elsewhere ? kOther : kSeed;
    pass(300'000);
    switch (state) {
      case State::newcomer:
        deliver(there.from, there.control(heartbeat()));
        break;
      case State::member:
      case State::member_elsewhere:
      case State::silent_member:
        meet(there);
        if (state == State::silent_member) alive = false, pass(20'000'000);
        break;
      case State::left_member:
        meet(there);
        alive = false;
        deliver(there.from, there.control(proto::Leave{0}));
        break;
      case State::own_seed:
        loop_back = true;
        break;
      case State::rival:
        meet(namesake);
        break;
      default:
        break;
    }
    pass(3'000'000);
  }

  // It answers every challenge at once.
  void meet(test::SyncPeer& peer) {
    answering = &peer;
    deliver(peer.from, peer.control(heartbeat()));
  }

  proto::SyncPacket heartbeat() {
    proto::Heartbeat out;
    out.name = "there";
    out.unix_ms = now.unix_ms;
    out.uptime_ms = 1'000'000;
    out.peer_timeout_s = 2700;
    out.list_parts = 1;
    out.members = {{sync::node_id("test", "here"), kRun, kOwn, 0, 10, false, 0}};
    return out;
  }

  void deliver(const common::Endpoint& from, const sync::SealedPacket& packet) {
    heard.push_back(*packet);
    receive(from, *packet);
  }
  void receive(const common::Endpoint& from, const std::vector<uint8_t>& bytes) {
    sync::Outputs out;
    cluster.receive(now, {from, std::nullopt, bytes}, out);
    carry(out);
  }

  void carry(sync::Outputs& out) {
    for (const sync::LogEvent& log : out.logs) {
      // Without what it says about single addresses.
      if (log.message.find("sync datagrams") == std::string::npos) {
        logs.push_back(log.message.substr(0, log.message.find('(')));
      }
    }
    const std::vector<sync::Send> sends = std::exchange(out.sends, {});
    for (const sync::Send& send : sends) {
      const auto packet = there.read(send);
      REQUIRE(packet);
      if (std::get_if<proto::Heartbeat>(&*packet)) ++heartbeats[send.to];
      const auto* challenge = std::get_if<proto::Challenge>(&*packet);
      // Who is on the path can send those to itself back at once: that is what they are for.
      const bool to_itself = challenge != nullptr && challenge->incarnation == kRun;
      sent.emplace_back(now.mono_us + (to_itself ? 5'000'000 : 0), *send.bytes);
      if (challenge == nullptr) continue;
      if (challenge->incarnation == kRun) {
        if (send.to == kSeed) ++own_challenges;
        if (loop_back && send.to == kOwn) receive(kOwn, *send.bytes);
      } else if (answering && send.to == answering->from &&
                 challenge->incarnation == answering->incarnation) {
        deliver(answering->from,
                answering->control(proto::ChallengeEcho{challenge->nonce, 0, 1'000'000, now.unix_ms}));
      }
    }
  }

  // Lets time pass; who is met goes on.
  void pass(int64_t us) {
    for (const int64_t end_us = now.mono_us + us; now.mono_us < end_us;) {
      const int64_t next_us = std::clamp(cluster.deadline_us(), now.mono_us + 1, end_us);
      now.unix_ms += next_us / 1000 - now.mono_us / 1000;
      now.mono_us = next_us;
      if (alive && answering && now.mono_us >= next_heartbeat_us) {
        next_heartbeat_us = now.mono_us + 500'000;
        deliver(answering->from, answering->control(heartbeat()));
      }
      sync::Outputs out;
      cluster.advance(now, out);
      carry(out);
    }
  }

  // All that it knows, and what it has done since the last call, but counters and what it says of strangers.
  std::string knowledge() {
    const sync::Status status = cluster.status(now);
    std::string out = "phase " + std::to_string(static_cast<int>(status.phase)) +
                      (status.alone ? " alone" : "") + (status.held ? " held" : "");
    const auto address = [](const std::optional<common::Endpoint>& at) { return at ? to_string(*at) : "-"; };
    out += "\ntaken by " + address(status.name_taken_by) + ", namesake " + address(status.namesake);
    for (const sync::MemberStatus& one : status.members) {
      out += "\nmember " + one.name + " " + std::to_string(one.incarnation) + " at " +
             to_string(one.address) + " " + std::string(to_string(one.state)) + " missing " +
             std::to_string(one.missing) + " lost " + std::to_string(one.lost) + " deltas " +
             std::to_string(one.deltas_received) + " namesake " + address(one.namesake) + " " + one.refused;
    }
    for (const sync::PeerStatus& peer : status.peers) {
      const auto is = [&](sync::PeerSight sight) { return peer.sight == sight; };
      const bool certain = is(sync::PeerSight::met) || is(sync::PeerSight::own) ||
                           is(sync::PeerSight::left) || is(sync::PeerSight::namesake);
      out += "\npeer " + peer.peer + " " + (certain ? peer.text : "not met");
    }
    for (const std::string& log : std::exchange(logs, {})) out += "\nlog: " + log;
    for (const auto& [to, count] : std::exchange(heartbeats, {})) {
      out += "\nheartbeats to " + to_string(to) + ": " + order_of(count);
    }
    return out + "\nchallenges to itself at the seed: " + order_of(std::exchange(own_challenges, 0));
  }

  const State state;
  sync::Now now{1'000'000, kStartMs};
  test::NoSwarms swarms;
  sync::Cluster cluster{here(), swarms, now};
  test::SyncPeer there{{secret(1)}, "test", "there", kRun + 5, kSeed};
  test::SyncPeer old_run{{secret(1)}, "test", "there", kRun - 77, kSeed};
  test::SyncPeer namesake{{secret(1)}, "test", "here", kRun - 99, kOther};
  test::SyncPeer old_namesake{{secret(1)}, "test", "here", kRun - 1234, kSeed};
  test::SyncPeer* answering = nullptr;
  bool alive = true;
  bool loop_back = false;
  int64_t next_heartbeat_us = 0;
  std::vector<std::vector<uint8_t>> heard;  // what others have sent it
  std::vector<std::pair<int64_t, std::vector<uint8_t>>>
      sent;  // what it has sent, and when that may be played
  std::vector<std::string> logs;
  std::map<common::Endpoint, int> heartbeats;
  int own_challenges = 0;
};

// All that somebody can send who holds no key but has recorded everything.
std::vector<std::vector<uint8_t>> arsenal(Scene& scene, common::Prng& prng) {
  std::vector<std::vector<uint8_t>> out = scene.heard;
  for (const auto& [from_us, bytes] : scene.sent) {
    if (scene.now.mono_us >= from_us) out.push_back(bytes);
  }
  for (test::SyncPeer* gone : {&scene.old_run, &scene.old_namesake}) {
    out.push_back(*gone->control(scene.heartbeat()));
    out.push_back(*gone->control(proto::Leave{7}));
    out.push_back(*gone->control(proto::Challenge{kRun, {1}}));
    out.push_back(*gone->control(proto::ChallengeEcho{{1}, 9, 5, kStartMs}));
    out.push_back(*gone->control(proto::NameTaken{kRun, kElsewhere}));
  }
  const std::vector<std::vector<uint8_t>> whole = out;
  for (const std::vector<uint8_t>& one : whole) {
    std::vector<uint8_t> cut(one.begin(), one.begin() + prng.below(static_cast<uint32_t>(one.size())));
    std::vector<uint8_t> flipped = one;
    flipped[prng.below(static_cast<uint32_t>(one.size()))] ^= static_cast<uint8_t>(1 << prng.below(8));
    out.push_back(std::move(cut));
    out.push_back(std::move(flipped));
  }
  for (int i = 0; i < 50; ++i) {
    std::vector<uint8_t> noise(prng.below(1300));
    for (uint8_t& byte : noise) byte = static_cast<uint8_t>(prng.next());
    out.push_back(std::move(noise));
  }
  test::SyncPeer other_key({secret(2)}, "test", "there", kRun + 5, kSeed);
  test::SyncPeer other_cluster({secret(1)}, "other", "there", kRun + 5, kSeed);
  for (test::SyncPeer* stranger : {&other_key, &other_cluster}) {
    out.push_back(*stranger->control(scene.heartbeat()));
  }
  out.push_back(out.back());
  out.back()[3] = 9;  // of another major version
  return out;
}

}  // namespace

TEST_CASE("sync unproven: what does not open, is played again or is its own changes nothing") {
  for (int state = 0; state < static_cast<int>(State::kCount); ++state) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      CAPTURE(state);
      CAPTURE(seed);
      Scene calm(static_cast<State>(state));
      Scene attacked(static_cast<State>(state));
      REQUIRE(attacked.knowledge() == calm.knowledge());
      common::Prng prng(seed);
      for (int round = 0; round < 20; ++round) {
        std::vector<std::vector<uint8_t>> datagrams = arsenal(attacked, prng);
        for (size_t i = datagrams.size(); i > 1; --i) {
          std::swap(datagrams[i - 1], datagrams[prng.below(static_cast<uint32_t>(i))]);
        }
        datagrams.resize(std::min<size_t>(datagrams.size(), 200));
        for (const std::vector<uint8_t>& bytes : datagrams) {
          for (const common::Endpoint& from : {kOwn, kSeed, kOther, kElsewhere})
            attacked.receive(from, bytes);
        }
        calm.pass(500'000);
        attacked.pass(500'000);
      }
      CHECK(attacked.knowledge() == calm.knowledge());
      // Nor does it come to light later.
      calm.pass(40'000'000);
      attacked.pass(40'000'000);
      CHECK(attacked.knowledge() == calm.knowledge());
    }
  }
}

TEST_CASE("sync unproven: a newcomer is met though packets of it are played from elsewhere all the time") {
  Scene scene(State::unmet);
  const auto recorded = scene.there.control(proto::Nack{kRun, {{1, 1}}});
  scene.answering = nullptr;
  scene.deliver(kSeed, recorded);
  scene.answering = &scene.there;
  for (int ms = 0; ms < 3'000; ++ms) {
    scene.receive(kElsewhere, *recorded);
    scene.pass(1'000);
  }
  REQUIRE(scene.cluster.status(scene.now).members.size() == 1);
  CHECK(scene.cluster.status(scene.now).members[0].address == kSeed);
}

TEST_CASE("sync unproven: a rival proves itself though packets of old runs are played all the time") {
  Scene scene(State::unmet);
  scene.answering = &scene.namesake;
  const auto recorded = scene.old_namesake.control(proto::Leave{0});
  for (int ms = 0; ms < 5'000; ++ms) {
    scene.receive(kElsewhere, *recorded);
    scene.pass(1'000);
  }
  const sync::Status status = scene.cluster.status(scene.now);
  CHECK((status.name_taken_by == kOther || status.namesake == kOther));
}
