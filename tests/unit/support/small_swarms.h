// SmallSwarms: a store of few records, as the cluster layer sees it: a map.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "proto/record_blocks.h"
#include "sync/swarms.h"

namespace shoal::test {

class SmallSwarms : public sync::Swarms {
 public:
  static constexpr size_t kRecordsMax = 2000;

  size_t merge(std::span<const proto::Delta> deltas, common::Tick now) override {
    handed += deltas.size();
    size_t changed = 0;
    for (const proto::Delta& delta : deltas) {
      const Key key{delta.info_hash, delta.peer};
      const auto found = records_.find(key);
      if (found == records_.end() && records_.size() >= kRecordsMax) continue;
      const proto::PeerValue before = found == records_.end() ? delta.value() : found->second;
      const proto::PeerValue after = proto::merge_values(before, delta.value(), now);
      if (found != records_.end() && after == before) continue;
      records_[key] = after;
      ++changed;
    }
    return changed;
  }
  size_t merge_part(const sync::SwarmPart& part, common::Tick now) override {
    return merge(part.records, now);
  }
  std::vector<proto::OwnDelta> restate(common::Moment) override { return {}; }

  sync::StampDigests stamp_digests() const override {
    sync::StampDigests out{};
    for (const auto& [key, value] : records_) out[value.stamp] ^= hash_of(key, value);
    return out;
  }
  sync::BucketDigests bucket_digests(common::Stamp stamp) const override {
    sync::BucketDigests out{};
    for (const auto& [key, value] : records_) {
      if (value.stamp == stamp) out[proto::digest_bucket(key.first)] ^= hash_of(key, value);
    }
    return out;
  }
  uint64_t record_count() const override { return records_.size(); }
  size_t read_steps() const override { return 4; }
  void read(size_t step, const sync::Cells& cells, common::Tick now,
            const std::function<void(const sync::SwarmPart&)>& visit) const override {
    std::vector<proto::Delta> part;
    const auto end_part = [&] {
      if (!part.empty()) visit({part.front().info_hash, 0, part});
      part.clear();
    };
    for (const proto::Delta& record : records(cells, now)) {
      if (record.info_hash.bytes[0] % read_steps() != step) continue;
      const bool other = !part.empty() && (part.front().info_hash != record.info_hash ||
                                           is_web(part.front()) != is_web(record));
      if (other || part.size() == proto::kRecordBlockMax) end_part();
      part.push_back(record);
    }
    end_part();
  }

  // Those of these cells that have not expired, by swarm and peer.
  std::vector<proto::Delta> records(const sync::Cells& cells, common::Tick now) const {
    std::vector<proto::Delta> out;
    for (const auto& [key, value] : records_) {
      if (common::stamp_age(now, value.stamp) > common::kLifetimeTicks) continue;
      if (!cells.contains(value.stamp, proto::digest_bucket(key.first))) continue;
      out.push_back({key.first, key.second, value.state, value.stamp});
    }
    return out;
  }

  static bool is_web(const proto::Delta& record) { return record.peer.family == common::Family::web; }

  size_t handed = 0;  // deltas that it was to merge

 private:
  using Key = std::pair<common::InfoHash, common::Endpoint>;

  template <size_t N>
  static uint64_t hash_with(const Key& key, uint8_t state) {
    std::array<uint8_t, N> endpoint;
    common::ByteWriter writer(endpoint);
    writer.bytes(key.second.address_bytes());
    writer.u16(key.second.port);
    return proto::RecordHash(key.first, key.second.family == common::Family::web)(endpoint, state);
  }
  static uint64_t hash_of(const Key& key, const proto::PeerValue& value) {
    return key.second.family == common::Family::v4 ? hash_with<6>(key, value.state.byte())
                                                   : hash_with<18>(key, value.state.byte());
  }

  std::map<Key, proto::PeerValue> records_;
};

}  // namespace shoal::test
