// Parts of messages between web peers as a bad member could send them, in any order and at any time: what
// comes out is made of parts that belong together, and what is kept is bounded.

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "../unit/support/no_swarms.h"
#include "common/check.h"
#include "proto/sync_header.h"
#include "proto/sync_packet.h"
#include "sync/cluster.h"
#include "sync/keys.h"
#include "sync/seal.h"

using namespace shoal;

namespace {

constexpr int64_t kUnixMs = 1'800'000'000'000;
constexpr uint64_t kRun = uint64_t{kUnixMs} << 16;
const common::Endpoint kFrom = common::make_endpoint_v4(0x7f000001, 6970);

// A node with one member, who sends what the input says.
class Victim {
 public:
  Victim() : cluster_(config(), swarms_, now()) {
    send(proto::ClientLoad{});
    for (const sync::Send& sent : std::exchange(out_.sends, {})) {
      const auto opened = sync::open_sealed(keys(), *proto::parse_sync_header(*sent.bytes), *sent.bytes);
      const auto said = proto::decode_sync_packet(*opened);
      if (const auto* challenge = std::get_if<proto::Challenge>(&*said)) {
        send(proto::ChallengeEcho{challenge->nonce, 0, 0});
      }
    }
    CHECK_INVARIANT(cluster_.status(now()).members.size() == 1);
  }

  void send(const proto::SyncPacket& packet) {
    const auto sealed = sealer_.seal(proto::SyncStream::control, proto::encode_sync_packet(packet));
    out_.sends.clear();
    cluster_.receive(now(), {kFrom, std::nullopt, *sealed}, out_);
    if (cluster_.deadline_us() <= now_us_) cluster_.advance(now(), out_);
  }
  void wait(int64_t us) {
    now_us_ += us;
    cluster_.advance(now(), out_);
  }
  std::vector<sync::Relayed> relayed() { return std::exchange(out_.relayed, {}); }
  sync::Stats stats() const { return cluster_.status(now()).stats; }

 private:
  static const sync::KeyRing& keys() {
    static const sync::KeyRing ring({sync::insecure_key("fuzz")}, "fuzz");
    return ring;
  }
  static sync::Config config() {
    sync::Config out;
    out.name = "fuzz";
    out.cluster = "fuzz";
    out.insecure = true;
    out.incarnation = kRun;
    return out;
  }
  sync::Now now() const { return {now_us_, kUnixMs + now_us_ / 1000}; }

  int64_t now_us_ = 1'000'000;
  test::NoSwarms swarms_;
  sync::Cluster cluster_;
  sync::Outputs out_;
  sync::Sealer sealer_{keys(), sync::cluster_tag("fuzz"), sync::node_id("fuzz", "other"), kRun};
};

uint8_t content_of(uint64_t message, uint32_t part) { return static_cast<uint8_t>(message * 16 + part); }

// Every byte is one of the message's part at that place, so no two messages were mixed.
void check_whole(const std::vector<uint8_t>& message) {
  CHECK_INVARIANT(!message.empty() && message.size() <= proto::kRelayMax);
  const uint8_t number = message[0] >> 4;
  for (size_t i = 0; i < message.size(); ++i) {
    const auto part = static_cast<uint32_t>(i / proto::kRelayPartMax);
    CHECK_INVARIANT(message[i] == content_of(number, part));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Victim victim;
  common::ByteReader reader({data, std::min<size_t>(size, 1024)});
  uint64_t sent = 0;
  while (reader.remaining() >= 4) {
    proto::Relay relay;
    const uint8_t first = reader.u8();
    relay.message = 1 + first % 15;
    if (first >= 240) victim.wait(int64_t{first} * 5'000);
    relay.incarnation = first % 32 == 31 ? kRun + 1 : kRun;
    relay.parts = 1 + reader.u8() % proto::kRelayPartsMax;
    relay.part = reader.u8() % relay.parts;
    const size_t most = std::min(proto::kRelayPartMax, proto::kRelayMax - relay.part * proto::kRelayPartMax);
    const size_t last = 1 + size_t{reader.u8()} * (most - 1) / 255;
    relay.bytes.assign(relay.part + 1 == relay.parts ? last : proto::kRelayPartMax,
                       content_of(relay.message, relay.part));
    victim.send(relay);
    ++sent;
  }
  uint64_t whole = 0;
  for (const sync::Relayed& one : victim.relayed()) {
    CHECK_INVARIANT(one.from_run == kRun);
    check_whole(one.message);
    ++whole;
  }
  victim.wait(3'000'000);
  const sync::Stats stats = victim.stats();
  CHECK_INVARIANT(stats.relays_received == whole && stats.relay_parts_received <= sent);
  CHECK_INVARIANT(victim.relayed().empty());
  return 0;
}
