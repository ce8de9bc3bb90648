// Simulated TCP: connections that carry pulls in order and without loss, but late, in pieces of any size, not
// at all across a cut, and that break when their donor crashes.

#include <algorithm>

#include "proto/pull_frame.h"
#include "proto/sync_packet.h"
#include "sync/pull_seal.h"
#include "sync/seal.h"
#include "world.h"

namespace shoal::sim {

int64_t World::stream_delay_us() {
  return weather.delay_min_us +
         prng_.below(static_cast<uint32_t>(weather.delay_max_us - weather.delay_min_us + 1));
}

void World::open_stream(size_t puller, const sync::PullStart& start) {
  requests.emplace_back(puller, start.request);
  const StreamKey key{puller, start.pull};
  Stream& stream = streams_[key];
  stream.puller = puller;
  stream.pull = start.pull;
  stream.puller_run = nodes_[puller]->restarts;
  stream.donor = nodes_.size();
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i]->address == start.to) stream.donor = i;
  }
  // Connecting and the request take a round trip and a half.
  later(now_us_ + 3 * stream_delay_us(), [this, key, request = start.request] {
    const auto found = streams_.find(key);
    if (found == streams_.end()) return;
    Stream& opened = found->second;
    // Across a cut nothing is answered; the puller gives up.
    if (cuts_.contains({opened.puller, opened.donor}) || cuts_.contains({opened.donor, opened.puller})) {
      return later(now_us_ + kConnectUs, [this, key] { end_stream(key, true, "no connection in time"); });
    }
    if (opened.donor == nodes_.size() || !nodes_[opened.donor]->cluster) {
      return end_stream(key, true, "connection refused");
    }
    opened.donation = nodes_[opened.donor]->cluster->accept_pull(now_of(opened.donor), *request);
    if (opened.donation == nullptr) return end_stream(key, true);
    if (const std::vector<uint8_t> said = lie(opened.donor, *request); !said.empty()) {
      opened.donation.reset();
      return carry(opened, said, true);
    }
    donate(key);
  });
}

std::vector<uint8_t> World::lie(size_t donor, const std::vector<uint8_t>& request) const {
  const auto liar = liars_.find(donor);
  if (liar == liars_.end()) return {};
  const sync::KeyRing keys(nodes_[donor]->settings.keys, nodes_[donor]->settings.cluster);
  const common::ByteSpan packet = common::ByteSpan(request).subspan(2);
  const auto header = proto::parse_sync_header(packet, proto::kSyncRequestMax);
  const auto body = sync::open_sealed(keys, *header, packet);
  const auto message = proto::decode_sync_packet(*body);
  const auto& pull = std::get<proto::PullRequest>(*message);
  if (pull.sketch.empty()) return {};
  const sync::PullSeal seal{keys.sealing(), sync::nonce_of(packet), pull.donor, pull.incarnation};
  std::vector<uint8_t> out(4);
  sync::seal_frame(seal, 1, 0, proto::PullFrameWriter::too_small(tick(donor), liar->second), out);
  common::ByteWriter(std::span<uint8_t>(out)).u32(static_cast<uint32_t>(out.size() - 4));
  return out;
}

bool World::request_answered(size_t donor, const std::vector<uint8_t>& request) {
  return nodes_[donor]->cluster->accept_pull(now_of(donor), request) != nullptr;
}

void World::donate(StreamKey key) {
  const auto found = streams_.find(key);
  if (found == streams_.end() || found->second.donation == nullptr) return;
  Stream& stream = found->second;
  const bool stalled = clogged_.contains(stream.donor) || cuts_.contains({stream.puller, stream.donor}) ||
                       cuts_.contains({stream.donor, stream.puller});
  if (stalled) return later(now_us_ + 200'000, [this, key] { donate(key); });
  std::vector<uint8_t> piece;
  const sync::Donation::Next next = stream.donation->next(now_of(stream.donor), piece);
  carry(stream, std::move(piece), next.done);
  if (next.done) {
    stream.donation.reset();
    return;
  }
  later(std::max(next.again_us + nodes_[stream.donor]->stood_us, now_us_ + 100),
        [this, key] { donate(key); });
}

void World::carry(Stream& stream, std::vector<uint8_t> bytes, bool last) {
  if (!bytes.empty() && damaged_.erase(stream.donor) > 0) {
    bytes[prng_.below(static_cast<uint32_t>(bytes.size()))] ^= 0x10;
  }
  const StreamKey key{stream.puller, stream.pull};
  for (size_t at = 0; at < bytes.size();) {
    const size_t count = std::min(bytes.size() - at, size_t{1} + prng_.below(20'000));
    stream.arrives_us = std::max(stream.arrives_us, now_us_ + stream_delay_us());
    const auto begin = bytes.begin() + static_cast<ptrdiff_t>(at);
    later(stream.arrives_us,
          [this, key, piece = std::vector<uint8_t>(begin, begin + static_cast<ptrdiff_t>(count))] {
            const auto found = streams_.find(key);
            if (found == streams_.end()) return;
            SimNode& puller = *nodes_[key.first];
            if (!puller.cluster || puller.restarts != found->second.puller_run) return end_stream(key, false);
            sync::Outputs out;
            puller.cluster->pull_received(now_of(key.first), key.second, piece, out);
            drain(key.first, out);
          });
    at += count;
  }
  if (last) {
    stream.arrives_us = std::max(stream.arrives_us, now_us_ + stream_delay_us());
    later(stream.arrives_us, [this, key] { end_stream(key, true); });
  }
}

void World::end_stream(StreamKey key, bool tell_puller, const std::string& trouble) {
  const auto found = streams_.find(key);
  if (found == streams_.end()) return;
  const uint64_t run = found->second.puller_run;
  streams_.erase(found);
  SimNode& puller = *nodes_[key.first];
  if (!tell_puller || !puller.cluster || puller.restarts != run) return;
  sync::Outputs out;
  puller.cluster->pull_closed(now_of(key.first), key.second, trouble, out);
  drain(key.first, out);
}

void World::end_donations_of(size_t donor) {
  for (auto& [key, stream] : streams_) {
    if (stream.donor != donor || stream.donation == nullptr) continue;
    stream.donation.reset();
    later(now_us_ + stream_delay_us(), [this, key = key] { end_stream(key, true); });
  }
}

}  // namespace shoal::sim
