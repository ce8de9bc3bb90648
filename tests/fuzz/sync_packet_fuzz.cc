// Sync datagrams: the header as it arrives from the network, and the body as a key holder could make it. What
// decodes must encode to something that decodes to the same.

#include <cstdint>

#include "../unit/support/no_swarms.h"
#include "common/check.h"
#include "proto/sync_header.h"
#include "proto/sync_packet.h"
#include "sync/cluster.h"
#include "sync/keys.h"
#include "sync/seal.h"

using namespace shoal;

namespace {

constexpr sync::Now kNow{1'000'000, 1'800'000'000'000};
constexpr uint64_t kIncarnation = uint64_t{1'800'000'000'000} << 16;
const common::Endpoint kFrom = common::make_endpoint_v4(0x7f000001, 6970);

sync::Config config() {
  sync::Config out;
  out.name = "fuzz";
  out.cluster = "fuzz";
  out.insecure = true;
  out.incarnation = kIncarnation;
  return out;
}

void check_header(common::ByteSpan data) {
  const auto header = proto::parse_sync_header(data);
  if (!header) return;
  const auto again = proto::make_sync_header(*header);
  CHECK_INVARIANT(std::equal(again.begin(), again.end(), data.begin()));
}

void check_body(common::ByteSpan body) {
  const auto packet = proto::decode_sync_packet(body);
  if (!packet) return;
  if (const auto* batch = std::get_if<proto::DeltaBatch>(&*packet)) {
    for (const proto::Delta& delta : batch->deltas) {
      CHECK_INVARIANT(delta.peer.port != 0);
      CHECK_INVARIANT(proto::is_peer_state(delta.state.byte()));
    }
  }
  if (const auto* batch = std::get_if<proto::NumberedBatch>(&*packet)) {
    CHECK_INVARIANT(batch->numbers.size() == batch->deltas.size());
    for (const uint64_t number : batch->numbers) CHECK_INVARIANT(number > 0);
  }
  const auto again = proto::decode_sync_packet(proto::encode_sync_packet(*packet));
  CHECK_INVARIANT(again.has_value() && *again == *packet);
}

// No body that a member seals may break a cluster.
void check_cluster(common::ByteSpan body) {
  static test::NoSwarms swarms;
  static const sync::KeyRing keys({sync::insecure_key("fuzz")}, "fuzz");
  sync::Cluster cluster(config(), swarms, kNow);
  sync::Outputs out;
  cluster.receive(kNow, {kFrom, std::nullopt, body}, out);
  CHECK_INVARIANT(out.sends.empty());
  if (body.empty() || body.size() > proto::kSyncBodyMax) return;
  sync::Sealer sealer(keys, sync::cluster_tag("fuzz"), sync::node_id("fuzz", "other"), kIncarnation);
  const auto send = [&](proto::SyncStream stream, common::ByteSpan content) {
    const auto packet = sealer.seal(stream, content);
    cluster.receive(kNow, {kFrom, std::nullopt, *packet}, out);
  };
  // From an unknown node, which can at most be challenged and answered.
  send(proto::SyncStream::control, body);
  CHECK_INVARIANT(out.sends.size() <= 2);
  // From a member.
  if (out.sends.empty()) send(proto::SyncStream::control, proto::encode_sync_packet(proto::Leave{}));
  for (const sync::Send& sent : std::vector<sync::Send>(out.sends)) {
    const auto opened = sync::open_sealed(keys, *proto::parse_sync_header(*sent.bytes), *sent.bytes);
    const auto said = proto::decode_sync_packet(*opened);
    if (const auto* challenge = std::get_if<proto::Challenge>(&*said)) {
      send(proto::SyncStream::control,
           proto::encode_sync_packet(proto::ChallengeEcho{challenge->nonce, 0, 0}));
    }
  }
  send(proto::SyncStream::control, body);
  send(proto::SyncStream::deltas, body);
  cluster.advance(kNow, out);
  CHECK_INVARIANT(cluster.status(kNow).members.size() <= 1);
  for (const sync::Send& send : out.sends) CHECK_INVARIANT(send.bytes->size() <= proto::kSyncDatagramMax);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const common::ByteSpan bytes(data, size);
  check_header(bytes);
  check_body(bytes);
  check_cluster(bytes);
  return 0;
}
