#include "proto/sync_packet.h"

#include <doctest/doctest.h>
#include <lz4.h>

#include <algorithm>

#include "common/prng.h"
#include "common/web_address.h"
#include "proto/sync.pb.h"
#include "proto/sync_header.h"

using namespace shoal;
using proto::Delta;
using proto::DeltaBatch;

namespace {

DeltaBatch two_families() {
  DeltaBatch batch{2700, {}, 1'800'000'000'123};
  for (int i = 0; i < 5; ++i) {
    Delta delta;
    delta.info_hash.bytes.fill(static_cast<uint8_t>(i / 2));
    delta.peer = common::make_endpoint_v4(0xcb007100 + static_cast<uint32_t>(i), 6881);
    delta.state = proto::peer_state_from(static_cast<uint8_t>(i));
    delta.stamp = static_cast<uint8_t>(200 + i);
    batch.deltas.push_back(delta);
  }
  for (uint8_t i = 0; i < 3; ++i) {
    Delta delta;
    delta.info_hash.bytes.fill(i);
    std::array<uint8_t, 16> address{0x20, 0x01, 0x0d, 0xb8};
    address[15] = i;
    delta.peer = common::make_endpoint(address, 51413);
    delta.stamp = 7;
    batch.deltas.push_back(delta);
  }
  return batch;
}

DeltaBatch with_web_peers() {
  DeltaBatch batch = two_families();
  for (uint8_t i = 0; i < 4; ++i) {
    Delta delta;
    delta.info_hash.bytes.fill(static_cast<uint8_t>(i / 2));
    delta.peer = common::to_endpoint({0x0199aabbccdd0000, common::web_connection(1, i)});
    delta.state.role = proto::PeerRole::seeder;
    delta.stamp = i;
    batch.deltas.push_back(delta);
  }
  return batch;
}

// Two swarms by number and one told, in each of three families.
proto::NumberedBatch numbered_batch() {
  proto::NumberedBatch batch{2700, {}, {}, 1000, 1'800'000'000'123};
  uint64_t told = 999;
  for (const common::Family family : {common::Family::v4, common::Family::v6, common::Family::web}) {
    ++told;
    for (const uint64_t number : {uint64_t{999}, uint64_t{999}, uint64_t{3}, told, told}) {
      const auto i = static_cast<uint8_t>(batch.deltas.size());
      Delta delta;
      if (number >= 1000) delta.info_hash.bytes.fill(0xaa);
      std::array<uint8_t, 16> address{0x20, 0x01, 0x0d, 0xb8};
      address[15] = i;
      delta.peer = family == common::Family::v4   ? common::make_endpoint_v4(0xcb007100u + i, 6881)
                   : family == common::Family::v6 ? common::make_endpoint(address, 6881)
                                                  : common::to_endpoint({1, i});
      delta.stamp = i;
      batch.deltas.push_back(delta);
      batch.numbers.push_back(number);
    }
  }
  return batch;
}

proto::Relay largest_relay(common::Prng& prng) {
  proto::Relay relay{UINT64_MAX, UINT64_MAX, proto::kRelayPartsMax, proto::kRelayPartsMax - 2, {}};
  relay.bytes.resize(proto::kRelayPartMax);
  for (uint8_t& byte : relay.bytes) byte = static_cast<uint8_t>(prng.next());
  return relay;
}

proto::Heartbeat full_heartbeat() {
  proto::Heartbeat heartbeat{
      "a", 1'800'000'000'123, 4567, 2700, common::make_endpoint_v4(0x0a000001, 6970), 89, 2, {}};
  std::array<uint8_t, 16> address{0x20, 0x01, 0x0d, 0xb8};
  heartbeat.members.push_back({1, 2, common::make_endpoint_v4(0x0a000002, 6970), 0, 12, true, 34});
  heartbeat.members.push_back({UINT64_MAX, 3, common::make_endpoint(address, 1), 2, 0, false, 0});
  heartbeat.access_digest = 0xfedcba98;
  heartbeat.members.back().loss_permille = 1000;
  heartbeat.key_ids = {{1, 2, 3, 4}, {0, 0, 0, 0}};
  heartbeat.minor = 7;
  heartbeat.version = "1.23.456";
  heartbeat.load_permille = 999;
  heartbeat.web = true;
  heartbeat.numbered = true;
  heartbeat.site = "fra";
  heartbeat.forwarders = {1, UINT64_MAX};
  return heartbeat;
}

proto::ChallengeNonce some_nonce() {
  proto::ChallengeNonce nonce{};
  for (size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<uint8_t>(0xf0 + i);
  return nonce;
}

proto::Challenge challenge() { return {UINT64_MAX, some_nonce()}; }

proto::ChallengeEcho echo() { return {some_nonce(), 7, 1, 1'800'000'000'123, -99}; }

std::vector<uint64_t> some_digests(size_t count) {
  common::Prng prng(4);
  std::vector<uint64_t> digests(count);
  for (uint64_t& digest : digests) digest = prng.next() & proto::kDigestMask;
  return digests;
}

proto::Digests full_digests() { return {2700, 1'000'000, some_digests(proto::kDigestTicksMax), true, true}; }

proto::CellDigests full_cells() { return {1'000'000, 5, some_digests(proto::kCellDigestsMax)}; }

proto::PullRequest pull_of_parts() {
  return {1, UINT64_MAX, {{1'000'000, 3, {}}, {5, 1, {0, 1, 9, proto::kDigestBuckets - 1}}}, true};
}

proto::PullRequest pull_by_sketch() {
  proto::PullRequest request{1, 2, {{1'000'000, 3, {}}}};
  request.salt = {3, UINT64_MAX};
  request.sketch = proto::RecordSketch(request.salt, 100).bytes();
  return request;
}

// Uncompressed body of a protobuf packet, however wrong.
std::vector<uint8_t> body_of(const proto::pb::Packet& packet) {
  const std::string raw = packet.SerializeAsString();
  std::vector<uint8_t> body(1 + raw.size(), 0);
  std::copy(raw.begin(), raw.end(), body.begin() + 1);
  return body;
}

proto::pb::Packet pb_of(const proto::SyncPacket& packet) {
  const std::vector<uint8_t> body = proto::encode_sync_packet(packet);
  proto::pb::Packet out;
  if (body[0] == 0) {
    REQUIRE(out.ParseFromArray(body.data() + 1, static_cast<int>(body.size()) - 1));
    return out;
  }
  std::vector<char> raw(proto::kSyncRawMax);
  const int size = LZ4_decompress_safe(reinterpret_cast<const char*>(body.data()) + 3, raw.data(),
                                       static_cast<int>(body.size()) - 3, static_cast<int>(raw.size()));
  REQUIRE(out.ParseFromArray(raw.data(), size));
  return out;
}

template <class Change>
bool accepted(Change change) {
  proto::pb::Packet packet = pb_of(two_families());
  change(*packet.mutable_deltas());
  return proto::decode_sync_packet(body_of(packet)).has_value();
}

}  // namespace

proto::AccessChanges most_access_changes() {
  proto::AccessChanges changes;
  common::Prng prng(2);
  for (size_t i = 0; i < proto::kAccessChangesMax; ++i) {
    proto::AccessChange change;
    for (uint8_t& byte : change.info_hash.bytes) byte = static_cast<uint8_t>(prng.next());
    change.listed = i % 2 == 0;
    change.stamp = {proto::kSyncTimeMaxMs - static_cast<int64_t>(i), prng.next()};
    changes.changes.push_back(change);
  }
  return changes;
}

proto::AccessAsk full_access_ask() {
  proto::AccessAsk ask;
  common::Prng prng(3);
  for (uint32_t& digest : ask.digests) digest = static_cast<uint32_t>(prng.next());
  ask.origins = UINT32_MAX;
  return ask;
}

TEST_CASE("sync packet: changes of the access list fit a datagram, and false ones are refused") {
  CHECK(proto::encode_sync_packet(most_access_changes()).size() <= proto::kSyncBodyMax);
  CHECK(proto::encode_sync_packet(full_access_ask()).size() <= proto::kSyncBodyMax);
  const auto accepts = [](auto change) {
    proto::pb::Packet packet = pb_of(most_access_changes());
    change(*packet.mutable_access_changes());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  using Changes = proto::pb::AccessChanges;
  CHECK(accepts([](Changes&) {}));
  CHECK(!accepts([](Changes& c) { c.mutable_info_hashes()->pop_back(); }));
  CHECK(!accepts([](Changes& c) { c.mutable_info_hashes()->append(20, 'x'); }));
  CHECK(!accepts([](Changes& c) { c.mutable_listed()->RemoveLast(); }));
  CHECK(!accepts([](Changes& c) { c.add_unix_ms(1); }));
  CHECK(!accepts([](Changes& c) { c.mutable_node_ids()->Clear(); }));
  CHECK(!accepts([](Changes& c) { c.set_unix_ms(3, uint64_t{1} << 60); }));
  CHECK(!accepts([](Changes& c) { c.Clear(); }));
  CHECK(!accepts([](Changes& c) {
    c.mutable_info_hashes()->append(20, 'x');
    c.add_listed(true);
    c.add_unix_ms(1);
    c.add_node_ids(1);
  }));
  proto::pb::Packet ask = pb_of(full_access_ask());
  ask.mutable_access_ask()->mutable_digests()->pop_back();
  CHECK(!proto::decode_sync_packet(body_of(ask)).has_value());
}

proto::BanChanges most_bans() {
  proto::BanChanges bans;
  common::Prng prng(4);
  for (size_t i = 0; i < proto::kBanChangesMax; ++i) {
    proto::BanChange ban;
    for (uint8_t& byte : ban.prefix) byte = static_cast<uint8_t>(prng.next());
    ban.prefix[0] = 6;
    if (i % 2 == 0) ban.prefix = {4, 192, 0, 2, static_cast<uint8_t>(i)};
    ban.term = {proto::kBanLongestS, proto::Offence::full_scrapes, proto::kBanLevelMax, i % 3 == 0};
    ban.stamp = {proto::kSyncTimeMaxMs - static_cast<int64_t>(i), prng.next()};
    bans.changes.push_back(ban);
  }
  return bans;
}

std::vector<proto::ForgottenOrigin> most_origins() {
  std::vector<proto::ForgottenOrigin> origins;
  for (size_t i = 0; i < proto::kOriginsMax; ++i) origins.push_back({UINT64_MAX - i, proto::kSyncTimeMaxMs});
  return origins;
}

proto::BanAsk full_ban_ask() {
  const proto::AccessAsk ask = full_access_ask();
  return {ask.digests, ask.origins};
}

TEST_CASE("sync packet: bans fit a datagram, and false ones are refused") {
  CHECK(proto::encode_sync_packet(most_bans()).size() <= proto::kSyncBodyMax);
  CHECK(proto::encode_sync_packet(full_ban_ask()).size() <= proto::kSyncBodyMax);
  CHECK(proto::encode_sync_packet(proto::BanChanges{{}, most_origins()}).size() <= proto::kSyncBodyMax);
  const auto accepts = [](auto change) {
    proto::pb::Packet packet = pb_of(most_bans());
    change(*packet.mutable_ban_changes());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  using Bans = proto::pb::BanChanges;
  CHECK(accepts([](Bans&) {}));
  CHECK(!accepts([](Bans& b) { b.Clear(); }));
  CHECK(!accepts([](Bans& b) { b.mutable_prefixes()->pop_back(); }));
  CHECK(!accepts([](Bans& b) { b.mutable_terms()->pop_back(); }));
  CHECK(!accepts([](Bans& b) { b.mutable_durations_s()->RemoveLast(); }));
  CHECK(!accepts([](Bans& b) { b.add_unix_ms(1); }));
  CHECK(!accepts([](Bans& b) { b.mutable_node_ids()->Clear(); }));
  CHECK(!accepts([](Bans& b) { b.set_unix_ms(3, uint64_t{1} << 60); }));
  // Nobody bans for ever, nor what is no address in its one form.
  CHECK(!accepts([](Bans& b) { b.set_durations_s(3, proto::kBanLongestS + 1); }));
  CHECK(!accepts([](Bans& b) { (*b.mutable_prefixes())[0] = 5; }));
  CHECK(!accepts([](Bans& b) { (*b.mutable_prefixes())[8] = 1; }));
  CHECK(!accepts([](Bans& b) { (*b.mutable_terms())[0] = static_cast<char>(proto::kOffences); }));
  CHECK(!accepts([](Bans& b) { (*b.mutable_terms())[1] = proto::kBanLevelMax + 1; }));
  CHECK(!accepts([](Bans& b) { b.mutable_forgotten()->add_node_ids(1); }));
  proto::pb::Packet ask = pb_of(full_ban_ask());
  ask.mutable_ban_ask()->mutable_digests()->pop_back();
  CHECK(!proto::decode_sync_packet(body_of(ask)).has_value());
}

TEST_CASE("sync packet: what is forgotten stands alone, of as many nodes as fit") {
  for (const bool bans : {false, true}) {
    const auto accepts = [bans](auto change) {
      proto::pb::Packet packet = bans ? pb_of(proto::BanChanges{{}, most_origins()})
                                      : pb_of(proto::AccessChanges{{}, most_origins()});
      change(bans ? *packet.mutable_ban_changes()->mutable_forgotten()
                  : *packet.mutable_access_changes()->mutable_forgotten());
      return proto::decode_sync_packet(body_of(packet)).has_value();
    };
    using Origins = proto::pb::Origins;
    CHECK(accepts([](Origins&) {}));
    CHECK(!accepts([](Origins& o) { o.Clear(); }));
    CHECK(!accepts([](Origins& o) { o.add_node_ids(1); }));
    CHECK(!accepts([](Origins& o) { o.set_up_to_ms(1, uint64_t{1} << 60); }));
    CHECK(!accepts([](Origins& o) {
      o.add_node_ids(1);
      o.add_up_to_ms(1);
    }));
  }
  CHECK(proto::encode_sync_packet(proto::AccessChanges{{}, most_origins()}).size() <= proto::kSyncBodyMax);
  proto::pb::Packet both = pb_of(most_access_changes());
  both.mutable_access_changes()->mutable_forgotten()->add_node_ids(1);
  both.mutable_access_changes()->mutable_forgotten()->add_up_to_ms(1);
  CHECK(!proto::decode_sync_packet(body_of(both)).has_value());
}

TEST_CASE("sync packet: every kind reads back unchanged") {
  for (const proto::SyncPacket& packet :
       {proto::SyncPacket(two_families()),
        proto::SyncPacket(full_heartbeat()),
        proto::SyncPacket(proto::Heartbeat{}),
        proto::SyncPacket(proto::Leave{77}),
        proto::SyncPacket(most_access_changes()),
        proto::SyncPacket(full_access_ask()),
        proto::SyncPacket(most_bans()),
        proto::SyncPacket(full_ban_ask()),
        proto::SyncPacket(proto::AccessChanges{{}, most_origins()}),
        proto::SyncPacket(proto::BanChanges{{}, most_origins()}),
        proto::SyncPacket(proto::ClientLoad{UINT32_MAX, proto::kSyncIntervalMaxS}),
        proto::SyncPacket(proto::NameTaken{UINT64_MAX, common::make_endpoint_v4(0x0a000002, 6970)}),
        proto::SyncPacket(proto::Forget{UINT64_MAX, 1}),
        proto::SyncPacket(challenge()),
        proto::SyncPacket(echo()),
        proto::SyncPacket(proto::Nack{7, {{1, 1}, {3, 9}, {100, 1000}}}),
        proto::SyncPacket(proto::Gone{proto::kSyncSequenceMax}),
        proto::SyncPacket(full_digests()),
        proto::SyncPacket(proto::CellsAsk{{0, 8, proto::kSyncTickMax}}),
        proto::SyncPacket(full_cells()),
        proto::SyncPacket(proto::PullRequest{}),
        proto::SyncPacket(pull_of_parts()),
        proto::SyncPacket(pull_by_sketch())}) {
    const auto back = proto::decode_sync_packet(proto::encode_sync_packet(packet));
    REQUIRE(back.has_value());
    CHECK(*back == packet);
  }
}

TEST_CASE("sync packet: false challenges and echoes are refused") {
  const auto challenge_with = [](auto change) {
    proto::pb::Packet packet = pb_of(challenge());
    change(*packet.mutable_challenge());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  const auto echo_with = [](auto change) {
    proto::pb::Packet packet = pb_of(echo());
    change(*packet.mutable_echo());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  using proto::pb::Challenge;
  using proto::pb::ChallengeEcho;
  CHECK(challenge_with([](Challenge&) {}));
  CHECK(echo_with([](ChallengeEcho&) {}));
  for (const size_t size : {0u, 15u, 17u}) {
    CHECK(!challenge_with([&](Challenge& c) { c.set_nonce(std::string(size, 'x')); }));
    CHECK(!echo_with([&](ChallengeEcho& e) { e.set_nonce(std::string(size, 'x')); }));
  }
  constexpr auto kTimeMax = static_cast<uint64_t>(proto::kSyncTimeMaxMs);
  CHECK(!echo_with([](ChallengeEcho& e) { e.set_delta_sequence(proto::kSyncSequenceMax + 1); }));
  CHECK(!echo_with([](ChallengeEcho& e) { e.set_uptime_ms(kTimeMax + 1); }));
  CHECK(!echo_with([](ChallengeEcho& e) { e.set_unix_ms(kTimeMax + 1); }));
  CHECK(!echo_with([](ChallengeEcho& e) { e.set_wall_ahead_ms(proto::kSyncTimeMaxMs + 1); }));
  CHECK(!echo_with([](ChallengeEcho& e) { e.set_wall_ahead_ms(-proto::kSyncTimeMaxMs - 1); }));
  CHECK(echo_with([](ChallengeEcho& e) {
    e.set_delta_sequence(proto::kSyncSequenceMax);
    e.set_uptime_ms(kTimeMax);
    e.set_unix_ms(kTimeMax);
    e.set_wall_ahead_ms(proto::kSyncTimeMaxMs);
  }));
}

TEST_CASE("sync packet: false ranges of lost packets are refused") {
  const auto accepted = [](std::vector<uint64_t> spans) {
    proto::pb::Packet packet = pb_of(proto::Nack{7, {{1, 1}}});
    packet.mutable_nack()->mutable_spans()->Assign(spans.begin(), spans.end());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  constexpr uint64_t kMax = proto::kSyncSequenceMax;
  CHECK(accepted({1, 1}));
  CHECK(accepted({1, kMax}));
  CHECK(accepted({kMax, 1}));
  CHECK(accepted({1, 5, kMax - 6, 1}));
  CHECK(accepted(std::vector<uint64_t>(2 * proto::kNackRangesMax, 1)));
  CHECK(!accepted(std::vector<uint64_t>(2 * proto::kNackRangesMax + 2, 1)));
  CHECK(!accepted({}));
  CHECK(!accepted({1, 1, 1}));
  CHECK(!accepted({0, 1}));
  CHECK(!accepted({1, 0}));
  CHECK(!accepted({1, 1, 0, 1}));
  CHECK(!accepted({2, kMax}));
  CHECK(!accepted({kMax, 2}));
  CHECK(!accepted({UINT64_MAX, 2}));
  CHECK(!accepted({2, UINT64_MAX}));
  CHECK(!accepted({1, 5, kMax - 5, 1}));
  proto::pb::Packet gone = pb_of(proto::Gone{1});
  gone.mutable_gone()->set_up_to(kMax + 1);
  CHECK(!proto::decode_sync_packet(body_of(gone)).has_value());
  proto::pb::Packet leave = pb_of(proto::Leave{1});
  leave.mutable_leave()->set_delta_sequence(kMax + 1);
  CHECK(!proto::decode_sync_packet(body_of(leave)).has_value());
}

TEST_CASE("sync packet: false digests, and questions for them, are refused") {
  constexpr auto kTickMax = static_cast<uint64_t>(proto::kSyncTickMax);
  const auto digests_with = [](auto change) {
    proto::pb::Packet packet = pb_of(full_digests());
    change(*packet.mutable_digests());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  using proto::pb::Digests;
  CHECK(digests_with([](Digests& d) { d.set_newest_tick(proto::kDigestTicksMax); }));
  CHECK(!digests_with([](Digests& d) { d.set_newest_tick(proto::kDigestTicksMax - 1); }));
  CHECK(digests_with([](Digests& d) { d.set_newest_tick(kTickMax); }));
  CHECK(!digests_with([](Digests& d) { d.set_newest_tick(kTickMax + 1); }));
  CHECK(!digests_with([](Digests& d) { d.clear_sums(); }));
  CHECK(!digests_with([](Digests& d) { d.mutable_sums()->pop_back(); }));
  CHECK(!digests_with([](Digests& d) { d.mutable_sums()->append(6, 'x'); }));

  const auto asked = [](const std::vector<uint64_t>& ticks) {
    proto::pb::Packet packet = pb_of(proto::CellsAsk{{1}});
    packet.mutable_cells_ask()->mutable_ticks()->Assign(ticks.begin(), ticks.end());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  CHECK(asked(std::vector<uint64_t>(proto::kCellTicksMax, kTickMax)));
  CHECK(!asked(std::vector<uint64_t>(proto::kCellTicksMax + 1, 1)));
  CHECK(!asked({}));
  CHECK(!asked({1, kTickMax + 1}));

  const auto cells_with = [](auto change) {
    proto::pb::Packet packet = pb_of(full_cells());
    change(*packet.mutable_cells());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  using proto::pb::CellDigests;
  constexpr uint32_t kLast = proto::kDigestBuckets - proto::kCellDigestsMax;
  CHECK(cells_with([](CellDigests& c) { c.set_first_bucket(0); }));
  CHECK(cells_with([](CellDigests& c) { c.set_first_bucket(kLast); }));
  CHECK(!cells_with([](CellDigests& c) { c.set_first_bucket(kLast + 1); }));
  CHECK(!cells_with([](CellDigests& c) { c.set_first_bucket(proto::kDigestBuckets); }));
  CHECK(!cells_with([](CellDigests& c) { c.set_first_bucket(UINT32_MAX); }));
  CHECK(!cells_with([](CellDigests& c) { c.set_tick(kTickMax + 1); }));
  CHECK(!cells_with([](CellDigests& c) { c.clear_digests(); }));
  CHECK(!cells_with([](CellDigests& c) { c.mutable_digests()->append(6, 'x'); }));
}

TEST_CASE("sync packet: false requests for records are refused") {
  const auto accepted = [](auto change) {
    proto::pb::Packet packet = pb_of(pull_of_parts());
    change(*packet.mutable_pull());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  using proto::pb::PullRequest;
  CHECK(accepted([](PullRequest&) {}));
  CHECK(accepted([](PullRequest& p) {
    while (p.parts_size() < static_cast<int>(proto::kPullPartsMax)) p.add_parts()->set_ticks(1);
  }));
  CHECK(!accepted([](PullRequest& p) {
    while (p.parts_size() <= static_cast<int>(proto::kPullPartsMax)) p.add_parts()->set_ticks(1);
  }));
  CHECK(!accepted([](PullRequest& p) { p.mutable_parts(0)->set_ticks(0); }));
  CHECK(accepted([](PullRequest& p) { p.mutable_parts(0)->set_ticks(proto::kDigestStamps); }));
  CHECK(!accepted([](PullRequest& p) { p.mutable_parts(0)->set_ticks(proto::kDigestStamps + 1); }));
  CHECK(!accepted([](PullRequest& p) { p.mutable_parts(0)->set_first_tick(UINT64_MAX); }));
  const auto buckets = [&](const std::vector<uint32_t>& skips) {
    return accepted([&](PullRequest& p) {
      p.mutable_parts(1)->mutable_bucket_skips()->Assign(skips.begin(), skips.end());
    });
  };
  CHECK(buckets(std::vector<uint32_t>(proto::kPullBucketsMax, 0)));
  CHECK(!buckets(std::vector<uint32_t>(proto::kPullBucketsMax + 1, 0)));
  CHECK(buckets({proto::kDigestBuckets - 1}));
  CHECK(!buckets({proto::kDigestBuckets}));
  CHECK(buckets({proto::kDigestBuckets - 2, 0}));
  CHECK(!buckets({proto::kDigestBuckets - 2, 1}));
  CHECK(!buckets({1, UINT32_MAX}));
  // With a sketch.
  CHECK(!accepted([](PullRequest& p) { p.set_sketch("x"); }));
  const std::vector<uint8_t> sketch = pull_by_sketch().sketch;
  const auto add = [&](PullRequest& p) { p.set_sketch(sketch.data(), sketch.size()); };
  CHECK(!accepted([&](PullRequest& p) { add(p); }));  // one of its parts has buckets
  CHECK(!accepted([&](PullRequest& p) {
    add(p);
    p.clear_parts();
  }));
  CHECK(accepted([&](PullRequest& p) {
    add(p);
    p.mutable_parts()->RemoveLast();
  }));
}

TEST_CASE("sync packet: a name is taken by a node with an address") {
  proto::pb::Packet packet = pb_of(proto::NameTaken{7, common::make_endpoint_v4(0x0a000002, 6970)});
  CHECK(proto::decode_sync_packet(body_of(packet)).has_value());
  for (const size_t size : {0u, 5u, 7u}) {
    packet.mutable_name_taken()->set_holder(std::string(size, 'x'));
    CHECK(!proto::decode_sync_packet(body_of(packet)).has_value());
  }
  packet.mutable_name_taken()->set_holder(std::string("\x0a\0\0\2\0\0", 6));  // port 0
  CHECK(!proto::decode_sync_packet(body_of(packet)).has_value());
}

TEST_CASE("sync packet: the largest heartbeat fits a datagram") {
  proto::Heartbeat heartbeat{std::string(proto::kSyncNameMax, 'x'),
                             proto::kSyncTimeMaxMs,
                             proto::kSyncTimeMaxMs,
                             UINT32_MAX,
                             {},
                             proto::kSyncSequenceMax,
                             UINT32_MAX,
                             {}};
  common::Prng prng(1);
  std::array<uint8_t, 16> address{0x20, 0x01};
  heartbeat.advertise = common::make_endpoint(address, 1);
  heartbeat.access_digest = UINT32_MAX;
  const size_t room =
      (proto::kSyncBodyMax - proto::kHeartbeatBytesMax - proto::kSyncNameMax) / proto::kMemberEntryBytesMax;
  for (size_t i = 0; i < room; ++i) {
    for (size_t byte = 2; byte < 16; ++byte) address[byte] = static_cast<uint8_t>(prng.next());
    heartbeat.members.push_back({prng.next(), prng.next(), common::make_endpoint(address, 9), 2, UINT32_MAX,
                                 true, prng.next() | uint64_t{1} << 63});
    heartbeat.members.back().loss_permille = proto::kPermilleMax;
  }
  heartbeat.key_ids.resize(proto::kSyncKeyIdsMax, {1, 2, 3, 4});
  heartbeat.minor = UINT32_MAX;
  heartbeat.version = std::string(proto::kSyncVersionMax, 'x');
  heartbeat.load_permille = proto::kPermilleMax;
  heartbeat.ban_digest = UINT32_MAX;
  heartbeat.synced = heartbeat.web = heartbeat.numbered = heartbeat.sketches = true;
  CHECK(room >= 9);
  CHECK(pb_of(heartbeat).ByteSizeLong() < proto::kSyncBodyMax);
  // One of a node with a site names fewer members.
  const size_t without = pb_of(heartbeat).ByteSizeLong();
  heartbeat.site = std::string(proto::kSyncSiteMax, 'x');
  heartbeat.forwarders.resize(proto::kSyncForwardersMax, UINT64_MAX);
  CHECK(pb_of(heartbeat).ByteSizeLong() <= without + proto::kHeartbeatSiteBytesMax);
  heartbeat.members.resize((proto::kSyncBodyMax - proto::kHeartbeatBytesMax - proto::kHeartbeatSiteBytesMax -
                            proto::kSyncNameMax) /
                           proto::kMemberEntryBytesMax);
  CHECK(heartbeat.members.size() >= 7);
  CHECK(pb_of(heartbeat).ByteSizeLong() < proto::kSyncBodyMax);
  const auto back = proto::decode_sync_packet(proto::encode_sync_packet(heartbeat));
  REQUIRE(back.has_value());
  CHECK(*back == proto::SyncPacket(heartbeat));
  heartbeat.forwarders.push_back(1);
  CHECK(!proto::decode_sync_packet(proto::encode_sync_packet(heartbeat)).has_value());
  heartbeat.forwarders.clear();
  heartbeat.site.push_back('x');
  CHECK(!proto::decode_sync_packet(proto::encode_sync_packet(heartbeat)).has_value());
}

TEST_CASE("sync packet: deltas of web peers are columns of their own") {
  const DeltaBatch batch = with_web_peers();
  const auto back = proto::decode_sync_packet(proto::encode_sync_packet(batch));
  REQUIRE(back.has_value());
  CHECK(*back == proto::SyncPacket(batch));
  // A node that does not know them reads the rest.
  proto::pb::Packet packet = pb_of(batch);
  CHECK(packet.deltas().web().run_lengths_size() == 2);
  packet.mutable_deltas()->clear_web();
  CHECK(*proto::decode_sync_packet(body_of(packet)) == proto::SyncPacket(two_families()));
  // They alone.
  packet = pb_of(batch);
  packet.mutable_deltas()->clear_v4();
  packet.mutable_deltas()->clear_v6();
  CHECK(proto::decode_sync_packet(body_of(packet)).has_value());
  const auto accepts = [&](auto change) {
    proto::pb::Packet changed = pb_of(batch);
    change(*changed.mutable_deltas()->mutable_web());
    return proto::decode_sync_packet(body_of(changed)).has_value();
  };
  using Columns = proto::pb::Columns;
  CHECK(accepts([](Columns&) {}));
  for (const char* port : {"\0\0", "\0\2", "\1\1"}) {
    CHECK(!accepts([port](Columns& c) { c.mutable_endpoints()->replace(16, 2, port, 2); }));
  }
  CHECK(!accepts([](Columns& c) { c.mutable_endpoints()->resize(4 * 6); }));
  // Of 16 bytes that would be an IPv4 address each is a run and a connection.
  CHECK(
      accepts([](Columns& c) { c.mutable_endpoints()->replace(0, 12, std::string(10, '\0') + "\xff\xff"); }));
}

TEST_CASE("sync packet: as many deltas of three families are packed as fit a datagram") {
  common::Prng prng(8);
  std::vector<Delta> deltas;
  for (int i = 0; i < 3000; ++i) {
    Delta delta;
    for (uint8_t& byte : delta.info_hash.bytes) byte = static_cast<uint8_t>(prng.next());
    std::array<uint8_t, 16> address{0x20, 0x01};
    for (size_t byte = 2; byte < 16; ++byte) address[byte] = static_cast<uint8_t>(prng.next());
    delta.peer = i % 3 == 0   ? common::make_endpoint_v4(static_cast<uint32_t>(prng.next()), 1)
                 : i % 3 == 1 ? common::make_endpoint(address, 1)
                              : common::to_endpoint({prng.next(), prng.next()});
    delta.state = proto::peer_state_from(static_cast<uint8_t>(prng.below(32) << 3 | prng.below(6)));
    delta.stamp = static_cast<uint8_t>(prng.next());
    deltas.push_back(delta);
  }
  std::sort(deltas.begin(), deltas.end(), proto::delta_before);
  size_t mixed = 0;
  for (std::span<const Delta> rest = deltas; !rest.empty();) {
    const size_t count = proto::fitting_deltas(rest, proto::kSyncBodyMax - 1);
    REQUIRE(count > 0);
    const auto part = rest.first(count);
    const DeltaBatch batch{UINT32_MAX, {part.begin(), part.end()}, proto::kSyncTimeMaxMs};
    const auto body = proto::encode_sync_packet(batch);
    CHECK(pb_of(batch).ByteSizeLong() < proto::kSyncBodyMax);
    CHECK(*proto::decode_sync_packet(body) == proto::SyncPacket(batch));
    mixed += part.front().peer.family != part.back().peer.family ? 1 : 0;
    rest = rest.subspan(count);
  }
  CHECK(mixed == 2);
}

TEST_CASE("sync packet: info_hashes by number, and the numbers of those that are told") {
  const proto::NumberedBatch batch = numbered_batch();
  const auto back = proto::decode_sync_packet(proto::encode_sync_packet(batch));
  REQUIRE(back.has_value());
  CHECK(*back == proto::SyncPacket(batch));
  // What is told need not have its number yet, and info_hashes that have one are not sent.
  proto::NumberedBatch unnumbered = batch;
  for (size_t i = 0; i < unnumbered.numbers.size(); ++i) {
    if (unnumbered.numbers[i] >= 1000) unnumbered.numbers[i] = 0;
    if (unnumbered.numbers[i] == 3) unnumbered.deltas[i].info_hash.bytes.fill(0x77);
  }
  CHECK(proto::encode_sync_packet(unnumbered) == proto::encode_sync_packet(batch));

  using Batch = proto::pb::DeltaBatch;
  const auto accepts = [&](auto change) {
    proto::pb::Packet packet = pb_of(batch);
    change(*packet.mutable_numbered());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  CHECK(accepts([](Batch&) {}));
  CHECK(!accepts([](Batch& b) { b.set_first_told(0); }));
  CHECK(!accepts([](Batch& b) { b.set_first_told(proto::kHashNumberMax + 1); }));
  CHECK(accepts([](Batch& b) { b.set_first_told(998); }));   // 1 and 996 back
  CHECK(!accepts([](Batch& b) { b.set_first_told(997); }));  // there is no number 0
  CHECK(!accepts([](Batch& b) { b.mutable_v4()->set_back(1, 0); }));
  CHECK(!accepts([](Batch& b) { b.mutable_v4()->set_back(0, UINT32_MAX); }));
  CHECK(!accepts([](Batch& b) { b.mutable_web()->add_back(1); }));
  CHECK(!accepts([](Batch& b) { b.mutable_v6()->clear_back(); }));
  CHECK(!accepts([](Batch& b) { b.mutable_v6()->clear_info_hashes(); }));
  CHECK(!accepts([](Batch& b) { b.mutable_v6()->mutable_info_hashes()->pop_back(); }));
  CHECK(!accepts([](Batch& b) { b.mutable_v6()->set_run_lengths(0, 3); }));
  // All by number.
  CHECK(accepts([](Batch& b) {
    for (auto* columns : {b.mutable_v4(), b.mutable_v6(), b.mutable_web()}) {
      columns->clear_info_hashes();
      columns->add_back(1);
    }
  }));
  // Without Packet.numbered there are none.
  proto::pb::Packet packet = pb_of(batch);
  const Batch numbered = packet.numbered();
  *packet.mutable_deltas() = numbered;
  CHECK(!proto::decode_sync_packet(body_of(packet)).has_value());
}

TEST_CASE("sync packet: as many deltas by number are packed as fit a datagram") {
  common::Prng prng(10);
  proto::NumberedBatch batch{UINT32_MAX, {}, {}, proto::kHashNumberMax, proto::kSyncTimeMaxMs};
  uint64_t number = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto family = i < 1000 ? common::Family::v4 : i < 2000 ? common::Family::v6 : common::Family::web;
    if (i % 1000 == 0) number = batch.first_told - 1;
    const bool told = i % 1000 >= 700;
    Delta delta;
    delta.info_hash.bytes[0] = static_cast<uint8_t>(i % 1000 >> 2);
    delta.info_hash.bytes[1] = static_cast<uint8_t>(i);
    std::array<uint8_t, 16> address{0x20, 0x01};
    for (size_t byte = 2; byte < 16; ++byte) address[byte] = static_cast<uint8_t>(prng.next());
    delta.peer = family == common::Family::v4
                     ? common::make_endpoint_v4(static_cast<uint32_t>(prng.next()), 1)
                 : family == common::Family::v6 ? common::make_endpoint(address, 1)
                                                : common::to_endpoint({prng.next(), prng.next()});
    delta.state = proto::peer_state_from(static_cast<uint8_t>(prng.below(32) << 3 | prng.below(6)));
    delta.stamp = static_cast<uint8_t>(prng.next());
    if (prng.below(3) != 0) number -= 1 + prng.below(1 << 21);
    batch.deltas.push_back(delta);
    batch.numbers.push_back(told ? 0 : number);
  }
  size_t done = 0;
  while (done < batch.deltas.size()) {
    const auto rest = std::span<const Delta>(batch.deltas).subspan(done);
    const proto::HashNumbers numbers{std::span<const uint64_t>(batch.numbers).subspan(done),
                                     batch.first_told};
    const size_t count = proto::fitting_deltas(rest, proto::kSyncBodyMax - 1, numbers);
    REQUIRE(count > 0);
    const proto::NumberedBatch part{batch.peer_timeout_s,
                                    {rest.begin(), rest.begin() + static_cast<ptrdiff_t>(count)},
                                    {numbers.of.begin(), numbers.of.begin() + static_cast<ptrdiff_t>(count)},
                                    batch.first_told,
                                    batch.sent_unix_ms};
    CHECK(pb_of(part).ByteSizeLong() < proto::kSyncBodyMax);
    const auto back = proto::decode_sync_packet(proto::encode_sync_packet(part));
    REQUIRE(back.has_value());
    const auto& decoded = std::get<proto::NumberedBatch>(*back);
    REQUIRE(decoded.deltas.size() == count);
    for (size_t i = 0; i < count; ++i) {
      CHECK(decoded.deltas[i].peer == rest[i].peer);
      if (numbers.of[i] != 0) CHECK(decoded.numbers[i] == numbers.of[i]);
      if (numbers.of[i] == 0) CHECK(decoded.deltas[i].info_hash == rest[i].info_hash);
    }
    done += count;
  }
}

TEST_CASE("sync packet: the most info_hashes asked for and told fit a datagram, and false ones are refused") {
  common::Prng prng(11);
  proto::HashesAsk ask{UINT64_MAX, {}};
  proto::Hashes hashes{proto::kHashNumberMax, {}};
  uint64_t number = proto::kHashNumberMax - proto::kHashesMax * (1 << 17);
  for (size_t i = 0; i < proto::kHashesMax; ++i) {
    ask.numbers.push_back(number += 1 << 17);
    hashes.hashes.push_back({number, {}});
    for (uint8_t& byte : hashes.hashes.back().info_hash.bytes) byte = static_cast<uint8_t>(prng.next());
  }
  for (const proto::SyncPacket& packet : {proto::SyncPacket(ask), proto::SyncPacket(hashes)}) {
    CHECK(proto::encode_sync_packet(packet).size() <= proto::kSyncBodyMax);
    CHECK(*proto::decode_sync_packet(proto::encode_sync_packet(packet)) == packet);
  }
  CHECK(*proto::decode_sync_packet(proto::encode_sync_packet(proto::Hashes{7, {}})) ==
        proto::SyncPacket(proto::Hashes{7, {}}));
  const auto asks = [&](auto change) {
    proto::pb::Packet packet = pb_of(ask);
    change(*packet.mutable_hashes_ask());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  CHECK(!asks([](proto::pb::HashesAsk& a) { a.clear_steps(); }));
  CHECK(!asks([](proto::pb::HashesAsk& a) { a.set_steps(3, 0); }));
  CHECK(!asks([](proto::pb::HashesAsk& a) { a.add_steps(1); }));
  CHECK(!asks([](proto::pb::HashesAsk& a) { a.set_steps(1, UINT64_MAX); }));
  const auto tells = [&](auto change) {
    proto::pb::Packet packet = pb_of(hashes);
    change(*packet.mutable_hashes());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  CHECK(tells([](proto::pb::Hashes&) {}));
  CHECK(!tells([](proto::pb::Hashes& h) { h.set_oldest(proto::kHashNumberMax + 1); }));
  CHECK(!tells([](proto::pb::Hashes& h) { h.mutable_info_hashes()->pop_back(); }));
  CHECK(!tells([](proto::pb::Hashes& h) { h.mutable_info_hashes()->resize(20); }));
  CHECK(!tells([](proto::pb::Hashes& h) { h.set_steps(0, 0); }));
}

TEST_CASE("sync packet: the largest part of a relay fits a datagram, and false ones are refused") {
  common::Prng prng(9);
  const proto::Relay relay = largest_relay(prng);
  CHECK(proto::encode_sync_packet(relay).size() <= proto::kSyncBodyMax);
  CHECK(*proto::decode_sync_packet(proto::encode_sync_packet(relay)) == proto::SyncPacket(relay));
  const auto accepts = [&](auto change) {
    proto::pb::Packet packet = pb_of(relay);
    change(*packet.mutable_relay());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  using Relay = proto::pb::Relay;
  CHECK(accepts([](Relay&) {}));
  CHECK(accepts([](Relay& r) { r.set_parts(proto::kRelayPartsMax - 1), r.mutable_bytes()->resize(1); }));
  CHECK(!accepts([](Relay& r) { r.set_message(0); }));
  CHECK(!accepts([](Relay& r) { r.set_parts(0); }));
  CHECK(!accepts([](Relay& r) { r.set_parts(proto::kRelayPartsMax + 1); }));
  CHECK(!accepts([](Relay& r) { r.set_part(r.parts()); }));
  CHECK(!accepts([](Relay& r) { r.mutable_bytes()->pop_back(); }));
  CHECK(!accepts([](Relay& r) { r.mutable_bytes()->push_back('x'); }));
  CHECK(!accepts([](Relay& r) { r.set_parts(proto::kRelayPartsMax - 1), r.clear_bytes(); }));
  // The last of the most parts holds what is left of the longest message.
  constexpr size_t kRest = proto::kRelayMax - (proto::kRelayPartsMax - 1) * proto::kRelayPartMax;
  CHECK(accepts([](Relay& r) { r.set_part(proto::kRelayPartsMax - 1), r.mutable_bytes()->resize(kRest); }));
  CHECK(!accepts(
      [](Relay& r) { r.set_part(proto::kRelayPartsMax - 1), r.mutable_bytes()->resize(kRest + 1); }));
}

TEST_CASE("sync packet: truncated at every length, nothing is applied") {
  for (const proto::SyncPacket& packet :
       {proto::SyncPacket(two_families()), proto::SyncPacket(with_web_peers()),
        proto::SyncPacket(full_heartbeat()), proto::SyncPacket(numbered_batch())}) {
    const std::vector<uint8_t> body = proto::encode_sync_packet(packet);
    for (size_t size = 0; size < body.size(); ++size) {
      // A heartbeat cut between two fields is a heartbeat with fewer; it must never equal the whole.
      const auto cut = proto::decode_sync_packet(common::ByteSpan(body).first(size));
      CHECK((!cut.has_value() || !(*cut == packet)));
      const bool batch =
          std::holds_alternative<DeltaBatch>(packet) || std::holds_alternative<proto::NumberedBatch>(packet);
      if (batch) CHECK((!cut.has_value() || cut->index() == 0));
    }
  }
}

TEST_CASE("sync packet: a batch with a false column is refused as a whole") {
  using proto::pb::DeltaBatch;
  CHECK(accepted([](DeltaBatch&) {}));
  CHECK(!accepted([](DeltaBatch& d) { d.set_sent_unix_ms(UINT64_MAX); }));
  // Hashes.
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->mutable_info_hashes()->pop_back(); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->mutable_info_hashes()->append(20, 'x'); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->mutable_info_hashes()->resize(40); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->mutable_info_hashes()->assign(60, 'x'); }));
  CHECK(!accepted([](DeltaBatch& d) { (*d.mutable_v4()->mutable_info_hashes())[0] = '\x7f'; }));
  // Runs.
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->set_run_lengths(0, 0); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->set_run_lengths(0, 3); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->set_run_lengths(2, UINT32_MAX); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->add_run_lengths(1); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->clear_run_lengths(); }));
  // Endpoints.
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->mutable_endpoints()->pop_back(); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->mutable_endpoints()->append(6, 'x'); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->clear_endpoints(); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->mutable_endpoints()->replace(4, 2, 2, '\0'); }));
  CHECK(!accepted([](DeltaBatch& d) { *d.mutable_v6() = d.v4(); }));
  CHECK(!accepted([](DeltaBatch& d) {
    d.mutable_v6()->mutable_endpoints()->replace(0, 12, std::string(10, '\0') + "\xff\xff");
  }));
  // Changes and their codes.
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->clear_changes(); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->mutable_changes()->pop_back(); }));
  CHECK(!accepted([](DeltaBatch& d) { (*d.mutable_v4()->mutable_changes())[0] = 6; }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->mutable_changes()->assign(514, '\0'); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->mutable_changes()->resize(8); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->mutable_change_codes()->push_back('\0'); }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->clear_change_codes(); }));
  CHECK(!accepted([](DeltaBatch& d) { (*d.mutable_v4()->mutable_change_codes())[0] = '\xff'; }));
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v4()->mutable_change_codes()->back() |= '\x80'; }));
  // One family is false, the other is not: neither is accepted.
  CHECK(!accepted([](DeltaBatch& d) { d.mutable_v6()->mutable_endpoints()->pop_back(); }));
  CHECK(!accepted([](DeltaBatch& d) { d.Clear(); }));
}

TEST_CASE("sync packet: false heartbeats are refused") {
  const auto accepted = [](auto change) {
    proto::pb::Packet packet = pb_of(full_heartbeat());
    change(*packet.mutable_heartbeat());
    return proto::decode_sync_packet(body_of(packet)).has_value();
  };
  using proto::pb::Heartbeat;
  CHECK(accepted([](Heartbeat&) {}));
  CHECK(!accepted([](Heartbeat& h) { h.set_name(std::string(256, 'x')); }));
  CHECK(!accepted([](Heartbeat& h) { h.set_name("a\nb"); }));
  CHECK(!accepted([](Heartbeat& h) { h.set_name("\xc3\xbc"); }));
  CHECK(!accepted([](Heartbeat& h) { h.set_unix_ms(UINT64_MAX); }));
  CHECK(!accepted([](Heartbeat& h) { h.set_key_ids("12345"); }));
  CHECK(accepted([](Heartbeat& h) { h.set_key_ids(std::string(32, 'x')); }));
  CHECK(!accepted([](Heartbeat& h) { h.set_key_ids(std::string(36, 'x')); }));
  CHECK(!accepted([](Heartbeat& h) { h.set_load_permille(1001); }));
  CHECK(accepted([](Heartbeat& h) { h.set_version(std::string(24, 'x')); }));
  CHECK(!accepted([](Heartbeat& h) { h.set_version(std::string(25, 'x')); }));
  CHECK(!accepted([](Heartbeat& h) { h.set_version("1\n2"); }));
  CHECK(!accepted([](Heartbeat& h) { h.mutable_members(0)->set_loss_permille(1001); }));
  CHECK(!accepted([](Heartbeat& h) { h.set_advertise("12345"); }));
  CHECK(!accepted([](Heartbeat& h) { h.set_advertise(std::string("1234\0\0", 6)); }));
  CHECK(!accepted([](Heartbeat& h) { h.mutable_members(0)->set_endpoint(""); }));
  CHECK(!accepted([](Heartbeat& h) { h.mutable_members(0)->set_state(3); }));
  CHECK(!accepted([](Heartbeat& h) {
    while (h.members_size() <= 64) *h.add_members() = h.members(0);
  }));
}

TEST_CASE("sync packet: false compressed bodies are refused, and an unknown kind is no kind we know") {
  const std::string raw(4000, 'x');
  std::vector<uint8_t> bomb(3 + 100);
  bomb[0] = 1;
  const int packed = LZ4_compress_default(raw.data(), reinterpret_cast<char*>(bomb.data()) + 3, 4000, 100);
  REQUIRE(packed > 0);
  bomb.resize(3 + static_cast<size_t>(packed));
  for (const size_t claimed : {0u, 1u, 3999u, 4001u, 8193u, 65535u}) {
    bomb[1] = static_cast<uint8_t>(claimed >> 8);
    bomb[2] = static_cast<uint8_t>(claimed);
    CHECK(!proto::decode_sync_packet(bomb).has_value());
  }
  const std::vector<uint8_t> reserved_flag = {2, 0};
  CHECK(!proto::decode_sync_packet(reserved_flag).has_value());
  const std::vector<uint8_t> too_long(proto::kSyncRawMax + 2);
  CHECK(!proto::decode_sync_packet(too_long).has_value());
  const std::vector<uint8_t> later_version = {0, 0xfa, 0x01, 0x01, 'x'};  // field 31
  const auto packet = proto::decode_sync_packet(later_version);
  REQUIRE(packet.has_value());
  CHECK(packet->index() == 0);
}

TEST_CASE("sync header: sizes, versions and streams") {
  const proto::SyncHeader header{{1, 2, 3, 4}, {5, 6, 7, 8}, 9, 10, proto::SyncStream::control, 11};
  const auto clear = proto::make_sync_header(header);
  std::vector<uint8_t> datagram(clear.begin(), clear.end());
  datagram.resize(1200);
  CHECK(*proto::parse_sync_header(datagram) == header);
  for (size_t size = 0; size <= 1300; ++size) {
    std::vector<uint8_t> cut = datagram;
    cut.resize(size);
    CHECK(proto::parse_sync_header(cut).has_value() == (size >= 53 && size <= 1200));
  }
  const auto with = [&](size_t at, uint8_t byte) {
    std::vector<uint8_t> changed = datagram;
    changed[at] = byte;
    return proto::parse_sync_header(changed);
  };
  CHECK(with(0, 'x').error() == proto::SyncHeaderFault::malformed);
  CHECK(with(3, 2).error() == proto::SyncHeaderFault::other_major);
  CHECK(with(28, 2)->stream == proto::SyncStream::requests);
  CHECK(with(28, 3).error() == proto::SyncHeaderFault::malformed);  // frames have no such header
  CHECK(with(35, 0).error() == proto::SyncHeaderFault::malformed);  // sequence 0
}
