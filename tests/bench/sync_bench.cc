// sync_bench: bytes on the wire and time per published delta, in full packets, with swarms by Zipf's law;
// from an empty cluster on, where every info_hash is told in full first.
//
//   build/release/tests/sync_bench

#include <cmath>
#include <cstdio>
#include <ctime>
#include <span>
#include <vector>

#include "common/check.h"
#include "common/prng.h"
#include "proto/sync_header.h"
#include "proto/sync_packet.h"
#include "sync/delta_log.h"
#include "sync/heard_hashes.h"
#include "sync/keys.h"
#include "sync/seal.h"
#include "sync/told_hashes.h"

using namespace shoal;

namespace {

constexpr common::Tick kNow = 120'000'000;

// Of this process, so that a busy machine does not matter much.
double cpu_ns() { return static_cast<double>(std::clock()) * (1e9 / CLOCKS_PER_SEC); }

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

// How info_hashes go on the wire.
enum class Wire : uint8_t { in_full, by_number };

// Info_hashes of chance, or as an attacker may choose them: all but the last four bytes are the same.
enum class Hashes : uint8_t { random, alike };

proto::Delta random_delta(const Zipf& zipf, Hashes hashes, common::Prng& prng) {
  proto::Delta delta;
  common::Prng hash(zipf.draw(prng));
  auto& bytes = delta.info_hash.bytes;
  for (size_t i = hashes == Hashes::alike ? 16 : 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(hash.next() >> 32);
  }
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

// Nanoseconds to read the packets, and to find the info_hashes that come by number.
double read_all(const std::vector<std::vector<uint8_t>>& bodies, size_t deltas) {
  sync::HeardHashes heard;
  size_t unknown = 0;
  const double start_ns = cpu_ns();
  for (const auto& body : bodies) {
    const auto packet = proto::decode_sync_packet(body);
    const auto* batch = std::get_if<proto::NumberedBatch>(&*packet);
    if (batch == nullptr) continue;
    uint64_t learnt = 0;
    for (size_t i = 0; i < batch->deltas.size(); ++i) {
      const uint64_t number = batch->numbers[i];
      if (number < batch->first_told) {
        unknown += heard.find(number) == nullptr ? 1 : 0;
      } else if (number != learnt) {
        heard.learn(learnt = number, batch->deltas[i].info_hash);
      }
    }
  }
  const double spent_ns = cpu_ns() - start_ns;
  CHECK_INVARIANT(unknown == 0);
  return spent_ns / static_cast<double>(deltas);
}

struct Settings {
  uint32_t swarms;
  double exponent;
  size_t per_flush;
  Wire wire = Wire::by_number;
  Hashes hashes = Hashes::random;
};

// A flush every 50 ms, as it would be under load. Prints a line; returns bytes per delta.
double measure(const Settings& settings) {
  constexpr size_t kDeltas = 400'000;
  const Zipf zipf(settings.swarms, settings.exponent);
  common::Prng prng(1);
  std::vector<proto::OwnDelta> deltas;
  for (size_t i = 0; i < kDeltas; ++i) deltas.push_back({random_delta(zipf, settings.hashes, prng)});

  const sync::KeyRing keys({sync::insecure_key("bench")}, "bench");
  sync::Sealer sealer(keys, sync::cluster_tag("bench"), 1, 1);
  sync::DeltaLog log(2700);
  sync::ToldHashes told({});
  std::vector<std::vector<uint8_t>> bodies;
  size_t bytes = 0, bytes_late = 0, late = 0;
  int64_t now_us = 0;
  const double start_ns = cpu_ns();
  for (std::span<const proto::OwnDelta> rest = deltas; !rest.empty();) {
    const auto part = rest.first(std::min(rest.size(), settings.per_flush));
    rest = rest.subspan(part.size());
    log.add(part, 0);
    told.settle(now_us += sync::DeltaLog::kFlushUs);
    const size_t before = bytes;
    for (auto& body : log.flush(kNow, sync::DeltaLog::kBatchMax, 1'800'000'000'000,
                                settings.wire == Wire::by_number ? &told : nullptr)) {
      bytes += sealer.seal(proto::SyncStream::deltas, body)->size();
      bodies.push_back(std::move(body));
    }
    if (rest.size() < kDeltas / 4) bytes_late += bytes - before, late += part.size();
  }
  const double spent_ns = cpu_ns() - start_ns;
  const double per_delta = static_cast<double>(bytes) / kDeltas;
  std::printf(
      "%9u swarms, exponent %.1f, %4zu a flush, %s%s: %5.2f bytes/delta (last quarter %5.2f), %4.0f "
      "bytes/packet, %4.0f ns/delta, %3.0f to read\n",
      settings.swarms, settings.exponent, settings.per_flush,
      settings.wire == Wire::by_number ? "by number" : "in full  ",
      settings.hashes == Hashes::alike ? ", hashes alike" : "", per_delta,
      static_cast<double>(bytes_late) / static_cast<double>(late),
      static_cast<double>(bytes) / static_cast<double>(bodies.size()), spent_ns / kDeltas,
      read_all(bodies, kDeltas));
  return per_delta;
}

}  // namespace

int main() {
  constexpr size_t kBatch = sync::DeltaLog::kBatchMax;
  for (const Wire wire : {Wire::in_full, Wire::by_number}) {
    for (const uint32_t swarms : {1'000u, 10'000u, 100'000u, 1'000'000u}) {
      for (const size_t per_flush : {size_t{250}, kBatch}) measure({swarms, 1.0, per_flush, wire});
    }
    measure({100'000, 0.8, kBatch, wire});
    measure({100'000, 1.2, kBatch, wire});
    measure({100'000, 1.0, kBatch, wire, Hashes::alike});
  }
  constexpr double kBar = 16;
  const double bytes = measure({100'000, 1.0, kBatch});
  std::printf("result: %.2f bytes per IPv4 delta of 100,000 swarms, exponent 1.0 (bar %.0f: %s)\n", bytes,
              kBar, bytes <= kBar ? "met" : "MISSED");
}
