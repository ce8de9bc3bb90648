#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "common/prng.h"
#include "proto/sync_header.h"
#include "proto/sync_packet.h"
#include "sync/delta_log.h"

using namespace shoal;
using proto::Delta;
using proto::PeerRole;

namespace {

constexpr common::Tick kNow = 120'000'000;

Delta delta_of(uint8_t swarm, uint32_t address, PeerRole role, int age, bool completed = false) {
  Delta delta;
  delta.info_hash.bytes.fill(swarm);
  delta.peer = common::make_endpoint_v4(address, 6881);
  delta.state = {role, completed};
  delta.stamp = common::stamp_of(kNow - age);
  return delta;
}

Delta random_delta(common::Prng& prng, uint32_t swarms) {
  Delta delta;
  common::Prng hash(prng.below(swarms));
  for (uint8_t& byte : delta.info_hash.bytes) byte = static_cast<uint8_t>(hash.next());
  if (prng.below(4) == 0) {
    std::array<uint8_t, 16> address{0x20, 0x01};
    for (size_t i = 2; i < 16; ++i) address[i] = static_cast<uint8_t>(prng.next());
    delta.peer = common::make_endpoint(address, static_cast<uint16_t>(1 + prng.below(65535)));
  } else {
    delta.peer = common::make_endpoint_v4(static_cast<uint32_t>(prng.next()),
                                          static_cast<uint16_t>(1 + prng.below(65535)));
  }
  delta.state = proto::peer_state_from(static_cast<uint8_t>(prng.below(6)));
  delta.stamp = common::stamp_of(kNow + prng.below(4));
  return delta;
}

std::vector<proto::OwnDelta> own(const std::vector<Delta>& deltas, bool refresh = false) {
  std::vector<proto::OwnDelta> out;
  for (const Delta& delta : deltas) out.push_back({delta, refresh});
  return out;
}

std::vector<Delta> decoded(const std::vector<std::vector<uint8_t>>& bodies) {
  std::vector<Delta> out;
  for (const auto& body : bodies) {
    REQUIRE(body.size() <= proto::kSyncBodyMax);
    const auto packet = proto::decode_sync_packet(body);
    REQUIRE(packet.has_value());
    const auto& batch = std::get<proto::DeltaBatch>(*packet);
    CHECK(batch.peer_timeout_s == 2700);
    out.insert(out.end(), batch.deltas.begin(), batch.deltas.end());
  }
  return out;
}

}  // namespace

TEST_CASE("delta log: only the last change of a peer remains, completed included") {
  std::vector<Delta> deltas = {
      delta_of(1, 9, PeerRole::seeder, 0, true), delta_of(1, 9, PeerRole::leecher, 1),
      delta_of(1, 9, PeerRole::stopped, 0),      delta_of(2, 9, PeerRole::leecher, -1),
      delta_of(2, 9, PeerRole::stopped, 0),      delta_of(2, 8, PeerRole::leecher, 0),
      delta_of(3, 9, PeerRole::stopped, 0),      delta_of(3, 9, PeerRole::seeder, 0),
  };
  deltas[6].state.moment = 5;
  deltas[7].state.moment = 4;
  const std::vector<Delta> expected = {
      delta_of(1, 9, PeerRole::seeder, 0, true),
      delta_of(2, 8, PeerRole::leecher, 0),
      delta_of(2, 9, PeerRole::leecher, -1),
      deltas[6],
  };
  common::Prng prng(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<Delta> shuffled = deltas;
    for (size_t i = shuffled.size(); i > 1; --i) {
      std::swap(shuffled[i - 1], shuffled[prng.below(static_cast<uint32_t>(i))]);
    }
    sync::coalesce(shuffled, kNow);
    REQUIRE(shuffled == expected);
  }
}

TEST_CASE("delta log: every delta comes out, in full packets that fit") {
  common::Prng prng(5);
  for (const uint32_t swarms : {1u, 30u, 1'000'000u}) {
    sync::DeltaLog log(2700);
    std::vector<Delta> deltas;
    for (int i = 0; i < 900; ++i) deltas.push_back(random_delta(prng, swarms));
    CHECK(log.deadline_us() == std::numeric_limits<int64_t>::max());
    CHECK(log.add(own(deltas), 1000) == 0);
    CHECK(log.deadline_us() == 1000 + sync::DeltaLog::kFlushUs);
    const auto bodies = log.flush(kNow);
    sync::coalesce(deltas, kNow);
    CHECK(decoded(bodies) == deltas);
    for (size_t i = 0; i + 1 < bodies.size(); ++i) CHECK(bodies[i].size() > proto::kSyncBodyMax - 80);
    CHECK(log.flush(kNow).empty());
  }
}

TEST_CASE("delta log: an info_hash that was told goes by number once that is settled, and nothing is lost") {
  common::Prng prng(7);
  for (const uint32_t swarms : {1u, 30u, 400u, 1'000'000u}) {
    sync::DeltaLog log(2700);
    sync::ToldHashes told({});
    std::map<uint64_t, common::InfoHash> heard;
    size_t by_number = 0, bytes_first = 0, bytes_last = 0;
    // The same deltas in full.
    sync::DeltaLog full(2700);
    size_t bytes_full = 0, bytes_numbered = 0;
    for (int64_t round = 0; round < 10; ++round) {
      std::vector<Delta> deltas;
      for (int i = 0; i < 900; ++i) deltas.push_back(random_delta(prng, swarms));
      log.add(own(deltas), 0);
      full.add(own(deltas), 0);
      for (const auto& body : full.flush(kNow, sync::DeltaLog::kBatchMax, 5)) bytes_full += body.size();
      told.settle(round * 350'000);
      const uint64_t before = told.next();
      std::vector<Delta> arrived;
      size_t bytes = 0;
      for (const auto& body : log.flush(kNow, sync::DeltaLog::kBatchMax, 5, &told)) {
        REQUIRE(body.size() <= proto::kSyncBodyMax);
        bytes += body.size();
        auto batch = std::get<proto::NumberedBatch>(*proto::decode_sync_packet(body));
        CHECK(batch.sent_unix_ms == 5);
        for (size_t i = 0; i < batch.deltas.size(); ++i) {
          if (batch.numbers[i] >= batch.first_told) {
            heard[batch.numbers[i]] = batch.deltas[i].info_hash;
            REQUIRE(*told.find(batch.numbers[i]) == batch.deltas[i].info_hash);
          } else {
            REQUIRE(batch.numbers[i] < before);  // not one of this flush
            batch.deltas[i].info_hash = heard.at(batch.numbers[i]);
            ++by_number;
          }
          arrived.push_back(batch.deltas[i]);
        }
      }
      sync::coalesce(deltas, kNow);
      sync::coalesce(arrived, kNow);
      REQUIRE(arrived == deltas);
      if (round == 0) bytes_first = bytes;
      bytes_last = bytes;
      bytes_numbered += bytes;
      if (round <= 3) CHECK(by_number == 0);  // nothing is settled yet
    }
    if (swarms <= 30) CHECK(by_number == 6 * 900);
    if (swarms == 400) CHECK(bytes_last * 3 < bytes_first * 2);
    // Where nothing is told twice, numbers cost next to nothing.
    if (swarms == 1'000'000) CHECK(bytes_numbered * 100 <= bytes_full * 101);
  }
}

TEST_CASE("delta log: compression puts more into a packet") {
  sync::DeltaLog log(2700);
  std::vector<Delta> deltas;
  for (uint32_t i = 0; i < 1000; ++i) deltas.push_back(delta_of(1, 0x0a000000 + i, PeerRole::leecher, 0));
  log.add(own(deltas), 0);
  const auto bodies = log.flush(kNow);
  CHECK(decoded(bodies) == deltas);
  CHECK(bodies.size() < 6);  // 7000 bytes before compression
}

TEST_CASE("delta log: every kind of change fits") {
  sync::DeltaLog log(2700);
  std::vector<Delta> deltas;
  for (uint32_t i = 0; i < sync::DeltaLog::kBatchMax; ++i) {
    Delta delta = delta_of(1, i + 1, PeerRole::leecher, 0);
    delta.state = proto::peer_state_from(static_cast<uint8_t>(i % 6));
    delta.stamp = static_cast<common::Stamp>(i / 6);
    deltas.push_back(delta);
  }
  CHECK(log.add(own(deltas), 0) == 0);
  CHECK(decoded(log.flush(kNow)) == deltas);
  CHECK(log.waiting() == 0);
}

TEST_CASE("delta log: stops go first, then news, refreshes last, each in turn") {
  sync::DeltaLog log(2700);
  std::vector<Delta> refreshes, news, stops;
  for (uint32_t i = 0; i < 300; ++i) {
    refreshes.push_back(delta_of(1, 1000 + i, PeerRole::seeder, 0));
    news.push_back(delta_of(1, 2000 + i, PeerRole::leecher, 0));
    stops.push_back(delta_of(1, 3000 + i, PeerRole::stopped, 0));
  }
  log.add(own(refreshes, true), 0);
  log.add(own(news), 0);
  log.add(own(stops), 0);
  const auto join = [](std::span<const Delta> a, std::span<const Delta> b) {
    std::vector<Delta> out(a.begin(), a.end());
    out.insert(out.end(), b.begin(), b.end());
    return out;
  };
  CHECK(decoded(log.flush(kNow, 200)) == join({}, std::span(stops).first(200)));
  CHECK(log.deadline_us() == sync::DeltaLog::kFlushUs);  // due as before
  CHECK(decoded(log.flush(kNow, 200)) == join(std::span(news).first(100), std::span(stops).last(100)));
  CHECK(decoded(log.flush(kNow, 200)) == join({}, std::span(news).last(200)));
  CHECK(decoded(log.flush(kNow, 200)) == join({}, std::span(refreshes).first(200)));
  CHECK(log.waiting() == 100);
  CHECK(decoded(log.flush(kNow, 200)) == join({}, std::span(refreshes).last(100)));
  CHECK(log.deadline_us() == std::numeric_limits<int64_t>::max());
}

TEST_CASE("delta log: a limited number of each urgency wait, and more are dropped") {
  sync::DeltaLog log(2700);
  const std::vector<Delta> refreshes(sync::DeltaLog::kWaitingMax + 7, delta_of(1, 1, PeerRole::seeder, 0));
  CHECK(log.add(own(refreshes, true), 0) == 7);
  CHECK(log.add(own({delta_of(1, 2, PeerRole::stopped, 0)}), 0) == 0);  // still has room
  CHECK(log.waiting() == sync::DeltaLog::kWaitingMax + 1);
  CHECK(decoded(log.flush(kNow, 2)).size() == 2);
  CHECK(log.add(own(refreshes, true), 0) == sync::DeltaLog::kWaitingMax + 6);
  log.discard();
  CHECK(log.waiting() == 0);
  CHECK(log.deadline_us() == std::numeric_limits<int64_t>::max());
  CHECK(log.flush(kNow).empty());
}
