// sync_bench: bytes on the wire and time per published delta, in full packets, with swarms by Zipf's law.
//
//   build/release/tests/sync_bench

#include <chrono>
#include <cmath>
#include <cstdio>
#include <set>
#include <vector>

#include "common/prng.h"
#include "proto/sync_header.h"
#include "proto/sync_packet.h"
#include "sync/delta_log.h"
#include "sync/keys.h"
#include "sync/seal.h"

using namespace shoal;

namespace {

constexpr common::Tick kNow = 120'000'000;

// Swarm ranks drawn with probability proportional to 1 / rank^exponent.
class Zipf {
 public:
  Zipf(uint32_t swarms, double exponent) {
    double sum = 0;
    for (uint32_t rank = 1; rank <= swarms; ++rank) {
      sum += 1 / std::pow(rank, exponent);
      cumulative_.push_back(sum);
    }
  }
  uint32_t draw(common::Prng& prng) const {
    const double at = prng.unit() * cumulative_.back();
    return static_cast<uint32_t>(std::lower_bound(cumulative_.begin(), cumulative_.end(), at) -
                                 cumulative_.begin());
  }

 private:
  std::vector<double> cumulative_;
};

proto::Delta random_delta(const Zipf& zipf, common::Prng& prng) {
  proto::Delta delta;
  common::Prng hash(zipf.draw(prng));
  for (uint8_t& byte : delta.info_hash.bytes) byte = static_cast<uint8_t>(hash.next() >> 32);
  delta.peer = common::make_endpoint_v4(static_cast<uint32_t>(prng.next() >> 32),
                                        static_cast<uint16_t>(1024 + prng.below(64000)));
  const uint32_t kind = prng.below(100);
  delta.state.role = kind < 60   ? proto::PeerRole::leecher
                     : kind < 90 ? proto::PeerRole::seeder
                                 : proto::PeerRole::stopped;
  delta.state.completed = kind >= 85;
  // An eighth of a flush is of the next moment, a twentieth was announced just as a new tick began.
  delta.state.moment = prng.below(8) == 0 ? 8 : 7;
  delta.stamp = common::stamp_of(kNow + (prng.below(20) == 0 ? 1 : 0));
  return delta;
}

// Bytes per delta if an info_hash sent before took 6 bytes (docs/decisions/0006): the packets as they are,
// less 14 bytes for each such info_hash. Hashes do not compress, so a packet would be that much shorter; that
// more deltas would then share a header is ignored.
double measure_short_ids(uint32_t swarms, double exponent, size_t per_flush, bool all_told) {
  constexpr size_t kDeltas = 400'000;
  constexpr size_t kSaved = 20 - 6;
  const Zipf zipf(swarms, exponent);
  common::Prng prng(1);
  const sync::KeyRing keys({sync::insecure_key("bench")}, "bench");
  sync::Sealer sealer(keys, sync::cluster_tag("bench"), 1, 1);
  sync::DeltaLog log(2700);
  std::set<common::InfoHash> told;
  size_t bytes = 0, saved = 0;
  for (size_t done = 0; done < kDeltas; done += per_flush) {
    std::vector<proto::OwnDelta> part;
    for (size_t i = 0; i < std::min(per_flush, kDeltas - done); ++i)
      part.push_back({random_delta(zipf, prng)});
    log.add(part, 0);
    for (const auto& body : log.flush(kNow)) {
      bytes += sealer.seal(proto::SyncStream::deltas, body)->size();
      const auto packet = proto::decode_sync_packet(body);
      const common::InfoHash* last = nullptr;
      for (const proto::Delta& delta : std::get<proto::DeltaBatch>(*packet).deltas) {
        if (last != nullptr && *last == delta.info_hash) continue;
        last = &delta.info_hash;
        const bool known = !told.insert(delta.info_hash).second;
        if (known || all_told) saved += kSaved;
      }
    }
  }
  return static_cast<double>(bytes - saved) / kDeltas;
}

// Prints a line; returns bytes per delta.
double measure(uint32_t swarms, double exponent, size_t per_flush) {
  constexpr size_t kDeltas = 400'000;
  const Zipf zipf(swarms, exponent);
  common::Prng prng(1);
  std::vector<proto::OwnDelta> deltas;
  for (size_t i = 0; i < kDeltas; ++i) deltas.push_back({random_delta(zipf, prng)});

  const sync::KeyRing keys({sync::insecure_key("bench")}, "bench");
  sync::Sealer sealer(keys, sync::cluster_tag("bench"), 1, 1);
  sync::DeltaLog log(2700);
  size_t packets = 0, bytes = 0;
  const auto start = std::chrono::steady_clock::now();
  for (std::span<const proto::OwnDelta> rest = deltas; !rest.empty();) {
    const auto part = rest.first(std::min(rest.size(), per_flush));
    rest = rest.subspan(part.size());
    log.add(part, 0);
    for (const auto& body : log.flush(kNow)) {
      bytes += sealer.seal(proto::SyncStream::deltas, body)->size();
      ++packets;
    }
  }
  const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - start;
  std::printf(
      "%9u swarms, exponent %.1f, %4zu a flush: %5.2f bytes/delta, %4.0f bytes/packet, %4.0f ns/delta\n",
      swarms, exponent, per_flush, static_cast<double>(bytes) / kDeltas,
      static_cast<double>(bytes) / static_cast<double>(packets), spent.count() / kDeltas);
  return static_cast<double>(bytes) / kDeltas;
}

}  // namespace

int main() {
  for (const uint32_t swarms : {1'000u, 10'000u, 100'000u, 1'000'000u}) {
    for (const size_t per_flush : {size_t{250}, sync::DeltaLog::kBatchMax}) measure(swarms, 1.0, per_flush);
  }
  measure(100'000, 0.8, sync::DeltaLog::kBatchMax);
  measure(100'000, 1.2, sync::DeltaLog::kBatchMax);
  constexpr double kBar = 28, kAim = 16;
  const double bytes = measure(100'000, 1.0, sync::DeltaLog::kBatchMax);
  std::printf(
      "result: %.2f bytes per IPv4 delta of 100,000 swarms, exponent 1.0 (bar %.0f: %s; aim %.0f: %s)\n",
      bytes, kBar, bytes <= kBar ? "met" : "MISSED", kAim, bytes <= kAim ? "met" : "missed");
  constexpr size_t kBatch = sync::DeltaLog::kBatchMax;
  std::printf("if info_hashes sent before took 6 bytes: %.2f; if all did: %.2f\n",
              measure_short_ids(100'000, 1.0, kBatch, false), measure_short_ids(100'000, 1.0, kBatch, true));
}
