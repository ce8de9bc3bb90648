// Sequences of packets from two members into one node: valid ones, valid ones with some bytes changed, and
// any bytes, in any order, lost, late or twice, with time between them. Deltas by number are merged as their
// origin told them, tables hold only what was said, what the node sends can be read, and what it sends and
// keeps is bounded.
//
// A fuzzer cannot seal, so the input is a script.

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "common/check.h"
#include "proto/pull_frame.h"
#include "proto/sync_header.h"
#include "proto/sync_packet.h"
#include "sync/access_log.h"
#include "sync/ban_log.h"
#include "sync/cluster.h"
#include "sync/heard_hashes.h"
#include "sync/pull_seal.h"
#include "tests/fuzz/heap.h"
#include "tests/unit/support/small_swarms.h"
#include "tests/unit/support/sync_peer.h"

using namespace shoal;

namespace {

constexpr int64_t kUnixMs = 1'800'000'000'000;
constexpr uint64_t kRun = uint64_t{kUnixMs} << 16;
constexpr uint32_t kTimeoutS = 2700;
constexpr int64_t kTickMs = 15'000;

// In one call; asked for by one packet.
constexpr size_t kSendsMax = 1500;
// The info_hashes of two origins and the node's own, and a few packets.
constexpr size_t kMemoryMax = size_t{24} << 20;

// Of the member's numbers each is of one info_hash, in the same order.
common::InfoHash numbered_hash(uint8_t who, uint64_t number) {
  common::InfoHash hash;
  hash.bytes[0] = static_cast<uint8_t>(number >> 8);
  hash.bytes[1] = static_cast<uint8_t>(number);
  hash.bytes[2] = who;
  return hash;
}

// So that the store can see by which number a record came.
bool is_marked(const common::Endpoint& peer) {
  return peer.family == common::Family::v4 && peer.address[0] == 10;
}
common::Endpoint marked_peer(uint8_t who, uint64_t number, uint16_t port) {
  return common::make_endpoint_v4(0x0a000000 | uint32_t{who} << 16 | static_cast<uint32_t>(number), port);
}

struct CheckedSwarms : test::SmallSwarms {
  size_t merge(std::span<const proto::Delta> deltas, common::Tick now) override {
    for (const proto::Delta& delta : deltas) {
      CHECK_INVARIANT(delta.peer.port != 0 && proto::is_peer_state(delta.state.byte()));
      if (!is_marked(delta.peer) || !honest[delta.peer.address[1] & 1]) continue;
      const uint64_t number = uint64_t{delta.peer.address[2]} << 8 | delta.peer.address[3];
      CHECK_INVARIANT(delta.info_hash == numbered_hash(delta.peer.address[1], number));
    }
    return SmallSwarms::merge(deltas, now);
  }
  std::array<bool, 2> honest = {true, true};
};

using AccessKey = std::tuple<common::InfoHash, bool, int64_t, uint64_t>;
AccessKey key_of(const proto::AccessChange& one) {
  return {one.info_hash, one.listed, one.stamp.unix_ms, one.stamp.node_id};
}
using BanKey = std::tuple<proto::BanPrefix, proto::BanTerm, int64_t, uint64_t>;
BanKey key_of(const proto::BanChange& one) {
  return {one.prefix, one.term, one.stamp.unix_ms, one.stamp.node_id};
}

class Scene {
 public:
  explicit Scene(uint8_t kind) : cluster_(config(kind), swarms_, now()) {
    for (test::SyncPeer& peer : peers_) CHECK_INVARIANT(peer.meet(cluster_, now(), out_));
    calls_ = cluster_.status(now()).stats.datagrams_received;
    look();
  }

  void step(common::ByteReader& script);
  void end();

 private:
  static constexpr uint8_t kPeers = 2;
  struct Held {
    uint8_t who;
    sync::SealedPacket packet;
  };

  sync::Config config(uint8_t kind) {
    sync::Config out;
    out.name = "victim";
    out.cluster = "fuzz";
    out.insecure = true;
    out.incarnation = kRun;
    out.access_log = &access_;
    out.ban_log = &bans_;
    out.peer_timeout_s = kTimeoutS;
    out.sketching = (kind & 1) != 0 ? sync::Sketching::always : sync::Sketching::usual;
    return out;
  }
  sync::Now now() const { return {now_us_, kUnixMs + now_us_ / 1000}; }
  common::Tick tick() const { return (kUnixMs + now_us_ / 1000) / kTickMs; }
  static test::SyncPeer peer(const std::string& name, uint32_t address) {
    return {{sync::insecure_key("fuzz")}, "fuzz", name, kRun, common::make_endpoint_v4(address, 6970)};
  }

  // What is done with a packet: how it gets there, and whether it is as it was made.
  void send(uint8_t who, proto::SyncStream stream, const proto::SyncPacket& packet, uint8_t way) {
    send(who, stream, proto::encode_sync_packet(packet), way);
  }
  void send(uint8_t who, proto::SyncStream stream, std::vector<uint8_t> body, uint8_t way) {
    if ((way & 3) == 3 && !body.empty()) {
      body[way % body.size()] ^= static_cast<uint8_t>(1 + way / 4);
      if (!note(who, body)) return;
    }
    if (body.empty() || body.size() > proto::kSyncBodyMax) return;
    const sync::SealedPacket sealed = peers_[who].sealer.seal(stream, body);
    if ((way & 3) == 1) {
      if (held_.size() < kHeldMax) held_.push_back({who, sealed});
      return;
    }
    deliver({who, sealed});
    if ((way & 3) == 2) deliver({who, sealed});
  }
  void deliver(const Held& held) {
    ++calls_;
    cluster_.receive(now(), {peers_[held.who].from, std::nullopt, *held.packet}, out_);
    look();
  }

  // Of bytes that are no more what the script meant: false if they lie about the records of one who is
  // honest.
  bool note(uint8_t who, common::ByteSpan body) {
    const auto packet = proto::decode_sync_packet(body);
    if (!packet) return true;
    const auto marked = [](const std::vector<proto::Delta>& deltas) {
      return std::any_of(deltas.begin(), deltas.end(), [](const auto& one) { return is_marked(one.peer); });
    };
    if (const auto* batch = std::get_if<proto::DeltaBatch>(&*packet)) return !marked(batch->deltas);
    if (const auto* batch = std::get_if<proto::NumberedBatch>(&*packet)) {
      swarms_.honest[who] = false;
      return !marked(batch->deltas);
    }
    if (std::holds_alternative<proto::Hashes>(*packet)) swarms_.honest[who] = false;
    if (const auto* changes = std::get_if<proto::AccessChanges>(&*packet)) said(*changes);
    if (const auto* changes = std::get_if<proto::BanChanges>(&*packet)) said(*changes);
    return true;
  }
  void said(const proto::AccessChanges& changes) {
    for (const proto::AccessChange& one : changes.changes) said_access_.insert(key_of(one));
  }
  void said(const proto::BanChanges& changes) {
    for (const proto::BanChange& one : changes.changes) said_bans_.insert(key_of(one));
  }

  // Looks at what the node does, and answers what only proves that a member runs.
  void look();
  void wait_until(int64_t us, bool standing);

  void numbered(uint8_t who, common::ByteReader& script);
  void table(uint8_t who, common::ByteReader& script);
  void heartbeat(uint8_t who, common::ByteReader& script);
  void digests(uint8_t who, common::ByteReader& script);
  void own(common::ByteReader& script);
  void answer_pull(common::ByteReader& script);
  void ask_records(uint8_t who, common::ByteReader& script);

  static constexpr size_t kHeldMax = 64;

  int64_t now_us_ = 1'000'000;
  sync::AccessLog access_;
  sync::BanLog bans_;
  CheckedSwarms swarms_;
  sync::Cluster cluster_;
  sync::Outputs out_;
  std::array<test::SyncPeer, kPeers> peers_ = {peer("b", 0x7f000002), peer("c", 0x7f000003)};
  std::array<uint64_t, kPeers> next_number_ = {1, 1};
  std::deque<Held> held_;
  std::deque<sync::PullStart> pulls_;
  std::set<AccessKey> said_access_;
  std::set<BanKey> said_bans_;
  uint64_t calls_ = 0;
  uint64_t answer_sequence_ = 0;
  bool pulled_ = false;
};

void Scene::look() {
  for (int rounds = 0; rounds < 4; ++rounds) {
    sync::Outputs out = std::exchange(out_, {});
    CHECK_INVARIANT(out.sends.size() <= kSendsMax);
    for (sync::PullStart& start : out.pulls) {
      CHECK_INVARIANT(sync::pull_request_missing(*start.request) == std::optional<size_t>(0));
      pulls_.push_back(std::move(start));
    }
    // One at a time.
    while (pulls_.size() > 1) pulls_.pop_front();
    for (const proto::AccessChange& one : out.access_changes)
      CHECK_INVARIANT(said_access_.contains(key_of(one)));
    for (const proto::BanChange& one : out.ban_changes) CHECK_INVARIANT(said_bans_.contains(key_of(one)));
    bool challenged = false;
    for (const sync::Send& send : out.sends) {
      CHECK_INVARIANT(send.bytes->size() <= proto::kSyncDatagramMax && !send.group);
      const auto packet = peers_[0].read(send);
      CHECK_INVARIANT(packet.has_value());
      const auto* challenge = std::get_if<proto::Challenge>(&*packet);
      for (uint8_t who = 0; challenge != nullptr && who < kPeers; ++who) {
        if (send.to != peers_[who].from) continue;
        const proto::ChallengeEcho echo{challenge->nonce,
                                        peers_[who].sealer.sequence(proto::SyncStream::deltas), 1'000'000,
                                        now().unix_ms};
        ++calls_;
        cluster_.receive(now(), {peers_[who].from, std::nullopt, *peers_[who].control(echo)}, out_);
        challenged = true;
      }
    }
    if (!challenged) return;
  }
}

void Scene::wait_until(int64_t us, bool standing) {
  for (int steps = 0; !standing && steps < 200; ++steps) {
    const int64_t due_us = cluster_.deadline_us();
    if (due_us >= us) break;
    now_us_ = std::max(now_us_, due_us);
    cluster_.advance(now(), out_);
    look();
    // Time goes on, whatever was sent.
    CHECK_INVARIANT(cluster_.deadline_us() > now_us_);
  }
  now_us_ = std::max(now_us_, us);
  cluster_.advance(now(), out_);
  look();
}

// Deltas by numbers that were told, or will be, and some that are told.
void Scene::numbered(uint8_t who, common::ByteReader& script) {
  const uint8_t counts = script.u8();
  proto::NumberedBatch batch;
  batch.peer_timeout_s = kTimeoutS;
  const uint8_t how = script.u8();
  // Numbers so far apart share a place with those that hear of them.
  const uint64_t apart = how >= 240 ? sync::HeardHashes::kLeast : 0;
  next_number_[who] = std::min<uint64_t>(next_number_[who] + apart, 0xff00);
  batch.first_told = next_number_[who];
  if ((counts & 128) != 0) batch.sent_unix_ms = now().unix_ms - int64_t{script.u8()} * 400;
  std::vector<uint64_t> numbers;
  for (size_t i = counts & 7; i > 0; --i) {
    const uint64_t back = 1 + script.u8() + (how >= 248 ? 2 * apart : apart);
    if (back < batch.first_told) numbers.push_back(batch.first_told - back);
  }
  std::sort(numbers.rbegin(), numbers.rend());
  const auto add = [&](uint64_t number, bool told) {
    proto::Delta delta;
    delta.info_hash = told ? numbered_hash(who, number) : common::InfoHash{};
    delta.peer = marked_peer(who, number, static_cast<uint16_t>(1 + batch.deltas.size()));
    delta.state.role = static_cast<proto::PeerRole>(how % 3);
    delta.stamp = common::stamp_of(tick() - how / 3);
    batch.deltas.push_back(delta);
    batch.numbers.push_back(told ? 0 : number);
  };
  for (const uint64_t number : numbers) add(number, false);
  for (size_t i = counts >> 3 & 15; i > 0 && next_number_[who] < 0xffff; --i) add(next_number_[who]++, true);
  if (batch.deltas.empty()) return;
  send(who, proto::SyncStream::deltas, batch, script.u8());
}

void Scene::table(uint8_t who, common::ByteReader& script) {
  const uint8_t kind = script.u8();
  const proto::ChangeStamp stamp{now().unix_ms + (int64_t{script.u8()} - 128) * 3'600'000,
                                 uint64_t{script.u8()} % 80};
  const size_t count = 1 + (kind >> 3) % proto::kAccessChangesMax;
  const uint8_t first = script.u8();
  proto::AccessChanges access;
  proto::BanChanges bans;
  proto::TableDigests asked{};
  asked.fill(first);
  for (size_t i = 0; i < count; ++i) {
    common::InfoHash hash;
    hash.bytes.fill(static_cast<uint8_t>(first + 9 * i));
    access.changes.push_back({hash, i % 2 == 0, stamp});
    bans.changes.push_back({{4, first, static_cast<uint8_t>(i)},
                            {uint32_t{first} * 60, proto::Offence::ports, 1, i % 3 == 0},
                            stamp});
  }
  const uint8_t way = script.u8();
  const auto origin = proto::ForgottenOrigin{stamp.node_id, stamp.unix_ms};
  switch (kind % 8) {
    case 0:
    case 1:
      said(access);
      return send(who, proto::SyncStream::control, access, way);
    case 2:
      return send(who, proto::SyncStream::control, proto::AccessChanges{{}, {origin}}, way);
    case 3:
      return send(who, proto::SyncStream::control, proto::AccessAsk{asked, first}, way);
    case 4:
    case 5:
      said(bans);
      return send(who, proto::SyncStream::control, bans, way);
    case 6:
      return send(who, proto::SyncStream::control, proto::BanChanges{{}, {origin}}, way);
    default:
      return send(who, proto::SyncStream::control, proto::BanAsk{asked, first}, way);
  }
}

void Scene::heartbeat(uint8_t who, common::ByteReader& script) {
  const uint8_t says = script.u8();
  proto::Heartbeat beat;
  beat.name = who == 0 ? "b" : "c";
  beat.unix_ms = now().unix_ms + (says == 255 ? 3'600'000 : 0);
  beat.uptime_ms = 1'000'000 + now_us_ / 1000;
  beat.peer_timeout_s = says % 64 == 63 ? 60 : kTimeoutS;
  beat.delta_sequence =
      peers_[who].sealer.sequence(proto::SyncStream::deltas) + ((says & 32) != 0 ? script.u8() : 0);
  beat.list_parts = 1;
  beat.synced = (says & 1) != 0;
  beat.numbered = (says & 2) != 0;
  beat.web = (says & 4) != 0;
  beat.sketches = (says & 8) != 0;
  beat.access_digest = (says & 16) != 0 ? access_.digest() + 1 : access_.digest();
  beat.ban_digest = (says & 16) != 0 ? 5 : bans_.digest();
  proto::MemberEntry entry;
  entry.id = cluster_.status(now()).id;
  entry.incarnation = kRun;
  entry.endpoint = common::make_endpoint_v4(0x7f000001, 6970);
  entry.delta_watermark = script.u8();
  beat.members.push_back(entry);
  send(who, proto::SyncStream::control, beat, script.u8());
}

void Scene::digests(uint8_t who, common::ByteReader& script) {
  const uint8_t kind = script.u8();
  const common::Tick tick_of = tick() - (int64_t{script.u8()} - 8);
  const uint64_t sum = uint64_t{script.u8()} * 0x0101;
  const uint8_t way = script.u8();
  if (kind % 4 < 2) {
    proto::Digests digests;
    digests.peer_timeout_s = kTimeoutS;
    digests.newest_tick = tick_of;
    digests.ask = (kind & 4) != 0;
    digests.partial = (kind & 8) != 0;
    const sync::StampDigests ours = swarms_.stamp_digests();
    for (size_t i = 0; i < proto::kDigestTicksMax; ++i) {
      const uint64_t here =
          ours[common::stamp_of(tick_of - static_cast<common::Tick>(i))] & proto::kDigestMask;
      digests.sums.push_back(i % (1 + (kind >> 4)) == 0 ? here ^ sum : here);
    }
    return send(who, proto::SyncStream::control, digests, way);
  }
  if (kind % 4 == 2) {
    proto::CellsAsk ask;
    for (common::Tick i = 0; i <= kind >> 5; ++i) ask.ticks.push_back(tick_of + i);
    return send(who, proto::SyncStream::control, ask, way);
  }
  proto::CellDigests cells;
  cells.tick = tick_of;
  cells.first_bucket = (kind >> 2) * 16;
  const size_t count = std::min(proto::kCellDigestsMax, proto::kDigestBuckets - cells.first_bucket);
  for (size_t i = 0; i < count; ++i) cells.digests.push_back(i % 7 == 0 ? sum : 0);
  send(who, proto::SyncStream::control, cells, way);
}

// What this node itself does.
void Scene::own(common::ByteReader& script) {
  const uint8_t kind = script.u8();
  if (kind < 160) {
    std::vector<proto::OwnDelta> deltas;
    for (uint32_t i = 0; i < kind; ++i) {
      proto::OwnDelta one;
      one.delta.info_hash.bytes.fill(static_cast<uint8_t>(i * 3));
      one.delta.peer = common::make_endpoint_v4(0xc0000200 + i, static_cast<uint16_t>(1 + kind));
      one.delta.stamp = common::stamp_of(tick());
      deltas.push_back(one);
    }
    cluster_.publish(now(), deltas, out_);
  } else if (kind < 200) {
    common::InfoHash hash;
    hash.bytes.fill(kind);
    const auto change = access_.change(hash, kind % 2 == 0, now().unix_ms, 1);
    if (change) said_access_.insert(key_of(*change));
    if (change) cluster_.publish_access(now(), {&*change, 1}, out_);
  } else if (kind < 220) {
    std::vector<proto::AccessChange> dropped;
    cluster_.publish_access(now(), access_.forget_origin(kind - 200, now().unix_ms, dropped), out_);
  } else if (kind < 240) {
    const auto change = bans_.change({4, kind}, {600, proto::Offence::by_hand, 0, false}, now().unix_ms, 1);
    if (change) said_bans_.insert(key_of(*change));
    if (change) cluster_.publish_bans(now(), {&*change, 1}, out_);
  } else {
    const std::vector<uint8_t> message(1 + size_t{kind} * 9, kind);
    cluster_.relay(now(), kRun, message, out_);
  }
  look();
}

// The running pull: frames as a donor makes them, or as nobody does, and its end.
void Scene::answer_pull(common::ByteReader& script) {
  const uint8_t kind = script.u8();
  if (pulls_.empty()) return;
  const sync::PullStart start = pulls_.front();
  if (kind % 4 != 0) {
    proto::PullFrameWriter writer;
    for (uint32_t i = 0; i < uint32_t{kind} / 16; ++i) {
      proto::Delta record;
      record.info_hash.bytes.fill(static_cast<uint8_t>(kind + i));
      record.peer = common::make_endpoint_v4(0xac100000 + i, static_cast<uint16_t>(1 + kind));
      record.stamp = common::stamp_of(tick() - i);
      std::vector<uint8_t> block;
      proto::append_record_block(i, {&record, 1}, block);
      writer.add(block);
    }
    const std::vector<uint8_t> plain = kind % 8 == 7
                                           ? proto::PullFrameWriter::too_small(tick(), uint32_t{kind} * 10)
                                           : writer.finish(tick(), 1000, true);
    std::vector<uint8_t> answer(4);
    for (const test::SyncPeer& donor : peers_) {
      if (donor.from != start.to) continue;
      const uint64_t id = sync::node_id("fuzz", donor.from == peers_[0].from ? "b" : "c");
      const sync::PullSeal seal{donor.keys.sealing(),
                                sync::nonce_of(common::ByteSpan(*start.request).subspan(2)), id, kRun};
      sync::seal_frame(seal, ++answer_sequence_, 0, plain, answer);
    }
    common::ByteWriter(answer).u32(static_cast<uint32_t>(answer.size() - 4));
    if (kind % 4 == 3 && kind > 128) answer[kind % answer.size()] ^= 1;
    pulled_ = true;
    for (size_t at = 0; at < answer.size(); at += 100) {
      cluster_.pull_received(now(), start.pull,
                             common::ByteSpan(answer).subspan(at, std::min<size_t>(100, answer.size() - at)),
                             out_);
    }
  }
  cluster_.pull_closed(now(), start.pull, kind == 4 ? "connection refused" : "", out_);
  pulls_.clear();
  look();
}

// A request by TCP for everything, or for some ticks.
void Scene::ask_records(uint8_t who, common::ByteReader& script) {
  const uint8_t kind = script.u8();
  proto::PullRequest request;
  request.donor = cluster_.status(now()).id;
  request.incarnation = kRun;
  if (kind % 2 == 1) request.parts.push_back({tick() - kind / 2, 1U + kind / 2, {}});
  const auto packet =
      peers_[who].sealer.seal(proto::SyncStream::requests, proto::encode_sync_packet(request));
  std::vector<uint8_t> framed;
  framed.push_back(static_cast<uint8_t>(packet->size() >> 8));
  framed.push_back(static_cast<uint8_t>(packet->size()));
  framed.insert(framed.end(), packet->begin(), packet->end());
  const auto donation = cluster_.accept_pull(now(), framed);
  CHECK_INVARIANT(cluster_.accept_pull(now(), framed) == nullptr);
  if (!donation) return;
  std::vector<uint8_t> bytes;
  for (int calls = 0; !donation->next(now(), bytes).done; ++calls) CHECK_INVARIANT(calls < 100);
  CHECK_INVARIANT(!bytes.empty());
}

void Scene::step(common::ByteReader& script) {
  const uint8_t what = script.u8();
  const uint8_t who = what >> 7;
  switch (what % 16) {
    case 0:
    case 1: {
      const size_t size = script.u8();
      const common::ByteSpan bytes = script.take(std::min(size, script.remaining()));
      const bool fits = note(who, bytes);
      const auto stream = what % 16 == 0 ? proto::SyncStream::control : proto::SyncStream::deltas;
      if (fits) send(who, stream, {bytes.begin(), bytes.end()}, 0);
      return;
    }
    case 2:
    case 3:
      return numbered(who, script);
    case 4: {
      // What a number is; of one that was not told yet too.
      proto::Hashes hashes;
      hashes.oldest = 1 + script.u8();
      const uint64_t first = 1 + script.u8();
      for (uint64_t i = first; i < first + script.u8() % proto::kHashesMax; ++i) {
        hashes.hashes.push_back({i, numbered_hash(who, i)});
      }
      return send(who, proto::SyncStream::control, hashes, script.u8() & 2);
    }
    case 5:
      if (held_.empty()) return;
      if ((what & 64) != 0) std::swap(held_.front(), held_.back());
      deliver(std::exchange(held_.front(), held_.back()));
      held_.pop_back();
      return;
    case 6: {
      constexpr std::array<int64_t, 6> kUnitsUs = {1'000,     20'000,     500'000,
                                                   5'000'000, 60'000'000, 3'600'000'000};
      const int64_t unit_us = kUnitsUs[(what >> 4) % kUnitsUs.size()];
      return wait_until(now_us_ + unit_us * (1 + script.u8() % 16), who == 1);
    }
    case 7: {
      proto::Nack nack{kRun, {}};
      uint64_t next = 1;
      for (size_t i = script.u8() % proto::kNackRangesMax; i > 0; --i) {
        const uint64_t first = next + script.u8() % 8;
        nack.ranges.push_back({first, first + script.u8() % 64});
        next = nack.ranges.back().last + 2;
      }
      if (!nack.ranges.empty()) send(who, proto::SyncStream::control, nack, script.u8());
      return;
    }
    case 8:
      return digests(who, script);
    case 9: {
      proto::HashesAsk ask{kRun, {}};
      const uint64_t first = 1 + script.u8();
      for (uint64_t i = 0; i < proto::kHashesMax; ++i) ask.numbers.push_back(first + i * (1 + what / 16));
      return send(who, proto::SyncStream::control, ask, script.u8());
    }
    case 10:
      return table(who, script);
    case 11:
      return heartbeat(who, script);
    case 12:
      return own(script);
    case 13:
      return answer_pull(script);
    case 14:
      return ask_records(who, script);
    default: {
      const uint64_t number = script.u8();
      const uint8_t way = script.u8();
      if ((what & 64) != 0) return send(who, proto::SyncStream::control, proto::Gone{number}, way);
      if ((what & 32) != 0) return send(who, proto::SyncStream::control, proto::Leave{number}, way);
      const proto::Relay relay{
          kRun, 1 + number % 4, 2, static_cast<uint32_t>(number >> 7),
          std::vector<uint8_t>(number >> 7 == 0 ? proto::kRelayPartMax : 1 + number % 100, 7)};
      return send(who, proto::SyncStream::control, relay, way);
    }
  }
}

void Scene::end() {
  wait_until(now_us_ + 3'000'000, false);
  const sync::Status status = cluster_.status(now());
  const sync::Stats& stats = status.stats;
  CHECK_INVARIANT(status.members.size() <= kPeers);
  CHECK_INVARIANT(stats.datagrams_received == calls_);
  CHECK_INVARIANT(stats.dropped_unauthentic == 0 && stats.dropped_foreign == 0);
  CHECK_INVARIANT(stats.deltas_applied <= stats.deltas_received);
  if (!pulled_) CHECK_INVARIANT(stats.deltas_received == swarms_.handed + stats.web_records_refused);
  access_.for_each(
      [&](const proto::AccessChange& one) { CHECK_INVARIANT(said_access_.contains(key_of(one))); });
  bans_.for_each([&](const proto::BanChange& one) { CHECK_INVARIANT(said_bans_.contains(key_of(one))); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  common::ByteReader script({data, std::min<size_t>(size, 2048)});
  const size_t before = fuzz::allocated_bytes();
  Scene scene(script.u8());
  while (script.ok() && script.remaining() > 0) scene.step(script);
  scene.end();
  CHECK_INVARIANT(fuzz::allocated_bytes() <= before + kMemoryMax);
  return 0;
}
